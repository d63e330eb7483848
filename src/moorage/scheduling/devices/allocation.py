"""Whether claims can be met from the pools of one node: an exact answer, or a `Doubt`.

Requests may compete for the same devices, so that taking the first that fits is not enough: devices are matched to
requests with augmenting paths, which finds a way wherever there is one. Upstream tries all ways one after the other
and answers the same.

Source: kubernetes v1.36 dynamic-resource-allocation structured/internal/incubating/allocator_incubating.go (Allocate)
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

from moorage.scheduling.devices.counters import Counters
from moorage.scheduling.devices.doubt import Doubt
from moorage.scheduling.devices.patience import Patience
from moorage.scheduling.devices.wanted import MOST
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from moorage.objects import DeviceTaint, DeviceToleration
    from moorage.scheduling.devices.inventory import Inventory
    from moorage.scheduling.devices.offers import DeviceId, Offer, Pool
    from moorage.scheduling.devices.wanted import Claim, Request

_KEEPS_OUT = ("NoSchedule", "NoExecute")
# Ways to choose among alternatives and values beyond which nobody waits for an answer.
_MOST_WAYS = 256


def can_allocate(
    claims: Sequence[Claim], pools: Sequence[Pool], inventory: Inventory, patience: Patience | None = None
) -> bool:
    """Whether all claims can be met at once. Raises `Doubt` where only the scheduler can tell."""
    patience = patience or Patience()
    patience.look(len(claims))
    choices = [ways for claim in claims for ways in claim.requests]
    is_lone = len(choices) == 1 and len(choices[0]) == 1 and not any(claim.constraints for claim in claims)
    allocation = _Allocation(pools, inventory, patience, is_lone=is_lone)
    if any(way.wants_all for ways in choices for way in ways):
        allocation.needs_whole_pools(claims)
    if prod(len(ways) for ways in choices) > _MOST_WAYS:
        raise Doubt(later("it leaves more choices open than are tried here"))
    # One after the other, as upstream: where a request has too few devices, nobody looks at those after it.
    if any(not any(allocation.has_enough(way) for way in ways) for ways in choices):
        return False
    if is_lone and not allocation.coupled:
        return True
    chosen = [list(ways) for ways in product(*choices)]
    if not any(allocation.is_possible(claims, ways) for ways in chosen):
        return False
    # What devices that depend on others can still give is only tried where it is needed.
    if not allocation.coupled or any(allocation.is_possible(claims, ways, plain=True) for ways in chosen):
        return True
    return any(allocation.is_possible(claims, ways, counting=True) for ways in chosen)


def selected(request: Request, pools: Iterable[Pool]) -> list[Offer]:
    """The devices that a request selects, free or not, of pools that can be given from."""
    patience = Patience()
    return [
        offer
        for pool in pools
        if pool.is_complete and pool.is_valid
        for offer in pool.offers
        if offer.is_selected(request.expressions, patience)
    ]


def is_tolerated(taints: Iterable[DeviceTaint] | None, tolerations: Sequence[DeviceToleration]) -> bool:
    return all(
        taint.effect not in _KEEPS_OUT or any(_tolerates(one, taint) for one in tolerations) for taint in taints or ()
    )


def is_plain(offer: Offer, inventory: Inventory) -> bool:
    """Whether a device is given whole, to one claim, whatever happens to others."""
    return not offer.body.consumes_counters and is_whole(offer, inventory)


def is_whole(offer: Offer, inventory: Inventory) -> bool:
    """Whether a device is given to one claim and not in parts."""
    body = offer.body
    return not (
        body.allow_multiple_allocations
        or offer.identity in inventory.shared
        or any(amount.request_policy is not None for amount in (body.capacity or {}).values())
    )


def _tolerates(toleration: DeviceToleration, taint: DeviceTaint) -> bool:
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator == "Exists":
        return True
    return (toleration.operator or "Equal") == "Equal" and (toleration.value or "") == (taint.value or "")


class _Allocation:
    """The pools of one node, and which of their devices each request could have."""

    def __init__(self, pools: Sequence[Pool], inventory: Inventory, patience: Patience, *, is_lone: bool) -> None:
        self._pools, self._inventory, self._patience = pools, inventory, patience
        # A request that competes with nobody takes the first devices that it can have; nobody looks at the others.
        self._is_lone = is_lone
        self._candidates: dict[int, list[Offer]] = {}
        # Of requests that want all of a kind, how many of them are not to be had.
        self._lost: dict[int, int] = {}
        # Devices that are given in parts, or that take from what others have.
        self.coupled: set[DeviceId] = set()
        self._is_countable = True

    def needs_whole_pools(self, claims: Sequence[Claim]) -> None:
        """What the scheduler makes sure of before it gives all devices of a kind: else it fails."""
        for pool in self._pools:
            if not pool.is_complete or not pool.is_valid:
                names = {"pool": pool.name, "driver": pool.driver}
                if pool.is_complete:
                    raise Doubt(
                        later("it asks for all devices, and the pool {pool} of {driver} is inconsistent", **names)
                    )
                raise Doubt(later("it asks for all devices, and the pool {pool} of {driver} is being updated", **names))
        for claim in claims:
            if sum(min(map(self._asked, ways)) for ways in claim.requests) > MOST:
                raise Doubt(
                    later("a claim asks for more than {most} devices, on which the scheduler itself fails", most=MOST)
                )

    def _asked(self, request: Request) -> int:
        if not request.wants_all:
            return request.count
        return len(self.candidates(request)) + self._lost[id(request)]

    def has_enough(self, request: Request) -> bool:
        found = len(self.candidates(request))
        return found > 0 and not self._lost.get(id(request)) if request.wants_all else found >= request.count

    def candidates(self, request: Request) -> list[Offer]:
        """The devices that a request could have, in the scheduler's order."""
        if id(request) not in self._candidates:
            self._candidates[id(request)] = self._look_for(request)
        return self._candidates[id(request)]

    def _look_for(self, request: Request) -> list[Offer]:
        found: list[Offer] = []
        taken, lost, patience = self._inventory.taken, 0, self._patience
        for pool in self._pools:
            for offer in pool.offers if pool.is_complete and pool.is_valid else ():
                patience.look(1)
                is_free = offer.identity not in taken
                if not (is_free or request.wants_all) or not offer.is_selected(request.expressions, patience):
                    continue
                if not is_free or not is_tolerated(offer.body.taints, request.tolerations):
                    lost += 1
                    continue
                found.append(offer)
                if not is_plain(offer, self._inventory):
                    self.coupled.add(offer.identity)
                    self._is_countable = self._is_countable and is_whole(offer, self._inventory)
                elif self._is_lone and len(found) == request.count and not self.coupled:
                    return found
        self._lost[id(request)] = lost
        return found

    def is_possible(
        self, claims: Sequence[Claim], chosen: list[Request], *, plain: bool = False, counting: bool = False
    ) -> bool:
        """Whether the claims can be met with this way for each request.

        `plain`: by devices that stand alone. `counting`: with an eye on the counters that devices share.
        """
        start = 0
        choices: list[list[dict[int, tuple[str, Any]]]] = []
        counts: list[int] = []
        for claim in claims:
            places = range(start, start + len(claim.requests))
            start = places.stop
            if not all(self.has_enough(chosen[place]) for place in places):
                return False
            counts += [self._asked(chosen[place]) for place in places]
            if sum(counts[place] for place in places) > MOST:
                return False
            for attribute, names in claim.constraints:
                tied = [place for place in places if not names or _is_named(chosen[place].name, names)]
                choices.append(
                    [dict.fromkeys(tied, (attribute, value)) for value in self._values(tied, chosen, attribute)]
                )
        if prod(len(values) for values in choices) > _MOST_WAYS:
            raise Doubt(later("it ties devices together in more ways than are tried here"))
        if counting and not self._is_countable:
            raise Doubt(later("devices that are given in parts would be given"))
        return any(self._matches(chosen, counts, ties, plain=plain, counting=counting) for ties in product(*choices))

    def _values(self, tied: Sequence[int], chosen: list[Request], attribute: str) -> Iterator[Any]:
        """The values that all tied requests can have in common: those of the first. Nothing tied, nothing asked."""
        if not tied:
            yield None
            return
        offers = self.candidates(chosen[tied[0]])
        yield from {value for offer in offers if (value := _attribute(offer, attribute)) is not None}

    def _matches(
        self,
        chosen: list[Request],
        counts: list[int],
        ties: Sequence[dict[int, tuple[str, Any]]],
        *,
        plain: bool,
        counting: bool,
    ) -> bool:
        offers: list[list[Offer]] = []
        possible: list[list[DeviceId]] = []
        needed: list[int] = []
        for place, request in enumerate(chosen):
            self._patience.look(len(ties) + len(self.candidates(request)))
            own = [tie[place] for tie in ties if place in tie]
            found = [
                offer
                for offer in self.candidates(request)
                if not (plain and offer.identity in self.coupled)
                and all(_attribute(offer, name) == value for name, value in own)
            ]
            offers.append(found)
            # What is given in parts may serve every request once.
            whole = [offer.identity for offer in found if not offer.body.allow_multiple_allocations]
            possible.append(whole)
            needed.append(max(counts[place] - (len(found) - len(whole)), 0))
        if counting:
            return Counters(self._pools, self._inventory, self._patience).can_place(offers, counts)
        return _match(possible, needed, self._patience)


