"""What is known of one node's cards, and how it is kept up to date.

Most changes are new readings of cards that are known: memory in use, utilization, age. Then only those values are
replaced. Anything else draws the picture anew.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

import msgspec

from moorage.gpus.census import take
from moorage.gpus.details import detail, slice_details, timestamp
from moorage.gpus.labels import vendors as node_labels
from moorage.gpus.merge import DROPPED_AFTER, STALE_AFTER, Card
from moorage.gpus.settle import Settlement
from moorage.gpus.sources.base import Known, shape_of
from moorage.gpus.units import units as units_of
from moorage.gpus.words import WORTH_A_WORD, notes
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moorage.cluster.answers.held import HolderPolicy
    from moorage.gpus.allocation import Standing
    from moorage.gpus.facts import CardFact
    from moorage.gpus.view import NodeView


class Drawn(msgspec.Struct):
    """One card of a picture, with all that its next reading needs, so that few objects are touched for each."""

    card: Card
    standing: Standing
    entry: dict[str, Any]
    place: int | None  # of its only reading among the facts; None where it has none
    more_notes: list[str]
    blank: tuple[bool, bool, bool]  # which of used, free and utilization the reading leaves out
    blanks: bool  # whether it leaves out any
    key: str | int | None
    hands: object  # who holds the card: its holders, or its state where they are not known
    busy_at: float | None  # when it was last seen at work, or came into these hands
    # Whether there is nothing to say of the card while it is free and empty, or held and at work.
    plain: bool


class Picture(msgspec.Struct):
    """A node's cards as they were last told."""

    view: NodeView
    drawn: list[Drawn]
    sharing: str | None = None
    shapes: list[list[tuple[Any, ...]]] = []  # of what each source told
    trouble: str = ""
    simple: bool = False  # no card has several readings to choose from
    entries: list[dict[str, Any]] = []

    def refreshed(self, told: Sequence[Sequence[CardFact]], *, now: float, trouble: str) -> list[dict[str, Any]] | None:
        """The entries with new readings, or None where more than readings has changed."""
        if not self.simple or trouble != self.trouble:
            return None
        for facts, shape in zip(told, self.shapes, strict=True):
            fresh = facts.shape if isinstance(facts, Known) else shape_of(facts)
            if fresh is not shape and fresh != shape:
                return None
        return self.entries if self._read(told[0] if len(told) == 1 else list(chain(*told)), now) else None

    def _read(self, facts: Sequence[CardFact], now: float) -> bool:
        """Put readings in the place of those before; False where one says less or more than that.

        It is done for every card of the cluster at once, so it does nothing twice.
        """
        read_at: float | None = None
        age, stale, moment = 0, False, ""
        for one in self.drawn:
            if one.place is None:
                continue
            fact = facts[one.place]
            used, free, busy, taken_at = fact.memory_used, fact.memory_free, fact.utilization, fact.taken_at
            incomplete = used is None or free is None or busy is None or one.blanks
            if incomplete and (used is None, free is None, busy is None) != one.blank:
                return False
            if taken_at is None or taken_at != read_at:
                if taken_at is None or now - taken_at > DROPPED_AFTER:
                    return False
                age = int(now - taken_at) if now > taken_at else 0
                stale = age > STALE_AFTER
                read_at, moment = taken_at, timestamp(taken_at)
            if self.trouble and (stale or one.entry["stale"]):
                return False  # the trouble is told beside old readings alone
            idle = None
            if busy is not None:
                if busy or one.busy_at is None:
                    one.busy_at = taken_at
                    idle = 0
                else:
                    idle = int(taken_at - one.busy_at)
            if one.plain and (
                used and busy if one.standing.state == "held" else used is not None and used < WORTH_A_WORD and not busy
            ):
                told = one.more_notes
            else:
                card = one.card
                card.taken_at, card.memory_used, card.memory_free, card.utilization = taken_at, used, free, busy
                told = [*notes(card, one.standing, sharing=self.sharing, idle=idle), *one.more_notes]
            entry = one.entry
            entry["memory_used"] = "Unknown" if used is None else f"{used} MiB"
            entry["memory_free"] = "Unknown" if free is None else f"{free} MiB"
            entry["utilization"] = busy
            entry["idle_seconds"] = idle
            entry["temperature"] = fact.temperature
            entry["age_seconds"] = age
            entry["taken_at"] = moment
            entry["stale"] = stale
            entry["notes"] = told
        return True


