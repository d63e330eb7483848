"""NodeResourcesFit: what the pod asks must be free on the node.

Free is allocatable minus the sum of the pods' effective requests, and may be negative; what is not asked is not looked
at. All resources that are short are told together, and so is by how much. A name that a device class stands behind is
left to DynamicResources on nodes where no device plugin offers it.

Source: kubernetes v1.36 pkg/scheduler/framework/plugins/noderesources/fit.go (fitsRequest,
shouldDelegateResourceToDRA)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.scheduling.accounting.names import is_extended
from moorage.scheduling.filters import dynamicresources
from moorage.scheduling.verdict import NodeVerdict, Shortage

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Sequence

    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.accounting.podinfo import PodInfo
    from moorage.scheduling.accounting.requests import Requests
    from moorage.scheduling.ask import Ask
    from moorage.scheduling.plugin import Check
    from moorage.scheduling.state import State

NAME = "NodeResourcesFit"
REASON_PODS = "Too many pods"
REASON = "Insufficient {resource}"


def prepare(ask: Ask, cluster: State, *, ignored: Callable[[str], bool] | None = None) -> Check:
    """`ignored` tells the extended resources that this scheduler's configuration leaves to others."""
    delegated = dynamicresources.classes_behind(ask, cluster)
    requests = ask.info.requests
    cpu, memory, storage = requests.cpu_milli, requests.memory, requests.ephemeral_storage
    scalars = tuple((name, amount) for name, amount in requests.scalars.items() if amount)
    if ignored is not None:
        scalars = tuple((name, amount) for name, amount in scalars if not (is_extended(name) and ignored(name)))
    said: dict[tuple[str, ...], tuple[str, ...]] = {}

    def check(node: NodeInfo, *_: Sequence[PodInfo]) -> NodeVerdict | None:
        allocatable, requested = node.allocatable, node.requested
        if (
            requested.pods < allocatable.pods
            and (cpu <= allocatable.cpu_milli - requested.cpu_milli or cpu <= 0)
            and (memory <= allocatable.memory - requested.memory or memory <= 0)
            and (storage <= 0 or storage <= allocatable.ephemeral_storage - requested.ephemeral_storage)
        ):
            if not scalars:
                return None
            for name, amount in scalars:
                if amount > allocatable.scalars.get(name, 0) - requested.scalars.get(name, 0):
                    break
            else:
                return None
        return _refuse(requests, scalars, node, delegated, said)

    return check


def _refuse(
    requests: Requests,
    scalars: Sequence[tuple[str, int]],
    node: NodeInfo,
    delegated: Container[str],
    said: dict[tuple[str, ...], tuple[str, ...]],
) -> NodeVerdict | None:
    """Every resource of which the node has too little. Unresolvable: it would have too little if it were empty.

    `said` keeps the words, which are the same for many nodes.
    """
    allocatable, requested = node.allocatable, node.requested
    short: list[Shortage] = []
    if requested.pods >= allocatable.pods:
        short.append(Shortage("pods", 1, allocatable.pods - requested.pods, allocatable.pods))
    unresolvable = False
    asked, there = requests.cpu_milli, allocatable.cpu_milli
    if asked > 0 and asked > there - requested.cpu_milli:
        short.append(Shortage("cpu", asked, there - requested.cpu_milli, there))
        unresolvable = asked > there
    asked, there = requests.memory, allocatable.memory
    if asked > 0 and asked > there - requested.memory:
        short.append(Shortage("memory", asked, there - requested.memory, there))
        unresolvable = unresolvable or asked > there
    asked, there = requests.ephemeral_storage, allocatable.ephemeral_storage
    if asked > 0 and asked > there - requested.ephemeral_storage:
        short.append(Shortage("ephemeral-storage", asked, there - requested.ephemeral_storage, there))
        unresolvable = unresolvable or asked > there
    for name, asked in scalars:
        there = allocatable.scalars.get(name, 0)
        if there <= 0 and name in delegated:
            continue
        free = there - requested.scalars.get(name, 0)
        if asked > free:
            short.append(Shortage(name, asked, free, there))
            unresolvable = unresolvable or asked > there
    if not short:
        return None
    names = tuple([shortage.resource for shortage in short])
    reasons = said.get(names)
    if reasons is None:
        reasons = said[names] = reasons_for(names)
    return NodeVerdict(False, NAME, reasons, unresolvable, tuple(short))


def reasons_for(names: Sequence[str]) -> tuple[str, ...]:
    """What is said where there is too little of these."""
    return tuple(sorted([REASON_PODS if name == "pods" else REASON.format(resource=name) for name in names]))
