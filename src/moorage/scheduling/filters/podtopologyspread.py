"""PodTopologySpread: pods that match a constraint must stay even over the domains of its topology key.

Only `DoNotSchedule` refuses. Terminating pods are not counted. Which nodes make up the domains is decided by the two
inclusion policies: the pod's node affinity counts by default, the nodes' taints do not.

Source: kubernetes v1.36 pkg/scheduler/framework/plugins/podtopologyspread/filtering.go and common.go
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.scheduling.filters.nodeaffinity import Required
from moorage.scheduling.filters.tainttoleration import untolerated
from moorage.scheduling.selectors import InvalidSelector, Selector, compile_labels
from moorage.scheduling.verdict import NodeVerdict, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from moorage.objects import TopologySpreadConstraint
    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.accounting.podinfo import PodInfo
    from moorage.scheduling.ask import Ask
    from moorage.scheduling.plugin import Prepared
    from moorage.scheduling.state import State

NAME = "PodTopologySpread"
REASON = "node(s) didn't match pod topology spread constraints"
REASON_LABEL = "node(s) didn't match pod topology spread constraints (missing required label)"


class _Constraint:
    """One constraint with the matching pods of each of its domains."""

    def __init__(self, constraint: TopologySpreadConstraint, selector: Selector, ask: Ask) -> None:
        self.key = constraint.topology_key
        self.max_skew = constraint.max_skew
        self.min_domains = 1 if constraint.min_domains is None else constraint.min_domains
        self.heeds_affinity = (constraint.node_affinity_policy or "Honor") == "Honor"
        self.heeds_taints = (constraint.node_taints_policy or "Ignore") == "Honor"
        self.selector = selector
        self.self_match = 1 if selector.matches(ask.labels) else 0
        self.counts: dict[str, int] = {}
        self._known: dict[bytes, bool] = {}

    def matches(self, pod: PodInfo) -> bool:
        known = self._known.get(pod.raw_labels)
        if known is None:
            known = self._known[pod.raw_labels] = self.selector.matches(pod.labels)
        return known

    def among(self, pods: Iterable[PodInfo], namespace: str) -> int:
        """How many of these pods it means. Upstream takes away terminating pods, too, which it never counted."""
        return sum(1 for pod in pods if pod.namespace == namespace and self.matches(pod))

    def count(self, node: NodeInfo, namespace: str) -> None:
        """Make the node part of its domain and count its pods there."""
        value, matching = node.labels[self.key], 0
        if not self.selector.is_empty:
            for pod in node.pods.values():
                if pod.namespace == namespace and not pod.terminating and self.matches(pod):
                    matching += 1
        self.counts[value] = self.counts.get(value, 0) + matching

    def includes(self, node: NodeInfo, ask: Ask, required: Required) -> bool:
        """Whether the node counts at all, by the constraint's two policies."""
        if self.heeds_affinity and not required.matches(node.labels, node.name):
            return False
        return not (self.heeds_taints and node.blocking_taints and untolerated(node.blocking_taints, ask.tolerations))

    def settle(self) -> None:
        """Find the domain with the fewest and how few the next one has, so that one more pod is cheap to ask about."""
        lowest = sorted(self.counts.items(), key=lambda item: item[1])[:2]
        self.lowest, self.fewest = lowest[0] if lowest else ("", 0)
        self.next_fewest = lowest[1][1] if len(lowest) > 1 else None
        if len(self.counts) < self.min_domains:
            self.fewest = 0
            self.next_fewest = 0

    def skew(self, value: str, extra: int) -> int:
        """How far the node's domain would stand above the lowest one, with the pod and `extra` more there."""
        there, fewest = self.counts.get(value, 0) + extra, self.fewest
        if extra and len(self.counts) >= self.min_domains:
            others = self.next_fewest if value == self.lowest else fewest
            fewest = there if others is None else min(there, others)
        return there + self.self_match - fewest


def prepare(ask: Ask, cluster: State) -> Prepared:
    constraints = _constraints(ask)
    if not constraints:
        return None
    required = Required(ask)
    for node in cluster.nodes.values():
        if all(constraint.key in node.labels for constraint in constraints):
            for constraint in constraints:
                if constraint.includes(node, ask, required):
                    constraint.count(node, ask.namespace)
    for constraint in constraints:
        constraint.settle()
    no_label, skewed = refuse(NAME, REASON_LABEL, unresolvable=True), refuse(NAME, REASON)

    def check(node: NodeInfo, added: Sequence[PodInfo] = (), removed: Sequence[PodInfo] = ()) -> NodeVerdict | None:
        labels = node.labels
        if (added or removed) and not all(constraint.key in labels for constraint in constraints):
            added = removed = ()
        for constraint in constraints:
            value = labels.get(constraint.key)
            if value is None:
                return no_label
            extra = 0
            if (added or removed) and constraint.includes(node, ask, required):
                extra = constraint.among(added, ask.namespace) - constraint.among(removed, ask.namespace)
            if constraint.skew(value, extra) > constraint.max_skew:
                return skewed
        return None

    return check


def _constraints(ask: Ask) -> list[_Constraint]:
    constraints = []
    for index, constraint in enumerate(ask.pod.spec.topology_spread_constraints or ()):
        if constraint.when_unsatisfiable != "DoNotSchedule":
            continue
        try:
            selector = compile_labels(constraint.label_selector)
        except InvalidSelector as error:
            raise ask.unreadable(f"spec.topologySpreadConstraints[{index}].labelSelector: {error}") from error
        keys = constraint.match_label_keys or ()
        selector = selector.also({key: ask.labels[key] for key in keys if key in ask.labels})
        constraints.append(_Constraint(constraint, selector, ask))
    return constraints
