"""Cluster Autoscaler's status on a real API server: read with the one optional right, and with no other."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from rig.api import Api, Obj, Refused
from rig.controlplane import ControlPlane
from rig.objects import add_node, node
from rig.processes import until
from rig.rights import grant, manifests, revoke
from rig.service import Service, service

NAME, NAMESPACE = "cluster-autoscaler-status", "kube-system"
LABELS = {"eks.amazonaws.com/nodegroup": "gpu", "node.kubernetes.io/instance-type": "g5.xlarge"}


def status(*, target: int) -> Obj:
    """A group as the autoscaler writes it, now."""
    now = datetime.now(UTC)
    text = f"""time: {now:%Y-%m-%d %H:%M:%S}.123456789 +0000 UTC
autoscalerStatus: Running
clusterWide:
  health:
    status: Healthy
    nodeCounts: {{registered: {{total: 1, ready: 1}}}}
nodeGroups:
- name: eks-gpu-26c2f3a1-0d9e-4d0b-9a53-3f0c9a1b2c3d
  health:
    status: Healthy
    nodeCounts: {{registered: {{total: 1, ready: 1}}}}
    cloudProviderTarget: {target}
    minSize: 0
    maxSize: 3
    lastProbeTime: "{now:%Y-%m-%dT%H:%M:%SZ}"
  scaleUp:
    status: NoActivity
"""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "data": {"status": text},
    }


@pytest.fixture(scope="module")
def served(shared: ControlPlane) -> Iterator[Service]:
    """A service that has the optional right, with a node of the group that has been seen."""
    admin = shared.admin
    kubeconfig = shared.write_kubeconfig(shared.folder / "autoscaler.kubeconfig", token=grant(admin))
    for made in manifests("optional/cluster-autoscaler.yaml"):
        admin.apply(made)
    add_node(admin, node("gpu-1", cpu="4", gpu=1, labels=LABELS))
    with service(kubeconfig, folder=shared.folder) as running:
        yield running
    admin.delete("Node", "gpu-1")
    for made in manifests("optional/cluster-autoscaler.yaml"):
        admin.delete(made["kind"], made["metadata"]["name"], namespace=NAMESPACE)
    revoke(admin)


def machines(served: Service) -> list[Obj]:
    found: list[Obj] = served.get("/api/v1/cluster/machines")
    return found


def test_a_group_is_followed_and_looks_like_its_node(shared: ControlPlane, served: Service) -> None:
    admin = shared.admin
    assert machines(served) == []

    admin.apply(status(target=1))
    (machine,) = until(
        lambda: [each for each in machines(served) if each["kind"]] or None, within=40, what="the group is known"
    )
    admin.apply(status(target=3))
    until(lambda: machines(served)[0]["state"] == "at_maximum", within=10, what="it is at its maximum")
    admin.delete("ConfigMap", NAME, namespace=NAMESPACE)
    until(lambda: machines(served) == [], within=10, what="it is forgotten")

    assert (machine["pool"], machine["kind"], machine["state"]) == ("gpu", "g5.xlarge", "can_be_added")
    assert (machine["left"], machine["allocatable"]["gpu"]) == (2, 1)
    assert "autoscaler" not in served.log().lower()


def test_the_right_reaches_this_one_config_map(shared: ControlPlane, served: Service) -> None:
    account = shared.admin.acting_as(shared.admin.token_for("moorage", "moorage", seconds=600))

    assert account.list("ConfigMap", namespace=NAMESPACE, fieldSelector=f"metadata.name={NAME}") == []
    for selector in ("metadata.name=extension-apiserver-authentication", None):
        with pytest.raises(Refused):
            _list(account, selector)
    account.close()


def _list(account: Api, selector: str | None) -> None:
    account.list("ConfigMap", namespace=NAMESPACE, **({"fieldSelector": selector} if selector else {}))
