"""The pools that a node reaches: of each the slices of its newest generation, and whether they can be given from.

A pool of which slices are missing, or whose slices contradict each other, gives nothing.

Source: kubernetes v1.36 dynamic-resource-allocation structured/internal/incubating/pools_incubating.go (GatherPools)
"""

from __future__ import annotations

from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING

from moorage.scheduling.devices.offers import Offering, Pool
from moorage.scheduling.selectors import NodeTerms

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from moorage.objects import DeviceBody, NodeSelector, ResourceSlice, SliceSpec
    from moorage.scheduling.devices.inventory import Inventory
    from moorage.scheduling.devices.offers import DeviceId, PoolId


def pools_of(inventory: Inventory, node: str, labels: Mapping[str, str]) -> tuple[Pool, ...]:
    """The pools of a node, in the order in which the scheduler takes from them."""
    if not inventory.by_pool:
        return ()
    before = inventory.reached.get(node)
    if before is None or not (before[0] is labels or before[0] == labels):
        before = inventory.reached[node] = (labels, *_look_for(inventory, node, labels))
    _, pools, known = before
    return (*pools, *broken) if (broken := _broken_elsewhere(inventory, known)) else pools


def _look_for(inventory: Inventory, node: str, labels: Mapping[str, str]) -> tuple[tuple[Pool, ...], frozenset[PoolId]]:
    found: dict[PoolId, list[ResourceSlice]] = {}
    for item in inventory.slices_for(node):
        if _concerns(item.spec, node, labels):
            found.setdefault((item.spec.driver, item.spec.pool.name), []).append(item)
    for identity, slices in found.items():
        # Counters belong to the whole pool, wherever its devices are.
        slices.extend(inventory.counting.get(identity, {}).values())
    pools = [_pool(inventory, slices, node, labels) for _, slices in sorted(found.items())]
    # Devices that take their time to become ready come last.
    in_order = sorted((pool for pool in pools if pool is not None), key=lambda pool: pool.is_slow)
    return tuple(in_order), frozenset(found)


def _broken_elsewhere(inventory: Inventory, known: frozenset[PoolId]) -> tuple[Pool, ...]:
    """Of the pools with counters, all of which each node sees, an incomplete and an invalid one beyond a node's own.

    Others change no answer, since they have no devices for the node.
    """
    while inventory.unsure:
        identity = inventory.unsure.pop()
        inventory.incomplete.pop(identity, None)
        inventory.invalid.pop(identity, None)
        slices = list(inventory.counting.get(identity, {}).values())
        pool = _pool(inventory, slices, "", {}) if slices else None
        if pool is not None and not pool.is_complete:
            inventory.incomplete[identity] = pool
        elif pool is not None and not pool.is_valid:
            inventory.invalid[identity] = pool
    if not (inventory.incomplete or inventory.invalid):
        return ()
    firsts = (
        next((pool for identity, pool in broken.items() if identity not in known), None)
        for broken in (inventory.incomplete, inventory.invalid)
    )
    return tuple(pool for pool in firsts if pool is not None)


def _pool(inventory: Inventory, slices: list[ResourceSlice], node: str, labels: Mapping[str, str]) -> Pool | None:
    """What a node sees of a pool, or None where that is obsolete."""
    newest = max(item.spec.pool.generation for item in slices)
    slices = sorted((s for s in slices if s.spec.pool.generation == newest), key=lambda item: item.metadata.name)
    spec = slices[0].spec
    views = inventory.pools.setdefault((spec.driver, spec.pool.name), {})
    names = tuple(item.metadata.name for item in slices)
    if names not in views:
        views[names] = _view(inventory, slices)
    view = views[names]
    if view is None or not any(item.spec.per_device_node_selection for item in slices):
        return view
    return view.with_only(
        [
            offer
            for item in slices
            for offer in offering(inventory, item).offers
            if not item.spec.per_device_node_selection or _reaches(offer.body, node, labels)
        ]
    )


def _view(inventory: Inventory, slices: Sequence[ResourceSlice]) -> Pool | None:
    spec = slices[0].spec
    driver, name, count = spec.driver, spec.pool.name, spec.pool.resource_slice_count or 0
    others: list[ResourceSlice] = []
    if len(slices) != count:
        everywhere = inventory.by_pool[driver, name]
        if any(item.spec.pool.generation > spec.pool.generation for item in everywhere.values()):
            return None
        own = {item.metadata.name for item in slices}
        others = [
            item
            for other, item in everywhere.items()
            if other not in own and item.spec.pool.generation == spec.pool.generation
        ]
    complete = len(slices) + len(others) == count
    valid = not complete or _is_consistent(inventory, slices, others)
    offers = list(chain.from_iterable(offering(inventory, item).offers for item in slices))
    pool = Pool(driver, name, offers, complete=complete, valid=valid)
    if any(item.spec.shared_counters for item in slices):
        pool.counted = (*slices, *others)
    return pool


def offering(inventory: Inventory, item: ResourceSlice) -> Offering:
    """The devices of a slice, kept until it changes."""
    found = inventory.offerings.get(item.metadata.name)
    if found is None:
        found = inventory.offerings[item.metadata.name] = Offering(item)
    return found


def _concerns(spec: SliceSpec, node: str, labels: Mapping[str, str]) -> bool:
    if _reaches(spec, node, labels):
        return True
    if spec.node_name or spec.all_nodes or spec.node_selector is not None or not spec.per_device_node_selection:
        return False
    return any(_reaches(device.body, node, labels) for device in spec.devices or ())


def _reaches(where: SliceSpec | DeviceBody, node: str, labels: Mapping[str, str]) -> bool:
    if where.node_name:
        return where.node_name == node
    if where.all_nodes or where.node_selector is None:
        return bool(where.all_nodes)
    return terms_of(where.node_selector).matches(labels, node)


@lru_cache(maxsize=4096)
def terms_of(selector: NodeSelector) -> NodeTerms:
    """A node selector, compiled; many slices tell the same."""
    return NodeTerms(selector)


def _is_consistent(inventory: Inventory, slices: Iterable[ResourceSlice], others: Iterable[ResourceSlice]) -> bool:
    names: set[DeviceId] = set()
    counters: dict[str, set[str]] = {}
    for item in slices:
        for offer in offering(inventory, item).offers:
            if offer.identity in names:
                return False
            names.add(offer.identity)
        for own in item.spec.shared_counters or ():
            if own.name in counters:
                return False
            counters[own.name] = set(own.counters or ())
    return all(
        counter_set in counters and counters[counter_set].issuperset(used)
        for item in (*slices, *others)
        for counter_set, used in offering(inventory, item).uses.items()
    )
