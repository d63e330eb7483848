"""The facts of all cards of a node, merged from every source and set against what the scheduler counts.

In flow the store's record of a node and what the sources last learned; out flows the `gpu_details` of that node. The
counts decide what is available; the sources tell what the cards are and what they do. A source that fails, hangs or
lies never changes a count.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

import msgspec

from moorage.gpus import labels as node_labels
from moorage.gpus.allocation import NOT_READY, Pool, Standing, deal, pool, standings
from moorage.gpus.census import Census, take
from moorage.gpus.details import HolderPolicy, detail, mebibytes, shown
from moorage.gpus.idle import IdleClock
from moorage.gpus.merge import Card
from moorage.gpus.sources.hami import Hami
from moorage.gpus.sources.podstatus import PodStatus
from moorage.gpus.units import Units
from moorage.gpus.units import units as units_of
from moorage.gpus.view import NodeView, view_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from moorage.gpus.facts import CardFact
    from moorage.gpus.sources.base import OnChange, Source
    from moorage.scheduling.nodeinfo import NodeInfo

log = logging.getLogger(__name__)

NO_SOURCE = "no source of GPU metrics is set up"


class Cards:
    """Facts of cards, node by node."""

    def __init__(
        self,
        sources: Sequence[Source] = (),
        *,
        holders: HolderPolicy = "hidden",
        extra_resources: Iterable[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._extra = frozenset(extra_resources)
        self._sources: tuple[Source, ...] = (*sources, PodStatus(extra=self._extra), Hami())
        self._holders: HolderPolicy = holders
        self._clock = clock
        self._idle = IdleClock()

    async def run(self, on_change: OnChange) -> None:
        """Run every source until cancelled. One that breaks is started again and never takes another with it."""
        async with asyncio.TaskGroup() as tasks:
            for source in self._sources:
                tasks.create_task(_keep_running(source, on_change), name=f"gpu source {source.name}")

    def details(self, node: NodeInfo | NodeView) -> list[dict[str, Any]]:
        """The node's `gpu_details`."""
        view = node if isinstance(node, NodeView) else view_of(node)
        if view is None:
            return []
        return self._details(view)

    def units(self, node: NodeInfo | NodeView) -> list[dict[str, Any]]:
        """The node's `gpu_units`: what the scheduler counts, by resource name; those of claims are approximate."""
        view = node if isinstance(node, NodeView) else view_of(node)
        if view is None:
            return []
        found: list[dict[str, Any]] = [
            {
                "resource": unit.resource,
                "capacity": unit.capacity,
                "allocatable": unit.allocatable,
                "allocated": unit.held,
                "available": unit.available,
                "out_of_service": unit.out_of_service,
            }
            for unit in units_of(view, extra=self._extra)
        ]
        for source in self._sources:
            claimable = getattr(source, "units", None)
            if claimable is not None:
                found += claimable(view)
        return found

    def _facts(self, view: NodeView) -> list[CardFact]:
        found: list[CardFact] = []
        for source in self._sources:
            try:
                found += source.facts(view)
            except Exception:  # one source must not hide what the others know
                log.exception("GPU source %s failed on node %s", source.name, view.name)
        if view.pods is not None:
            found = [_without_ended(fact, view) if fact.holders else fact for fact in found]
        return found

    def _details(self, view: NodeView) -> list[dict[str, Any]]:
        units = units_of(view, extra=self._extra)
        labels = node_labels.read(view.labels)
        facts = self._facts(view)
        if not (facts or labels.present or labels.count or any(unit.capacity for unit in units)):
            return []
        now = self._clock()
        census = take(facts, units, labels, now=now)
        for card in census.cards:
            if card.memory_kind == "unified" and card.memory_total is None and view.memory_bytes:
                card.memory_total, card.sources["memory_total"] = view.memory_bytes >> 20, "node"
        entries = _Entries(view, census, units, labels)
        standing, parts, resources = entries.settle()
        why = self._why_no_activity(view)
        sharing = labels.sharing
        node_notes = census.notes + ([] if view.schedulable else ["the node takes no new pods (cordoned)"])
        details = []
        for at, card in enumerate(census.cards):
            entry = detail(
                card,
                standing[at],
                slices=_slices(card, parts[at], policy=self._holders),
                resource=resources[at],
                policy=self._holders,
                sharing=sharing,
                idle=self._idle.observe(view.name, card),
                why_no_activity=why,
                now=now,
            )
            entry["notes"] = entry["notes"] + node_notes
            if entries.disagreements:
                entry["disagreements"] = entry["disagreements"] + entries.disagreements
            details.append(entry)
        details.sort(key=lambda entry: entry["index"])
        return details

    def _why_no_activity(self, view: NodeView) -> str:
        problems = [
            problem for source in self._sources if source.activity and (problem := source.problem(view)) is not None
        ]
        if problems:
            return "; ".join(problems)
        if any(source.activity for source in self._sources):
            return "no source of GPU metrics tells it of this card"
        return NO_SOURCE


