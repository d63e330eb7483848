"""Following a shelf of the storage from inside the process: the changes since one was last asked, and when to ask
again.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from moorage.simulator.store.storage import Change

if TYPE_CHECKING:
    from moorage.simulator.store.resources import Kind
    from moorage.simulator.store.storage import Storage


class Follower:
    """Reads what happened to some kinds, in the order in which it happened."""

    def __init__(self, storage: Storage, kinds: list[Kind]) -> None:
        self._storage = storage
        self._kinds = kinds
        self._positions: dict[Kind, int] = {}

    def changes(self) -> list[tuple[Kind, Change]]:
        """Everything new; at first, and after the history was dropped, everything there is."""
        found: list[tuple[Kind, Change]] = []
        for kind in self._kinds:
            shelf = self._storage.shelf(kind.key)
            position = self._positions.get(kind)
            if position is None or position < shelf.since:
                news = [Change(stored.revision, key, stored, None) for key, stored in shelf.items.items()]
            else:
                news = shelf.changes[shelf.position(position) :]
            self._positions[kind] = self._storage.revision
            found += [(kind, change) for change in news]
        return sorted(found, key=lambda pair: pair[1].revision)

    async def wait(self) -> None:
        """Until something happens to any of the kinds; returns at once when something has happened since `changes`."""
        for kind in self._kinds:
            shelf = self._storage.shelf(kind.key)
            if shelf.changes and shelf.changes[-1].revision > self._positions.get(kind, 0):
                return
        waits = [asyncio.ensure_future(self._storage.shelf(kind.key).arrived.wait()) for kind in self._kinds]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
