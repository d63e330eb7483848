"""Devices of DRA drivers over a real list and watch: what there is, what is taken, and by whom."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from moorage.cluster.live import LiveCluster
from moorage.gpus.cards import Cards
from moorage.gpus.sources.dra import Dra
from moorage.gpus.view import NodeView
from moorage.kube.client import Client, Endpoint
from moorage.objects import DeviceClass, ResourceClaim, ResourceSlice
from moorage.scheduling.cluster import Cluster

N1 = NodeView(name="n1")


def device(name: str, **attributes):
    known = {"type": "gpu", "uuid": f"GPU-{name}", "productName": "NVIDIA A100-SXM4-80GB", **attributes}
    return {
        "name": name,
        "attributes": {key: {"string": value} for key, value in known.items()},
        "capacity": {"memory": {"value": "80Gi"}},
    }


def resource_slice(name: str, *devices, node: str = "n1", generation: int = 1, driver: str = "gpu.nvidia.com"):
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": name},
        "spec": {
            "driver": driver,
            "nodeName": node,
            "pool": {"name": node, "generation": generation, "resourceSliceCount": 1},
            "devices": list(devices),
        },
    }


def claim(name: str, *devices: str, pod: str | None = None, node: str = "n1", **more):
    results = [{"request": "r", "driver": "gpu.nvidia.com", "pool": node, "device": one, **more} for one in devices]
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"name": name, "namespace": "lab"},
        "spec": {"devices": {"requests": [{"name": "r", "exactly": {"deviceClassName": "gpu.nvidia.com"}}]}},
        "status": {
            "allocation": {"devices": {"results": results}},
            "reservedFor": [{"resource": "pods", "name": pod, "uid": "1"}] if pod else [],
        },
    }


def device_class(name: str, expression: str):
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceClass",
        "metadata": {"name": name},
        "spec": {"selectors": [{"cel": {"expression": expression}}]},
    }


@pytest.fixture
async def dra(simulator):
    client = Client(Endpoint(simulator.url))
    live = LiveCluster(client)
    task = asyncio.create_task(live.run())
    source = Dra(lambda: live.cluster.devices)
    source.told = lambda kind: len(list(live.cluster.all(kind)))
    yield source
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await client.close()


def page(source, node=N1):
    entries = Cards([source], holders="pod").details(node)
    return [
        (entry["model"], entry["memory_total"], entry["state"], entry["available"], entry["holder"])
        for entry in entries
    ]


async def test_free_and_held_devices_are_told_apart_and_follow_the_claims(simulator, dra, until) -> None:
    simulator.add(resource_slice("s1", device("gpu-0"), device("gpu-1")))
    await until(lambda: len(dra.facts(N1)) == 2)

    simulator.add(claim("c1", "gpu-1", pod="notebook"))
    await until(lambda: any(fact.allocated for fact in dra.facts(N1)))

    a100 = ("NVIDIA A100-SXM4-80GB", "81920 MiB")
    assert page(dra) == [(*a100, "free", True, None), (*a100, "held", False, "lab/notebook")]


async def test_a_claim_that_goes_frees_its_device(simulator, dra, until) -> None:
    simulator.add(resource_slice("s1", device("gpu-0")), claim("c1", "gpu-0"))
    await until(lambda: any(fact.allocated for fact in dra.facts(N1)))

    simulator.delete("ResourceClaim", "lab", "c1")
    await until(lambda: not any(fact.allocated for fact in dra.facts(N1)))

    assert [entry[2] for entry in page(dra)] == ["free"]


async def test_admin_access_takes_no_device(simulator, dra, until) -> None:
    simulator.add(resource_slice("s1", device("gpu-0")), claim("c1", "gpu-0", adminAccess=True))
    await until(lambda: dra.told(ResourceClaim) and dra.facts(N1))

    assert [fact.allocated for fact in dra.facts(N1)] == [False]


async def test_only_the_newest_generation_of_a_pool_counts(simulator, dra, until) -> None:
    simulator.add(
        resource_slice("old", device("gpu-0"), device("gpu-1"), generation=1),
        resource_slice("new", device("gpu-0"), generation=2),
    )
    await until(lambda: dra.told(ResourceSlice) == 2)

    assert [fact.uuid for fact in dra.facts(N1)] == ["GPU-gpu-0"]


async def test_a_tainted_device_is_out_of_service(simulator, dra, until) -> None:
    sick = device("gpu-0") | {"taints": [{"key": "gpu.nvidia.com/xid", "value": "79", "effect": "NoSchedule"}]}
    simulator.add(resource_slice("s1", sick))
    await until(lambda: dra.facts(N1))

    (entry,) = Cards([dra]).details(N1)

    assert (entry["state"], entry["state_text"]) == ("out_of_service", "out of service (taint gpu.nvidia.com/xid=79)")


async def test_slices_of_a_card_are_taken_one_by_one(simulator, dra, until) -> None:
    mig = {"type": "mig", "parentUUID": "GPU-p", "profile": "1g.5gb"}
    simulator.add(
        resource_slice("s1", device("gpu-0-mig-0", uuid="MIG-0", **mig), device("gpu-0-mig-1", uuid="MIG-1", **mig)),
        claim("c1", "gpu-0-mig-1", pod="p"),
    )
    await until(lambda: dra.told(ResourceClaim) and dra.facts(N1))

    (entry,) = Cards([dra], holders="pod").details(N1)

    assert entry["state_text"] == "shared: 1 of 2 slices held"
    assert [(one["uuid"], one["state"], one["holder"]) for one in entry["slices"]] == [
        ("MIG-0", "free", None),
        ("MIG-1", "held", "lab/p"),
    ]


def _split(*devices: tuple[str, str, str]):
    """A card that can be had whole or in slices, which share its counters."""
    shared = resource_slice("counters")
    shared["spec"] |= {"sharedCounters": [{"name": "card", "counters": {"parts": {"value": "4"}}}], "devices": None}
    offered = [
        device(name, type=kind, uuid="GPU-p" if kind == "gpu" else name, parentUUID="GPU-p")
        | {"consumesCounters": [{"counterSet": "card", "counters": {"parts": {"value": parts}}}]}
        for name, kind, parts in devices
    ]
    slices = [resource_slice("s1", *offered), shared]
    for one in slices:
        one["spec"]["pool"]["resourceSliceCount"] = 2
    return slices


WHOLE, HALVES = ("whole", "gpu", "4"), (("half-0", "mig", "2"), ("half-1", "mig", "2"))


@pytest.mark.parametrize("devices", [(WHOLE, *HALVES), (*HALVES, WHOLE)], ids=["whole first", "halves first"])
def test_whoever_holds_a_whole_card_holds_its_slices(devices) -> None:
    cluster = Cluster.from_objects(resourceslices=_split(*devices), resourceclaims=[claim("c1", "whole", pod="p")])
    source = Dra(lambda: cluster.devices)

    (entry,) = Cards([source], holders="pod").details(N1)
    (units,) = source.units(N1)

    assert (entry["state"], entry["available"], entry["holder"]) == ("held", False, "lab/p")
    assert [one["state"] for one in entry["slices"]] == ["held", "held"]
    assert (units["allocated"], units["available"]) == (1, 0)


def test_slices_that_can_not_be_had_all_at_once_are_not_all_available() -> None:
    cluster = Cluster.from_objects(resourceslices=_split(*HALVES, WHOLE), resourceclaims=[claim("c1", "half-0")])

    (units,) = Dra(lambda: cluster.devices).units(N1)

    assert (units["capacity"], units["allocated"], units["available"]) == (3, 1, 1)


@pytest.mark.parametrize("more", [{}, {"type": "mig", "parentUUID": "GPU-p"}], ids=["a card", "a slice"])
def test_no_card_of_a_pool_that_is_being_updated_is_available(more) -> None:
    half = resource_slice("s1", device("gpu-0", **more))
    half["spec"]["pool"]["resourceSliceCount"] = 2
    cluster = Cluster.from_objects(resourceslices=[half])

    (entry,) = Cards([Dra(lambda: cluster.devices)]).details(N1)

    assert (entry["state"], entry["available"]) == ("free", False)


def test_cards_that_a_plugin_offers_too_are_not_counted_twice() -> None:
    cluster = Cluster.from_objects(resourceslices=[resource_slice("s1", device("gpu-0"))])
    one = {"nvidia.com/gpu": 1}

    summary = Cards([Dra(lambda: cluster.devices)]).more(NodeView(name="n1", capacity=one, allocatable=one))

    assert summary["gpu_summary"]["units"] == {"capacity": 1, "available": 1}


async def test_counts_by_driver_pool_and_class_are_marked_approximate(simulator, dra, until) -> None:
    simulator.add(
        resource_slice("s1", device("gpu-0"), device("gpu-1"), device("gpu-2")),
        claim("c1", "gpu-1"),
        device_class(
            "gpu.nvidia.com", "device.driver == 'gpu.nvidia.com' && device.attributes['gpu.nvidia.com'].type == 'gpu'"
        ),
        device_class(
            "mig.nvidia.com", "device.driver == 'gpu.nvidia.com' && device.attributes['gpu.nvidia.com'].type == 'mig'"
        ),
        device_class("big", "device.capacity['gpu.nvidia.com'].memory.compareTo(quantity('40Gi')) >= 0"),
        device_class("odd", "device.attributes['gpu.nvidia.com'].productName.matches('A100')"),
    )
    await until(lambda: dra.told(DeviceClass) == 4 and dra.told(ResourceClaim) and dra.facts(N1))

    assert Cards([dra]).units(N1) == [
        {
            "resource": "gpu.nvidia.com",
            "pool": "n1",
            "capacity": 3,
            "allocatable": 3,
            "allocated": 1,
            "available": 2,
            "out_of_service": 0,
            "approximate": True,
            "classes": {"big": 2, "gpu.nvidia.com": 2, "odd": None},
        }
    ]


async def test_devices_that_are_no_cards_are_left_away(simulator, dra, until) -> None:
    nic = {"name": "nic-0", "attributes": {"type": {"string": "nic"}}}
    simulator.add(resource_slice("s1", nic, driver="net.example.com"))
    await until(lambda: dra.told(ResourceSlice) == 1)

    assert dra.facts(N1) == []


async def test_a_device_of_another_shape_hides_no_other(simulator, dra, until) -> None:
    simulator.add(
        resource_slice(
            "s1",
            {"name": "odd", "attributes": {"type": {"string": "gpu"}}, "capacity": {"memory": {"value": "much"}}},
            device("gpu-1"),
        )
    )
    await until(lambda: len(dra.facts(N1)) == 2)

    assert sorted((entry[0], entry[1]) for entry in page(dra)) == [
        ("NVIDIA A100-SXM4-80GB", "81920 MiB"),
        ("Unknown GPU", "Unknown"),
    ]


async def test_a_card_that_plugin_and_driver_both_know_is_one_record(simulator, dra, until) -> None:
    simulator.add(resource_slice("s1", device("gpu-0")))
    await until(lambda: dra.facts(N1))
    one = {"nvidia.com/gpu": 1}

    entries = Cards([dra]).details(NodeView(name="n1", capacity=one, allocatable=one))

    assert [(entry["resource"], entry["state"]) for entry in entries] == [("nvidia.com/gpu", "free")]


def test_the_first_betas_shape_is_read() -> None:
    body = resource_slice("s1")
    body["spec"]["devices"] = [
        {"name": "gpu-0", "basic": {key: value for key, value in device("gpu-0").items() if key != "name"}}
    ]
    cluster = Cluster.from_objects(resourceslices=[body])

    assert [fact.uuid for fact in Dra(lambda: cluster.devices).facts(N1)] == ["GPU-gpu-0"]


def in_parts(name: str, usual: str = "10Gi"):
    memory = {"value": "80Gi", "requestPolicy": {"default": usual}}
    return device(name) | {"allowMultipleAllocations": True, "capacity": {"gpu.nvidia.com/memory": memory}}


def share(name: str, amount: str | None, *, pod: str, number: int = 0):
    consumed = {} if amount is None else {"consumedCapacity": {"gpu.nvidia.com/memory": amount}}
    return claim(f"share-{number}-of-{name}", name, pod=pod, shareID=f"s{number}", **consumed)


@pytest.mark.parametrize(
    ("held", "state", "text", "available"),
    [
        ([], "free", "free (by claims; approximate)", True),
        (["40Gi"], "shared", "shared: 40Gi of 80Gi memory left", True),
        (["40Gi", "38Gi"], "held", "held in parts: 2Gi of 80Gi memory left", False),
        ([None], "shared", "shared: claims hold parts of it; unknown how much is left", False),
    ],
)
def test_a_card_that_is_given_in_parts_says_what_is_left(held, state, text, available) -> None:
    claims = [share("gpu-0", amount, pod=f"p{number}", number=number) for number, amount in enumerate(held)]
    cluster = Cluster.from_objects(resourceslices=[resource_slice("s1", in_parts("gpu-0"))], resourceclaims=claims)
    source = Dra(lambda: cluster.devices)

    (entry,) = Cards([source], holders="pod").details(N1)
    (units,) = source.units(N1)

    assert (entry["state"], entry["state_text"], entry["available"]) == (state, text, available)
    assert entry["holder"] == (", ".join(f"lab/p{number}" for number in range(len(held))) or None)
    assert units["available"] == (None if held == [None] else int(available))
    assert units.get("in_parts", 0) == bool(held)


def test_how_much_is_left_of_parts_that_tell_nothing_has_a_reason() -> None:
    cluster = Cluster.from_objects(
        resourceslices=[resource_slice("s1", in_parts("gpu-0"))], resourceclaims=[share("gpu-0", None, pod="p")]
    )

    (units,) = Dra(lambda: cluster.devices).units(N1)

    assert units["unknown"] == "a claim does not tell how much it holds of a device that is given in parts"


def network_pool(*devices, **where):
    pool = resource_slice("fabric", *devices)
    del pool["spec"]["nodeName"]
    pool["spec"]["pool"]["name"] = "fabric"
    pool["spec"] |= where or {"allNodes": True}
    return pool


def test_a_pool_that_many_nodes_reach_is_no_nodes_own_but_counted_once_with_its_models() -> None:
    cluster = Cluster.from_objects(
        resourceslices=[network_pool(device("gpu-8"), device("gpu-9")), resource_slice("s1", device("gpu-0"))],
        resourceclaims=[claim("c1", "gpu-9", node="fabric")],
    )
    cards = Cards([Dra(lambda: cluster.devices)])

    first, second = cards.details(N1), cards.details(NodeView(name="n2"))
    fabric, own = cards.claimable_units(N1)

    assert ([entry["uuid"] for entry in first], second) == (["GPU-gpu-0"], [])
    assert (fabric["pool"], fabric["network"], fabric["models"]) == ("fabric", True, {"NVIDIA A100-SXM4-80GB": 2})
    assert (fabric["allocated"], fabric["available"]) == (1, 1)
    assert "network" not in own
    assert cards.more(N1)["gpu_summary"]["units"] == {"capacity": 1, "available": 1}
    assert cards.more(NodeView(name="n2"))["gpu_claims"] == [fabric]