def draw(
    view: NodeView,
    told: Sequence[Sequence[CardFact]],
    own_facts: Sequence[CardFact],
    *,
    now: float,
    before: Picture | None,
    policy: HolderPolicy,
    extra: frozenset[str],
    trouble: str,
    why_no_activity: str,
) -> Picture:
    """A node's cards from nothing: `told` is what each source says, `own_facts` those of the node's own objects."""
    units = units_of(view, extra=extra)
    labels = node_labels.read(view.labels)
    picture = Picture(view=view, drawn=[], sharing=labels.sharing, trouble=trouble)
    picture.shapes = [facts.shape if isinstance(facts, Known) else shape_of(facts) for facts in told]
    facts = [fact for facts in told for fact in facts]
    every = [_without_ended(fact, view) for fact in (*facts, *own_facts)]
    if not (every or labels.present or labels.count or any(unit.capacity for unit in units)):
        picture.simple = True
        return picture
    census = take(every, units, labels, now=now)
    for card in census.cards:
        if card.memory_kind == "unified" and card.memory_total is None and view.memory_bytes:
            card.memory_total, card.sources["memory_total"] = view.memory_bytes >> 20, "node"
    settlement = Settlement(view, census, units, labels)
    standing, parts, resources = settlement.settle()
    more_notes = census.notes + ([] if view.schedulable else [later("the node takes no new pods (cordoned)")])
    earlier = {one.key: one for one in before.drawn} if before is not None else {}
    for at, card in enumerate(census.cards):
        key, hands = card.uuid or card.pci or card.index, card.holders or standing[at].state
        busy_at, idle_seconds = _idle(card, earlier.get(key), hands)
        entry = detail(
            card,
            standing[at],
            slices=slice_details(card, parts[at], policy=policy),
            resource=resources[at],
            policy=policy,
            sharing=labels.sharing,
            idle=idle_seconds,
            why_no_activity=why_no_activity,
            now=now,
        )
        if entry["stale"] and trouble:
            more_notes = [*more_notes, trouble] if trouble not in more_notes else more_notes
        entry["notes"] = entry["notes"] + more_notes
        entry["disagreements"] = entry["disagreements"] + settlement.disagreements
        blank = (card.memory_used is None, card.memory_free is None, card.utilization is None)
        plain = (
            standing[at].state in ("free", "held")
            and standing[at].slots == 1
            and card.memory_kind == "dedicated"
            and not (card.mig or card.parts or card.problem or card.xid or "holder" in card.why)
        )
        picture.drawn.append(
            Drawn(card, standing[at], entry, None, more_notes, blank, any(blank), key, hands, busy_at, plain)
        )
    picture.drawn.sort(key=lambda one: one.entry["index"])
    picture.entries = [one.entry for one in picture.drawn]
    picture.simple = _place_readings(picture.drawn, every, len(facts))
    return picture


def _idle(card: Card, earlier: Drawn | None, hands: object) -> tuple[float | None, int | None]:
    """When a card was last busy, and the seconds from then to its newest reading; hands that change begin anew."""
    known = earlier.busy_at if earlier is not None and earlier.hands == hands else None
    if card.utilization is None or card.taken_at is None:
        return known, None
    busy_at = card.taken_at if card.utilization or known is None else known
    return busy_at, max(0, int(card.taken_at - busy_at))


def _place_readings(drawn: Sequence[Drawn], facts: Sequence[CardFact], count: int) -> bool:
    """Find each card's only reading among the facts; False where some card has several to choose from."""
    places = {id(fact): place for place, fact in enumerate(facts)}
    for one in drawn:
        readings = [fact for fact in one.card.facts if fact.taken_at is not None]
        if len(readings) > 1:
            return False
        if readings and readings[0].taken_at == one.card.taken_at:
            place = places[id(readings[0])]
            one.place = place if place < count else None
        elif readings:
            # Too old to be told, or with nothing to tell: worth a new look each time.
            return False
    return True


def _without_ended(fact: CardFact, view: NodeView) -> CardFact:
    """Labels of metrics outlive their pods: a pod that the node no longer counts holds nothing."""
    if not fact.holders or view.pods is None:
        return fact
    pods = view.pods
    kept = tuple(holder for holder in fact.holders if (holder.namespace, holder.pod) in pods)
    return fact if len(kept) == len(fact.holders) else msgspec.structs.replace(fact, holders=kept)
