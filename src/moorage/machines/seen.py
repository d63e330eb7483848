"""Nodes as they were seen: what the next machine of their pool will look like, and those that are not ready yet.

Nobody but its own nodes tells what a machine of a group looks like, and a group at 0 has none. So each kind that was
ready once is remembered while the service runs, and over restarts where a file or a ConfigMap is set.
"""

import asyncio
from collections.abc import Callable, Container
from itertools import islice

import msgspec
from msgspec.structs import replace

from moorage import clock
from moorage.cluster.ledger import is_ready
from moorage.machines.facts import ZONES, cards_of, gpu_of, instance_type, pool_label
from moorage.machines.notes import Notes
from moorage.objects import Node, NodeSpec, NodeStatus, ObjectMeta, Taint, Unreadable
from moorage.scheduling.accounting.nodeinfo import NodeInfo
from moorage.scheduling.alternatives.machines import HOSTNAME, Machine, as_node, lasting_taints
from moorage.scheduling.cluster import Cluster
from moorage.scheduling.preparing import PATIENCE, Preparing, preparing, seconds_of
from moorage.texts import later

_EVERY = 0.5
_WRITTEN_EVERY = 20
# Nodes looked at before others get a turn.
_AT_ONCE = 100
_MOST = 500
# A kind that nobody has seen for so long is nobody's hope.
_DAY = 86400.0
_FORGOTTEN_AFTER = 30 * _DAY
_OF_ONE_NODE = (HOSTNAME, "alpha.eksctl.io/instance-id", "nvidia.com/gfd.timestamp", "topology.k8s.aws/")


class Kind(msgspec.Struct, kw_only=True):
    """One kind of machine of one pool. `varying` are labels that differ among its nodes, `elastic` whether nodes of the
    pool have come while somebody watched, or were taken away by an autoscaler. `seen` is in seconds since 1970.
    """

    pool: str
    label: tuple[str, str]
    kind: str | None = None
    labels: dict[str, str] = {}
    taints: list[tuple[str, str, str]] = []
    allocatable: dict[str, str | int | float | None] = {}
    capacity: dict[str, str | int | float | None] = {}
    zones: list[str] = []
    varying: list[str] = []
    elastic: bool = False
    seen: float = 0.0

    @property
    def node(self) -> Node:
        return Node(
            metadata=ObjectMeta(labels=dict(self.labels)),
            spec=NodeSpec(taints=tuple(Taint(key, value, effect) for key, value, effect in self.taints)),
            status=NodeStatus(capacity=dict(self.capacity), allocatable=dict(self.allocatable)),
        )


