"""Karpenter: the machines that its pools may add, and those that it has asked a cloud for.

In flow NodePools and NodeClaims, as they are followed where they exist and may be read; out flow machines. Which kinds
of machine there are is in no object of the API: known are those that Karpenter has brought while this service ran, and
those that other sources have seen or were told. What a kind offers is what Karpenter expects of it, since that is what
it decides by.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from moorage.errors import InvalidQuantity
from moorage.machines.nodeclaims import coming, held_by_pool, is_coming, shapes_of
from moorage.machines.nodepools import CAPACITY_TYPE, OWN, WAYS, ZONE, Choices, Pool, Shape, by_weight, nanos_of
from moorage.objects import NodeClaim, NodePool
from moorage.scheduling.machines import HOSTNAME, Machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from moorage.scheduling.state import State

_LOOK_EVERY = 5.0
# A pool that names more kinds than this, and has brought none of them, is told as one.
_MOST_UNSEEN = 8


class Karpenter:
    """The machines of one cluster's Karpenter, if it has one. `known` tells the machines of other sources."""

    def __init__(self, cluster: Callable[[], State], *, known: Callable[[], Iterable[Machine]] = tuple) -> None:
        self._cluster = cluster
        self._known = known
        self._shapes: dict[tuple[str, str | None], Shape] = {}

    def machines(self) -> tuple[Machine, ...]:
        """Those on their way, then what each pool may add, the pools in the order in which Karpenter tries them."""
        cluster = self._cluster()
        pools, claims = list(cluster.all(NodePool)), list(cluster.all(NodeClaim))
        if not pools and not claims:
            return ()
        self._shapes.update(shapes_of(claims, cluster.nodes))
        shapes = {(each.pool, each.kind): shape for each in self._known() if (shape := _shape_of(each)) is not None}
        shapes |= self._shapes
        readable = list(_pools(pools, claims, cluster))
        zones = {zone for pool in readable for zone in pool.zones}.union(*(shape.zones for shape in shapes.values()))
        seen = {ZONE: zones, CAPACITY_TYPE: WAYS}
        may_be_added = (
            machine
            for pool in by_weight(readable)
            if not pool.is_going
            for machine in _machines_of(pool, shapes.values(), seen=seen)
        )
        return (*(coming(claim, cluster.nodes) for claim in claims if is_coming(claim)), *may_be_added)

    async def run(self) -> None:
        """Machines come and go while nobody asks: what they look like is noted now and then."""
        while True:
            self.machines()
            await asyncio.sleep(_LOOK_EVERY)


def _pools(pools: Iterable[NodePool], claims: list[NodeClaim], cluster: State) -> Iterable[Pool]:
    """Each pool that can be read, with what it holds of its limits."""
    held = held_by_pool(claims, cluster.nodes)
    for pool in pools:
        told = pool.status.resources if pool.status is not None else None
        try:
            # Karpenter writes its own sum every few seconds; without the machines themselves it is all there is.
            yield Pool(pool, used=held.get(pool.metadata.name, {}) if claims else nanos_of(told))
        except InvalidQuantity:
            continue


def _machines_of(pool: Pool, shapes: Iterable[Shape], *, seen: Choices) -> Iterable[Machine]:
    """One machine for each kind that is known; where none is, what the pool says of itself."""
    nearest: dict[str | None, Shape] = {}
    # A kind as it was in this very pool is nearest to the next one.
    for shape in sorted(shapes, key=lambda each: (each.pool != pool.name, each.pool)):
        if shape.pool == pool.name or shape.kind is not None:
            nearest.setdefault(shape.kind, shape)
    found: dict[str | None, Machine] = {}
    for kind, shape in nearest.items():
        machine = pool.machine(shape, seen=seen)
        if machine is not None or shape.pool == pool.name:
            found[kind] = machine or pool.excluded(shape)
    unseen = [kind for kind in pool.kinds if kind not in found]
    if len(unseen) <= _MOST_UNSEEN:
        found |= {kind: pool.unseen(kind) for kind in unseen}
    return found.values() or (pool.unseen(None),)


def _shape_of(machine: Machine) -> Shape | None:
    """What another source knows of a kind."""
    node = machine.node
    if machine.state == "on_its_way" or node is None or node.status is None or not node.status.allocatable:
        return None
    labels = {key: value or "" for key, value in (node.metadata.labels or {}).items()}
    zones = frozenset(machine.zones or ((labels[ZONE],) if ZONE in labels else ()))
    own = {key: value for key, value in labels.items() if not key.startswith(OWN) and key != HOSTNAME}
    allocatable, capacity = node.status.allocatable, node.status.capacity or node.status.allocatable
    return Shape(machine.kind, machine.pool, own, allocatable, capacity, zones)