class _Entries:
    """The standings of a node's cards, pool by pool."""

    def __init__(self, view: NodeView, census: Census, units: Sequence[Units], labels: node_labels.LabelFacts) -> None:
        self.view = view
        self.census = census
        self.units = units
        self.labels = labels
        self.disagreements: list[str] = []

    def settle(self) -> tuple[list[Standing], list[list[Standing]], list[str | None]]:
        """For each card: its standing, those of its slices, and the resource name to ask for."""
        cards = self.census.cards
        standing: list[Standing | None] = [None] * len(cards)
        parts: list[list[Standing]] = [[] for _ in cards]
        resources: list[str | None] = [card.resource for card in cards]
        groups: dict[str, list[int]] = {}
        for at, card in enumerate(cards):
            groups.setdefault(self._pool_name(card), []).append(at)
        for name, members in groups.items():
            found, found_parts, resource = self._settle_group(name, [cards[at] for at in members])
            for position, at in enumerate(members):
                standing[at] = found[position]
                if found_parts:
                    parts[at] = found_parts[position]
                resources[at] = resources[at] or resource
        return [one for one in standing if one is not None], parts, resources

    def _pool_name(self, card: Card) -> str:
        vendors = {unit.family.vendor for unit in self.units if unit.capacity and unit.family.kind != "amount"}
        if card.allocated is not None and not vendors:
            return "claims"
        sliced = [unit for unit in self.units if unit.family.kind == "slice" and unit.capacity]
        if sliced and (card.mig or card.parts or not self._plain("nvidia")):
            return "slices"
        vendor = _vendor(card) or (self.labels.vendor if len(vendors) != 1 else next(iter(vendors)))
        if vendor not in vendors:
            return "claims" if card.allocated is not None else "none"
        return vendor or "none"

    def _plain(self, vendor: str) -> list[Units]:
        return [
            unit
            for unit in self.units
            if unit.family.vendor == vendor and unit.family.kind in ("card", "shared", "partition") and unit.capacity
        ]

    def _settle_group(self, name: str, cards: list[Card]) -> tuple[list[Standing], list[list[Standing]], str | None]:
        if name == "claims":
            return self._by_claims(cards)
        if name == "none":
            return self._without_units(cards), [], None
        if name == "slices":
            return self._by_slices(
                cards, [unit for unit in self.units if unit.family.kind == "slice" and unit.capacity]
            )
        units = self._plain(name)
        if any(card.parts for card in cards) and self.labels.slice_profile is not None:
            return self._by_slices(cards, units)
        together = pool(units, cards=len(cards), slots=self.census.slots)
        self._compare(cards, together)
        found = self._standings(cards, together, of="units" if self.census.of_units else None)
        deal(found, available=together.available)
        return found, [], units[0].resource if units else None

    def _standings(self, cards: Sequence[Card], together: Pool, *, of: str | None = None) -> list[Standing]:
        return standings(cards, together, ready=self.view.ready, readable=self.view.pods_readable, of=of)

    def _compare(self, cards: Sequence[Card], together: Pool) -> None:
        """Counts and names that contradict each other are both shown."""
        named = sum(card.held for card in cards)
        if named > together.held and self.view.pods_readable:
            self.disagreements.append(
                f"held: the scheduler counts {together.held} units of {together.resource}, sources name {named}"
            )

    def _by_claims(self, cards: list[Card]) -> tuple[list[Standing], list[list[Standing]], str | None]:
        """Cards of DRA drivers: each is taken or not by claims, and so is each slice of a card that is split."""
        parts = [[self._by_claim(card, part.allocated) for part in card.parts] for card in cards]
        found = [
            _whole(own, counted=None) if own else self._by_claim(card, card.allocated)
            for card, own in zip(cards, parts, strict=True)
        ]
        return found, parts, None

    def _by_claim(self, card: Card, allocated: bool | None) -> Standing:  # noqa: FBT001 # the fact itself
        if not self.view.ready:
            return Standing(state="not_reporting", text=NOT_READY)
        if card.missing:
            return Standing(state="not_reporting", text="not reporting: no source sees this card")
        if card.health == "unhealthy":
            return Standing(
                state="out_of_service", text=f"out of service ({card.problem})" if card.problem else "out of service"
            )
        if allocated is None:
            return Standing(state="unknown", text="no driver or device plugin offers this card")
        if allocated:
            return Standing(state="held", text="held by a claim", held=1)
        return Standing(state="free", text="free (by claims; approximate)", held=0, available=self.view.takes_pods)

    def _without_units(self, cards: list[Card]) -> list[Standing]:
        """Cards of which the node offers no unit: nothing that is asked for can land on them."""
        text = NOT_READY if not self.view.ready else "not offered: no working driver or device plugin"
        return [Standing(state="not_reporting", text=text) for _ in cards]

    def _by_slices(
        self, cards: list[Card], units: Sequence[Units]
    ) -> tuple[list[Standing], list[list[Standing]], str | None]:
        together = pool(units, cards=0)
        if not any(card.parts for card in cards):
            found = self._standings(cards, together)
            deal(found, available=together.available)
            return found, [], units[0].resource if len(units) == 1 else None
        parts: list[list[Standing]] = [[Standing(state="unknown", text="unknown")] * len(card.parts) for card in cards]
        for unit in units:
            places = [
                (at, number)
                for at, card in enumerate(cards)
                for number, part in enumerate(card.parts)
                if unit.family.profile is None or self._profile_of(part.profile) == unit.family.profile
            ]
            alike = [
                Card(
                    held=len(cards[at].parts[number].holders),
                    health=cards[at].health,
                    problem=cards[at].problem,
                    missing=cards[at].missing,
                )
                for at, number in places
            ]
            one = pool([unit], cards=len(alike))
            found_parts = self._standings(alike, one, of=f"{unit.family.profile or self.labels.slice_profile} slices")
            deal(found_parts, available=one.available)
            for (at, number), standing in zip(places, found_parts, strict=True):
                parts[at][number] = standing
        counted = together.held if len(cards) == 1 and not together.out_of_service else None
        found = [_whole(part_standings, counted=counted) for part_standings in parts]
        free = [at for at, standing in enumerate(found) if standing.available]
        for at in free[max(0, together.available) :]:
            found[at].available = False
        return found, parts, units[0].resource if len(units) == 1 else None

    def _profile_of(self, profile: str | None) -> str | None:
        """DCGM says 1g.11gb of a 1g.12gb slice: the node's own resource names know better."""
        if profile is None:
            return None
        known = {unit.family.profile for unit in self.units if unit.family.kind == "slice"}
        if profile in known:
            return profile
        compute, _, size = profile.partition("g.")
        near = [
            other
            for other in known
            if other is not None and other.partition("g.")[0] == compute and _near(size, other.partition("g.")[2])
        ]
        return near[0] if len(near) == 1 else profile


