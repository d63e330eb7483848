"""Karpenter: the machines that its pools may add, and those that it has asked a cloud for.

In flow NodePools and NodeClaims, as they are followed where they exist and may be read; out flow machines. Which kinds
of machine there are is in no object of the API: known are those that Karpenter has brought while this service ran, and
those that other sources have seen or were told. What a kind offers is what Karpenter expects of it, since that is what
it decides by.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec.structs import replace

from moorage.errors import InvalidQuantity
from moorage.machines.nodeclaims import Claim, coming, held_by_pool, node_of, read, shapes_of
from moorage.machines.nodepools import (
    CAPACITY_TYPE,
    OWN,
    WAYS,
    ZONE,
    Choices,
    Pool,
    Shape,
    by_weight,
    is_zone,
    nanos_of,
)
from moorage.objects import Node, NodeClaim, NodePool, PersistentVolume
from moorage.scheduling.alternatives.machines import HOSTNAME, Machine

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
        self._claims: dict[str, Claim] = {}
        self._zones: frozenset[str] = frozenset()
        self._told: tuple[object, tuple[Machine, ...]] = None, ()

    def machines(self) -> tuple[Machine, ...]:
        """Those on their way, then what each pool may add, the pools in the order in which Karpenter tries them."""
        cluster = self._cluster()
        pools, claims = list(cluster.all(NodePool)), list(cluster.all(NodeClaim))
        if not pools and not claims:
            return ()
        known = [machine for machine in self._known() if machine.state != "on_its_way"]
        nodes = [node_of(claim, cluster.nodes) for claim in claims]
        told = pools, claims, nodes, known, self._zones
        if told != self._told[0]:
            self._told = told, tuple(self._machines(pools, self._read(claims, nodes), known))
        return self._told[1]

    def _read(self, claims: Iterable[NodeClaim], nodes: Iterable[Node | None]) -> list[Claim]:
        """Each claim as it was read before, if neither it nor its node has changed."""
        fresh: dict[str, Claim] = {}
        for told, node in zip(claims, nodes, strict=True):
            former = self._claims.get(told.metadata.name)
            same = former is not None and former.told is told and former.node is node
            fresh[told.metadata.name] = former if former is not None and same else read(told, node)
        self._claims = fresh
        return list(fresh.values())

    def _machines(self, pools: Iterable[NodePool], claims: list[Claim], known: Iterable[Machine]) -> Iterable[Machine]:
        self._shapes.update(shapes_of(claims))
        shapes = {(each.pool, each.kind): shape for each in known if (shape := _shape_of(each)) is not None}
        shapes |= self._shapes
        readable = list(_pools(pools, claims))
        zones = self._zones.union(*(each.zones for each in shapes.values()), *(each.zones for each in readable))
        seen = {ZONE: zones, CAPACITY_TYPE: WAYS}
        yield from (coming(claim) for claim in claims if claim.is_coming)
        for order, pool in enumerate(by_weight(pool for pool in readable if not pool.is_going)):
            for machine in _machines_of(pool, shapes.values(), seen=seen):
                yield replace(machine, order=order)

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            self.look()
            await asyncio.sleep(_LOOK_EVERY)

    def look(self) -> None:
        """Note what machines look like, which come and go while nobody asks, and the zones that there are."""
        cluster = self._cluster()
        if any(True for _ in cluster.all(NodePool)):
            self._zones = frozenset(_zones(cluster))
        self.machines()


def _zones(cluster: State) -> Iterable[str]:
    """Where nodes are, and where volumes are that a pod may want a machine beside."""
    for info in cluster.nodes.values():
        if zone := info.labels.get(ZONE):
            yield zone
    for volume in cluster.all(PersistentVolume):
        affinity = volume.spec.node_affinity if volume.spec is not None else None
        required = affinity.required if affinity is not None else None
        for term in (required.node_selector_terms if required is not None else None) or ():
            for asked in term.match_expressions or ():
                if asked.operator == "In" and is_zone(asked.key):
                    yield from asked.values or ()


def _pools(pools: Iterable[NodePool], claims: list[Claim]) -> Iterable[Pool]:
    """Each pool that can be read, with what it holds of its limits."""
    held = held_by_pool(claims)
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
    if node is None or node.status is None or not node.status.allocatable:
        return None
    labels = {key: value or "" for key, value in (node.metadata.labels or {}).items()}
    zones = frozenset(machine.zones or ((labels[ZONE],) if ZONE in labels else ()))
    own = {key: value for key, value in labels.items() if not key.startswith(OWN) and key != HOSTNAME}
    allocatable, capacity = node.status.allocatable, node.status.capacity or node.status.allocatable
    return Shape(machine.kind, machine.pool, own, allocatable, capacity, zones)
