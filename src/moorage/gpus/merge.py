"""One record for each physical card out of what all sources said: joined by UUID, then by PCI address, by index last.

Of each field the source that knows best is taken, and its name is kept. Where two sources contradict each other both
are named.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from moorage.gpus.facts import CardFact, Holder, Part, same_model
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# Who knows a card's name and size best: the driver, then what the driver told others, then what people wrote on labels.
PRECEDENCE = ("agent", "exec", "dcgm", "amd", "prometheus", "dra", "hami", "podstatus")
_RANK = {source: rank for rank, source in enumerate(PRECEDENCE)}
DROPPED_AFTER = 300.0  # seconds: an older reading says nothing about now
STALE_AFTER = 60.0

# Readings taken so near to each other should agree.
_SAME_MOMENT = 30.0


class Card(msgspec.Struct, kw_only=True):
    """One physical card, merged."""

    index: int | None = None
    uuid: str | None = None
    pci: str | None = None
    model: str | None = None
    memory_total: int | None = None
    memory_used: int | None = None
    memory_free: int | None = None
    utilization: int | None = None
    temperature: int | None = None
    xid: int | None = None
    memory_kind: str | None = None
    health: str | None = None
    problem: str | None = None
    mig: bool | None = None
    processes: int | None = None
    slots: int | None = None
    parts: tuple[Part, ...] = ()
    holders: tuple[Holder, ...] = ()
    held: int = 0  # units whose holder is known to sit on this card
    resource: str | None = None
    allocated: bool | None = None
    shared: bool = False
    left: tuple[str, ...] | None = None
    withheld: bool = False
    taken_at: float | None = None  # of the activity
    activity_source: str | None = None
    sources: dict[str, str] = {}
    why: dict[str, str] = {}
    seen_by: tuple[str, ...] = ()
    disagreements: tuple[str, ...] = ()
    missing: bool = False  # no source that should see it does
    facts: list[CardFact] = []


def merge(facts: Iterable[CardFact], *, now: float) -> list[Card]:
    """The cards that the facts speak of, by index (or by PCI address or UUID where no index is known)."""
    cards = [_card(group, now=now) for group in _groups(facts)]
    cards.sort(key=_order)
    return cards


def _order(card: Card) -> tuple[bool, int, str, str]:
    return (card.index is None, card.index or 0, card.pci or "~", card.uuid or "~")


def _groups(facts: Iterable[CardFact]) -> list[list[CardFact]]:
    groups: list[list[CardFact]] = []
    by_uuid: dict[str, list[CardFact]] = {}
    by_pci: dict[str, list[CardFact]] = {}
    by_index: dict[int, list[CardFact]] = {}
    # Those with the surest identity first, so that the others find them.
    ordered = sorted(facts, key=lambda fact: (fact.uuid is None, fact.pci is None, _RANK.get(fact.source, 99)))
    for fact in ordered:
        group = by_uuid.get(fact.uuid) if fact.uuid else None
        if group is None and fact.pci:
            group = _unless_other(by_pci.get(fact.pci), fact)
        if group is None and fact.index is not None:
            group = _unless_other(by_index.get(fact.index), fact)
        if group is None:
            group = []
            groups.append(group)
        group.append(fact)
        if fact.uuid:
            by_uuid.setdefault(fact.uuid, group)
        if fact.pci:
            by_pci.setdefault(fact.pci, group)
        if fact.index is not None:
            by_index.setdefault(fact.index, group)
    return groups


def _unless_other(group: list[CardFact] | None, fact: CardFact) -> list[CardFact] | None:
    """The group, unless the fact is plainly of another card: another UUID or address, or a second row of a source."""
    if group is None:
        return None
    for member in group:
        if fact.uuid and member.uuid and fact.uuid != member.uuid:
            return None
        if fact.pci and member.pci and fact.pci != member.pci:
            return None
        if member.source == fact.source and not (fact.pci and fact.pci == member.pci):
            return None
    return group


def _card(group: list[CardFact], *, now: float) -> Card:
    card = Card(sources={}, why={}, facts=group)
    if len(group) > 1:
        group.sort(key=lambda fact: _RANK.get(fact.source, 99))
    sources = card.sources
    for fact in group:
        source = fact.source
        if card.index is None and fact.index is not None:
            card.index, sources["index"] = fact.index, source
        if card.uuid is None and fact.uuid is not None:
            card.uuid, sources["uuid"] = fact.uuid, source
        if card.pci is None and fact.pci is not None:
            card.pci, sources["pci"] = fact.pci, source
        if card.model is None and fact.model is not None:
            card.model, sources["model"] = fact.model, source
        if card.memory_total is None and fact.memory_total is not None:
            card.memory_total, sources["memory_total"] = fact.memory_total, source
        if card.memory_kind is None and fact.memory_kind is not None:
            card.memory_kind = fact.memory_kind
        if card.mig is None and fact.mig is not None:
            card.mig = fact.mig
        if card.slots is None and fact.slots is not None:
            card.slots = fact.slots
        if card.resource is None and fact.resource is not None:
            card.resource = fact.resource
        if not card.allocated and fact.allocated is not None:
            card.allocated = fact.allocated
        if fact.health == "unhealthy" or (fact.health and card.health is None):
            card.health, card.problem = fact.health, fact.problem or card.problem
        elif card.problem is None and fact.problem is not None:
            card.problem = fact.problem
        card.missing = card.missing or fact.lost
        card.withheld = card.withheld or fact.withheld
        if fact.shared:
            card.shared, card.left = True, fact.left
        if fact.why:
            for field, reason in fact.why.items():
                card.why.setdefault(field, reason)
    _take_activity(card, group, now=now)
    _take_holders(card, group)
    if len(group) > 1 or group[0].parts:
        card.parts = _parts(group)
    card.seen_by = tuple(dict.fromkeys(fact.source for fact in group))
    if len(group) > 1:
        card.disagreements = _disagreements(group)
    if card.why:
        card.why = {field: reason for field, reason in card.why.items() if getattr(card, field, None) is None}
    return card


def _take_activity(card: Card, group: list[CardFact], *, now: float) -> None:
    """The newest reading, its gaps filled from the next; memory used and free always of one reading."""
    readings = [fact for fact in group if fact.taken_at is not None]
    if len(readings) > 1:
        readings.sort(key=lambda fact: -(fact.taken_at or 0.0))
    for fact in readings:
        taken_at = fact.taken_at or 0.0
        if now - taken_at > DROPPED_AFTER:
            for field in ("memory_used", "memory_free", "utilization"):
                if getattr(fact, field) is not None and getattr(card, field) is None:
                    card.why[field] = later(
                        "the last reading ({source}) is {minutes} minutes old",
                        source=fact.source,
                        minutes=int(now - taken_at) // 60,
                    )
            continue
        took = False
        if card.memory_used is None and fact.memory_used is not None:
            card.memory_used, card.memory_free = fact.memory_used, fact.memory_free
            card.sources["memory_used"] = fact.source
            if fact.memory_free is not None:
                card.sources["memory_free"] = fact.source
            took = True
        elif card.memory_used is None and card.memory_free is None and fact.memory_free is not None:
            card.memory_free = fact.memory_free
            card.sources["memory_free"] = fact.source
            took = True
        if card.utilization is None and fact.utilization is not None:
            card.utilization = fact.utilization
            card.sources["utilization"] = fact.source
            took = True
        if card.temperature is None and fact.temperature is not None:
            card.temperature = fact.temperature
        if card.xid is None and fact.xid is not None:
            card.xid = fact.xid
        if card.processes is None and fact.processes is not None:
            card.processes = fact.processes
        if took and card.taken_at is None:
            card.taken_at, card.activity_source = taken_at, fact.source


def _take_holders(card: Card, group: list[CardFact]) -> None:
    """Each source names the holders that it knows; one pod may hold two slots of a card, so the longest list counts."""
    named: dict[tuple[str, str, str | None], Holder] = {}
    for fact in group:
        if not fact.holders:
            continue
        card.held = max(card.held, len(fact.holders))
        for holder in fact.holders:
            key = (holder.namespace, holder.pod, holder.container)
            if key not in named and (holder.container or not any(known[:2] == key[:2] for known in named)):
                named[key] = holder
                card.sources.setdefault("holder", fact.source)
    if named:
        card.holders = tuple(named.values())


def _parts(group: list[CardFact]) -> tuple[Part, ...]:
    """Slices of one card from all sources: by UUID, then by instance id, since DCGM misnames profiles."""
    parts: list[Part] = []
    for fact in group:
        for part in fact.parts:
            for at, known in enumerate(parts):
                same_uuid = part.uuid is not None and part.uuid == known.uuid
                same_instance = part.instance is not None and part.instance == known.instance
                if same_uuid or (same_instance and not (part.uuid and known.uuid)):
                    parts[at] = _filled(known, part)
                    break
            else:
                parts.append(part)
    return tuple(parts)


def _filled(known: Part, more: Part) -> Part:
    changes = {
        field: getattr(more, field)
        for field in Part.__struct_fields__
        if getattr(known, field) in (None, ()) and getattr(more, field) not in (None, ())
    }
    return msgspec.structs.replace(known, **changes) if changes else known


def _disagreements(group: list[CardFact]) -> tuple[str, ...]:
    found = []
    first: dict[str, CardFact] = {}
    for fact in group:
        for field, differs, unit in _COMPARED:
            value = getattr(fact, field)
            if value is None:
                continue
            known = first.setdefault(field, fact)
            if known is not fact and differs(known, fact):
                theirs = getattr(known, field)
                found.append(f"{field}: {known.source} says {theirs}{unit}, {fact.source} says {value}{unit}")
    healths = {fact.health: fact.source for fact in group if fact.health}
    if len(healths) > 1:
        found.append(f"health: {healths['unhealthy']} says unhealthy, {healths['healthy']} says healthy")
    return tuple(found)


def _models_differ(known: CardFact, fact: CardFact) -> bool:
    return not same_model(known.model or "", fact.model or "")


def _totals_differ(known: CardFact, fact: CardFact) -> bool:
    """Drivers count reserved memory differently (a T4 is 15109 or 15360 MiB), so a small difference is none."""
    total = known.memory_total or 0
    return abs(total - (fact.memory_total or 0)) * 10 > total


def _uses_differ(known: CardFact, fact: CardFact) -> bool:
    if known.taken_at is None or fact.taken_at is None or abs(known.taken_at - fact.taken_at) > _SAME_MOMENT:
        return False
    return abs((known.memory_used or 0) - (fact.memory_used or 0)) > 1024


_COMPARED: tuple[tuple[str, Callable[[CardFact, CardFact], bool], str], ...] = (
    ("model", _models_differ, ""),
    ("memory_total", _totals_differ, " MiB"),
    ("memory_used", _uses_differ, " MiB"),
)
