"""The cards of a node: those that sources see, and those that must be there by the node's own counts and labels.

Without any source the count of cards follows from labels and units; with sources, a card that the labels count and
nobody sees is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from moorage.gpus.facts import CardFact, Part, is_unified_model, model_key, same_model
from moorage.gpus.merge import Card, merge
from moorage.gpus.units import Units, family
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moorage.gpus.labels.vendors import LabelFacts


# Nobody reads more entries of one node; a shared card may have thousands of units, and an API server may say anything.
MOST = 64


class Census(msgspec.Struct, kw_only=True):
    """The cards of a node by the resource that counts them, and what is odd about them."""

    cards: list[Card]
    notes: list[str]
    slots: int | None = None
    mixed: bool = False
    of_units: bool = False  # True: what looks like cards are units, since nothing tells how many cards they are
    cards_countable: bool = True  # False: the node tells its slices, but not on how many cards


def take(facts: Sequence[CardFact], units: Sequence[Units], labels: LabelFacts, *, now: float) -> Census:
    """All cards of a node."""
    slices = [fact for fact in facts if fact.uuid and fact.uuid.startswith("MIG-")]
    if slices:
        facts = [fact for fact in facts if fact not in slices]
    cards = _paired(merge(facts, now=now))
    census = Census(cards=cards, notes=list(labels.notes))
    plain = [unit for unit in units if unit.family.kind in ("card", "shared", "partition")]
    sliced = [unit for unit in units if unit.family.kind == "slice" and unit.capacity]
    by_claims = any(card.allocated is not None for card in cards)
    expected = _expected(census, plain, sliced, labels, facts)
    complete = any(fact.counts_all for fact in facts)
    usable = sum(unit.capacity for unit in units) > 0 or by_claims
    if expected > MOST:
        census.notes.append(
            later("{expected} units or cards; no more than {most} are listed", expected=expected, most=MOST)
        )
    while len(cards) < min(expected, MOST):
        cards.append(Card(sources={}, why={}, missing=complete and bool(cards) and usable))
    if not usable and cards and labels.present and not facts:
        census.notes.append(later("the node has a card, but no working driver or device plugin offers it"))
    elif not usable and cards:
        census.notes.append(later("the node has cards but offers none (no working device plugin)"))
    _fill_from_labels(census, labels)
    _place_slices(census, labels, plain, sliced)
    for fact in slices:
        _name_slice(census, fact, default=labels.slice_profile)
    _number(cards)
    return census


def _paired(cards: list[Card]) -> list[Card]:
    """A lost card tells no UUID. If one other record has one that no driver shows, it is that card."""
    lost = [card for card in cards if card.missing and card.uuid is None]
    named = [card for card in cards if card.uuid and card.pci is None and card.index is None and not card.missing]
    if len(lost) != 1 or len(named) != 1 or len(cards) < 2 or set(named[0].seen_by) - {"podstatus", "hami", "dra"}:
        return cards
    card, other = lost[0], named[0]
    card.uuid, card.holders, card.held, card.resource = other.uuid, other.holders, other.held, other.resource
    card.model, card.memory_total = card.model or other.model, card.memory_total or other.memory_total
    card.sources = {**other.sources, **card.sources}
    card.seen_by += other.seen_by
    card.facts = [*card.facts, *other.facts]
    return [one for one in cards if one is not other]


def _expected(
    census: Census, plain: Sequence[Units], sliced: Sequence[Units], labels: LabelFacts, facts: Sequence[CardFact]
) -> int:
    """How many physical cards there should be."""
    seen = len(census.cards)
    capacity = sum(unit.capacity for unit in plain)
    if labels.slice_profile is not None:
        # MIG single: labels and units count slices. How many cards they lie on only a source knows.
        if not seen:
            census.cards_countable = False
        return max(seen, 1)
    replicas = max(labels.replicas or 1, 1)
    if labels.count is not None and labels.count > 0:
        if capacity and not sliced and capacity not in (labels.count * replicas, labels.count):
            if seen and any(fact.counts_all for fact in facts):
                census.mixed = seen != labels.count
                # GFD without the plugin's configuration labels replicas=1 on shared cards.
                census.slots = capacity // seen if capacity % seen == 0 else None
                return seen
            census.mixed = True
            census.notes.append(
                later(
                    "mixed or unknown models (the labels name only {model}, and their count does not match the units)",
                    model=labels.model or later("one model"),
                )
            )
            return max(seen, capacity // replicas, labels.count)
        census.slots = replicas if replicas > 1 and not sliced else None
        return max(seen, labels.count)
    slots = next((card.slots for card in census.cards if card.slots), None)
    if slots:
        census.slots = slots
        return max(seen, -(-capacity // slots))
    if seen and any(fact.counts_all for fact in facts):
        return seen
    if any(unit.family.kind == "shared" and unit.capacity for unit in plain) or (sliced and not capacity):
        if not seen:
            census.cards_countable = False
        return max(seen, 1)
    if labels.replicas and labels.replicas > 1 and capacity:
        census.slots = labels.replicas
        return max(seen, -(-capacity // labels.replicas))
    if capacity > max(seen, 1):
        census.of_units = True
        census.notes.append(later("unknown whether a unit is a whole card or part of a shared one"))
    return max(seen, capacity, 1 if labels.present or capacity or sliced else 0)


def _several_models(cards: Sequence[Card]) -> bool:
    return len({model_key(card.model) for card in cards if card.model}) > 1


def _fill_from_labels(census: Census, labels: LabelFacts) -> None:
    """What labels say of all cards of the node, where no source says it of the card."""
    mixed = census.mixed or _several_models(census.cards)
    origin = f"labels ({labels.origin})" if labels.origin else "labels"
    for card in census.cards:
        if labels.model and not mixed:
            if card.model is None:
                card.model, card.sources["model"] = labels.model, origin
            elif not same_model(card.model, labels.model) and not card.disagreements:
                card.disagreements = (
                    f"model: {card.sources['model']} says {card.model}, {origin} says {labels.model}",
                )
        # The driver of a card without memory of its own knows better than a label written by hand.
        labelled = labels.memory and not mixed and labels.slice_profile is None and not is_unified_model(card.model)
        if card.memory_total is None and labelled:
            card.memory_total, card.sources["memory_total"] = labels.memory, origin
        if card.memory_kind is None:
            if labels.memory_kind and card.model == labels.model:
                card.memory_kind = labels.memory_kind
            elif card.memory_total is not None:
                card.memory_kind = "dedicated"
        if is_unified_model(card.model) and card.memory_total is None:
            card.memory_kind = "unified"
    if mixed:
        for card in census.cards:
            if card.model is None:
                card.why["model"] = later("the node has several models, and no source says which one this is")


def _place_slices(census: Census, labels: LabelFacts, plain: Sequence[Units], sliced: Sequence[Units]) -> None:
    """The slices that counts and labels tell lie on the node's only card; of several cards nobody knows which."""
    memory: dict[str, int | None] = {slices.profile: slices.memory for slices in labels.slices}
    if labels.slice_profile is not None:
        memory[labels.slice_profile] = labels.memory
    if any(card.parts for card in census.cards):
        for card in census.cards:
            card.parts = tuple(_sized(part, memory) for part in card.parts)
        return
    counted = [(unit.family.profile or unit.resource, unit.capacity) for unit in sliced]
    if labels.slice_profile is not None:
        counted = [(labels.slice_profile, sum(unit.capacity for unit in plain))]
    counted = [(profile, count) for profile, count in counted if count]
    if not counted:
        return
    if len(census.cards) == 1:
        census.cards[0].mig = True
        census.cards[0].parts = tuple(
            Part(profile=profile, memory_total=memory.get(profile))
            for profile, count in counted
            for _ in range(min(count, MOST))
        )
        if not census.cards_countable:
            words = later("the node offers MIG slices ({slices}); unknown on how many cards", slices=_listed(counted))
            census.notes.append(words)
        return
    words = later("the node offers MIG slices ({slices}); unknown on which cards", slices=_listed(counted))
    census.notes.append(words)


