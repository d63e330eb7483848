"""Matching beside trying everything, and an inventory kept by changes beside one made anew."""

from __future__ import annotations

import random
from itertools import permutations

import pytest

from moorage.objects import CounterSet, DeviceClass, ExactRequest, ResourceClaim, ResourceSlice, decode
from moorage.objects.devices import DeviceCounters
from moorage.scheduling.devices.allocation import can_allocate
from moorage.scheduling.devices.counts import count
from moorage.scheduling.devices.inventory import Inventory
from moorage.scheduling.devices.pools import pools_of
from moorage.scheduling.devices.wanted import Claim, Request

DRIVER = "gpu.example.com"


def slice_of(name: str, *devices: str, node: str = "n1", generation: int = 1, count: int = 1, pool: str = "p", **where):
    spec = {
        "driver": DRIVER,
        "pool": {"name": pool, "generation": generation, "resourceSliceCount": count},
        "devices": [{"name": one, "attributes": {"kind": {"string": one[0]}}} for one in devices],
        **(where or {"nodeName": node}),
    }
    return decode(ResourceSlice, {"metadata": {"name": name}, "spec": spec})


def claim_of(name: str, *devices: tuple[str, str]):
    results = [{"request": "r", "driver": DRIVER, "pool": pool, "device": one} for pool, one in devices]
    return decode(
        ResourceClaim,
        {"metadata": {"name": name, "namespace": "a"}, "status": {"allocation": {"devices": {"results": results}}}},
    )


@pytest.mark.parametrize("seed", range(300))
def test_devices_are_matched_wherever_there_is_a_way(seed):
    chance = random.Random(seed)
    devices = [f"{chance.choice('abc')}{number}" for number in range(chance.randint(0, 5))]
    inventory = Inventory()
    inventory.put(slice_of("s", *devices))
    requests, wants = [], []
    for number in range(chance.randint(1, 4)):
        kinds = chance.sample("abc", chance.randint(1, 3))
        count = chance.randint(1, 2)
        listed = ", ".join(f"'{kind}'" for kind in kinds)
        expression = f"device.attributes['{DRIVER}'].kind in [{listed}]"
        made = decode(
            DeviceClass, {"metadata": {"name": "c"}, "spec": {"selectors": [{"cel": {"expression": expression}}]}}
        )
        requests.append([Request(str(number), ExactRequest(count=count), made)])
        wants += [kinds] * count

    answer = can_allocate([Claim(requests, ())], pools_of(inventory, "n1", {}), inventory)

    tried = any(
        all(device[0] in kinds for device, kinds in zip(order, wants, strict=True))
        for order in permutations(devices, len(wants))
    )
    assert answer is tried


ANY = decode(DeviceClass, {"metadata": {"name": "any"}})


def picture(inventory: Inventory, nodes: dict[str, dict[str, str]]):
    pools = {node: pools_of(inventory, node, labels) for node, labels in nodes.items()}
    offered = {
        node: [
            (pool.name, pool.is_complete, pool.is_valid, [offer.identity for offer in pool.offers], len(pool.counted))
            for pool in found
            if pool.offers
        ]
        + [count(ANY, found, inventory)]
        for node, found in pools.items()
    }
    # A pool with counters that is broken matters to every node, whichever it is.
    whole = {
        node: all(p.is_complete for p in found) and all(p.is_valid for p in found) for node, found in pools.items()
    }
    return offered, whole, {device: set(claims) for device, claims in inventory.taken.items()}


@pytest.mark.parametrize("seed", range(40))
def test_an_inventory_kept_by_changes_is_that_made_anew_and_tells_which_nodes_changed(seed):
    chance = random.Random(seed)
    nodes = {f"n{number}": {"zone": chance.choice("xy")} for number in range(3)}
    in_x = {"nodeSelectorTerms": [{"matchExpressions": [{"key": "zone", "operator": "In", "values": ["x"]}]}]}
    kept, items = Inventory(), {}
    for step in range(80):
        before, _, _ = picture(kept, nodes)
        if chance.random() < 0.7:
            name, pool = f"s{chance.randrange(6)}", chance.choice("pq")
            places = [{"nodeName": chance.choice(sorted(nodes))}] * 3 + [
                {"allNodes": True},
                {"nodeSelector": in_x},
                {"perDeviceNodeSelection": True},
            ]
            devices = [f"d{chance.randrange(4)}" for _ in range(chance.randint(0, 3))]
            item = slice_of(
                name,
                *devices,
                generation=chance.choice([1, 1, 2]),
                count=chance.choice([1, 2]),
                pool=pool,
                **chance.choice(places),
            )
            if chance.random() < 0.25:
                item.spec.devices, item.spec.shared_counters = None, [CounterSet(name="board")]
            for device in item.spec.devices or ():
                device.node_name = chance.choice(sorted(nodes)) if item.spec.per_device_node_selection else None
                if chance.random() < 0.25:
                    device.consumes_counters = [DeviceCounters(counter_set="board")]
        else:
            name = f"c{chance.randrange(4)}"
            item = claim_of(name, *[(chance.choice("pq"), f"d{chance.randrange(4)}") for _ in range(2)])
        touched = kept.drop(items.pop(name)) if name in items else set()
        if chance.random() < 0.8:
            items[name] = item
            more = kept.put(item)
            touched = None if touched is None or more is None else touched | more

        anew = Inventory()
        for one in items.values():
            anew.put(one)
        after, *more = picture(kept, nodes)
        assert (after, *more) == picture(anew, nodes), step
        if touched is not None:
            assert {node for node in nodes if before[node] != after[node]} <= touched
    for one in items.values():
        kept.drop(one)
    assert not any((kept.by_node, kept.by_pool, kept.elsewhere, kept.counting, kept.taken, kept.shared))
