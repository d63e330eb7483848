"""How long to wait after a failure.

Longer each time, never the same for two clients, and short at first, so that a restart of the server is hardly seen.
"""

import random
import time
from collections.abc import Callable

_GENTLE_FOR = 60.0
_GENTLE = 2.0


class Backoff:
    """Pauses that double up to `longest`; within the first minute of a failure they stay below two seconds."""

    def __init__(
        self,
        *,
        first: float = 0.2,
        longest: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._first = first
        self._longest = longest
        self._clock = clock
        self._chance = chance
        self._since: float | None = None
        self.failures = 0

    def next(self, *, longest: float | None = None) -> float:
        """The pause after one more failure, at most `longest`."""
        now = self._clock()
        if self._since is None:
            self._since = now
        ceiling = _GENTLE if now - self._since < _GENTLE_FOR else min(self._longest, longest or self._longest)
        pause: float = min(self._first * 2 ** min(self.failures, 16), ceiling)
        self.failures += 1
        return pause * (0.5 + self._chance() / 2)

    def reset(self) -> None:
        """All is well again."""
        self._since = None
        self.failures = 0
