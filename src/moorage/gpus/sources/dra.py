"""Devices of DRA drivers: ResourceSlices say what there is, ResourceClaims what is taken.

Nothing of them shows in a node's allocatable. They are followed with the cluster's other objects, so there is nothing
to run here. Of devices that share counters only those are called available that can be had all at once, and of one that
is given in parts no more is told than whether a plain request finds room in it; a class whose selectors are not
understood has no count. So the counts of this module are approximate, and say so.

A device that many nodes reach (over a network, by `allNodes` or a node selector) is no node's own card: its pool is
told with its counts and models, and marked as shared.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Any

from moorage.cluster.amounts import memory_text
from moorage.gpus.details import UNKNOWN_MODEL
from moorage.gpus.facts import CardFact, Holder, Part
from moorage.quantity import NANO, Quantity
from moorage.scheduling.devices.allocation import is_tolerated
from moorage.scheduling.devices.counts import count, left
from moorage.scheduling.devices.doubt import Doubt
from moorage.scheduling.devices.parts import has_room, is_shared, parts_of
from moorage.scheduling.devices.pools import pools_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from moorage.gpus.sources.base import OnChange
    from moorage.gpus.view import NodeView
    from moorage.objects import DeviceBody, DeviceCapacity
    from moorage.scheduling.devices.inventory import Inventory
    from moorage.scheduling.devices.offers import DeviceId, Offer, Pool
    from moorage.scheduling.devices.parts import Part as Capacity


class Dra:
    """What the cluster's slices and claims say of cards."""

    name = "dra"
    activity = False

    def __init__(self, devices: Callable[[], Inventory]) -> None:
        self._devices = devices

    async def run(self, on_change: OnChange) -> None:
        """Whoever keeps the inventory tells which nodes have changed."""
        del on_change
        await asyncio.Event().wait()

    def problem(self, node: NodeView) -> str | None:
        del node
        return None

    def facts(self, node: NodeView) -> Sequence[CardFact]:
        inventory = self._devices()
        return [
            self._fact(offer, inventory, withheld=not _gives(pool))
            for pool in pools_of(inventory, node.name, node.labels)
            for offer in _cards(pool)
            if offer.is_local
        ]

    def units(self, node: NodeView) -> list[dict[str, Any]]:
        """Devices by driver and pool, shaped like the units of resource names."""
        inventory = self._devices()
        pools = pools_of(inventory, node.name, node.labels)
        return [_units(node, pool, cards, inventory) for pool in pools if (cards := _cards(pool))]

    def _fact(self, offer: Offer, inventory: Inventory, *, withheld: bool) -> CardFact:
        identity, body = offer.identity, offer.body
        attributes = _attributes(body)
        claims = inventory.taken.get(identity)
        shared, left = _shared(offer, inventory) if claims is None else (False, None)
        holders = tuple(
            Holder(namespace=namespace, pod=consumer.name)
            for (namespace, _), claim in (claims or inventory.shared.get(identity) or {}).items()
            for consumer in (claim.status.reserved_for if claim.status else None) or ()
            if consumer.resource == "pods"
        )
        uuid = attributes.get("uuid")
        memory = _memory(body.capacity)
        taint = next((taint for taint in body.taints or () if not is_tolerated((taint,), ())), None)
        if attributes.get("type") == "mig":
            parent = attributes.get("parentUUID")
            part = Part(
                profile=_text(attributes.get("profile")),
                uuid=_text(uuid),
                memory_total=memory,
                holders=holders,
                allocated=claims is not None,
            )
            return CardFact(
                source=self.name,
                uuid=_text(parent) or f"{identity[1]}/{identity[2]}",
                model=_text(attributes.get("productName")),
                mig=True,
                parts=(part,),
                allocated=False,
                withheld=withheld,
            )
        return CardFact(
            source=self.name,
            uuid=_text(uuid) or f"{identity[1]}/{identity[2]}",
            model=_model(attributes),
            memory_total=memory,
            health="unhealthy" if taint else None,
            problem=f"taint {taint.key}{f'={taint.value}' if taint.value else ''}" if taint else None,
            holders=holders,
            allocated=claims is not None or _is_full(offer, inventory),
            shared=shared,
            left=left,
            withheld=withheld,
            counts_all=True,
        )


