"""How long it takes until a machine is there: from the moment that it was wanted until pods can use it.

Wanted is when an autoscaler asked a cloud for it, or when the first pod that ended up on it began to wait, if that was
known before; usable is its node when it is ready, open, and has the devices that it is to have. All moments are those
at which this service saw it, on a clock that nobody sets. What was under way before it looked is not counted.
"""

from __future__ import annotations

import asyncio
from collections import deque
from statistics import median
from typing import TYPE_CHECKING

import msgspec

from moorage import clock
from moorage.cluster.ledger import takes_pods
from moorage.machines.facts import cards_of, instance_type, pool_label
from moorage.machines.notes import Notes
from moorage.scheduling.preparing import PATIENCE, preparing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.alternatives.machines import Machine
    from moorage.scheduling.cluster import Cluster

_EVERY = 1.0
# The pods that waited for a machine are bound within so long of its being ready.
_BOUND_WITHIN = 20.0
# An autoscaler looks at waiting pods every few seconds.
_ANSWERED_WITHIN = 120.0
_GIVEN_UP_AFTER = 3600.0
# An autoscaler's status may be older than the node that it tells of.
_STILL_MEANT = 60.0
_REMEMBERED = 21
_MOST = 500


class Taken(msgspec.Struct, kw_only=True):
    """The newest seconds that machines of one kind took."""

    pool: str
    kind: str | None = None
    seconds: list[float] = []


class _New(msgspec.Struct, kw_only=True):
    """A node that came while we looked."""

    seen: float
    asked: float | None = None
    waited: float | None = None
    usable: float | None = None
    devices: frozenset[str] = frozenset()


class Times:
    """What machines of each pool and kind took, as far as this service saw it."""

    def __init__(
        self,
        cluster: Callable[[], Cluster],
        *,
        machines: Callable[[], Iterable[Machine]],
        notes: Notes | None = None,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._cluster = cluster
        self._told = machines
        self._notes = notes or Notes()
        self._now = now
        self._taken: dict[tuple[str, str | None], deque[float]] = {}
        # None: it was so when we first looked, and nobody knows since when.
        self._names: set[str] | None = None
        self._waiting: dict[str, float | None] = {}
        self._asked: dict[tuple[str, float | None], tuple[float | None, float]] = {}
        self._new: dict[str, _New] = {}
        self._recall()
        self._notes.listen(self._recall)

    def about(self, machine: Machine) -> int | None:
        """The median in seconds for this kind, or where none of it was seen for its pool; None where neither was."""
        own = self._taken.get((machine.pool, machine.kind)) if machine.kind is not None else None
        found = own or [one for (pool, _), taken in self._taken.items() if pool == machine.pool for one in taken]
        return round(median(found)) if found else None

    def machines(self) -> tuple[Machine, ...]:
        """It adds none to those that it times."""
        return ()

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            self.look()
            await asyncio.sleep(_EVERY)

    def look(self) -> None:
        """Take in what has changed since the last look."""
        cluster, now = self._cluster(), self._now()
        if not cluster.nodes and self._names is None:
            return  # nothing has been listed yet
        is_first = self._names is None
        self._note_pods(cluster, None if is_first else now)
        came = set() if self._names is None else cluster.nodes.keys() - self._names
        self._names = set(cluster.nodes)
        for name in came:
            if len(self._new) < _MOST:
                self._new[name] = _New(seen=now)
        self._note_asked(now, is_first=is_first)
        for name, new in list(self._new.items()):
            info = cluster.nodes.get(name)
            if info is None or now - new.seen > _GIVEN_UP_AFTER or self._is_done(info, new, cluster, now):
                del self._new[name]

    def _note_pods(self, cluster: Cluster, now: float | None) -> None:
        """Which pods wait since when, and which of them have got one of the new nodes."""
        for uid in [uid for uid in self._waiting if uid not in cluster.unbound]:
            since, pod = self._waiting.pop(uid), cluster.pods.get(uid)
            new = self._new.get(pod.node_name or "") if pod is not None else None
            if new is not None and since is not None and since <= new.seen and new.seen - since < PATIENCE:
                new.waited = since if new.waited is None else min(new.waited, since)
        for uid in cluster.unbound:
            self._waiting.setdefault(uid, now)

    def _note_asked(self, now: float, *, is_first: bool) -> None:
        """Since when machines are on their way, by their pool and by when that began."""
        for machine in self._told():
            if machine.state != "on_its_way":
                continue
            new = self._new.get(machine.node_name or "")
            if new is not None and machine.node is not None:
                new.devices |= cards_of(machine.node)
            if machine.source == "seen":
                continue  # a node tells when it came, and not when it was asked for
            key = machine.pool, machine.since
            since, _ = self._asked.get(key, (None if is_first or new is not None else now, 0.0))
            self._asked[key] = since, now
            if new is not None and new.asked is None:
                new.asked = since
        for key in [key for key, (_, last) in self._asked.items() if now - last > _STILL_MEANT]:
            del self._asked[key]

    def _is_done(self, info: NodeInfo, new: _New, cluster: Cluster, now: float) -> bool:
        """Whether there is nothing more to wait for; what it took is then noted, if that is known."""
        label, state = pool_label(info.labels), preparing(cluster, info, now=now)
        if label is None or (state is not None and not state.is_over_soon):
            return True
        if new.asked is None:
            new.asked = self._asked_for(label[1], new.seen)
        if new.usable is None:
            has_devices = all(info.allocatable.scalars.get(name, 0) > 0 for name in new.devices)
            if state is None and takes_pods(info) and has_devices:
                new.usable = now
        if new.usable is None or now - new.usable < _BOUND_WITHIN:
            return False
        wanted = _wanted(new)
        if wanted is not None:
            self._note(label[1], instance_type(info.labels), new.usable - wanted)
        return True

    def _asked_for(self, pool: str, seen: float) -> float | None:
        """Since when a machine of this pool was on its way when a node of it came."""
        moments = [since for (name, _), (since, _) in self._asked.items() if name == pool and since is not None]
        return min((since for since in moments if since <= seen), default=None)

    def _recall(self) -> None:
        """What was noted before, or by another replica that has seen more."""
        for noted in self._notes.of("times", Taken):
            if len(noted.seconds) > len(self._taken.get((noted.pool, noted.kind), ())):
                self._taken[noted.pool, noted.kind] = deque(noted.seconds, maxlen=_REMEMBERED)

    def _note(self, pool: str, kind: str | None, seconds: float) -> None:
        taken = self._taken.pop((pool, kind), None)
        if taken is None:
            taken = deque(maxlen=_REMEMBERED)
        taken.append(round(seconds, 1))
        self._taken[pool, kind] = taken
        while len(self._taken) > _MOST:
            del self._taken[next(iter(self._taken))]
        self._notes.put(
            "times", [Taken(pool=pool, kind=kind, seconds=list(taken)) for (pool, kind), taken in self._taken.items()]
        )


def _wanted(new: _New) -> float | None:
    """Since when pods waited for it; since when it was asked for where none did, or one had waited for other things."""
    if new.waited is None or (new.asked is not None and new.asked - new.waited > _ANSWERED_WITHIN):
        return new.asked
    return new.waited
