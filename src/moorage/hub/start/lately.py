"""How long starts have waited for a place lately, by what they asked for.

Each server keeps its own last waits in its state, which JupyterHub saves: so a hub that is restarted knows them again.
"""

from __future__ import annotations

import statistics
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from moorage.hub.start.waiting import age, asks, lasting
from moorage.texts import t

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Under this name they stand in a server's state, the newest last.
KEY = "moorage_waits"
_MOST_ASKS, _MOST_TIMES = 50, 100
_MOST_OF_A_SERVER = 5
_LATELY = timedelta(days=30)
_COMMON = ("cpu", "memory", "ephemeral-storage")

Wait = dict[str, Any]


def wait_of(pod: Any) -> Wait | None:
    """The wait of a pod that has just got its place, as JSON: what is scarce of its ask, how many seconds, and when it
    ended. None where the pod does not say since when it is there.
    """
    seconds = age(pod)
    if seconds is None:
        return None
    return {"ask": list(_ask(pod)), "seconds": round(seconds, 1), "at": datetime.now(UTC).isoformat(timespec="seconds")}


def kept(waits: Any) -> list[Wait]:
    """The waits out of a server's state; what can't be read is left out."""
    found = [each for each in waits if _read(each) is not None] if isinstance(waits, list) else []
    return found[-_MOST_OF_A_SERVER:]


class Lately:
    """Of each ask its last waits that ended with a place."""

    def __init__(self) -> None:
        self._waits: dict[tuple[str, ...], deque[tuple[datetime, float]]] = {}
        self._recalled = False

    def recall(self, states: Iterable[Any]) -> None:
        """Take in what servers have kept in their states, once."""
        if self._recalled:
            return
        self._recalled = True
        found = [wait for state in states if isinstance(state, dict) for wait in kept(state.get(KEY))]
        for wait in sorted(found, key=lambda wait: str(wait["at"])):
            self.note(wait)

    def note(self, wait: Wait) -> None:
        if (read := _read(wait)) is None:
            return
        ask, at, seconds = read
        if ask in self._waits or len(self._waits) < _MOST_ASKS:
            self._waits.setdefault(ask, deque(maxlen=_MOST_TIMES)).append((at, seconds))

    def words(self, pod: Mapping[str, Any]) -> str:
        """What is known of others that asked for the same, as a sentence."""
        since = datetime.now(UTC) - _LATELY
        waits = [seconds for at, seconds in self._waits.get(_ask(pod), ()) if at > since]
        if not waits:
            return t("How long it takes is unknown: no server is known to have waited for the same and got it lately.")
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


def _read(wait: Any) -> tuple[tuple[str, ...], datetime, float] | None:
    with suppress(KeyError, TypeError, ValueError):
        at = datetime.fromisoformat(wait["at"])
        return tuple(map(str, wait["ask"])), at if at.tzinfo else at.replace(tzinfo=UTC), float(wait["seconds"])
    return None


def _ask(pod: Mapping[str, Any]) -> tuple[str, ...]:
    """What is scarce about it: its devices by name, or nothing for CPU and memory alone."""
    return tuple(sorted(asks(pod) - set(_COMMON)))
