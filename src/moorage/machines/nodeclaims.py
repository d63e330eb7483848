"""What Karpenter's NodeClaims tell: which machines are on their way, what kinds look like, what a pool holds.

Source: karpenter v1.14 pkg/apis/v1/nodeclaim.go, pkg/controllers/state/statenode.go and
pkg/controllers/nodeclaim/lifecycle
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from moorage.errors import InvalidQuantity
from moorage.machines.facts import gpu_of, instance_type
from moorage.machines.labelsets import label_sets
from moorage.machines.nodepools import MACHINES, OWN, POOL, ZONE, Shape, condition, nanos_of
from moorage.objects import Node, NodeClaim, NodeSpec, NodeStatus, ObjectMeta, Unreadable
from moorage.quantity import NANO
from moorage.scheduling.alternatives.machines import HOSTNAME, Machine, lasting_taints
from moorage.scheduling.preparing import seconds_of
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from moorage.objects import Amounts
    from moorage.scheduling.accounting.nodeinfo import NodeInfo

_ASKED = later("Karpenter has asked for it, and the cloud has not answered yet.")


class Claim(Struct, frozen=True):
    """One NodeClaim and its node, if that is there: its pool and kind, the labels that it has or will have, and what
    it holds of its pool's limits in nano-units. It is read once, as long as neither changes.
    """

    told: NodeClaim
    node: Node | None
    pool: str
    kind: str | None
    labels: Mapping[str, str]
    held: Mapping[str, int]

    @property
    def is_going(self) -> bool:
        return bool(self.told.metadata.deletion_timestamp)

    @property
    def is_coming(self) -> bool:
        """Whether it is not yet what it will be: not there, not ready, or without the devices that pods wait for."""
        return not self.is_going and not _is(self.told, "Initialized")


def node_of(claim: NodeClaim, nodes: Mapping[str, NodeInfo]) -> Node | None:
    name = claim.status.node_name if claim.status is not None else None
    info = nodes.get(name) if name else None
    return info.node if info is not None else None


def read(claim: NodeClaim, node: Node | None) -> Claim:
    """What a claim tells; amounts that are garbage count nothing."""
    labels = _labels(claim, node)
    try:
        held = nanos_of(_whole(claim, node))
    except InvalidQuantity:
        held = {}
    pool = labels.get(POOL) or claim.metadata.name
    return Claim(claim, node, pool, instance_type(labels), labels, held | {MACHINES: NANO})


def coming(claim: Claim) -> Machine:
    """One machine that Karpenter has asked for, as it will be."""
    spec, status, there = claim.told.spec, claim.told.status, claim.node
    machine = Machine(
        pool=claim.pool,
        source="karpenter",
        state="on_its_way",
        kind=claim.kind,
        taken=spec.resources.requests if spec is not None and spec.resources is not None else None,
        since=seconds_of(claim.told.metadata.creation_timestamp),
        node_name=there.metadata.name if there is not None else None,
        label=(POOL, claim.pool) if POOL in claim.labels else None,
        why=None if _is(claim.told, "Launched") else _ASKED,
    )
    if status is None or not status.allocatable:
        return machine
    startup = {(taint.key, taint.effect) for taint in (spec.startup_taints if spec is not None else None) or ()}
    offered = there.status.allocatable if there is not None and there.status is not None else None
    try:
        amounts = _rather(offered, status.allocatable)
        node = Node(
            metadata=ObjectMeta(name="", labels=dict(claim.labels)),
            spec=NodeSpec(taints=lasting_taints((spec.taints if spec is not None else None) or (), startup=startup)),
            status=NodeStatus(capacity=_largest(status.capacity, amounts), allocatable=amounts),
        )
        gpu_model, gpu_count = gpu_of(node)
    except (Unreadable, InvalidQuantity):
        return machine
    return replace(machine, node=node, gpu_model=gpu_model, gpu_count=gpu_count)


def shapes_of(claims: Iterable[Claim]) -> dict[tuple[str, str | None], Shape]:
    """What the machines of each pool and kind look like, by what Karpenter expects of them."""
    zones: dict[str | None, set[str]] = defaultdict(set)
    found: dict[tuple[str, str | None], Shape] = {}
    for claim in claims:
        status, there = claim.told.status, claim.node.status if claim.node is not None else None
        if claim.kind is None or status is None or not status.allocatable:
            continue
        if ZONE in claim.labels:
            zones[claim.kind].add(claim.labels[ZONE])
        if (claim.pool, claim.kind) in found:
            continue
        try:
            capacity = _largest(status.capacity, there.capacity if there is not None else None, status.allocatable)
        except InvalidQuantity:
            continue
        own = {key: value for key, value in claim.labels.items() if not key.startswith(OWN) and key != HOSTNAME}
        found[claim.pool, claim.kind] = Shape(claim.kind, claim.pool, own, status.allocatable, capacity)
    return {place: replace(shape, zones=frozenset(zones[shape.kind])) for place, shape in found.items()}


def held_by_pool(claims: Iterable[Claim]) -> dict[str, dict[str, int]]:
    """What the machines of each pool hold of its limits, in nano-units. One that goes holds nothing any more."""
    held: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for claim in claims:
        if not claim.is_going:
            pool = held[claim.pool]
            for name, nanos in claim.held.items():
                pool[name] += nanos
    return held


def _whole(claim: NodeClaim, node: Node | None) -> Amounts:
    """As Karpenter counts a machine against limits: the node's own word, once it has one."""
    told = claim.status.capacity if claim.status is not None else None
    capacity = node.status.capacity if node is not None and node.status is not None else None
    return capacity if capacity and _is(claim, "Initialized") else _rather(capacity, told)


def _rather(first: Amounts | None, other: Amounts | None) -> Amounts:
    """The first amounts, and the others where those are missing or 0: devices come later than their node."""
    known = nanos_of(first)
    return {**(other or {}), **{name: text for name, text in (first or {}).items() if known[name]}}


def _largest(*told: Amounts | None) -> Amounts:
    largest: dict[str, int] = {}
    found: Amounts = {}
    for amounts in told:
        for name, nanos in nanos_of(amounts).items():
            if nanos >= largest.get(name, 0):
                largest[name], found[name] = nanos, (amounts or {})[name]
    return found


def _labels(claim: NodeClaim, node: Node | None) -> dict[str, str]:
    """What its node carries, or will: a requirement with one value ends as a label."""
    asked = label_sets(claim.spec.requirements if claim.spec is not None else ())
    single = {key: values[0] for key, wanted in asked.items() if (values := wanted.values) and len(values) == 1}
    told = (node.metadata.labels if node is not None else None) or {}
    return single | {key: value or "" for key, value in ({**(claim.metadata.labels or {}), **told}).items()}


def _is(claim: NodeClaim, kind: str) -> bool:
    found = condition(claim.status.conditions if claim.status is not None else None, kind)
    return found is not None and found.status == "True"
