"""Devices that are given in parts: what claims hold of each capacity, and whether a plain request finds room in
what is left.

A claim without a wish of its own takes the usual part of each capacity, and all of one that has no usual part.

Source: kubernetes v1.36 dynamic-resource-allocation structured/internal/incubating/consumable_capacity.go
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from moorage.errors import InvalidQuantity
from moorage.quantity import parse_nanos
from moorage.scheduling.devices.doubt import Doubt
from moorage.scheduling.devices.inventory import results_of
from moorage.texts import later

if TYPE_CHECKING:
    from moorage.objects import AllocatedDevice
    from moorage.scheduling.devices.inventory import Inventory
    from moorage.scheduling.devices.offers import Offer


class Part(msgspec.Struct, frozen=True, gc=False):
    """One capacity of a device, in billionths: all of it, what claims have left, what a plain request takes."""

    name: str
    total: int
    left: int
    usual: int


def is_shared(offer: Offer, inventory: Inventory) -> bool:
    """Whether claims hold parts of a device."""
    return offer.identity in inventory.shared


def parts_of(offer: Offer, inventory: Inventory) -> tuple[Part, ...]:
    """What is left of a device's capacities. Raises `Doubt` where the claims on it do not tell what they hold."""
    shares = _shares(offer, inventory)
    found = []
    for name, amount in sorted((offer.body.capacity or {}).items()):
        total = _nanos(amount.value)
        usual = (amount.request_policy or {}).get("default")
        held = sum(_held(share, name) for share in shares)
        found.append(Part(name, total, total - held, total if usual is None else _nanos(usual)))
    return tuple(found)


def has_room(offer: Offer, inventory: Inventory) -> bool:
    """Whether a plain request could have a part of a device that is given in parts. Raises `Doubt`."""
    if offer.identity in inventory.taken:
        return False
    return not is_shared(offer, inventory) or all(part.left >= part.usual for part in parts_of(offer, inventory))


def _shares(offer: Offer, inventory: Inventory) -> list[AllocatedDevice]:
    return [
        one
        for claim in inventory.shared.get(offer.identity, {}).values()
        for one in results_of(claim)
        if one.share_id and not one.admin_access and (one.driver, one.pool, one.device) == offer.identity
    ]


def _held(share: AllocatedDevice, name: str) -> int:
    amount = (share.consumed_capacity or {}).get(name)
    if amount is None:
        raise Doubt(later("a claim does not tell how much it holds of a device that is given in parts"))
    return _nanos(amount)


def _nanos(amount: object) -> int:
    try:
        return parse_nanos(amount)  # type: ignore[arg-type] # it reads whatever JSON holds, or says what it is not
    except InvalidQuantity as error:
        raise Doubt(later("the capacity of a device can't be read: {error}", error=error)) from error
