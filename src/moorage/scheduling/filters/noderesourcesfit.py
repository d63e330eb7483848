"""NodeResourcesFit: what the pod asks must be free on the node.

Free is allocatable minus the sum of the pods' effective requests, and may be negative; what is not asked is not looked
at. All resources that are short are told together, and so is by how much.

Source: kubernetes v1.36 pkg/scheduler/framework/plugins/noderesources/fit.go (fitsRequest)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.scheduling.verdict import NodeVerdict, Shortage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moorage.scheduling.ask import Ask
    from moorage.scheduling.cluster import Cluster
    from moorage.scheduling.filters import Check
    from moorage.scheduling.nodeinfo import NodeInfo, PodInfo
    from moorage.scheduling.requests import Requests

NAME = "NodeResourcesFit"
REASON_PODS = "Too many pods"
REASON = "Insufficient {resource}"


def prepare(ask: Ask, _: Cluster) -> Check:
    requests = ask.info.requests
    cpu, memory, storage = requests.cpu_milli, requests.memory, requests.ephemeral_storage
    scalars = tuple((name, amount) for name, amount in requests.scalars.items() if amount)

    def check(node: NodeInfo, _: Sequence[PodInfo] = ()) -> NodeVerdict | None:
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
        return _refuse(shortages(requests, node))

    return check


def shortages(requests: Requests, node: NodeInfo) -> list[Shortage]:
    """Every resource of which the node has too little for these requests."""
    allocatable, requested = node.allocatable, node.requested
    short = []
    if requested.pods + 1 > allocatable.pods:
        short.append(Shortage("pods", 1, allocatable.pods - requested.pods, allocatable.pods))
    plain = (
        ("cpu", requests.cpu_milli, allocatable.cpu_milli, requested.cpu_milli),
        ("memory", requests.memory, allocatable.memory, requested.memory),
        ("ephemeral-storage", requests.ephemeral_storage, allocatable.ephemeral_storage, requested.ephemeral_storage),
    )
    for name, asked, there, used in plain:
        if asked > 0 and asked > there - used:
            short.append(Shortage(name, asked, there - used, there))
    for name, asked in requests.scalars.items():
        there, used = allocatable.scalars.get(name, 0), requested.scalars.get(name, 0)
        if asked != 0 and asked > there - used:
            short.append(Shortage(name, asked, there - used, there))
    return short


def _refuse(short: list[Shortage]) -> NodeVerdict:
    return NodeVerdict(
        False,
        NAME,
        tuple(sorted([REASON_PODS if s.resource == "pods" else f"Insufficient {s.resource}" for s in short])),
        any(s.asked > s.allocatable for s in short if s.resource != "pods"),
        tuple(short),
    )
