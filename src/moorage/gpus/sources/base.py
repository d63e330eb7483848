"""What a source is: something that runs beside the feed, keeps what it last learned, and is asked for one node's cards
at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from moorage.gpus.facts import CardFact
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
