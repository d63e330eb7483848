"""What a source is: something that runs beside the feed, keeps what it last learned, and is asked for one node's cards
at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Protocol

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


# A card that is told again after this long is not stale on any page.
_TELL_AT_LEAST_EVERY = 45.0
_SMALL_CHANGE = (("utilization", 4), ("memory_used", 64), ("memory_free", 64))
_READING = ("taken_at", "memory_used", "memory_free", "utilization", "temperature")
_shape = attrgetter(*(field for field in CardFact.__struct_fields__ if field not in _READING))


def shape_of(facts: Sequence[CardFact]) -> list[tuple[Any, ...]]:
    """All that facts say but their readings; of equal facts it is equal."""
    return [_shape(fact) for fact in facts]


class Known(tuple[CardFact, ...]):  # noqa: SLOT001 # a tuple's kind can have no slots of its own
    """The cards of one node, and their shape: all that they say but the readings.

    While the shape stays equal it stays the same object, so that nobody has to compare it again.
    """

    shape: list[tuple[Any, ...]]

    @classmethod
    def after(cls, before: Known | None, facts: Sequence[CardFact]) -> Known:
        known = cls(facts)
        known.shape = shape_of(facts)
        if before is not None and before.shape == known.shape:
            known.shape = before.shape
        return known

    def is_news(self, before: Known) -> bool:
        """Whether a reader would see a difference that matters."""
        if self.shape is not before.shape:
            return True
        return any(_differ(old, new) for old, new in zip(before, self, strict=True))


NOTHING = Known.after(None, ())


class Told(msgspec.Struct):
    """What was last told of one node, so that readers are not woken for nothing."""

    known: Known = NOTHING
    at: float = 0.0

    def is_news(self, known: Known, *, now: float) -> bool:
        """Whether these facts are worth a new revision; remembers them if so."""
        if now - self.at < _TELL_AT_LEAST_EVERY and not known.is_news(self.known):
            return False
        self.known, self.at = known, now
        return True


def _differ(old: CardFact, new: CardFact) -> bool:
    for field, small in _SMALL_CHANGE:
        before, after = getattr(old, field), getattr(new, field)
        if before != after and (before is None or after is None or abs(before - after) > small):
            return True
    return False
