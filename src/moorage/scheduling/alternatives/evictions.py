"""Room that can be made: which pods the scheduler would evict for one that fits nowhere.

From a node that refuses the pod all pods of lower priority are taken away in thought. If it fits then, as many of them
as possible are given back: first those whose eviction would violate a PodDisruptionBudget, then the others, the more
important before the less; who can't be given back is a victim.

Source: kubernetes v1.36 pkg/scheduler/framework/plugins/defaultpreemption/default_preemption.go (SelectVictimsOnNode,
PodEligibleToPreemptOthers), pkg/scheduler/framework/preemption/preemption.go (pickOneNodeForPreemption) and
pkg/scheduler/util/utils.go (MoreImportantPod)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from moorage.objects import PodDisruptionBudget
from moorage.scheduling.accounting.ladder import by_importance
from moorage.scheduling.filters import READ_PODS, dynamicresources, noderesourcesfit
from moorage.scheduling.fit import Trial, fitting
from moorage.scheduling.steps import at_once, in_parts
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moorage.objects import Pod
    from moorage.scheduling.accounting.budgets import Split
    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.accounting.podinfo import PodInfo
    from moorage.scheduling.profiles import Profile
    from moorage.scheduling.state import State
    from moorage.scheduling.steps import Steps
    from moorage.scheduling.verdict import NodeVerdict, Verdict

NOT_ELIGIBLE_NEVER = "not eligible due to preemptionPolicy=Never."
NOT_ELIGIBLE_WAITING = "not eligible due to a terminating pod on the nominated node."
UNKNOWN_BUDGETS = later("Whether an eviction would violate a budget is unknown: poddisruptionbudgets can't be read.")
REASON_NO_VICTIMS = "No preemption victims found for incoming pod"
NOT_ELIGIBLE_OFF = "not eligible because the scheduler {name} evicts nobody."
# "Now", for pods that have not started.
_LATEST = 2**63
# Up to so many nodes the scheduler looks at all of them before it takes one (minCandidateNodesAbsolute).
ALL_LOOKED_AT = 100


class NodeEvictions(msgspec.Struct, frozen=True, gc=False):
    """One node: its victims, the most important first, and how many of them budgets protect; or why none would help."""

    pods: tuple[PodInfo, ...] = ()
    pdb_violations: int = 0
    reasons: tuple[str, ...] = ()

    @property
    def victims(self) -> tuple[str, ...]:
        """The victims as "namespace/name"."""
        return tuple([f"{pod.namespace}/{pod.name}" for pod in self.pods])


class Evictions(msgspec.Struct, frozen=True, gc=False):
    """The whole answer: why the pod may evict nobody, or each node that refuses it but not for good.

    The scheduler evicts on one of the nodes of `chosen`, and only where the pod fits nowhere. It is one node where that
    is determined.
    """

    not_eligible: str | None = None
    nodes: dict[str, NodeEvictions] = {}
    chosen: tuple[str, ...] = ()
    undecided: tuple[str, ...] = ()


NO_VICTIMS = NodeEvictions(reasons=(REASON_NO_VICTIMS,))


def evictions(cluster: State, pod: Pod | dict[str, Any]) -> Evictions:
    """What the scheduler could evict for this pod on each node that refuses it, and where it would.

    Raises `InvalidObject` where the pod can't be read.
    """
    trial = Trial(cluster, pod)
    return at_once(evicting(cluster, trial, at_once(fitting(cluster, trial))))


def evicting(cluster: State, trial: Trial, verdict: Verdict) -> Steps[Evictions]:
    """The same in steps, for a pod that is prepared and its verdict on all nodes."""
    if trial.prefilter is not None:
        return Evictions(undecided=trial.undecided)
    refused = verdict.nodes
    if not_eligible := _not_eligible(trial, cluster, refused):
        return Evictions(not_eligible=not_eligible, undecided=trial.undecided)
    search = _Search(trial, cluster)
    nodes: dict[str, NodeEvictions] = {}
    for part in in_parts(name for name, node in refused.items() if not (node.fits or node.unresolvable)):
        for name in part:
            nodes[name] = search.on(cluster.nodes[name], refused[name])
        yield
    undecided = trial.undecided
    if nodes and PodDisruptionBudget in cluster.unknown_kinds:
        undecided += (UNKNOWN_BUDGETS,)
    return Evictions(nodes=nodes, chosen=() if verdict.fits else _chosen(nodes, trial.profile), undecided=undecided)


def _not_eligible(trial: Trial, cluster: State, verdicts: Mapping[str, NodeVerdict]) -> str | None:
    pod, profile = trial.ask.pod, trial.profile
    if profile is not None and not profile.preempts:
        return NOT_ELIGIBLE_OFF.format(name=profile.name)
    if pod.spec.preemption_policy == "Never":
        return NOT_ELIGIBLE_NEVER
    nominated = pod.status.nominated_node_name if pod.status is not None else None
    verdict = verdicts.get(nominated or "")
    if verdict is None or verdict.unresolvable:
        return None
    pods = cluster.nodes[nominated or ""].pods.values()
    if any(pod.extra.preempted and pod.priority < trial.ask.info.priority for pod in pods):
        return NOT_ELIGIBLE_WAITING
    return None


class _Search:
    """One pod's search for victims, node by node."""

    def __init__(self, trial: Trial, cluster: State) -> None:
        self._trial = trial
        self._priority = trial.ask.info.priority
        self._budgets = cluster.budgets
        checks = trial.checks(lambda _: True)
        reading = trial.checks(READ_PODS.__contains__)
        self._checks, self._reading = list(checks.values()), list(reading.values())
        # Where pods only take room from each other, sums tell who may stay.
        # What a configuration leaves to others is not asked of a node.
        all_counted = trial.profile is None or not (trial.profile.ignored or trial.profile.ignored_groups)
        self._only_room = (
            all_counted
            and reading.keys() == {noderesourcesfit.NAME}
            and not dynamicresources.classes_behind(trial.ask, cluster)
        )
        self._after_room = self._checks[list(checks).index(noderesourcesfit.NAME) + 1 :] if self._only_room else []

    def on(self, info: NodeInfo, refusal: NodeVerdict) -> NodeEvictions:
        """The answer for this node, which has refused the pod so."""
        ladder = info.ladder
        start = ladder.below(self._priority)
        if start == len(ladder.pods):
            return NO_VICTIMS
        only_room = self._only_room and not (info.nominated and self._trial.nominated_on(info))
        split = self._budgets.split(ladder, start)
        if only_room:
            return self._by_sums(info, refusal, start, split)
        lower = ladder.pods[start:]
        pods, violating = (lower, 0) if split is None else (split.row.pods, split.violating)
        victims, violations = self._one_by_one(info, lower, pods[:violating], pods[violating:])
        if isinstance(victims, tuple):
            return NodeEvictions(reasons=victims)
        return NodeEvictions(tuple(victims), violations)

    def _by_sums(self, info: NodeInfo, refusal: NodeVerdict, start: int, split: Split | None) -> NodeEvictions:
        """The answer where pods only take room from each other. What the node has passed, and what it is not short of,
        needs no second look.
        """
        if refusal.plugin != noderesourcesfit.NAME:
            return NodeEvictions(reasons=refusal.reasons)
        row = info.ladder if split is None else split.row
        places = row.victims(start if split is None else 0, refusal.details)
        if places is None:
            short = info.ladder.short_without(start, refusal.details)
            return NodeEvictions(reasons=noderesourcesfit.reasons_for(short))
        for check in self._after_room:
            if (other := check(info)) is not None:
                return NodeEvictions(reasons=other.reasons)
        victims = [row.pods[at] for at in places]
        if split is None:
            return NodeEvictions(tuple(victims))
        if len(victims) > 1 and split.violating < len(row.pods):
            victims = by_importance(victims)
        return NodeEvictions(tuple(victims), sum(at < split.violating for at in places))

    def _one_by_one(
        self, info: NodeInfo, lower: Sequence[PodInfo], violating: Sequence[PodInfo], others: Sequence[PodInfo]
    ) -> tuple[list[PodInfo] | tuple[str, ...], int]:
        """The victims, or why there are none; and how many of them a budget protects."""
        rest = info.with_pods([])
        for pod in lower:
            rest.remove(pod.uid)
        verdict = self._trial.after(rest, lower, self._checks)
        if not verdict.fits:
            return verdict.reasons, 0
        removed = {pod.uid: pod for pod in lower}
        victims: list[PodInfo] = []
        violations = 0
        for pods in (violating, others):
            for pod in pods:
                rest.add(pod)
                del removed[pod.uid]
                if not self._trial.after(rest, tuple(removed.values()), self._reading).fits:
                    rest.remove(pod.uid)
                    removed[pod.uid] = pod
                    victims.append(pod)
                    violations += pods is violating
        return (by_importance(victims) if violating and others else victims), violations


def _chosen(nodes: Mapping[str, NodeEvictions], profile: Profile | None) -> tuple[str, ...]:
    """The nodes that the scheduler may take: the best by its five criteria, or all where it may not look at all."""
    if not (profile.looks_at_all(len(nodes)) if profile is not None else len(nodes) <= ALL_LOOKED_AT):
        return tuple(name for name, node in nodes.items() if node.pods)
    scores = {name: _score(node, node.pods) for name, node in nodes.items() if node.pods}
    best = min(scores.values(), default=None)
    return tuple(name for name, score in scores.items() if score == best)


def _score(node: NodeEvictions, victims: Sequence[PodInfo]) -> tuple[int, ...]:
    """Fewest violations, lowest highest priority, smallest sum of priorities, fewest victims, latest start."""
    highest = max(pod.priority for pod in victims)
    starts = [_LATEST if pod.started is None else pod.started for pod in victims if pod.priority == highest]
    # Priorities count from the lowest possible, so that fewer victims win also where all are below 0.
    total = sum(pod.priority + 2**31 for pod in victims)
    return node.pdb_violations, victims[0].priority, total, len(victims), -min(starts)
