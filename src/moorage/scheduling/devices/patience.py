"""How much is tried for one pod before it is left to the scheduler: while one asks, all others wait."""

from __future__ import annotations

from moorage.scheduling.devices.doubt import Doubt
from moorage.texts import later

_CHARACTERS = 20  # of an expression take about as long as a look at a device


class Patience:
    """Looks at devices and combinations of them, on all nodes together."""

    def __init__(self, *, looks: int = 1_000_000, combinations: int = 50_000) -> None:
        self._looks, self._combinations = looks, combinations

    def look(self, times: int) -> None:
        self._looks -= times
        if self._looks < 0:
            raise Doubt(later("there is more to look through than is looked at here"))

    def evaluate(self, expressions: tuple[str, ...]) -> None:
        self.look(sum(map(len, expressions)) // _CHARACTERS)

    def combine(self) -> None:
        self._combinations -= 1
        if self._combinations < 0:
            raise Doubt(later("devices that share counters could be combined in more ways than are tried here"))