def _near(size: str, other: str) -> bool:
    first, second = size.partition("gb")[0], other.partition("gb")[0]
    return first.isdigit() and second.isdigit() and abs(int(first) - int(second)) <= 2


def _whole(parts: Sequence[Standing], *, counted: int | None) -> Standing:
    """A card's standing out of its slices'; of a node's only card the count is known even where the names are not."""
    total = len(parts)
    available = any(part.available for part in parts)
    states = {part.state for part in parts}
    if states in ({"free"}, {"held"}) or (len(states) == 1 and not states & {"shared", "unknown"}):
        only = parts[0]
        texts = {"free": f"free: 0 of {total} slices held", "held": f"held: {total} of {total} slices"}
        return Standing(
            state=only.state,
            text=texts.get(only.state, only.text),
            slots=total,
            held={"free": 0, "held": total}.get(only.state),
            available=available,
        )
    held = sum(part.state == "held" for part in parts)
    if counted is not None and states <= {"free", "held", "unknown"} and 0 < counted < total:
        held, states = counted, {"free", "held"}
    if states <= {"free", "held"}:
        return Standing(
            state="shared", text=f"shared: {held} of {total} slices held", slots=total, held=held, available=available
        )
    open_question = next((part.text for part in parts if part.state == "unknown"), "")
    text = f"at least {held} of {total} slices held" + (f"; {open_question}" if open_question else "")
    return Standing(state="unknown", text=text, slots=total, available=available)


def _slices(card: Card, standing: Sequence[Standing], *, policy: HolderPolicy) -> list[dict[str, Any]] | None:
    if not card.parts:
        return None
    found = []
    for number, part in enumerate(card.parts):
        state = standing[number] if number < len(standing) else Standing(state="unknown", text="unknown")
        found.append(
            {
                "profile": part.profile,
                "uuid": part.uuid,
                "instance": part.instance,
                "memory_total": mebibytes(part.memory_total),
                "memory_used": mebibytes(part.memory_used),
                "memory_free": mebibytes(part.memory_free),
                "utilization": part.utilization,
                "state": state.state,
                "state_text": state.text,
                "available": state.available,
                "holder": ", ".join(shown(part.holders, policy=policy)) or None,
            }
        )
    return found


def _vendor(card: Card) -> str | None:
    """Who made the card, as far as its id or name tells."""
    if card.uuid and card.uuid.startswith("GPU-"):
        return "nvidia"
    model = (card.model or "").lower()
    for vendor, marks in _MAKERS:
        if any(mark in model for mark in marks):
            return vendor
    return None


_MAKERS = (
    ("nvidia", ("nvidia", "tesla", "geforce", "quadro", "grid ", "nvgpu")),
    ("amd", ("amd", "instinct", "radeon")),
    ("intel", ("intel",)),
)


def _without_ended(fact: CardFact, view: NodeView) -> CardFact:
    """Labels of metrics outlive their pods: a pod that the node no longer counts holds nothing."""
    pods = view.pods or frozenset()
    kept = tuple(holder for holder in fact.holders if (holder.namespace, holder.pod) in pods)
    return fact if len(kept) == len(fact.holders) else msgspec.structs.replace(fact, holders=kept)


async def _keep_running(source: Source, on_change: OnChange, *, pause: float = 30.0) -> None:
    while True:
        try:
            await source.run(on_change)
        except Exception:  # a bug in one source costs its own facts only
            log.exception("GPU source %s stopped; it is started again in %s s", source.name, int(pause))
        await asyncio.sleep(pause)
