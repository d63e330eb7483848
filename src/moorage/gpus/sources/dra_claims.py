"""What slices and claims say together: which devices a node has, and which of them are taken by whom."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.gpus.facts import Holder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moorage.gpus.sources.dra_objects import Basic, DeviceClass, ResourceClaim, ResourceSlice, SliceSpec

Device = tuple[str, str, str]  # driver, pool, device


class Claims:
    """What slices and claims say, kept so that one change costs one change."""

    def __init__(self) -> None:
        self.slices: dict[str, ResourceSlice] = {}
        self.by_node: dict[str, dict[str, ResourceSlice]] = {}
        self.everywhere: dict[str, ResourceSlice] = {}
        self.claims: dict[tuple[str, str], ResourceClaim] = {}
        self.taken: dict[Device, dict[tuple[str, str], tuple[Holder, ...]]] = {}
        self.classes: dict[str, DeviceClass] = {}

    def put_slice(self, item: ResourceSlice) -> set[str]:
        """Returns the nodes that read differently now."""
        touched = self.drop_slice(item.metadata.name)
        name, spec = item.metadata.name, item.spec
        self.slices[name] = item
        for node in _nodes_of(spec):
            self.by_node.setdefault(node, {})[name] = item
            touched.add(node)
        if spec.all_nodes:
            self.everywhere[name] = item
        return touched

    def drop_slice(self, name: str) -> set[str]:
        old = self.slices.pop(name, None)
        if old is None:
            return set()
        self.everywhere.pop(name, None)
        nodes = _nodes_of(old.spec)
        for node in nodes:
            own = self.by_node.get(node)
            if own is not None:
                own.pop(name, None)
                if not own:
                    del self.by_node[node]
        return nodes

    def put_claim(self, item: ResourceClaim) -> set[str]:
        key = (item.metadata.namespace or "", item.metadata.name)
        touched = self.drop_claim(key)
        self.claims[key] = item
        holders = tuple(
            Holder(namespace=key[0], pod=consumer.name)
            for consumer in (item.status.reserved_for if item.status else None) or ()
            if consumer.resource == "pods"
        )
        for device in _devices_of(item):
            self.taken.setdefault(device, {})[key] = holders
            touched |= self._nodes_with(device)
        return touched

    def drop_claim(self, key: tuple[str, str]) -> set[str]:
        old = self.claims.pop(key, None)
        touched: set[str] = set()
        for device in _devices_of(old) if old is not None else ():
            claims = self.taken.get(device)
            if claims is not None:
                claims.pop(key, None)
                if not claims:
                    del self.taken[device]
            touched |= self._nodes_with(device)
        return touched

    def devices(self, node: str) -> Iterator[tuple[Device, Basic]]:
        """The devices of a node: of each pool only those of its newest generation, and of a broken pool none."""
        slices = [*self.by_node.get(node, {}).values(), *self.everywhere.values()]
        newest: dict[tuple[str, str], int] = {}
        for item in slices:
            pool = (item.spec.driver, item.spec.pool.name)
            newest[pool] = max(newest.get(pool, 0), item.spec.pool.generation)
        seen: set[Device] = set()
        for item in slices:
            spec = item.spec
            if spec.pool.generation < newest[spec.driver, spec.pool.name]:
                continue
            for device in spec.devices or ():
                body: Basic = device.basic or device
                if spec.per_device_node_selection and body.node_name != node:
                    continue
                identity = (spec.driver, spec.pool.name, device.name)
                if identity not in seen:
                    seen.add(identity)
                    yield identity, body

    def _nodes_with(self, device: Device) -> set[str]:
        # A pool is nearly always one node's and has its name.
        if device[1] in self.by_node:
            return {device[1]}
        return {
            node
            for item in self.slices.values()
            if (item.spec.driver, item.spec.pool.name) == device[:2]
            for node in _nodes_of(item.spec)
        }


def _nodes_of(spec: SliceSpec) -> set[str]:
    if spec.node_name:
        return {spec.node_name}
    if spec.per_device_node_selection:
        return {name for device in spec.devices or () if (name := (device.basic or device).node_name)}
    return set()


def _devices_of(claim: ResourceClaim) -> list[Device]:
    """The devices that a claim takes. Admin access takes none, and a share takes capacity of one."""
    allocation = claim.status.allocation if claim.status else None
    results = (allocation.devices.results if allocation and allocation.devices else None) or ()
    return [(one.driver, one.pool, one.device) for one in results if not one.admin_access and not one.share_id]
