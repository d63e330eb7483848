"""How many devices of a class some pools have, and how many a pod could still get."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from moorage.objects import ExactRequest
from moorage.scheduling.devices.allocation import is_tolerated, is_whole, selected
from moorage.scheduling.devices.counters import Counters
from moorage.scheduling.devices.doubt import Doubt
from moorage.scheduling.devices.parts import has_room
from moorage.scheduling.devices.wanted import Request
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from moorage.objects import DeviceClass
    from moorage.scheduling.devices.inventory import Inventory
    from moorage.scheduling.devices.offers import Offer, Pool


class Count(msgspec.Struct, frozen=True):
    """Devices of one class on one node; None is what only the scheduler can tell, and `unknown` says why."""

    there: int | None
    usable: int | None
    free: int | None
    unknown: str | None = None


def count(device_class: DeviceClass, pools: tuple[Pool, ...], inventory: Inventory) -> Count:
    """Free is what can be had for sure; of a device that is given in parts, what a plain request takes."""
    try:
        request = Request("", ExactRequest(), device_class)
    except Doubt as doubt:
        return _untold(device_class, doubt)
    known: dict[tuple[str, ...], Count] = inventory.known_of(pools)
    if request.expressions not in known:
        known[request.expressions] = _count(request, device_class, pools, inventory)
    return known[request.expressions]


def _count(request: Request, device_class: DeviceClass, pools: Sequence[Pool], inventory: Inventory) -> Count:
    try:
        offers = selected(request, pools)
    except Doubt as doubt:
        return _untold(device_class, doubt)
    usable = [offer for offer in offers if is_tolerated(offer.body.taints, ())]
    try:
        return Count(len(offers), len(usable), left(usable, pools, inventory))
    except Doubt as doubt:
        return Count(len(offers), len(usable), None, later("how many are left is not known: {why}", why=doubt.message))


def _untold(device_class: DeviceClass, doubt: Doubt) -> Count:
    name = device_class.metadata.name
    return Count(
        None,
        None,
        None,
        later("only the scheduler can tell the devices of the class {name}: {why}", name=name, why=doubt.message),
    )


def left(offers: Iterable[Offer], pools: Sequence[Pool], inventory: Inventory) -> int:
    """How many of these can be had for sure, all at once; each device that is given in parts is one while a plain
    request finds room in it. Raises `Doubt` where that is not told.
    """
    takeable = [offer for offer in offers if _can_be_had(offer, inventory)]
    try:
        return Counters(pools, inventory).taking(takeable)
    except Doubt:
        return sum(not offer.body.consumes_counters for offer in takeable)


def _can_be_had(offer: Offer, inventory: Inventory) -> bool:
    if offer.body.allow_multiple_allocations:
        return has_room(offer, inventory)
    return offer.identity not in inventory.taken and is_whole(offer, inventory)
