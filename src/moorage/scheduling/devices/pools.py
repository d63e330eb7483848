"""The pools that a node reaches: of each the slices of its newest generation, and whether they can be given from.

A pool of which slices are missing, or whose slices contradict each other, gives nothing.

Source: kubernetes v1.36 dynamic-resource-allocation structured/internal/incubating/pools_incubating.go (GatherPools)
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from moorage.scheduling.devices.cel import matches
from moorage.scheduling.devices.doubt import Doubt
from moorage.scheduling.devices.facts import Facts
from moorage.scheduling.selectors import NodeTerms

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from moorage.objects import DeviceBody, NodeSelector, ResourceSlice, SliceSpec
    from moorage.scheduling.devices.inventory import DeviceId, Inventory


_REMEMBERED = 16


class Offer:
    """One device of a pool, as one node sees it. It remembers which selectors it matches."""

    __slots__ = ("_known", "body", "identity")

    def __init__(self, identity: DeviceId, body: DeviceBody) -> None:
        self.identity, self.body = identity, body
        self._known: dict[tuple[str, ...], bool | str] = {}

    def is_selected(self, expressions: tuple[str, ...]) -> bool:
        """Whether all of these select it. Raises `Doubt` where that can't be told."""
        found = self._known.get(expressions)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            found = self._known[expressions] = self._look_at(expressions)
        if isinstance(found, str):
            raise Doubt(found)
        return found

    def _look_at(self, expressions: tuple[str, ...]) -> bool | str:
        facts = Facts(self.identity[0], self.body)
        try:
            return all(matches(expression, facts) for expression in expressions)
        except Doubt as doubt:
            return doubt.message


class Pool:
    """The part of a pool that one node reaches."""

    __slots__ = ("counted", "driver", "is_complete", "is_slow", "is_valid", "name", "offers")

    def __init__(self, driver: str, name: str, offers: Sequence[Offer], *, complete: bool, valid: bool) -> None:
        self.driver, self.name, self.offers = driver, name, offers
        self.is_complete, self.is_valid = complete, valid
        # All slices of a pool with counters, wherever their devices are: each takes from the same.
        self.counted: Sequence[ResourceSlice] = ()
        self.is_slow = complete and valid and any(offer.body.binding_conditions is not None for offer in offers)


def pools_of(inventory: Inventory, node: str, labels: Mapping[str, str]) -> list[Pool]:
    """The pools of a node, in the order in which the scheduler takes from them."""
    if not inventory.by_pool:
        return []
    before = inventory.reached.get(node)
    if before is not None and (before[0] is labels or before[0] == labels):
        return before[1]
    pools = _look_for(inventory, node, labels)
    if pools or node in inventory.by_node:
        inventory.reached[node] = (labels, pools)
    return pools


def _look_for(inventory: Inventory, node: str, labels: Mapping[str, str]) -> list[Pool]:
    found: dict[tuple[str, str], list[ResourceSlice]] = {}
    for item in inventory.slices_for(node):
        spec = item.spec
        if not _concerns(spec, node, labels):
            continue
        same = found.setdefault((spec.driver, spec.pool.name), [])
        if same and spec.pool.generation > same[0].spec.pool.generation:
            same.clear()
        if not same or spec.pool.generation == same[0].spec.pool.generation:
            same.append(item)
    pools = [_pool(inventory, slices, node, labels) for _, slices in sorted(found.items())]
    # Devices that take their time to become ready come last.
    return sorted((pool for pool in pools if pool is not None), key=lambda pool: pool.is_slow)


def _pool(inventory: Inventory, slices: list[ResourceSlice], node: str, labels: Mapping[str, str]) -> Pool | None:
    slices.sort(key=lambda item: item.metadata.name)
    spec = slices[0].spec
    driver, name, count = spec.driver, spec.pool.name, spec.pool.resource_slice_count or 0
    others: list[ResourceSlice] = []
    if len(slices) != count:
        everywhere = list(inventory.by_pool[driver, name].values())
        if any(item.spec.pool.generation > spec.pool.generation for item in everywhere):
            return None  # what this node sees is obsolete
        everywhere = [item for item in everywhere if item.spec.pool.generation == spec.pool.generation]
        others = [item for item in everywhere if all(item is not own for own in slices)]
    complete = len(slices) + len(others) == count
    valid = not complete or _is_consistent(slices, others)
    offers = [
        Offer((driver, name, device.name), device.body)
        for item in slices
        if not item.spec.shared_counters
        for device in item.spec.devices or ()
        if not item.spec.per_device_node_selection or _reaches(device.body, node, labels)
    ]
    pool = Pool(driver, name, offers, complete=complete, valid=valid)
    if any(item.spec.shared_counters for item in slices):
        pool.counted = (*slices, *others)
    return pool


def _concerns(spec: SliceSpec, node: str, labels: Mapping[str, str]) -> bool:
    # Counters belong to the whole pool, wherever its devices are.
    if spec.shared_counters or _reaches(spec, node, labels):
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


def _is_consistent(slices: Iterable[ResourceSlice], others: Iterable[ResourceSlice]) -> bool:
    names: set[str] = set()
    for device in _devices(slices):
        if device[0] in names:
            return False
        names.add(device[0])
    counters: dict[str, set[str]] = {}
    for item in slices:
        for own in item.spec.shared_counters or ():
            if own.name in counters:
                return False
            counters[own.name] = set(own.counters or ())
    return all(
        used.counter_set in counters and counters[used.counter_set].issuperset(used.counters or ())
        for _, body in (*_devices(slices), *_devices(others))
        for used in body.consumes_counters or ()
    )


def _devices(slices: Iterable[ResourceSlice]) -> Iterator[tuple[str, DeviceBody]]:
    for item in slices:
        if not item.spec.shared_counters:
            for device in item.spec.devices or ():
                yield device.name, device.body
