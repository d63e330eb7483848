"""Cards of a real node: `nvidia-smi` by a real exec under a Role of one namespace, and the devices that the kubelet gives."""

import re

import pytest

from moorage.gpus.podresources import holdings
from rig.api import Obj, Refused
from rig.controlplane import ControlPlane
from rig.node import DEVICES, NAME, RealNode
from rig.objects import pod
from rig.processes import until
from rig.rights import ACCOUNT, grant, manifests
from rig.service import service

NAMESPACE = "gpu-operator"
# Prints the fields that it is asked for, in their order, in the shape of real captures.
SMI = """#!/bin/sh
for word in "$@"; do case "$word" in --query-gpu=*) fields=$(echo "${word#--query-gpu=}" | tr , ' ');; esac; done
row() {
  line=""
  for field in $fields; do
    case $field in
      index) value=$1;; uuid) value=$2;; pci.bus_id) value=00000000:0$1:00.0;; memory.total) value="24564 MiB";;
      memory.used) value="$3 MiB";; memory.free) value="$((24129 - $3)) MiB";; utilization.gpu) value="$4 %";;
      name) value="NVIDIA GeForce RTX 4090";; *) value="[N/A]";;
    esac
    line="$line${line:+, }$value"
  done
  echo "$line"
}
row 0 GPU-aaaa 19818 97
row 1 GPU-bbbb 1 0
"""


def _image(real: RealNode) -> str:
    """The node's only image that has a shell."""
    return next(name for name in real.ctr("images", "ls", "-q").split() if re.search(r"notebook", name))


def _running(cluster: ControlPlane, name: str, namespace: str) -> bool:
    found = cluster.admin.find("Pod", name, namespace=namespace) or {}
    statuses = found.get("status", {}).get("containerStatuses") or [{}]
    return found.get("status", {}).get("phase") == "Running" and bool(statuses[0].get("ready"))


@pytest.fixture(scope="module")
def plugin(cluster: ControlPlane, real: RealNode) -> str:
    """A pod as the device plugin's, with a `nvidia-smi` of ours in its path."""
    admin = cluster.admin
    admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    config: Obj = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "smi", "namespace": NAMESPACE},
        "data": {"nvidia-smi": SMI},
    }
    admin.call("POST", f"/api/v1/namespaces/{NAMESPACE}/configmaps", config)
    made = _sleeper("plugin", NAMESPACE, image=_image(real))
    made["metadata"]["labels"] = {"app": "nvidia-device-plugin-daemonset"}
    made["spec"]["containers"][0]["name"] = "nvidia-device-plugin"
    made["spec"]["volumes"] = [{"name": "smi", "configMap": {"name": "smi", "defaultMode": 0o755}}]
    made["spec"]["containers"][0]["volumeMounts"] = [{"name": "smi", "mountPath": "/opt/smi"}]
    admin.create(made)
    until(lambda: _running(cluster, "plugin", NAMESPACE), within=60, what="the plugin's pod runs", every=0.2)
    return "plugin"


def _sleeper(name: str, namespace: str, *, image: str, gpu: int = 0) -> Obj:
    made = pod(name, namespace=namespace, on=None, cpu="10m", memory="16Mi", gpu=gpu)
    container = made["spec"]["containers"][0]
    container |= {"image": image, "imagePullPolicy": "Never", "command": ["sh", "-c", "sleep 600"]}
    return made


@pytest.mark.timeout(240)
def test_a_real_exec_under_a_role_of_one_namespace_tells_the_cards_and_the_kubelet_who_holds_them(
    cluster: ControlPlane, real: RealNode, plugin: str
) -> None:
    admin = cluster.admin
    token = grant(admin)
    for obj in manifests("optional/gpu-exec.yaml"):
        admin.apply(obj)
    admin.create(_sleeper("holder", "default", image=_image(real), gpu=1))
    until(lambda: _running(cluster, "holder", "default"), within=60, what="a pod holds a device", every=0.2)
    kubeconfig = cluster.write_kubeconfig(cluster.folder / "cards.kubeconfig", token=token)
    options = (
        *("--gpu-exec-namespace", NAMESPACE, "--gpu-exec-command", "/opt/smi/nvidia-smi"),
        *("--gpu-node-deadline-seconds", "20", "--gpu-holders", "pod"),
    )

    with service(kubeconfig, folder=cluster.folder, options=options) as served:
        until(
            lambda: served.nodes()[NAME]["gpu_details"][0]["source"] == "exec",
            within=40,
            what="nvidia-smi has answered",
        )
        cards = {card["uuid"]: card for card in served.nodes()[NAME]["gpu_details"]}
    bound = admin.get("Pod", "holder", namespace="default")["status"]["containerStatuses"][0]
    given = bound["allocatedResourcesStatus"][0]["resources"][0]["resourceID"]

    assert set(cards) == set(DEVICES)
    assert {uuid: (card["model"], card["memory_used"], card["utilization"]) for uuid, card in cards.items()} == {
        "GPU-aaaa": ("NVIDIA GeForce RTX 4090", "19818 MiB", 97),
        "GPU-bbbb": ("NVIDIA GeForce RTX 4090", "1 MiB", 0),
    }
    (other,) = set(DEVICES) - {given}
    assert (cards[given]["state"], cards[given]["holder"], cards[given]["available"]) == (
        "held",
        "default/holder",
        False,
    )
    assert (cards[other]["state"], cards[other]["holder"], cards[other]["available"]) == ("free", None, True)


def test_the_role_opens_no_other_namespace(cluster: ControlPlane, real: RealNode, plugin: str) -> None:
    grant(cluster.admin)
    account = cluster.admin.acting_as(cluster.admin.token_for(*ACCOUNT))

    with pytest.raises(Refused, match=r"403.*pods/exec"):
        account.call("POST", "/api/v1/namespaces/default/pods/any/exec", command="id")


@pytest.mark.timeout(120)
def test_the_kubelets_own_word_on_who_has_which_device_is_what_pods_status_tells(
    cluster: ControlPlane, real: RealNode
) -> None:
    admin = cluster.admin
    admin.create(_sleeper("asker", "default", image=_image(real), gpu=1))
    until(lambda: _running(cluster, "asker", "default"), within=60, what="a pod holds a device", every=0.2)
    state = admin.get("Pod", "asker", namespace="default")["status"]["containerStatuses"][0]

    told = holdings(real.folder / "kubelet" / "pod-resources")

    (given,) = [one for one in told if one["pod"] == "asker"]
    assert (given["namespace"], given["container"], given["resource"]) == ("default", state["name"], "nvidia.com/gpu")
    assert given["devices"] == [one["resourceID"] for one in state["allocatedResourcesStatus"][0]["resources"]]
