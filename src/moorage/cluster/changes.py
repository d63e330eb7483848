"""Changes for those who follow the cluster: each follower has one place to be told, and what it has not read yet is
merged there.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from moorage.cluster.status import Status


@dataclass(frozen=True, slots=True)
class Change:
    """What reads differently since the last change that this follower was given."""

    revision: int
    changed: dict[str, bytes]
    removed: list[str]
    status: Status


class Follower:
    """Keeps at most one change, however slow its reader is: the newest word on each node wins."""

    def __init__(self) -> None:
        self._waiting: Change | None = None
        self._told = asyncio.Event()

    def tell(self, change: Change) -> None:
        """One more change."""
        waiting = self._waiting
        if waiting is None:
            self._waiting = change
        else:
            gone = (set(waiting.removed) - change.changed.keys()) | set(change.removed)
            news = {name: data for name, data in (waiting.changed | change.changed).items() if name not in gone}
            self._waiting = Change(change.revision, news, sorted(gone), change.status)
        self._told.set()

    async def read(self) -> AsyncIterator[Change]:
        """The changes, for ever."""
        while True:
            await self._told.wait()
            self._told.clear()
            change, self._waiting = self._waiting, None
            if change is not None:
                yield change
