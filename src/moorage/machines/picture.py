"""All machines that may come, from all sources: one entry for each pool and kind, and one for each that is on its way.

An autoscaler says whether a pool may grow, and often not what its machines look like; that a file or a node that was
seen says. Pools are joined by their names.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from msgspec.structs import replace

from moorage.objects import Unreadable
from moorage.scheduling.alternatives.machines import Machine, as_node
from moorage.texts import later

log = logging.getLogger(__name__)

UNKNOWN_SHAPE = later("Nobody has seen a machine of this pool yet, so what it would look like is not known.")
# Who says best whether a machine can come, and then who says best what it looks like.
_STANDING = ("karpenter", "cluster-autoscaler", "configured", "seen")
_AGAIN = 30.0


class Source(Protocol):
    """Somebody who knows of machines."""

    def machines(self) -> Iterable[Machine]:
        """What it knows now; cheap."""

    async def run(self) -> None:
        """Follow what it is told, for ever."""


class Machines:
    """The machines that may come, as of now."""

    def __init__(
        self, sources: Sequence[Source] = (), *, about: Callable[[Machine], int | None] = lambda _: None
    ) -> None:
        self._sources = list(sources)
        self._about = about
        self._failing: set[Source] = set()
        self._joined: tuple[list[Machine], list[Machine]] = [], []

    def add(self, source: Source) -> None:
        """One more source, before anything runs."""
        self._sources.append(source)

    def now(self) -> tuple[Machine, ...]:
        """Every machine, sorted by pool and kind; those on their way first. Cheap while the sources tell the same."""
        told = [machine for source in self._sources for machine in self._of(source)]
        if told != self._joined[0]:
            self._joined = told, joined([_readable(machine) for machine in told])
        return tuple(self._timed(machine) for machine in self._joined[1])

    async def run(self) -> None:
        """Run all sources until cancelled. One that fails is started again, and costs its own machines only."""
        await asyncio.gather(*(self._keep_running(source) for source in self._sources), asyncio.Event().wait())

    def _of(self, source: Source) -> Sequence[Machine]:
        try:
            found = tuple(source.machines())
        except Exception:  # a bug in one source costs its own machines only
            if source not in self._failing:
                log.exception("machines can't be told", extra={"source": type(source).__name__})
            self._failing.add(source)
            return ()
        self._failing.discard(source)
        return found

    async def _keep_running(self, source: Source) -> None:
        while True:
            try:
                await source.run()
            except Exception:
                log.exception("following machines failed", extra={"source": type(source).__name__})
            await asyncio.sleep(_AGAIN)

    def _timed(self, machine: Machine) -> Machine:
        if machine.about_seconds is not None or not machine.may_come:
            return machine
        seconds = self._about(machine)
        return replace(machine, about_seconds=seconds) if seconds is not None else machine


def _readable(machine: Machine) -> Machine:
    """A machine whose amounts are garbage is one that nobody knows."""
    try:
        as_node(machine)
    except Unreadable as exc:
        return replace(machine, node=None, why=later("What it would look like is not known: {error}", error=exc))
    return machine


def joined(told: Sequence[Machine]) -> list[Machine]:
    """One entry for each pool and kind, by who knows best; a pool without a shape takes those that others know."""
    coming: list[Machine] = []
    there: set[str | None] = set()
    known: dict[tuple[str, str | None], Machine] = {}
    pools: dict[str, Machine] = {}
    # Karpenter tells each machine that it has asked for, before and after it is a node.
    whole = {machine.pool for machine in told if machine.source == "karpenter"}
    for machine in sorted(told, key=lambda each: _STANDING.index(each.source)):
        if machine.state == "on_its_way":
            is_told = machine.source != "karpenter" and machine.pool in whole
            if not is_told and (machine.node_name is None or machine.node_name not in there):
                coming.append(machine)
            there.add(machine.node_name)
            continue
        if machine.node is None and machine.kind is None:
            pools.setdefault(machine.pool, machine)
            continue
        place = machine.pool, machine.kind
        known[place] = _completed(known[place], machine) if place in known else machine
    shapes: dict[str, list[Machine]] = {}
    for machine in known.values():
        shapes.setdefault(machine.pool, []).append(machine)
    grown = (_grown(shape, pools.get(shape.pool)) for shape in known.values())
    # A node that was seen once, of a pool that nothing adds machines to, is no hope and no news.
    found = [machine for machine in grown if (machine.source, machine.state, machine.why) != ("seen", "unknown", None)]
    found += [
        machine if machine.why else replace(machine, why=UNKNOWN_SHAPE)
        for pool, machine in pools.items()
        if pool not in shapes
    ]
    coming = [_shaped(machine, shapes.get(machine.pool, ())) for machine in coming]
    return [
        *sorted(coming, key=lambda each: (each.pool, each.kind or "", each.since or 0)),
        *sorted(found, key=lambda each: (each.pool, each.kind or "")),
    ]


def _completed(first: Machine, other: Machine) -> Machine:
    """What the first does not know, the other may. A limit that was written down counts beside another's."""
    if other.state == "at_maximum" and first.state == "can_be_added":
        first = replace(first, state=other.state, why=other.why, left=other.left)
    lefts = [left for left in (first.left, other.left) if left is not None]
    return replace(
        first,
        node=first.node or other.node,
        gpu_model=first.gpu_model or other.gpu_model,
        gpu_count=first.gpu_count if first.gpu_count is not None else other.gpu_count,
        left=min(lefts, default=None),
        about_seconds=first.about_seconds if first.about_seconds is not None else other.about_seconds,
        label=first.label or other.label,
        zones=(first if first.node is not None else other).zones,
        choices=(first if first.node is not None else other).choices,
    )


def _grown(shape: Machine, pool: Machine | None) -> Machine:
    """A shape, and what an autoscaler says of its pool as a whole."""
    if pool is None or _STANDING.index(pool.source) > _STANDING.index(shape.source):
        return shape
    whole = _completed(pool, shape)
    return replace(whole, kind=shape.kind, why=None if pool.why == UNKNOWN_SHAPE else whole.why)


def _shaped(coming: Machine, shapes: Sequence[Machine]) -> Machine:
    """One on its way that nobody describes is as the others of its pool and kind, if that is plain."""
    if coming.node is not None:
        return coming
    alike = [shape for shape in shapes if shape.node is not None and coming.kind in (None, shape.kind)]
    if len(alike) != 1:
        return coming if coming.why else replace(coming, why=UNKNOWN_SHAPE)
    (shape,) = alike
    return replace(
        coming,
        kind=shape.kind,
        node=shape.node,
        gpu_model=shape.gpu_model,
        gpu_count=shape.gpu_count,
        label=coming.label or shape.label,
        about_seconds=coming.about_seconds if coming.about_seconds is not None else shape.about_seconds,
    )
