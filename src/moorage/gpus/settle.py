"""How a node's cards stand: each card is put into the pool that counts it, and each pool is settled by its counts and
names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.gpus.allocation import NOT_READY, Pool, Standing, deal, pool, standings
from moorage.gpus.merge import Card
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moorage.gpus.census import Census
    from moorage.gpus.labels import vendors as node_labels
    from moorage.gpus.units import Units
    from moorage.gpus.view import NodeView


class Settlement:
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
        self._name_by_counts(cards, units, together)
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

    def _name_by_counts(self, cards: Sequence[Card], units: Sequence[Units], together: Pool) -> None:
        """Where no source names a holder, counts do so for a node's only card, and where one pod has all cards."""
        if any(card.holders for card in cards) or not self.census.cards_countable:
            return
        asking = [
            (holder, amount)
            for holder, asked in self.view.askers
            if (amount := sum(asked.get(unit.resource, 0) for unit in units))
        ]
        if sum(amount for _, amount in asking) != together.held:
            return
        if len(cards) == 1 or (len(asking) == 1 and together.held >= together.capacity):
            for card in cards:
                card.holders = tuple(holder for holder, _ in asking)
                if asking:
                    card.sources.setdefault("holder", "counts")

    def _by_claims(self, cards: list[Card]) -> tuple[list[Standing], list[list[Standing]], str | None]:
        """Cards of DRA drivers: each is taken or not by claims, and so is each slice of a card that is split.

        Whoever has the whole card has its slices.
        """
        parts = [[self._by_claim(card, card.allocated or part.allocated) for part in card.parts] for card in cards]
        found = [
            _whole(own, counted=None)
            if own and not card.allocated
            else self._by_share(card)
            if card.shared
            else self._by_claim(card, card.allocated)
            for card, own in zip(cards, parts, strict=True)
        ]
        return found, parts, None

    def _by_claim(self, card: Card, allocated: bool | None) -> Standing:  # noqa: FBT001 # the fact itself
        if not self.view.ready:
            return Standing(state="not_reporting", text=NOT_READY)
        if card.missing:
            return Standing(state="not_reporting", text=later("not reporting: no source sees this card"))
        if card.health == "unhealthy":
            return Standing(
                state="out_of_service",
                text=later("out of service ({reason})", reason=card.problem)
                if card.problem
                else later("out of service"),
            )
        if allocated is None:
            return Standing(state="unknown", text=later("no driver or device plugin offers this card"))
        if allocated:
            return Standing(state="held", text=later("held by a claim"), held=1)
        if card.withheld:
            text = later("free, but not allocated while its driver's device list is incomplete or wrong")
            return Standing(state="free", text=text, held=0)
        return Standing(
            state="free", text=later("free (by claims; approximate)"), held=0, available=self.view.takes_pods
        )

    def _by_share(self, card: Card) -> Standing:
        """A card of which claims hold parts: what is left of each of its capacities decides on the next one."""
        found = self._by_claim(card, card.allocated)
        if found.state not in ("free", "held"):
            return found
        if card.left is None:
            return Standing(state="shared", text=later("shared: claims hold parts of it; unknown how much is left"))
        left = later("{parts} left", parts=", ".join(card.left)) if card.left else later("each claim takes a part")
        if found.state == "held":
            return Standing(state="held", text=later("held in parts: {left}", left=left))
        return Standing(state="shared", text=f"shared: {left}", available=found.available)

    def _without_units(self, cards: list[Card]) -> list[Standing]:
        """Cards of which the node offers no unit: nothing that is asked for can land on them."""
        text = NOT_READY if not self.view.ready else later("not offered: no working driver or device plugin")
        return [Standing(state="not_reporting", text=text) for _ in cards]

    def _by_slices(
        self, cards: list[Card], units: Sequence[Units]
    ) -> tuple[list[Standing], list[list[Standing]], str | None]:
        together = pool(units, cards=0)
        if not any(card.parts for card in cards):
            found = self._standings(cards, together)
            deal(found, available=together.available)
            return found, [], units[0].resource if len(units) == 1 else None
        parts: list[list[Standing]] = [
            [Standing(state="unknown", text=later("unknown"))] * len(card.parts) for card in cards
        ]
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
            found_parts = self._standings(alike, one, of=unit.family.profile or self.labels.slice_profile)
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
        texts = {
            "free": later("free: {held} of {total} slices held", held=0, total=total),
            "held": later("held: {held} of {total} slices", held=total, total=total),
        }
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
            state="shared",
            text=later("shared: {held} of {total} slices held", held=held, total=total),
            slots=total,
            held=held,
            available=available,
        )
    open_question = next((part.text for part in parts if part.state == "unknown"), "")
    known = later("at least {held} of {total} slices held", held=held, total=total)
    text = f"{known}; {open_question}" if open_question else known
    return Standing(state="unknown", text=text, slots=total, available=available)


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
