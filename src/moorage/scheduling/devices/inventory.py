"""What slices, claims and classes say together, kept so that one change costs one change.

A change returns the names of the nodes whose devices may read differently now, or None where it may be any.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from moorage.objects import DeviceClass, ResourceClaim, ResourceSlice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from moorage.objects import AllocatedDevice, Object, SliceSpec
    from moorage.scheduling.devices.offers import DeviceId, Offering, Pool, PoolId

_REMEMBERED = 32
_ANY = ""  # stands for nodes that are not named
IMPLICIT = "deviceclass.resource.kubernetes.io/"


class Inventory:
    """The devices of a cluster, and who holds which."""

    def __init__(self) -> None:
        self.by_node: dict[str, dict[str, ResourceSlice]] = {}
        # Slices that are not one node's alone.
        self.elsewhere: dict[str, ResourceSlice] = {}
        # Slices that tell what the devices of a pool share, wherever these are.
        self.counting: dict[PoolId, dict[str, ResourceSlice]] = {}
        self.by_pool: dict[PoolId, dict[str, ResourceSlice]] = {}
        # How many slices of a pool name a node.
        self._nodes: dict[PoolId, Counter[str]] = {}
        # The claims that hold a device for themselves, and the devices of which claims hold parts.
        self.taken: dict[DeviceId, dict[tuple[str, str], ResourceClaim]] = {}
        self.shared: dict[DeviceId, dict[tuple[str, str], ResourceClaim]] = {}
        # What `pools` has found, until a slice changes that it may depend on: the devices of a slice, a pool by the
        # slices of it that a node reaches, a node's pools, and pools with counters that may be broken or are.
        self.offerings: dict[str, Offering] = {}
        self.pools: dict[PoolId, dict[tuple[str, ...], Pool | None]] = {}
        self.reached: dict[str, tuple[Mapping[str, str], tuple[Pool, ...], frozenset[PoolId]]] = {}
        self.unsure: set[PoolId] = set()
        self.incomplete: dict[PoolId, Pool] = {}
        self.invalid: dict[PoolId, Pool] = {}
        # What has been found out about pools together, and by how many changes of claims on them.
        self._known: dict[tuple[Pool, ...], tuple[int, dict[Any, Any]]] = {}
        self._changes: Counter[PoolId] = Counter()
        self._classes: dict[str, DeviceClass] = {}
        self._by_resource: dict[str, dict[str, DeviceClass]] = {}

    def put(self, item: Object) -> set[str] | None:
        """Take in a new object; a former one of its name has been dropped before."""
        if isinstance(item, ResourceSlice):
            for index in self._indexes(item.spec):
                index[item.metadata.name] = item
            self._nodes.setdefault(_pool_of(item.spec), Counter()).update(_nodes_of(item.spec))
            return self._forget(item)
        if isinstance(item, ResourceClaim):
            key = (item.metadata.namespace or "", item.metadata.name)
            for held, identity in self._held(item):
                held.setdefault(identity, {})[key] = item
            return self._nodes_with(item)
        if isinstance(item, DeviceClass):
            self._classes[item.metadata.name] = item
            if item.spec.extended_resource_name:
                self._by_resource.setdefault(item.spec.extended_resource_name, {})[item.metadata.name] = item
            return None  # pods may ask for it by name wherever they are
        return set()

    def drop(self, item: Object) -> set[str] | None:
        """Forget an object that `put` has taken in."""
        if isinstance(item, ResourceSlice):
            spec, pool = item.spec, _pool_of(item.spec)
            touched = self._forget(item)
            for index in self._indexes(spec):
                index.pop(item.metadata.name, None)
            for name in _nodes_of(spec):
                self._nodes[pool][name] -= 1
                if not self._nodes[pool][name]:
                    del self._nodes[pool][name]
                if not self.by_node.get(name):
                    self.by_node.pop(name, None)
            if not self.counting.get(pool):
                self.counting.pop(pool, None)
            if not self.by_pool[pool]:
                del self.by_pool[pool], self._nodes[pool], self._changes[pool]
            return touched
        if isinstance(item, ResourceClaim):
            key = (item.metadata.namespace or "", item.metadata.name)
            for held, identity in self._held(item):
                held.get(identity, {}).pop(key, None)
                if not held.get(identity):
                    held.pop(identity, None)
            return self._nodes_with(item)
        if isinstance(item, DeviceClass):
            self._classes.pop(item.metadata.name, None)
            named = self._by_resource.get(item.spec.extended_resource_name or "", {})
            named.pop(item.metadata.name, None)
            if not named:
                self._by_resource.pop(item.spec.extended_resource_name or "", None)
            return None
        return set()

    # --- what others ask ----------------------------------------------------------------------------------------

    def class_named(self, name: str) -> DeviceClass | None:
        return self._classes.get(name)

    @property
    def has_classes(self) -> bool:
        return bool(self._classes)

    @property
    def classes(self) -> Iterable[DeviceClass]:
        return self._classes.values()

    def class_behind(self, resource: str) -> DeviceClass | None:
        """The class whose devices a resource name stands for: of several the newest, then the first by name."""
        if not self._classes:
            return None
        found = self._by_resource.get(resource)
        if found is None:
            return self._classes.get(resource.removeprefix(IMPLICIT)) if resource.startswith(IMPLICIT) else None
        if len(found) == 1:
            return next(iter(found.values()))
        by_name = sorted(found.values(), key=lambda item: item.metadata.name)
        return max(by_name, key=lambda item: item.metadata.creation_timestamp or "")

    @property
    def resource_names(self) -> Iterable[str]:
        """The names by which devices can be asked for as if a device plugin had them, without the implicit ones."""
        return self._by_resource

    def slices_for(self, node: str) -> list[ResourceSlice]:
        """The slices that may hold devices for a node."""
        return [*self.by_node.get(node, {}).values(), *self.elsewhere.values()]

    def known_of(self, pools: tuple[Pool, ...]) -> dict[Any, Any]:
        """Answers about these pools together, to be read and added to; empty again when a claim on one changes."""
        changes = 0
        for pool in pools:
            changes += self._changes[pool.identity]
        found = self._known.get(pools)
        if found is None or found[0] != changes or len(found[1]) >= _REMEMBERED:
            if len(self._known) > 8 * len(self.reached) + _REMEMBERED:  # most are of pools that are no more
                self._known.clear()
            found = self._known[pools] = (changes, {})
        return found[1]

    def forget_node(self, name: str) -> None:
        """A node is gone; its devices may outlive it."""
        self.reached.pop(name, None)

    # --- inner --------------------------------------------------------------------------------------------------

    def _indexes(self, spec: SliceSpec) -> list[dict[str, ResourceSlice]]:
        pool = _pool_of(spec)
        if spec.shared_counters:
            places = [self.counting.setdefault(pool, {})]
        else:
            named = _nodes_of(spec)
            places = [self.elsewhere] if _ANY in named else [self.by_node.setdefault(name, {}) for name in named]
        return [*places, self.by_pool.setdefault(pool, {})]

    def _forget(self, item: ResourceSlice) -> set[str] | None:
        """A slice that changes may make others of its pool obsolete, or complete, on whichever node they are."""
        pool = _pool_of(item.spec)
        self.offerings.pop(item.metadata.name, None)
        self.pools.pop(pool, None)
        if pool in self.counting:
            self.unsure.add(pool)
        nodes = self._nodes_reaching((pool,))
        if nodes is None:
            self.reached.clear()
        else:
            for name in self.reached.keys() & nodes:
                del self.reached[name]
        return nodes

    def _held(
        self, claim: ResourceClaim
    ) -> list[tuple[dict[DeviceId, dict[tuple[str, str], ResourceClaim]], DeviceId]]:
        """Admin access takes nothing, and a share takes capacity of a device and not the device."""
        return [
            (self.shared if one.share_id else self.taken, (one.driver, one.pool, one.device))
            for one in results_of(claim)
            if not one.admin_access
        ]

    def _nodes_with(self, claim: ResourceClaim) -> set[str] | None:
        pools = {(one.driver, one.pool) for one in results_of(claim)}
        self._changes.update(pools & self.by_pool.keys())
        return self._nodes_reaching(pools)

    def _nodes_reaching(self, pools: Iterable[PoolId]) -> set[str] | None:
        found: set[str] = set()
        for pool in pools:
            found.update(self._nodes.get(pool, ()))
        return None if _ANY in found else found


def results_of(claim: ResourceClaim) -> Iterable[AllocatedDevice]:
    """The devices that a claim has been given."""
    allocation = claim.allocation
    return (allocation.devices.results if allocation and allocation.devices else None) or ()


def _pool_of(spec: SliceSpec) -> PoolId:
    return spec.driver, spec.pool.name


def _nodes_of(spec: SliceSpec) -> set[str]:
    """The nodes that a slice names; `_ANY` among them where it selects nodes otherwise."""
    if spec.node_name:
        return {spec.node_name}
    if spec.all_nodes or spec.node_selector is not None:
        return {_ANY}
    if spec.per_device_node_selection:
        return {device.body.node_name or _ANY for device in spec.devices or ()}
    return {_ANY} if spec.shared_counters else set()
