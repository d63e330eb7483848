"""Counters that devices of one pool share: a slice of a card takes from what the whole card and other slices have.

Which devices fit beside each other is found by trying, as upstream does; with a bound, since nobody waits for ever.

Source: kubernetes v1.36 dynamic-resource-allocation structured/internal/incubating/allocator_incubating.go
(checkAvailableCounters)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.errors import InvalidQuantity
from moorage.quantity import parse_nanos
from moorage.scheduling.devices.doubt import Doubt
from moorage.scheduling.devices.patience import Patience
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from moorage.objects import DeviceBody, DeviceCapacity
    from moorage.scheduling.devices.inventory import Inventory
    from moorage.scheduling.devices.offers import DeviceId, Offer, Pool

Amounts = dict[tuple[str, str], int]  # by set and counter, in billionths
_MOST_TRIES = 5_000


class Counters:
    """What is left in the counters of some pools, and devices that are tried on them."""

    def __init__(self, pools: Iterable[Pool], inventory: Inventory, patience: Patience | None = None) -> None:
        self._left: dict[str, Amounts] = {}
        self._taken: set[DeviceId] = set()
        self._patience, self._here = patience or Patience(), Patience(combinations=_MOST_TRIES)
        for pool in pools:
            if pool.counted:
                # Upstream keeps them by the name of the pool alone.
                if pool.name in self._left:
                    raise Doubt(later("pools of one name share counters"))
                self._left[pool.name] = _left_in(pool, inventory)

    def taking(self, offers: Iterable[Offer]) -> int:
        """How many of these can be had for sure: one after the other, as long as it lasts."""
        return sum(self._take(offer) for offer in offers)

    def can_place(self, possible: Sequence[Sequence[Offer]], counts: Sequence[int]) -> bool:
        """Whether each place can have so many devices of those that are possible for it, all at once."""
        return self._place(possible, counts, place=0, start=0, missing=counts[0] if counts else 0)

    def _place(
        self, possible: Sequence[Sequence[Offer]], counts: Sequence[int], *, place: int, start: int, missing: int
    ) -> bool:
        while not missing:
            place, start = place + 1, 0
            if place >= len(counts):
                return True
            missing = counts[place]
        self._here.combine()
        self._patience.combine()
        for at in range(start, len(possible[place])):
            offer = possible[place][at]
            if offer.identity in self._taken or not self._take(offer):
                continue
            if self._place(possible, counts, place=place, start=at + 1, missing=missing - 1):
                return True
            self._give_back(offer)
        return False

    def _take(self, offer: Offer) -> bool:
        if offer.body.consumes_counters:
            left = self._left[offer.identity[1]]
            used = _used_by(offer.body)
            # Of a pool in which any counter has run out nothing can be had that counts at all.
            if any(amount < used.get(name, 0) for name, amount in left.items()):
                return False
            _add(left, used, sign=-1)
        self._taken.add(offer.identity)
        return True

    def _give_back(self, offer: Offer) -> None:
        if offer.body.consumes_counters:
            _add(self._left[offer.identity[1]], _used_by(offer.body), sign=1)
        self._taken.discard(offer.identity)


def _left_in(pool: Pool, inventory: Inventory) -> Amounts:
    left: Amounts = {}
    for item in pool.counted:
        for own in item.spec.shared_counters or ():
            left |= {(own.name, name): amount for name, amount in _nanos(own.counters).items()}
    for item in pool.counted:
        for device in item.spec.devices or () if not item.spec.shared_counters else ():
            identity = (pool.driver, pool.name, device.name)
            if identity in inventory.taken or identity in inventory.shared:
                _add(left, _used_by(device.body), sign=-1)
    return left


def _used_by(body: DeviceBody) -> Amounts:
    used: Amounts = {}
    for one in body.consumes_counters or ():
        _add(used, {(one.counter_set, name): amount for name, amount in _nanos(one.counters).items()}, sign=1)
    return used


def _add(amounts: Amounts, more: Amounts, *, sign: int) -> None:
    for name, amount in more.items():
        amounts[name] = amounts.get(name, 0) + sign * amount


def _nanos(counters: Mapping[str, DeviceCapacity] | None) -> dict[str, int]:
    try:
        return {name: parse_nanos(amount.value) for name, amount in (counters or {}).items()}
    except InvalidQuantity as error:
        raise Doubt(later("a counter can't be read: {error}", error=error)) from error