def _is_named(name: str, names: frozenset[str]) -> bool:
    return name in names or name.partition("/")[0] in names


def _attribute(offer: Offer, name: str) -> tuple[str, Any] | None:
    """A device's attribute with its kind; its own domain need not be written."""
    attributes = offer.body.attributes or {}
    domain, _, own = name.partition("/")
    found = attributes.get(name) or (attributes.get(own) if domain == offer.identity[0] else None)
    if found is None:
        return None
    for kind, value in (
        ("text", found.string),
        ("number", found.number),
        ("flag", found.flag),
        ("version", found.version),
    ):
        if value is not None:
            return kind, value
    return None


def _match(possible: Sequence[Sequence[DeviceId]], counts: Sequence[int], patience: Patience) -> bool:
    """Whether each place can have so many devices of its own of those that are possible for it."""
    holder: dict[DeviceId, int] = {}

    def give(place: int, seen: set[int]) -> bool:
        seen.add(place)
        patience.look(len(possible[place]))
        for device in possible[place]:
            if device not in holder:
                holder[device] = place
                return True
        for device in possible[place]:
            if holder[device] not in seen and give(holder[device], seen):
                holder[device] = place
                return True
        return False

    return all(give(place, set()) for place, count in enumerate(counts) for _ in range(count))
