"""Work that many may ask for and few may do at a time: the others wait their turn, and of those only so many."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Turns:
    def __init__(self, *, at_once: int, waiting: int) -> None:
        self._running = asyncio.Semaphore(at_once)
        self._most = waiting
        self._waiting = 0

    @asynccontextmanager
    async def one(self) -> AsyncIterator[bool]:
        """A turn of one's own; False, at once and without a turn, where too many wait already."""
        if self._waiting >= self._most:
            yield False
            return
        self._waiting += 1
        try:
            await self._running.acquire()
        finally:
            self._waiting -= 1
        try:
            yield True
        finally:
            self._running.release()