def _sized(part: Part, memory: dict[str, int | None]) -> Part:
    if part.memory_total is not None or memory.get(part.profile or "") is None:
        return part
    return msgspec.structs.replace(part, memory_total=memory[part.profile or ""])


def _listed(counted: Sequence[tuple[str, int]]) -> str:
    return ", ".join(f"{count} x {profile}" for profile, count in counted)


def _name_slice(census: Census, fact: CardFact, *, default: str | None) -> None:
    """Put a slice that a source names by its own UUID in its place; without a place its holder stays unknown."""
    for card in census.cards:
        for at, part in enumerate(card.parts):
            if part.uuid == fact.uuid:
                card.parts = _with(card.parts, at, fact)
                return
    split = [card for card in census.cards if card.parts]
    if len(split) != 1 or len(census.cards) != 1:
        return
    kind = family(fact.resource) if fact.resource else None
    profile = (kind.profile if kind else None) or default
    for at, part in enumerate(split[0].parts):
        # Slices of one profile on the node's only card are alike, so any that has no name yet may take it.
        if part.uuid is None and not part.holders and part.profile == profile:
            split[0].parts = _with(split[0].parts, at, fact)
            return


def _with(parts: tuple[Part, ...], at: int, fact: CardFact) -> tuple[Part, ...]:
    part = msgspec.structs.replace(parts[at], uuid=fact.uuid, holders=fact.holders or parts[at].holders)
    return (*parts[:at], part, *parts[at + 1 :])


def _number(cards: Sequence[Card]) -> None:
    """Cards without an index of their own get the free numbers, so that each has one on the page."""
    taken = {card.index for card in cards if card.index is not None}
    free = iter(number for number in range(len(cards) + len(taken)) if number not in taken)
    for card in cards:
        if card.index is None:
            card.index = next(free)
    if len({card.index for card in cards}) < len(cards):
        for number, card in enumerate(cards):
            card.index = number