class Seen:
    """The kinds of machines that were seen, as a source of machines."""

    def __init__(
        self,
        cluster: Callable[[], Cluster],
        *,
        notes: Notes | None = None,
        changed: Callable[[], None] = lambda: None,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._cluster = cluster
        self._notes = notes or Notes()
        self._changed = changed
        self._now = now
        self._began = now()
        self._nodes: dict[str, Node | None] = {}
        self._coming: dict[str, Machine] = {}
        self._kinds: dict[tuple[str, str | None], Kind] = {}
        self._shapes: dict[tuple[str, str | None], Machine] = {}
        self._elastic: set[str] = set()
        self._kind_of: dict[str, tuple[str, str | None]] = {}
        self._recall()
        self._notes.listen(self._recall)

    def pools(self) -> Container[str]:
        """The pools that nodes are or were labelled with."""
        return {pool for pool, _ in self._kinds}

    def machines(self) -> tuple[Machine, ...]:
        """Each kind that was seen, and each node that is on its way to be ready."""
        return (*self._coming.values(), *self._shapes.values())

    async def run(self) -> None:
        """Look at the nodes, for ever."""
        while True:
            for _ in range(_WRITTEN_EVERY):
                while not self.look(most=_AT_ONCE):  # noqa: ASYNC110 # others get a turn, nothing is polled
                    await asyncio.sleep(0)
                await asyncio.sleep(_EVERY)
            await self.keep()

    async def keep(self) -> None:
        """Write down what was seen, where there is a place for it."""
        await self._notes.keep()

    def look(self, *, most: int | None = None) -> bool:
        """Take in what has changed since the last look, on so many nodes; whether that was all."""
        cluster, now, before = self._cluster(), self._now(), self.machines()
        changed = (info for name, info in cluster.nodes.items() if info.node is not self._nodes.get(name))
        new = list(islice(changed, most))
        for info in (*new, *(cluster.nodes[name] for name in self._coming if name in cluster.nodes)):
            self._look_at(info, cluster, now)
        for name in [name for name in self._nodes if name not in cluster.nodes]:
            del self._nodes[name]
            self._coming.pop(name, None)
            kind = self._kinds.get(self._kind_of.pop(name, ("", None)))
            if kind is not None:
                kind.seen = now
        self._forget(now)
        # Written by the day: an API server should not be troubled by each look.
        self._notes.put("kinds", [replace(kind, seen=kind.seen // _DAY * _DAY) for kind in self._kinds.values()])
        if before != self.machines():
            self._changed()
        return len(new) != most

    def _look_at(self, info: NodeInfo, cluster: Cluster, now: float) -> None:
        created = seconds_of(info.node.metadata.creation_timestamp) if info.node is not None else None
        is_young = created is not None and now - created < PATIENCE
        self._nodes[info.name] = info.node
        label, state = pool_label(info.labels), preparing(cluster, info, now=now)
        came = created is not None and created > self._began
        if label is not None and (came or (state is not None and state.reason == "leaving")):
            self._is_elastic(label[1])
        is_whole = state is None and is_ready(info) and not (is_young and self._lacks_cards(info, label))
        if label is not None and is_whole:
            self._note(info, label, now)
        may_come = not is_whole and (is_young if state is None else state.is_over_soon)
        coming = self._coming_from(info, label, state) if may_come else None
        if coming is not None:
            self._coming[info.name] = coming
        else:
            self._coming.pop(info.name, None)

    # --- kinds --------------------------------------------------------------------------------------------------

    def _note(self, info: NodeInfo, label: tuple[str, str], now: float) -> None:
        status = info.node.status if info.node is not None else None
        if status is None or not status.allocatable:
            return
        kind = instance_type(info.labels)
        before = self._kinds.get((label[1], kind))
        varying = set(before.varying) if before is not None else set()
        own = {key: value for key, value in info.labels.items() if not key.startswith(_OF_ONE_NODE)}
        if before is not None:
            # A machine gets its zone under each such label, so any stands for them.
            own |= {key: before.labels[key] for key in own if key.endswith("/zone") and key in before.labels}
            varying |= {key for key, value in own.items() if before.labels.get(key, value) != value}
        capacity = dict(status.capacity or status.allocatable)
        devices = {name: capacity[name] for name, amount in info.capacity.scalars.items() if amount}
        zone = next((value for key in ZONES if (value := info.labels.get(key))), None)
        self._kind_of[info.name] = label[1], kind
        found = Kind(
            pool=label[1],
            label=label,
            kind=kind,
            labels={key: value for key, value in own.items() if key not in varying},
            taints=[(taint.key, taint.value or "", taint.effect) for taint in lasting_taints(info.taints)],
            # Sick devices leave allocatable; the next machine has its own.
            allocatable={**status.allocatable, **devices},
            capacity=capacity,
            zones=sorted({*(before.zones if before is not None else ()), *([zone] if zone else ())}),
            varying=sorted(varying)[:_MOST],
            elastic=label[1] in self._elastic or (before is not None and before.elastic),
            seen=now,
        )
        if before is not None and before == replace(found, seen=before.seen):
            before.seen = now  # as most of its pool are
        else:
            self._remember(found)

    def _recall(self) -> None:
        """What was noted before, or by another replica, beside what was seen here."""
        for noted in self._notes.of("kinds", Kind):
            known = self._kinds.get((noted.pool, noted.kind))
            if known is None:
                self._remember(noted)
            elif noted.elastic:
                self._is_elastic(noted.pool)

    def _is_elastic(self, pool: str) -> None:
        if pool not in self._elastic:
            self._elastic.add(pool)
            for kind in [kind for kind in self._kinds.values() if kind.pool == pool]:
                self._remember(replace(kind, elastic=True))

    def _forget(self, now: float) -> None:
        there = set(self._kind_of.values())
        for key in [
            key for key, kind in self._kinds.items() if now - kind.seen > _FORGOTTEN_AFTER and key not in there
        ]:
            del self._kinds[key], self._shapes[key]

    def _remember(self, kind: Kind) -> None:
        key = kind.pool, kind.kind
        machine = _machine(kind)
        if machine is None:
            return
        self._kinds.pop(key, None)
        self._kinds[key], self._shapes[key] = kind, machine
        while len(self._kinds) > _MOST:
            oldest = next(iter(self._kinds))
            del self._kinds[oldest], self._shapes[oldest]

    # --- nodes on their way -------------------------------------------------------------------------------------

    def _lacks_cards(self, info: NodeInfo, label: tuple[str, str] | None) -> bool:
        """Whether others of its kind had cards that it does not have: its labels may promise none."""
        known = self._kinds.get((label[1], instance_type(info.labels))) if label is not None else None
        return known is not None and not all(info.capacity.scalars.get(name) for name in cards_of(known.node))

    def _coming_from(self, info: NodeInfo, label: tuple[str, str] | None, state: Preparing | None) -> Machine | None:
        """The machine that a node will be, where it is young and not ready, or is being prepared."""
        if info.node is None:
            return None
        kind = instance_type(info.labels)
        pool = label[1] if label is not None else info.name
        known = self._kinds.get((pool, kind))
        node = _complete(info, info.node, known, state)
        machine = Machine(
            pool=pool,
            kind=kind,
            source="seen",
            state="on_its_way",
            node=node,
            why=None if node is not None else later("How many cards it will have is not known."),
            since=seconds_of(info.node.metadata.creation_timestamp),
            node_name=info.name,
            label=label,
            taken=_taken(info),
        )
        return _with_cards(machine)


def _machine(kind: Kind) -> Machine | None:
    """A kind as a machine, or None where its amounts are garbage."""
    why = later("Machines of pool {pool} come and go; whether one can be added now is not known.", pool=kind.pool)
    machine = Machine(
        pool=kind.pool,
        kind=kind.kind,
        source="seen",
        state="unknown",
        node=kind.node,
        why=why if kind.elastic else None,
        label=kind.label,
        zones=tuple(kind.zones),
    )
    return _with_cards(machine)


def _with_cards(machine: Machine) -> Machine | None:
    if machine.node is None:
        return machine
    try:
        as_node(machine)
        model, count = gpu_of(machine.node)
    except Unreadable:
        return None
    return replace(machine, gpu_model=model, gpu_count=count)


def _complete(info: NodeInfo, node: Node, known: Kind | None, state: Preparing | None) -> Node | None:
    """The node with the devices that it will have; None where nobody knows how many."""
    status = node.status or NodeStatus()
    allocatable, capacity = dict(status.allocatable or {}), dict(status.capacity or {})
    labels = dict(node.metadata.labels or {})
    if known is not None:
        labels = {**known.labels, **labels}
        for mine, theirs in ((allocatable, known.allocatable), (capacity, known.capacity)):
            mine |= {
                name: amount
                for name, amount in theirs.items()
                if not info.capacity.scalars.get(name) and ("/" in name or name not in mine)
            }
    elif state is not None and state.promise is not None:
        promise = state.promise
        if promise.count is None or not promise.resource:
            return None
        allocatable[promise.resource] = capacity[promise.resource] = str(promise.count)
    if not allocatable:
        return None
    return Node(
        metadata=ObjectMeta(name=info.name, labels=labels),
        spec=NodeSpec(taints=lasting_taints(info.taints)),
        status=NodeStatus(capacity=capacity or allocatable, allocatable=allocatable),
    )


def _taken(info: NodeInfo) -> dict[str, str | int | float | None] | None:
    """What runs there already, its DaemonSets' pods for the most part; None where nothing does yet."""
    if not info.pods:
        return None
    held = info.requested
    return {
        "cpu": f"{held.cpu_milli}m",
        "memory": str(held.memory),
        "ephemeral-storage": str(held.ephemeral_storage),
        "pods": str(len(info.pods)),
        **{name: str(amount) for name, amount in held.scalars.items()},
    }
