"""How old the readings of cards are when somebody asks, in bytes that were encoded before.

A node is encoded when it changes; the age that stands in it is the one of that moment. Where it is some seconds behind,
age and staleness are written anew, out of the time that stands beside them, and all who ask within the next seconds
share that.
"""

import asyncio
import re
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from moorage import clock
from moorage.cluster.snapshot import Snapshot
from moorage.cluster.turns import Turns
from moorage.gpus.merge import STALE_AFTER
from moorage.service.http.pieces import array_of

BEHIND = 5.0
# In this order, as a card tells them. Quotes in a text are escaped in JSON, so that no text reads like this.
_AGE = re.compile(rb'"age_seconds":\d+,"taken_at":"([0-9TZ:.+-]+)","stale":(?:true|false)')


def aged(data: bytes, *, now: float) -> tuple[bytes, bool]:
    """The same JSON with ages of now, and whether it has any; the very same bytes where nothing differs."""
    written: dict[bytes, bytes] = {}

    def write(found: re.Match[bytes]) -> bytes:
        moment = found[1]
        if moment not in written:
            age = max(0, int(now - datetime.fromisoformat(moment.decode()).timestamp()))
            stale = b"true" if age > STALE_AFTER else b"false"
            written[moment] = b'"age_seconds":%d,"taken_at":"%s","stale":%s' % (age, moment, stale)
        return written[moment]

    fresh, found = _AGE.subn(write, data)
    return data if fresh == data else fresh, found > 0


class _Kept(NamedTuple):
    data: bytes  # as it was encoded
    shown: bytes
    due: float  # when its ages are behind


class Ages:
    """The array of all nodes with ages that are true to some seconds."""

    def __init__(self, *, clock: Callable[[], float] = clock.now) -> None:
        self._clock = clock
        self._pictures: dict[str, _Picture] = {}

    async def array(self, snapshot: Snapshot) -> tuple[list[bytes], str]:
        """The array in pieces, and what names this very state of it."""
        picture = self._pictures.setdefault(snapshot.epoch, _Picture())
        async with picture.making:
            await picture.bring(snapshot, now=self._clock())
            return picture.joined, picture.name


class _Picture:
    """The nodes of one epoch as they were last shown."""

    def __init__(self) -> None:
        self.making = asyncio.Lock()
        self.joined: list[bytes] = []
        self.name = ""
        self._kept: dict[str, _Kept] = {}
        self._revision = -1
        self._due = 0.0
        self._rewritten = 0

    async def bring(self, snapshot: Snapshot, *, now: float) -> None:
        if snapshot.revision == self._revision and now < self._due:
            return
        kept: dict[str, _Kept] = {}
        rewritten, turns = 0, Turns()
        for name, data in snapshot.nodes.items():
            one = self._kept.get(name)
            if one is None or one.data is not data or now >= one.due:
                shown, ages = aged(data, now=now)
                rewritten += shown is not data
                one = _Kept(data, shown, now + BEHIND if ages else float("inf"))
                await turns.next()
            kept[name] = one
        self.joined = await array_of((one.shown for one in kept.values()), turns=turns)
        self._kept = kept
        self._revision = snapshot.revision
        self._due = min((one.due for one in kept.values()), default=float("inf"))
        self._rewritten += bool(rewritten)
        self.name = f"{snapshot.epoch}-{snapshot.revision}" + (f"-{self._rewritten}" if self._rewritten else "")
