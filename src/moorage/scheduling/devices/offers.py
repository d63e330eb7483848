"""What drivers offer: a device, the devices of a slice, and the part of a pool that a node reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.scheduling.devices.cel import matches
from moorage.scheduling.devices.doubt import Doubt
from moorage.scheduling.devices.facts import Facts
from moorage.scheduling.devices.reach import is_local

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moorage.objects import DeviceBody, ResourceSlice
    from moorage.scheduling.devices.patience import Patience

DeviceId = tuple[str, str, str]  # driver, pool, device
PoolId = tuple[str, str]  # driver, pool
_REMEMBERED = 16


class Offer:
    """One device of a pool, of one node's own or not. It remembers which selectors it matches."""

    __slots__ = ("_known", "body", "identity", "is_local")

    def __init__(self, identity: DeviceId, body: DeviceBody, *, is_local: bool = True) -> None:
        self.identity, self.body, self.is_local = identity, body, is_local
        self._known: dict[tuple[str, ...], bool | str] = {}

    def is_selected(self, expressions: tuple[str, ...], patience: Patience) -> bool:
        """Whether all of these select it. Raises `Doubt` where that can't be told."""
        found = self._known.get(expressions)
        if found is None:
            patience.evaluate(expressions)
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


class Offering:
    """The devices of one slice, whoever reaches them, and what they take of the counters of their pool."""

    __slots__ = ("offers", "uses")

    def __init__(self, item: ResourceSlice) -> None:
        spec = item.spec
        self.offers: tuple[Offer, ...] = ()
        self.uses: dict[str, set[str]] = {}
        if spec.shared_counters:
            return
        self.offers = tuple(
            Offer((spec.driver, spec.pool.name, device.name), device.body, is_local=is_local(spec, device.body))
            for device in spec.devices or ()
        )
        for offer in self.offers:
            for used in offer.body.consumes_counters or ():
                self.uses.setdefault(used.counter_set, set()).update(used.counters or ())


class Pool:
    """The part of a pool that a node reaches; nodes that reach the same part share it."""

    __slots__ = ("counted", "driver", "identity", "is_complete", "is_slow", "is_valid", "name", "offers")

    def __init__(self, driver: str, name: str, offers: Sequence[Offer], *, complete: bool, valid: bool) -> None:
        self.driver, self.name, self.offers = driver, name, offers
        self.identity: PoolId = (driver, name)
        self.is_complete, self.is_valid = complete, valid
        # All slices of a pool with counters, wherever their devices are: each takes from the same.
        self.counted: Sequence[ResourceSlice] = ()
        self.is_slow = complete and valid and any(offer.body.binding_conditions is not None for offer in offers)

    def with_only(self, offers: Sequence[Offer]) -> Pool:
        pool = Pool(self.driver, self.name, offers, complete=self.is_complete, valid=self.is_valid)
        pool.counted = self.counted
        return pool
