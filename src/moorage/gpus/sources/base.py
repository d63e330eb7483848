"""What a source is: something that runs beside the feed, keeps what it last learned, and is asked for one node's cards
at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

import msgspec

from moorage.gpus.facts import CardFact

if TYPE_CHECKING:
    from moorage.gpus.view import NodeView

# Called with the names of the nodes whose facts changed.
OnChange = Callable[[Iterable[str]], None]


class Source(Protocol):
    """A place that knows something of cards."""

    name: str
    activity: bool  # whether it can tell what the cards are doing

    async def run(self, on_change: OnChange) -> None:
        """Learn for ever. Failures are kept as `problem`; they never end the task."""

    def facts(self, node: NodeView) -> Sequence[CardFact]:
        """What is known of a node's cards now. Never waits and never raises."""

    def problem(self, node: NodeView) -> str | None:
        """Why nothing (or nothing fresh) is known of this node, in plain words."""


# A card that is still told after this long is not stale on any page.
_TELL_AT_LEAST_EVERY = 45.0
_SMALL_CHANGE = {"utilization": 4, "memory_used": 64, "memory_free": 64}
_NOT_COMPARED = frozenset({"taken_at", "temperature"})


class Told(msgspec.Struct):
    """What was last told of one node, so that readers are not woken for nothing."""

    facts: tuple[CardFact, ...] = ()
    at: float = 0.0

    def is_news(self, facts: Sequence[CardFact], *, now: float) -> bool:
        """Whether these facts are worth a new revision; remembers them if so."""
        recent = len(facts) == len(self.facts) and now - self.at < _TELL_AT_LEAST_EVERY
        if recent and not any(_differ(old, new) for old, new in zip(self.facts, facts, strict=True)):
            return False
        self.facts, self.at = tuple(facts), now
        return True


def _differ(old: CardFact, new: CardFact) -> bool:
    for field in CardFact.__struct_fields__:
        if field in _NOT_COMPARED:
            continue
        before, after = getattr(old, field), getattr(new, field)
        if before == after:
            continue
        small = _SMALL_CHANGE.get(field)
        if small is None or before is None or after is None or abs(before - after) > small:
            return True
    return False
