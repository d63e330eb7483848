"""Pods that claim devices, and plain requests behind which a device class stands, with the real scheduler.

The service, which follows the API server by itself, is asked before each pod is made; the pod must then go where it said
that it would, or stay with the very sentence that it foretold.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rig.api import Api, Obj
from rig.controlplane import ControlPlane
from rig.objects import add_node, node, pod
from rig.processes import until
from rig.service import Service, service
from rig.verdicts import Answer, answer_of, disagreement, verdict_from_json

DRIVER = "gpu.example.com"
NODES = {"two-cards": ("a100", "t4"), "one-card": ("a100",), "plugin": (), "bare": ()}


def _slice(name: str, models: tuple[str, ...]) -> Obj:
    devices = [
        {"name": f"gpu-{index}", "attributes": {"model": {"string": model}, "type": {"string": "gpu"}}}
        for index, model in enumerate(models)
    ]
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": f"{name}-slice"},
        "spec": {
            "driver": DRIVER,
            "nodeName": name,
            "pool": {"name": name, "generation": 1, "resourceSliceCount": 1},
            "devices": devices,
        },
    }


CLASS = {
    "apiVersion": "resource.k8s.io/v1",
    "kind": "DeviceClass",
    "metadata": {"name": DRIVER},
    "spec": {
        "selectors": [{"cel": {"expression": f"device.driver == '{DRIVER}'"}}],
        "extendedResourceName": "nvidia.com/gpu",
    },
}


@pytest.fixture
def cluster(shared: ControlPlane) -> Iterator[ControlPlane]:
    """Cards that a driver gives on two nodes, one that a device plugin gives on a third, and a node without."""
    admin = shared.admin
    for name, models in NODES.items():
        add_node(admin, node(name, gpu=1 if name == "plugin" else 0))
        if models:
            admin.create(_slice(name, models))
    admin.create(CLASS)
    yield shared
    admin.delete("DeviceClass", DRIVER)
    for name, models in NODES.items():
        if models:
            admin.delete("ResourceSlice", f"{name}-slice")
        admin.delete("Node", name)


@pytest.fixture
def served(cluster: ControlPlane, tmp_path: Path) -> Iterator[Service]:
    with service(cluster.kubeconfig, folder=tmp_path) as made:
        until(lambda: set(made.nodes()) == set(NODES), within=10, what="the service sees the nodes")
        yield made


def _asked(model: str | None = None, **asked: Any) -> Obj:
    exactly: Obj = {"deviceClassName": DRIVER, **asked}
    if model:
        exactly["selectors"] = [{"cel": {"expression": f"device.attributes['{DRIVER}'].model == '{model}'"}}]
    return {"devices": {"requests": [{"name": "card", "exactly": exactly}]}}


def _claiming(name: str, namespace: str, **claim: str) -> Obj:
    made = pod(name, namespace=namespace)
    made["spec"]["resourceClaims"] = [{"name": "card", **claim}]
    made["spec"]["containers"][0]["resources"]["claims"] = [{"name": "card"}]
    return made


def _held(admin: Api) -> int:
    return sum(
        len(claim.get("status", {}).get("allocation", {}).get("devices", {}).get("results", []))
        for claim in admin.list("ResourceClaim")
    )


def _seen(served: Service) -> int:
    return sum(pool["allocated"] for shown in served.nodes().values() for pool in shown["gpu_claims"])


def _make(admin: Api, served: Service, made: Obj) -> Answer:
    """Ask, make the pod, and compare; the scheduler's answer."""
    told = served.fit({"pod": made})
    assert [said for said in told["undecided"] if "kubelet" not in said] == []
    admin.create(made)
    name, namespace = made["metadata"]["name"], made["metadata"]["namespace"]

    def answer() -> Answer | None:
        return answer_of(admin.get("Pod", name, namespace=namespace), claims=[])

    until(lambda: answer() is not None, within=20, what=f"the scheduler has decided on {name}")
    found = answer()
    assert found is not None
    assert disagreement(verdict_from_json(told), found, nodes=len(NODES)) is None
    until(lambda: _seen(served) == _held(admin), within=10, what="the service sees what the claims hold")
    return found


def test_pods_with_claims_and_plain_requests_go_where_the_service_says(
    cluster: ControlPlane, served: Service, namespace: str
) -> None:
    admin = cluster.admin
    claim = {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaim", "spec": _asked("t4")}
    admin.create({**claim, "metadata": {"name": "the-t4", "namespace": namespace}})
    admin.create({**claim, "metadata": {"name": "gone", "namespace": namespace}, "spec": _asked()})
    admin.create(
        {**claim, "metadata": {"name": "unmade", "namespace": namespace}, "spec": _asked(deviceClassName="none")}
    )
    template = {"apiVersion": "resource.k8s.io/v1", "kind": "ResourceClaimTemplate"}
    admin.create(
        {**template, "metadata": {"name": "an-a100", "namespace": namespace}, "spec": {"spec": _asked("a100")}}
    )
    until(
        lambda: served.nodes()["two-cards"]["available"]["extended"].get("nvidia.com/gpu") == 2,
        within=10,
        what="the service counts the devices behind the name",
    )

    on = {}
    for made in (
        pod("too-many", namespace=namespace, gpu=3),
        pod("both", namespace=namespace, gpu=2),
        _claiming("no-class", namespace, resourceClaimName="unmade"),
        _claiming("no-t4-left", namespace, resourceClaimName="the-t4"),
        _claiming("last-a100", namespace, resourceClaimTemplateName="an-a100"),
        _claiming("no-a100-left", namespace, resourceClaimTemplateName="an-a100"),
        pod("from-the-plugin", namespace=namespace, gpu=1),
        pod("none-left", namespace=namespace, gpu=1),
    ):
        on[made["metadata"]["name"]] = _make(admin, served, made).node

    assert on == {
        "too-many": None,
        "both": "two-cards",
        "no-class": None,
        "no-t4-left": None,
        "last-a100": "one-card",
        "no-a100-left": None,
        "from-the-plugin": "plugin",
        "none-left": None,
    }
    shown = served.nodes()
    assert {name: shown[name]["available"]["gpu"] for name in NODES} == dict.fromkeys(NODES, 0)
    assert {name: shown[name]["free"]["gpu"] for name in NODES} == dict.fromkeys(NODES, 0)
    assert shown["two-cards"]["allocated"]["extended"]["nvidia.com/gpu"] == 2