def is_gpu(driver: str, body: DeviceBody) -> bool:
    """Whether a device is a card or a slice of one; other kinds of devices come through the same API."""
    kind = _attributes(body).get("type")
    return kind in ("gpu", "mig", "vfio") or (kind is None and "gpu" in driver.lower())


def _gives(pool: Pool) -> bool:
    return pool.is_complete and pool.is_valid


def _cards(pool: Pool) -> Sequence[Offer]:
    """The cards of a pool, each once. They are there while their driver rewrites its slices, too."""
    found: dict[DeviceId, Offer] = {}
    for offer in pool.offers:
        if is_gpu(pool.driver, offer.body):
            found.setdefault(offer.identity, offer)
    return tuple(found.values())


def _units(node: NodeView, pool: Pool, cards: Sequence[Offer], inventory: Inventory) -> dict[str, Any]:
    good = [offer for offer in cards if is_tolerated(offer.body.taints, ())]
    held = sum(offer.identity in inventory.taken or _is_full(offer, inventory) for offer in good)
    gives = _gives(pool) and node.takes_pods
    available, unknown = _available(good, pool, inventory) if gives else (0, None)
    classes = {item.metadata.name: count(item, (pool,), inventory) for item in inventory.classes}
    found: dict[str, Any] = {
        "resource": pool.driver,
        "pool": pool.name,
        "capacity": len(cards),
        "allocatable": len(good),
        "allocated": held,
        "available": available,
        "out_of_service": len(cards) - len(good),
        "approximate": True,
        "classes": {name: found.free for name, found in sorted(classes.items()) if found.free is None or found.free},
    }
    if unknown is not None:
        found["unknown"] = unknown
    if in_parts := sum(is_shared(offer, inventory) for offer in good):
        found["in_parts"] = in_parts
    if not any(offer.is_local for offer in cards):
        models = Counter(_model(_attributes(offer.body)) or UNKNOWN_MODEL for offer in cards)
        found |= {"network": True, "models": dict(models)}
    return found


def _available(offers: Sequence[Offer], pool: Pool, inventory: Inventory) -> tuple[int | None, str | None]:
    try:
        return left(offers, (pool,), inventory), None
    except Doubt as doubt:
        return None, doubt.message


def _shared(offer: Offer, inventory: Inventory) -> tuple[bool, tuple[str, ...] | None]:
    """Whether claims hold parts of a device, and of each of its capacities what they have left."""
    if not is_shared(offer, inventory):
        return False, None
    try:
        parts = parts_of(offer, inventory)
    except Doubt:
        return True, None
    return True, tuple(_left(part) for part in parts)


def _is_full(offer: Offer, inventory: Inventory) -> bool:
    """Whether claims hold so much of a device that no plain request finds room in it."""
    try:
        return is_shared(offer, inventory) and not has_room(offer, inventory)
    except Doubt:
        return False


def _left(part: Capacity) -> str:
    """`40Gi of 80Gi memory`, `30 of 100 cores`."""
    name = part.name.rpartition("/")[2]
    if name.lower().endswith("memory"):
        return f"{memory_text(max(part.left, 0) // NANO)} of {memory_text(part.total // NANO)} {name}"
    return f"{max(part.left, 0) / NANO:g} of {part.total / NANO:g} {name}"


def _attributes(body: DeviceBody) -> dict[str, Any]:
    return {name.rpartition("/")[2]: one.value for name, one in (body.attributes or {}).items()}


def _model(attributes: Mapping[str, Any]) -> str | None:
    return _text(attributes.get("productName")) or _text(attributes.get("model"))


def _memory(capacity: Mapping[str, DeviceCapacity] | None) -> int | None:
    for name, amount in (capacity or {}).items():
        if name.rpartition("/")[2] != "memory":
            continue
        try:
            found = Quantity.parse(amount.value).value >> 20 if isinstance(amount.value, str | int) else 0
        except ValueError:
            return None
        return found or None
    return None


def _text(value: Any) -> str | None:
    return value.strip()[:200] or None if isinstance(value, str) else None
