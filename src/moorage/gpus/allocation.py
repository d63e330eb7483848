"""Which cards are free: what the scheduler's counts and the known holders prove together, and nothing beyond it.

The counts of a node are certain. Which card a unit lies on is known only where a source names the device, so a card is
called free or held only where counts and names leave no other reading; else it is unknown, and the words say how many
are held.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moorage.gpus.merge import Card
    from moorage.gpus.units import Units

State = Literal["free", "held", "shared", "out_of_service", "not_reporting", "unknown"]

NOT_READY = later("the node is not ready, so nothing on it can start")
# Xids that the application caused: the device plugin does not take a card out of service for them.
APPLICATION_XIDS = frozenset({0, 13, 31, 43, 45, 68, 109})


class Standing(msgspec.Struct, kw_only=True):
    """How one card stands with the scheduler."""

    state: State
    text: str
    slots: int = 1
    held: int | None = None
    available: bool = False


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """The cards of one node that one resource name (or several, with MIG) counts, and its sums."""

    resource: str | None
    capacity: int
    allocatable: int
    held: int
    available: int
    slots: int | None  # units of one card; None: not known

    @property
    def out_of_service(self) -> int:
        return max(0, self.capacity - self.allocatable)


def pool(units: Sequence[Units], *, cards: int, slots: int | None = None) -> Pool:
    """The sums of some resource names, and how many units of them one card is."""
    capacity = sum(unit.capacity for unit in units)
    if slots is None and cards and capacity and capacity % cards == 0:
        slots = capacity // cards
    return Pool(
        resource=units[0].resource if units else None,
        capacity=capacity,
        allocatable=sum(unit.allocatable for unit in units),
        held=sum(unit.held for unit in units),
        available=sum(unit.available for unit in units),
        slots=slots,
    )


def standings(
    cards: Sequence[Card], pool: Pool, *, ready: bool, readable: bool = True, of: str | None = None
) -> list[Standing]:
    """The standing of each card of a pool, in the cards' order; availability is dealt out by `deal`."""
    if not ready:
        return [Standing(state="not_reporting", text=NOT_READY) for _ in cards]
    if not readable:
        text = later("not allowed to list pods, so it is unknown what is held")
        return [Standing(state="unknown", text=text, slots=pool.slots or 1) for _ in cards]
    lost = sum(card.missing for card in cards) * (pool.slots or 1)
    sick = {at for at, card in enumerate(cards) if _is_sick(card, pool) or (card.missing and card.problem)}
    unplaced_sick = max(0, pool.out_of_service - len(sick) * (pool.slots or 1))
    named = sum(card.held for card in cards)
    everything_named = named >= pool.held
    found = []
    for at, card in enumerate(cards):
        if card.missing and not (card.problem and lost <= pool.out_of_service):
            found.append(_missing(card))
        elif card.missing or at in sick or (pool.capacity and not pool.allocatable):
            found.append(_out_of_service(card, pool))
        else:
            found.append(
                _standing(card, pool, cards=len(cards), unplaced_sick=unplaced_sick, sure=everything_named, of=of)
            )
    return found


def deal(standings: Sequence[Standing], *, available: int) -> None:
    """Flag cards as available: the surest first, then by index, never more than the scheduler has units left."""
    order = {"free": 0, "shared": 1, "unknown": 2}
    candidates = [at for at, standing in enumerate(standings) if standing.state in order]
    candidates.sort(key=lambda at: (order[standings[at].state], at))
    for at in candidates[: max(0, available)]:
        standings[at].available = True


def _standing(card: Card, pool: Pool, *, cards: int, unplaced_sick: int, sure: bool, of: str | None) -> Standing:
    slots = pool.slots or 1
    if pool.slots is None:
        if pool.held == 0 and not unplaced_sick:
            return Standing(state="free", text=later("free"), held=0)
        if pool.held >= pool.capacity:
            return Standing(state="held", text=later("held"))
        words = _held_of(pool.held, pool.allocatable, "units")
        return Standing(state="unknown", text="; ".join([words, later("unknown on which card")]))
    if pool.held >= pool.capacity or card.held >= slots:
        return _held(slots)
    if unplaced_sick:
        text = _sick_text(pool, cards=cards, of=of)
        return Standing(state="unknown", text=text, slots=slots, held=card.held if sure else None)
    if sure and card.held == 0:
        return Standing(
            state="free",
            text=later("free") if slots == 1 else later("free: {held} of {total} slots held", held=0, total=slots),
            slots=slots,
            held=0,
        )
    held = card.held if sure else pool.held if cards == 1 else None
    if held is not None:
        return Standing(
            state="shared",
            text=later("shared: {held} of {total} slots held", held=held, total=slots),
            slots=slots,
            held=held,
        )
    what = of or ("cards" if slots == 1 else "slots")
    text = "; ".join([_held_of(pool.held, pool.allocatable, what), later("unknown which")])
    return Standing(state="unknown", text=text, slots=slots)


def _held_of(held: int, total: int, what: str) -> str:
    """How many "cards", "slots", "units" of the node, or slices of the profile `what`, are held."""
    if what == "cards":
        return later("{held} of {total} cards of this node held", held=held, total=total)
    if what == "slots":
        return later("{held} of {total} slots of this node held", held=held, total=total)
    if what == "units":
        return later("{held} of {total} units of this node held", held=held, total=total)
    return later("{held} of {total} {profile} slices of this node held", held=held, total=total, profile=what)


def _out_of(out: int, total: int, what: str) -> str:
    """The same of those that are out of service."""
    if what == "cards":
        return later("{out} of {total} cards out of service", out=out, total=total)
    if what == "slots":
        return later("{out} of {total} slots out of service", out=out, total=total)
    if what == "units":
        return later("{out} of {total} units out of service", out=out, total=total)
    return later("{out} of {total} {profile} slices out of service", out=out, total=total, profile=what)


def _held(slots: int) -> Standing:
    return Standing(
        state="held",
        text=later("held") if slots == 1 else later("held: {held} of {total} slots", held=slots, total=slots),
        slots=slots,
        held=slots,
    )


def _missing(card: Card) -> Standing:
    return Standing(state="not_reporting", text=card.problem or later("not reporting: no source sees this card"))


def _is_sick(card: Card, pool: Pool) -> bool:
    """Named sick by a source; an Xid alone proves it only where the scheduler has units out of service too."""
    if card.health == "unhealthy":
        return True
    return pool.out_of_service > 0 and card.xid is not None and card.xid not in APPLICATION_XIDS


def _out_of_service(card: Card, pool: Pool) -> Standing:
    reason = card.problem or (f"Xid {card.xid}" if card.xid and card.xid not in APPLICATION_XIDS else None)
    text = later("out of service ({reason})", reason=reason) if reason else later("out of service")
    return Standing(state="out_of_service", text=text, slots=pool.slots or 1)


def _sick_text(pool: Pool, *, cards: int, of: str | None) -> str:
    out = pool.out_of_service
    what = of or ("units" if cards == 1 else "cards" if pool.slots == 1 else "slots")
    text = _out_of(out, pool.capacity, what)
    return text if cards == 1 else "; ".join([text, later("unknown which")])
