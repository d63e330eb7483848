"""A node's cards in words: what each is, who holds it as far as the reader may know, what it is doing, and what is odd.

What a card is doing stands beside what the scheduler may still give of it; only that decides whether a pod starts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moorage.hub.view.checked import text, whole
from moorage.hub.view.holders import by
from moorage.texts import again, later, t

if TYPE_CHECKING:
    from moorage.hub.view.holders import Own

_MOST = 64
_MOST_NOTES = 4
_IDLE_WORTH_A_WORD = 600
# The service's sentence for what stands beside each card here.
_IDLE = "held, but idle for "
_NETWORK = "over the network"
# Between two parts, and not inside of one.
_COMMA = re.compile(r", (?!but )")


@dataclass(frozen=True, slots=True)
class Card:
    """One card, with its holders as the service names them (`namespace/pod`)."""

    model: str
    state: str | None
    doing: tuple[str, ...]
    holders: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cards:
    """All cards of a node, and what is odd about them."""

    cards: tuple[Card, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def holders(self) -> frozenset[str]:
        return frozenset(holder for card in self.cards for holder in card.holders)

    def words(self, *, own: Own | None = None, names: bool = False) -> tuple[str, ...]:
        """One line for each kind of card, equal ones once: "2 × NVIDIA A100, 40960 MiB: held, 3 % busy"."""
        counts: dict[str, int] = {}
        for card in self.cards:
            who = by(card.holders, own=own or {}, names=names)
            state = card.state
            if who and state:
                alone = state == "held"
                named = later("held by {names}", names=who) if alone else later("by {names}", names=who)
                state = named if alone else f"{state}, {named}"
            says = ", ".join(filter(None, (state, *card.doing)))
            line = f"{card.model}: {says}" if says else card.model
            counts[line] = counts.get(line, 0) + 1
        lines = (f"{count} × {line}" if count > 1 else line for line, count in counts.items())
        return (*lines, *self.notes)


def in_language(line: str) -> str:
    """A line for cards as whoever reads it reads: what stands behind the model is told part by part."""
    model, colon, says = line.partition(": ")
    if not colon or model == _NETWORK:
        return again(line)
    return f"{model}: {', '.join(_part(part) for part in _COMMA.split(says))}"


def _part(words: str) -> str:
    return t("by {names}", names=again(words[3:])) if words.startswith("by ") else again(words)


def read_cards(value: Any, *, claims: Any = None) -> Cards:
    """The service's `gpu_details`, and of its `gpu_claims` the cards that several nodes reach; what can't be read is
    left out.
    """
    cards: list[Card] = []
    notes: dict[str, None] = {}
    for item in value[:_MOST] if isinstance(value, list) else ():
        model = text(item.get("model"), 100) if isinstance(item, dict) else None
        if not model:
            continue
        memory = text(item.get("memory_total"), 30)
        name = f"{model}, {memory}" if memory and memory != "Unknown" else model
        cards.append(Card(name, text(item.get("state_text"), 200), _doing(item), _holders(item)))
        said = item.get("notes")
        for note in said[:_MOST_NOTES] if isinstance(said, list) else ():
            if text(note, 200) and not note.startswith(_IDLE):
                notes[note] = None
    for item in claims[:_MOST] if isinstance(claims, list) else ():
        if isinstance(item, dict) and item.get("network") is True and (line := _network_pool(item)):
            notes[line] = None
    return Cards(tuple(cards), tuple(list(notes)[:_MOST_NOTES]))


def _network_pool(item: dict[str, Any]) -> str | None:
    """Cards that are no node's own: "over the network: 2 × NVIDIA A100, 1 of 2 free"."""
    models = item.get("models")
    counts = {
        model: count
        for model, count in (models.items() if isinstance(models, dict) else ())
        if text(model, 100) and whole(count)
    }
    if not counts:
        return None
    names = ", ".join(f"{count} × {model}" for model, count in list(counts.items())[:_MOST_NOTES])
    free, there = whole(item.get("available")), whole(item.get("allocatable"))
    known = free is not None and there is not None
    left = later("{part} of {whole} free", part=free, whole=there) if known else later("how many are free is unknown")
    return later("over the network: {cards}, {left}", cards=names, left=left)


def _doing(item: dict[str, Any]) -> tuple[str, ...]:
    used, busy = text(item.get("memory_used"), 30), whole(item.get("utilization"))
    idle = whole(item.get("idle_seconds"))
    found = []
    if idle is not None and idle >= _IDLE_WORTH_A_WORD and item.get("state") in ("held", "shared"):
        found.append(later("idle {time}", time=_duration(idle)))
    if used and used != "Unknown":
        found.append(later("{amount} in use", amount=used))
    if busy is not None:
        found.append(later("{share} % busy", share=busy))
    taken_at = text(item.get("taken_at"), 40)
    if found and taken_at and item.get("stale") is True:
        found.append(later("as of {time} UTC", time=taken_at[11:16]))
    return tuple(found)


def _holders(item: dict[str, Any]) -> tuple[str, ...]:
    """Of the card and of its slices; the service joins several names by commas, which no name contains."""
    slices = item.get("slices")
    told = [item.get("holder")]
    told += [one.get("holder") for one in (slices[:_MOST] if isinstance(slices, list) else ()) if isinstance(one, dict)]
    names = [name for one in told for name in (text(one, 4000) or "").split(", ") if text(name, 320)]
    return tuple(dict.fromkeys(names))[:_MOST]


def _duration(seconds: int) -> str:
    if seconds < 2 * 3600:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h" if seconds < 48 * 3600 else f"{seconds // 86400} d"
