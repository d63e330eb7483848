"""A timer that suspects the other side only after it has made sure that it was not we who slept."""

import asyncio
from collections.abc import Callable

_HELD_UP = 0.25


class Alarm:
    """Calls back once, so many seconds from now, unless it is stopped before.

    Where our own event loop was held up until then, an answer may lie unread in the socket: it gets a turn first.
    """

    def __init__(self, seconds: float, call: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._call = call
        self._due = self._loop.time() + seconds
        self._handle = self._loop.call_at(self._due, self._ring)

    def stop(self) -> None:
        """All is well."""
        self._handle.cancel()

    def _ring(self) -> None:
        now = self._loop.time()
        if now - self._due > _HELD_UP:
            self._due = now + _HELD_UP
            self._handle = self._loop.call_at(self._due, self._ring)
        else:
            self._call()
