"""How long starts have waited for a place since the hub was started, by what they asked for."""

from __future__ import annotations

import statistics
from collections import deque
from typing import TYPE_CHECKING, Any

from moorage.hub.start.waiting import asks, lasting
from moorage.texts import t

if TYPE_CHECKING:
    from collections.abc import Mapping

_MOST_ASKS, _MOST_TIMES = 50, 100
_COMMON = ("cpu", "memory", "ephemeral-storage")


class Lately:
    """Of each ask its last waits that ended with a place."""

    def __init__(self) -> None:
        self._waits: dict[tuple[str, ...], deque[float]] = {}

    def note(self, pod: Mapping[str, Any], seconds: float) -> None:
        ask = _ask(pod)
        if ask in self._waits or len(self._waits) < _MOST_ASKS:
            self._waits.setdefault(ask, deque(maxlen=_MOST_TIMES)).append(seconds)

    def words(self, pod: Mapping[str, Any]) -> str:
        """What is known of others that asked for the same, as a sentence."""
        waits = self._waits.get(_ask(pod))
        if not waits:
            return t("How long it takes is unknown: none has waited for the same and got it since the hub was started.")
        usual, longest = lasting(statistics.median(waits)), lasting(max(waits))
        if len(waits) == 1:
            return t("The last server that asked for the same waited {usual}.", usual=usual)
        return t(
            "Of the last {count} servers that asked for the same, half waited up to {usual}, and none longer than "
            "{longest}.",
            count=len(waits),
            usual=usual,
            longest=longest,
        )


def _ask(pod: Mapping[str, Any]) -> tuple[str, ...]:
    """What is scarce about it: its devices by name, or nothing for CPU and memory alone."""
    return tuple(sorted(asks(pod) - set(_COMMON)))
