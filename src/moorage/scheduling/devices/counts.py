"""How many devices of a class some pools have, and how many a pod could still get."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from moorage.objects import ExactRequest
from moorage.scheduling.devices.allocation import is_plain, is_tolerated, is_whole, selected
from moorage.scheduling.devices.counters import Counters
from moorage.scheduling.devices.doubt import Doubt
from moorage.scheduling.devices.wanted import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from moorage.objects import DeviceClass
    from moorage.scheduling.devices.inventory import Inventory
    from moorage.scheduling.devices.offers import Offer, Pool


class Count(msgspec.Struct, frozen=True):
    """Devices of one class on one node."""

    there: int
    usable: int
    free: int


def count(device_class: DeviceClass, pools: tuple[Pool, ...], inventory: Inventory) -> Count | None:
    """None where only the scheduler can tell. Free is what can be had for sure, and nothing that is given in parts."""
    try:
        request = Request("", ExactRequest(), device_class)
    except Doubt:
        return None
    known: dict[tuple[str, ...], Count | None] = inventory.known_of(pools)
    if request.expressions not in known:
        known[request.expressions] = _count(request, pools, inventory)
    return known[request.expressions]


def _count(request: Request, pools: Sequence[Pool], inventory: Inventory) -> Count | None:
    try:
        offers = selected(request, pools)
    except Doubt:
        return None
    usable = [offer for offer in offers if is_tolerated(offer.body.taints, ())]
    return Count(len(offers), len(usable), left(usable, pools, inventory))


def left(offers: Iterable[Offer], pools: Sequence[Pool], inventory: Inventory) -> int:
    """How many of these can be had for sure, all at once; nothing that is given in parts."""
    takeable = [offer for offer in offers if offer.identity not in inventory.taken and is_whole(offer, inventory)]
    try:
        return Counters(pools, inventory).taking(takeable)
    except Doubt:
        return sum(is_plain(offer, inventory) for offer in takeable)
