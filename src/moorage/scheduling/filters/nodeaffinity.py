"""NodeAffinity: the node must match the pod's nodeSelector and its required node affinity.

Where every term names nodes by `metadata.name`, the other nodes are not even tried, and say so in other words.

Source: kubernetes v1.36 pkg/scheduler/framework/plugins/nodeaffinity/node_affinity.go,
component-helpers scheduling/corev1/nodeaffinity/nodeaffinity.go and pkg/scheduler/schedule_one.go
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.scheduling.selectors import NodeTerms
from moorage.scheduling.verdict import NodeVerdict, refuse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moorage.objects import NodeSelector
    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.accounting.podinfo import PodInfo
    from moorage.scheduling.ask import Ask
    from moorage.scheduling.plugin import Prepared
    from moorage.scheduling.state import State

NAME = "NodeAffinity"
REASON = "node(s) didn't match Pod's node affinity/selector"
REASON_ENFORCED = "node(s) didn't match scheduler-enforced node affinity"
REASON_CONFLICT = "pod affinity terms conflict"
REASON_NOT_NAMED = "node(s) didn't satisfy plugin(s) [NodeAffinity]"


class Required:
    """The pod's nodeSelector and required terms, together."""

    __slots__ = ("equal", "terms")

    def __init__(self, ask: Ask) -> None:
        selector = _required(ask)
        self.equal = tuple((key, value or "") for key, value in (ask.pod.spec.node_selector or {}).items())
        self.terms = NodeTerms(selector) if selector is not None else None

    def matches(self, labels: Mapping[str, str], name: str) -> bool:
        for key, value in self.equal:
            if labels.get(key) != value:
                return False
        return self.terms is None or self.terms.matches(labels, name)


def prepare(ask: Ask, _: State, *, enforced: NodeSelector | None = None) -> Prepared:
    """`enforced` is an affinity that this scheduler's configuration adds to every pod's own."""
    required = Required(ask)
    if not required.equal and required.terms is None and enforced is None:
        return None
    named = names(ask)
    if named is not None and not named:
        return refuse(NAME, REASON_CONFLICT, unresolvable=True)
    refusal = refuse(NAME, REASON, unresolvable=True)

    def check(node: NodeInfo, *_: Sequence[PodInfo]) -> NodeVerdict | None:
        return None if required.matches(node.labels, node.name) else refusal

    if enforced is None:
        return check
    terms, not_added = NodeTerms(enforced), refuse(NAME, REASON_ENFORCED, unresolvable=True)

    def check_both(node: NodeInfo, *_: Sequence[PodInfo]) -> NodeVerdict | None:
        return check(node) if terms.matches(node.labels, node.name) else not_added

    return check_both


def names(ask: Ask) -> set[str] | None:
    """The only nodes that the required terms name, or None where some term names none."""
    selector = _required(ask)
    if selector is None or not selector.node_selector_terms:
        return None
    named: set[str] = set()
    for term in selector.node_selector_terms:
        of_term: set[str] | None = None
        for field in term.match_fields or ():
            if field.key == "metadata.name" and field.operator == "In":
                values = set(field.values or ())
                of_term = values if of_term is None else of_term & values
        if of_term is None:
            return None
        named |= of_term
    return named


def _required(ask: Ask) -> NodeSelector | None:
    affinity = ask.pod.spec.affinity
    return affinity.node_affinity.required if affinity and affinity.node_affinity else None
