"""The output of one container: lines with the time at which they came, bounded, and readable while they arrive."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_LARGEST = 4 * 1024 * 1024


class Logbook:
    """Append from one side, read or follow from the other."""

    def __init__(self) -> None:
        self._lines: deque[tuple[datetime, bytes]] = deque()
        self._size = 0
        self._dropped = 0
        self._closed = False
        self._arrived = asyncio.Event()

    def append(self, line: bytes) -> None:
        self._lines.append((datetime.now(UTC), line))
        self._size += len(line)
        while self._size > _LARGEST:
            self._size -= len(self._lines.popleft()[1])
            self._dropped += 1
        self._wake()

    def close(self) -> None:
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        self._arrived.set()
        self._arrived = asyncio.Event()

    def lines(self) -> list[tuple[datetime, bytes]]:
        return list(self._lines)

    async def follow(self, start: int = 0) -> AsyncIterator[tuple[datetime, bytes]]:
        """The lines from the number `start` on, as they come, until the container has ended."""
        number = start
        while True:
            arrived = self._arrived
            held = list(self._lines)
            for line in held[max(0, number - self._dropped) :]:
                yield line
            number = self._dropped + len(held)
            if self._closed and number >= self._dropped + len(self._lines):
                return
            if number >= self._dropped + len(self._lines):
                await arrived.wait()
