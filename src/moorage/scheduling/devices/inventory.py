"""What slices, claims and classes say together, kept so that one change costs one change.

A change returns the names of the nodes whose devices may read differently now, or None where it may be any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.objects import DeviceClass, ResourceClaim, ResourceSlice

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from moorage.objects import AllocatedDevice, Object, SliceSpec
    from moorage.scheduling.devices.pools import Pool

DeviceId = tuple[str, str, str]  # driver, pool, device
PoolId = tuple[str, str]  # driver, pool
IMPLICIT = "deviceclass.resource.kubernetes.io/"


class Inventory:
    """The devices of a cluster, and who holds which."""

    def __init__(self) -> None:
        self.by_node: dict[str, dict[str, ResourceSlice]] = {}
        # Slices that are not one node's alone.
        self.elsewhere: dict[str, ResourceSlice] = {}
        self.by_pool: dict[PoolId, dict[str, ResourceSlice]] = {}
        # The claims that hold a device for themselves, and the devices of which claims hold parts.
        self.taken: dict[DeviceId, dict[tuple[str, str], ResourceClaim]] = {}
        self.shared: dict[DeviceId, dict[tuple[str, str], ResourceClaim]] = {}
        # What `pools_of` has found for a node, until a slice changes that it may depend on.
        self.reached: dict[str, tuple[Mapping[str, str], list[Pool]]] = {}
        self._classes: dict[str, DeviceClass] = {}
        self._by_resource: dict[str, dict[str, DeviceClass]] = {}

    def put(self, item: Object) -> set[str] | None:
        """Take in a new object; a former one of its name has been dropped before."""
        if isinstance(item, ResourceSlice):
            for index in self._indexes(item.spec):
                index[item.metadata.name] = item
            return self._forget(item.spec)
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
            spec = item.spec
            touched = self._forget(spec)
            for index in self._indexes(spec):
                index.pop(item.metadata.name, None)
            if spec.node_name and not self.by_node.get(spec.node_name):
                self.by_node.pop(spec.node_name, None)
            if not self.by_pool[spec.driver, spec.pool.name]:
                del self.by_pool[spec.driver, spec.pool.name]
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

    # --- inner --------------------------------------------------------------------------------------------------

    def _indexes(self, spec: SliceSpec) -> list[dict[str, ResourceSlice]]:
        own = spec.node_name and not spec.shared_counters
        place = self.by_node.setdefault(spec.node_name, {}) if own and spec.node_name else self.elsewhere
        return [place, self.by_pool.setdefault((spec.driver, spec.pool.name), {})]

    def _forget(self, spec: SliceSpec) -> set[str] | None:
        """A slice that changes may make others of its pool obsolete, or complete, on whichever node they are."""
        nodes = _joined(self.by_pool[spec.driver, spec.pool.name].values())
        if nodes is None:
            self.reached.clear()
        else:
            for name in nodes:
                self.reached.pop(name, None)
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
        return _joined(item for pool in pools for item in self.by_pool.get(pool, {}).values())


def results_of(claim: ResourceClaim) -> Iterable[AllocatedDevice]:
    """The devices that a claim has been given."""
    allocation = claim.allocation
    return (allocation.devices.results if allocation and allocation.devices else None) or ()


def _nodes_of(spec: SliceSpec) -> set[str] | None:
    """The nodes that a slice names; None where it selects them otherwise."""
    if spec.node_name:
        return {spec.node_name}
    if spec.per_device_node_selection:
        named = {device.body.node_name for device in spec.devices or ()}
        return None if None in named else {name for name in named if name}
    return None if spec.all_nodes or spec.node_selector is not None or spec.shared_counters else set()


def _joined(slices: Iterable[ResourceSlice]) -> set[str] | None:
    found: set[str] = set()
    for item in slices:
        nodes = _nodes_of(item.spec)
        if nodes is None:
            return None
        found |= nodes
    return found
