"""Facts of cards on a real API server: devices of a DRA driver, and a right to exec that is refused in words."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.api import Api, Obj
from rig.controlplane import ControlPlane
from rig.objects import add_node, node, pod
from rig.processes import until
from rig.rights import ACCOUNT, grant, manifests, revoke
from rig.service import service

NAME = "cards-1"
DRIVER = "gpu.nvidia.com"
EXEC = manifests("optional/gpu-exec.yaml")


def _device(name: str, **attributes: str) -> Obj:
    known = {"type": "gpu", "uuid": f"GPU-{name}", "productName": "NVIDIA A100-SXM4-80GB", **attributes}
    return {
        "name": name,
        "attributes": {key: {"string": text} for key, text in known.items()},
        "capacity": {"memory": {"value": "80Gi"}},
    }


def _slice(*devices: Obj) -> Obj:
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": "cards-1-slice"},
        "spec": {
            "driver": DRIVER,
            "nodeName": NAME,
            "pool": {"name": NAME, "generation": 1, "resourceSliceCount": 1},
            "devices": list(devices),
        },
    }


@pytest.fixture(scope="module")
def cluster(shared: ControlPlane) -> Iterator[ControlPlane]:
    grant(shared.admin)
    add_node(shared.admin, node(NAME))
    yield shared
    for obj in reversed(EXEC):
        if shared.admin.find(obj["kind"], obj["metadata"]["name"], namespace=obj["metadata"].get("namespace")):
            shared.admin.delete(obj["kind"], obj["metadata"]["name"], namespace=obj["metadata"].get("namespace"))
    shared.admin.delete("Node", NAME)
    revoke(shared.admin)


def _kubeconfig(cluster: ControlPlane, folder: Path) -> Path:
    return cluster.write_kubeconfig(folder / "kubeconfig", token=cluster.admin.token_for(*ACCOUNT))


def test_devices_of_a_driver_are_told_and_a_claim_takes_its_own(
    cluster: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    admin: Api = cluster.admin
    admin.create(_slice(_device("gpu-0"), _device("gpu-1")))
    device_class = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceClass",
        "metadata": {"name": DRIVER},
        "spec": {"selectors": [{"cel": {"expression": f"device.driver == '{DRIVER}'"}}]},
    }
    admin.create(device_class)
    try:
        with service(_kubeconfig(cluster, tmp_path), folder=tmp_path, options=("--gpu-holders", "pod")) as served:
            until(
                lambda: any(pool["classes"] for pool in served.nodes()[NAME]["gpu_claims"]),
                within=10,
                what="the devices and their class are told",
            )
            free = served.nodes()[NAME]

            claim = {
                "apiVersion": "resource.k8s.io/v1",
                "kind": "ResourceClaim",
                "metadata": {"name": "mine", "namespace": namespace},
                "spec": {"devices": {"requests": [{"name": "card", "exactly": {"deviceClassName": DRIVER}}]}},
            }
            admin.create(claim)
            made = pod("user", namespace=namespace)
            made["spec"]["resourceClaims"] = [{"name": "card", "resourceClaimName": "mine"}]
            made["spec"]["containers"][0]["resources"]["claims"] = [{"name": "card"}]
            admin.create(made)
            until(
                lambda: served.nodes()[NAME]["gpu_claims"][0]["available"] == 1,
                within=20,
                what="the claim holds a device",
            )
            held = served.nodes()[NAME]
    finally:
        admin.delete("ResourceSlice", "cards-1-slice")
        admin.delete("DeviceClass", DRIVER)

    assert [(card["model"], card["memory_total"], card["state"]) for card in free["gpu_details"]] == [
        ("NVIDIA A100-SXM4-80GB", "81920 MiB", "free")
    ] * 2
    assert free["gpu_claims"] == [
        {
            "resource": DRIVER,
            "pool": NAME,
            "capacity": 2,
            "allocatable": 2,
            "allocated": 0,
            "available": 2,
            "out_of_service": 0,
            "approximate": True,
            "classes": {DRIVER: 2},
        }
    ]
    assert sorted((card["state"], card["holder"]) for card in held["gpu_details"]) == [
        ("free", None),
        ("held", f"{namespace}/user"),
    ]


def _why(served, name: str) -> str:
    cards = served.nodes()[name]["gpu_details"]
    return cards[0]["unknown"]["utilization"] if cards else ""


def test_a_right_to_exec_that_is_missing_is_named_and_the_manifest_grants_it(
    cluster: ControlPlane, tmp_path: Path
) -> None:
    admin: Api = cluster.admin
    admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "gpu-operator"}})
    add_node(admin, node("cards-2", gpu=1))
    plugin = pod("plugin", namespace="gpu-operator", on="cards-2")
    plugin["metadata"]["labels"] = {"app": "nvidia-device-plugin-daemonset"}
    admin.create(plugin)
    admin.patch("Pod", "plugin", {"status": {"phase": "Running"}}, namespace="gpu-operator", part="status")
    try:
        options = ("--gpu-exec-namespace", "gpu-operator", "--gpu-poll-seconds", "1")
        with service(_kubeconfig(cluster, tmp_path), folder=tmp_path, options=options) as served:
            until(lambda: "exec: not allowed" in _why(served, "cards-2"), within=10, what="the missing right is named")
            refused = _why(served, "cards-2")

        for obj in EXEC:
            admin.apply(obj)
        with service(_kubeconfig(cluster, tmp_path), folder=tmp_path, options=options) as served:
            # Nobody runs the pod, so the API server has nobody to ask: past the right, it fails there.
            until(
                lambda: "exec: " in _why(served, "cards-2") and "no answer yet" not in _why(served, "cards-2"),
                within=15,
                what="exec is tried",
            )
            allowed = _why(served, "cards-2")
    finally:
        admin.delete("Pod", "plugin", namespace="gpu-operator", grace=0)
        admin.delete("Node", "cards-2")
        admin.delete("Namespace", "gpu-operator")

    assert refused == "exec: not allowed to exec in namespace gpu-operator: grant get and create on pods/exec there"
    assert "not allowed" not in allowed
