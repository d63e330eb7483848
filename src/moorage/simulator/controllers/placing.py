"""Where a pod goes: moorage's verdict on the cluster as it is, and of the nodes that fit the least loaded.

Upstream scores by a dozen plugins; only the biggest of them, NodeResourcesLeastAllocated over cpu and memory, is done
here. The sentence for a pod that fits nowhere is upstream's: kubernetes v1.36 pkg/scheduler/framework/types.go
(FitError.Error).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moorage import objects
from moorage.errors import InvalidObject
from moorage.objects import decode
from moorage.scheduling.cluster import KINDS, Cluster
from moorage.simulator.store.resources import BY_PLURAL, NODES, PODS, Kind

if TYPE_CHECKING:
    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.verdict import Verdict

Json = dict[str, Any]
_OTHERS = {kind.PLURAL: kind for kind in KINDS if not BY_PLURAL[kind.PLURAL].addon}
# Everything that a verdict depends on; nodes first, so that a first look finds pods on nodes that are known.
FOLLOWED = (NODES, PODS, *(BY_PLURAL[plural] for plural in _OTHERS))


@dataclass(frozen=True, slots=True)
class Decision:
    """A node, or why there is none."""

    node: str | None
    message: str = ""


class Placing:
    """A `scheduling.Cluster` that is kept up with the storage, and choices made on it."""

    def __init__(self) -> None:
        self.cluster = Cluster()

    def see(self, kind: Kind, current: Json | None, previous: Json | None) -> bool:
        """Take in one change; whether it could let a waiting pod in."""
        try:
            if kind is PODS:
                return self._see_pod(current, previous)
            if kind is NODES:
                return self._see_node(current, previous)
            self._see_other(kind, current, previous)
        except InvalidObject:
            return False  # the cluster has noted it, and nobody waits for an object that can't be read
        return True

    def _see_pod(self, current: Json | None, previous: Json | None) -> bool:
        if previous is not None and (current is None or previous["metadata"]["uid"] != current["metadata"]["uid"]):
            self.cluster.remove_pod(previous["metadata"]["uid"])
        if current is None:
            return True
        self.cluster.set_pod(decode(objects.Pod, current))
        return previous is None or _standing(previous) != _standing(current)

    def _see_node(self, current: Json | None, previous: Json | None) -> bool:
        if current is None:
            if previous is not None:
                self.cluster.remove_node(previous["metadata"]["name"])
            return True
        self.cluster.set_node(decode(objects.Node, current))
        return previous is None or _offer(previous) != _offer(current)

    def _see_other(self, kind: Kind, current: Json | None, previous: Json | None) -> None:
        struct = _OTHERS[kind.plural]
        if current is not None:
            self.cluster.set_object(decode(struct, current))
        elif previous is not None:
            metadata = previous["metadata"]
            self.cluster.remove_object(struct, metadata.get("namespace"), metadata["name"])

    def place(self, pod: Json) -> Decision:
        """Raises `InvalidObject` where the pod can't be read."""
        verdict = self.cluster.fit(pod)
        fitting = [name for name, node in verdict.nodes.items() if node.fits]
        if not fitting:
            return Decision(None, explain(verdict, len(self.cluster.nodes)))
        return Decision(max(sorted(fitting), key=lambda name: _free_share(self.cluster.nodes[name])))


def _standing(pod: Json) -> tuple[Any, ...]:
    phase = (pod.get("status") or {}).get("phase")
    spec = pod.get("spec") or {}
    return (spec.get("nodeName"), phase in ("Succeeded", "Failed"), spec.get("schedulingGates"))


def _offer(node: Json) -> tuple[Any, ...]:
    return (node.get("spec"), node["metadata"].get("labels"), (node.get("status") or {}).get("allocatable"))


def _free_share(info: NodeInfo) -> float:
    shares = [
        (total - asked) / total
        for total, asked in (
            (info.allocatable.cpu_milli, info.requested.cpu_milli),
            (info.allocatable.memory, info.requested.memory),
        )
        if total > 0
    ]
    return sum(shares) / len(shares) if shares else 0.0


def explain(verdict: Verdict, count: int) -> str:
    """As upstream says it: how many nodes gave which reason, and whether evicting others would help."""
    if count == 0:
        return "no nodes available to schedule pods"
    reasons: Counter[str] = Counter()
    if verdict.prefilter is not None:
        said = ", ".join(verdict.prefilter.reasons)
        unhelpful = count
    else:
        for node in verdict.nodes.values():
            reasons.update(node.reasons)
        said = ", ".join(sorted(f"{number} {reason}" for reason, number in reasons.items()))
        unhelpful = sum(node.unresolvable for node in verdict.nodes.values())
    tail = []
    if unhelpful:
        tail.append(f"{unhelpful} Preemption is not helpful for scheduling")
    if count > unhelpful:
        tail.append(f"{count - unhelpful} No preemption victims found for incoming pod")
    return (
        f"0/{count} nodes are available: {said}. no new claims to deallocate, "
        f"preemption: 0/{count} nodes are available: {', '.join(sorted(tail))}."
    )
