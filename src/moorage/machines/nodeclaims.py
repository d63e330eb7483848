"""What Karpenter's NodeClaims tell: which machines are on their way, what kinds look like, what a pool holds.

Source: karpenter v1.14 pkg/apis/v1/nodeclaim.go, pkg/controllers/state/statenode.go and
pkg/controllers/nodeclaim/lifecycle
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import TYPE_CHECKING

from msgspec.structs import replace

from moorage.errors import InvalidQuantity
from moorage.machines.facts import gpu_of, instance_type
from moorage.machines.labelsets import label_sets
from moorage.machines.nodepools import MACHINES, OWN, POOL, ZONE, Shape, condition, nanos_of
from moorage.objects import Node, NodeClaim, NodeSpec, NodeStatus, ObjectMeta, Unreadable
from moorage.quantity import NANO
from moorage.scheduling.machines import HOSTNAME, Machine, lasting_taints

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from moorage.objects import Amounts
    from moorage.scheduling.accounting.nodeinfo import NodeInfo

    Nodes = Mapping[str, NodeInfo]

_ASKED = "Karpenter has asked for it, and the cloud has not answered yet."


def is_coming(claim: NodeClaim) -> bool:
    """Whether it is not yet what it will be: not there, not ready, or without the devices that pods wait for."""
    return not claim.metadata.deletion_timestamp and not _is(claim, "Initialized")


def coming(claim: NodeClaim, nodes: Nodes) -> Machine:
    """One machine that Karpenter has asked for, as it will be."""
    spec, status = claim.spec, claim.status
    pool, labels, there = pool_of(claim), _labels(claim, nodes), _node_of(claim, nodes)
    machine = Machine(
        pool=pool,
        source="karpenter",
        state="on_its_way",
        kind=instance_type(labels),
        taken=spec.resources.requests if spec is not None and spec.resources is not None else None,
        since=_seconds(claim.metadata.creation_timestamp),
        node_name=there.metadata.name if there is not None else None,
        label=(POOL, pool) if POOL in labels else None,
        why=None if _is(claim, "Launched") else _ASKED,
    )
    if status is None or not status.allocatable:
        return machine
    startup = {(taint.key, taint.effect) for taint in (spec.startup_taints if spec is not None else None) or ()}
    offered = there.status.allocatable if there is not None and there.status is not None else None
    try:
        amounts = _rather(offered, status.allocatable)
        node = Node(
            metadata=ObjectMeta(name="", labels=dict(labels)),
            spec=NodeSpec(taints=lasting_taints((spec.taints if spec is not None else None) or (), startup=startup)),
            status=NodeStatus(capacity=_largest(status.capacity, amounts), allocatable=amounts),
        )
        gpu_model, gpu_count = gpu_of(node)
    except (Unreadable, InvalidQuantity):
        return machine
    return replace(machine, node=node, gpu_model=gpu_model, gpu_count=gpu_count)


def shapes_of(claims: Iterable[NodeClaim], nodes: Nodes) -> dict[tuple[str, str | None], Shape]:
    """What the machines of each pool and kind look like, by what Karpenter expects of them."""
    zones: dict[str | None, set[str]] = defaultdict(set)
    first: dict[tuple[str, str | None], Shape] = {}
    for claim in claims:
        status, labels = claim.status, _labels(claim, nodes)
        kind, pool = instance_type(labels), pool_of(claim)
        if kind is None or status is None or not status.allocatable:
            continue
        if ZONE in labels:
            zones[kind].add(labels[ZONE])
        if (pool, kind) in first:
            continue
        there = _node_of(claim, nodes)
        try:
            capacity = _largest(
                status.capacity, there.status.capacity if there and there.status else None, status.allocatable
            )
        except InvalidQuantity:
            continue
        own = {key: value for key, value in labels.items() if not key.startswith(OWN) and key != HOSTNAME}
        first[pool, kind] = Shape(kind, pool, own, status.allocatable, capacity)
    return {place: replace(shape, zones=frozenset(zones[shape.kind])) for place, shape in first.items()}


def held_by_pool(claims: Iterable[NodeClaim], nodes: Nodes) -> dict[str, dict[str, int]]:
    """What the machines of each pool hold of its limits, whole, in nano-units."""
    held: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for claim in claims:
        if claim.metadata.deletion_timestamp:
            continue
        pool = held[pool_of(claim)]
        pool[MACHINES] += NANO
        try:
            for name, nanos in nanos_of(_whole(claim, nodes)).items():
                pool[name] += nanos
        except InvalidQuantity:
            continue
    return held


def pool_of(claim: NodeClaim) -> str:
    return (claim.metadata.labels or {}).get(POOL) or claim.metadata.name


def _whole(claim: NodeClaim, nodes: Nodes) -> Amounts:
    """As Karpenter counts a machine against limits: the node's own word, once it has one."""
    there, told = _node_of(claim, nodes), claim.status.capacity if claim.status is not None else None
    capacity = there.status.capacity if there is not None and there.status is not None else None
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


def _labels(claim: NodeClaim, nodes: Nodes) -> dict[str, str]:
    """What its node carries, or will: a requirement with one value ends as a label."""
    asked = label_sets(claim.spec.requirements if claim.spec is not None else ())
    single = {key: values[0] for key, wanted in asked.items() if (values := wanted.values) and len(values) == 1}
    there = _node_of(claim, nodes)
    told = (there.metadata.labels if there is not None else None) or {}
    return single | {key: value or "" for key, value in ({**(claim.metadata.labels or {}), **told}).items()}


def _node_of(claim: NodeClaim, nodes: Nodes) -> Node | None:
    name = claim.status.node_name if claim.status is not None else None
    info = nodes.get(name) if name else None
    return info.node if info is not None else None


def _is(claim: NodeClaim, kind: str) -> bool:
    found = condition(claim.status.conditions if claim.status is not None else None, kind)
    return found is not None and found.status == "True"


def _seconds(moment: str | None) -> float | None:
    try:
        return datetime.fromisoformat(moment).timestamp() if moment else None
    except (ValueError, OverflowError):
        return None
