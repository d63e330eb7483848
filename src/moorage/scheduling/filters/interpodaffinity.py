"""InterPodAffinity: the pod's required affinity and anti-affinity to pods that run, and their anti-affinity to it.

A pod whose affinity matches itself may be the first of its kind. Terminating pods count like any other.

Source: kubernetes v1.36 pkg/scheduler/framework/plugins/interpodaffinity/filtering.go and plugin.go
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.objects import Namespace, PodAffinityTerm
from moorage.scheduling.selectors import InvalidSelector, compile_labels
from moorage.scheduling.verdict import NodeVerdict, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.accounting.podinfo import Labels, PodInfo
    from moorage.scheduling.ask import Ask
    from moorage.scheduling.plugin import Prepared
    from moorage.scheduling.state import State

NAME = "InterPodAffinity"
REASON_AFFINITY = "node(s) didn't match pod affinity rules"
REASON_ANTI_AFFINITY = "node(s) didn't match pod anti-affinity rules"
REASON_EXISTING = "node(s) didn't satisfy existing pods anti-affinity rules"

Counts = dict[tuple[str, str], int]


class _Term:
    """One required term: which pods it means, and over which topology."""

    def __init__(self, term: PodAffinityTerm, namespace: str) -> None:
        self.key = term.topology_key
        self.selector = compile_labels(term.label_selector)
        named = frozenset(term.namespaces or ())
        self.namespaces = named or (frozenset((namespace,)) if term.namespace_selector is None else named)
        self.namespace_selector = compile_labels(term.namespace_selector)
        # Upstream merges an incoming pod's namespace selector into names but goes on matching it, against no labels:
        # one that an unlabelled namespace satisfies then means every namespace.
        self.is_everywhere = self.namespace_selector.matches({})
        self._known: dict[bytes, bool] = {}

    def merge_namespaces(self, cluster: State) -> None:
        """Turn the namespace selector into names, as upstream does for the incoming pod's terms."""
        selector = self.namespace_selector
        if not (selector.nothing or selector.is_empty):
            found = [n.metadata.name for n in cluster.all(Namespace) if selector.matches(_labels(n))]
            self.namespaces |= frozenset(found)

    def matches(self, pod: PodInfo) -> bool:
        """For a term of the incoming pod: whether it means this pod."""
        if pod.namespace not in self.namespaces and not self.is_everywhere:
            return False
        known = self._known.get(pod.raw_labels)
        if known is None:
            known = self._known[pod.raw_labels] = self.selector.matches(pod.labels)
        return known

    def count(self, pods: Iterable[PodInfo]) -> int:
        """How many of these pods it means; the loop that runs over every pod of the cluster."""
        known, namespaces, matching = self._known, self.namespaces, 0
        everywhere = self.is_everywhere
        for pod in pods:
            if everywhere or pod.namespace in namespaces:
                matches = known.get(pod.raw_labels)
                if matches or (matches is None and self.matches(pod)):
                    matching += 1
        return matching

    def means(self, ask: Ask, namespace_labels: Labels) -> bool:
        """For a term of a pod that runs: whether it means the incoming pod."""
        if ask.namespace not in self.namespaces and not self.namespace_selector.matches(namespace_labels):
            return False
        return self.selector.matches(ask.labels)


class _State:
    """Counts of matching pods by (topology key, value); pods that come and go are counted on a copy."""

    def __init__(self, ask: Ask, cluster: State) -> None:
        self.affinity = _terms(ask, ask.affinity_terms, "podAffinity", cluster)
        self.anti_affinity = _terms(ask, ask.anti_affinity_terms, "podAntiAffinity", cluster)
        self.ask = ask
        own = cluster.get(Namespace, ask.namespace)
        self.namespace_labels: Labels = _labels(own) if own is not None else {}
        self.existing: Counts = {}
        self.wanted: Counts = {}
        self.avoided: Counts = {}
        self._known_to_avoid: dict[tuple[int, str], tuple[str, ...]] = {}

    def count_all(self, cluster: State) -> None:
        for pod in cluster.anti_affine.values():
            node = cluster.nodes.get(pod.node_name or "")
            if node is not None:
                self._count_existing(pod, node)
        nodes = cluster.nodes.values()
        for term in self.anti_affinity:
            for node in nodes:
                matching = term.count(node.pods.values())
                if matching:
                    _bump(self.avoided, term.key, node, matching)
        if len(self.affinity) == 1:
            term = self.affinity[0]
            for node in nodes:
                matching = term.count(node.pods.values())
                if matching:
                    _bump(self.wanted, term.key, node, matching)
        elif self.affinity:
            for node in nodes:
                for pod in node.pods.values():
                    self._count_wanted(pod, node)

    def changed(self, added: Iterable[PodInfo], removed: Iterable[PodInfo], node: NodeInfo) -> _State:
        copy = object.__new__(_State)
        copy.affinity, copy.anti_affinity, copy.ask = self.affinity, self.anti_affinity, self.ask
        copy.namespace_labels, copy._known_to_avoid = self.namespace_labels, self._known_to_avoid
        copy.existing, copy.wanted, copy.avoided = dict(self.existing), dict(self.wanted), dict(self.avoided)
        for pods, by in ((added, 1), (removed, -1)):
            for pod in pods:
                copy._count_existing(pod, node, by)
                copy._count_wanted(pod, node, by)
                for term in self.anti_affinity:
                    if term.matches(pod):
                        _bump(copy.avoided, term.key, node, by)
        return copy

    def _count_existing(self, pod: PodInfo, node: NodeInfo, by: int = 1) -> None:
        for key in self._avoids(pod):
            _bump(self.existing, key, node, by)

    def _avoids(self, pod: PodInfo) -> tuple[str, ...]:
        """The topology keys of this pod's terms that mean the incoming one. Pods of a kind share their terms."""
        terms, namespace = pod.extra.anti_affinity, pod.namespace
        found = self._known_to_avoid.get((id(terms), namespace))
        if found is None:
            found = self._find_avoided(terms, namespace)
            self._known_to_avoid[id(terms), namespace] = found
        return found

    def _find_avoided(self, terms: Sequence[PodAffinityTerm], namespace: str) -> tuple[str, ...]:
        if namespace != self.ask.namespace and not any(t.namespaces or t.namespace_selector for t in terms):
            return ()
        try:
            compiled = [_Term(term, namespace) for term in terms]
        except InvalidSelector:
            # Upstream keeps a pod whose terms it can't parse, without its terms.
            return ()
        return tuple(term.key for term in compiled if term.means(self.ask, self.namespace_labels))

    def _count_wanted(self, pod: PodInfo, node: NodeInfo, by: int = 1) -> None:
        if self.affinity and all(term.matches(pod) for term in self.affinity):
            for term in self.affinity:
                _bump(self.wanted, term.key, node, by)

    def is_near(self, node: NodeInfo) -> bool:
        """Whether the node's domains hold the pods that the incoming pod wants beside it."""
        near = True
        for term in self.affinity:
            value = node.labels.get(term.key)
            if value is None:
                return False
            near = near and self.wanted.get((term.key, value), 0) > 0
        return near or (not self.wanted and all(term.matches(self.ask.info) for term in self.affinity))

    def is_apart(self, node: NodeInfo) -> bool:
        """Whether the node's domains are free of the pods that the incoming pod avoids."""
        if not self.avoided:
            return True
        return not any((term.key, node.labels.get(term.key)) in self.avoided for term in self.anti_affinity)

    def is_welcome(self, node: NodeInfo) -> bool:
        """Whether no pod in the node's domains avoids the incoming one."""
        return not self.existing or not any(item in self.existing for item in node.labels.items())


def prepare(ask: Ask, cluster: State) -> Prepared:
    if not (ask.affinity_terms or ask.anti_affinity_terms or cluster.anti_affine):
        return None
    state = _State(ask, cluster)
    state.count_all(cluster)
    if not (state.existing or state.affinity or state.anti_affinity):
        return None
    far, near, unwelcome = (
        refuse(NAME, REASON_AFFINITY, unresolvable=True),
        refuse(NAME, REASON_ANTI_AFFINITY),
        refuse(NAME, REASON_EXISTING),
    )

    def check(node: NodeInfo, added: Sequence[PodInfo] = (), removed: Sequence[PodInfo] = ()) -> NodeVerdict | None:
        seen = state.changed(added, removed, node) if added or removed else state
        if seen.affinity and not seen.is_near(node):
            return far
        if not seen.is_apart(node):
            return near
        return None if seen.is_welcome(node) else unwelcome

    return check


def _terms(ask: Ask, terms: Iterable[PodAffinityTerm], which: str, cluster: State) -> list[_Term]:
    compiled = []
    for index, term in enumerate(terms):
        try:
            compiled.append(_Term(term, ask.namespace))
        except InvalidSelector as error:
            at = f"spec.affinity.{which}.requiredDuringSchedulingIgnoredDuringExecution[{index}]"
            raise ask.unreadable(f"{at}: {error}") from error
        compiled[-1].merge_namespaces(cluster)
    return compiled


def _bump(counts: Counts, key: str, node: NodeInfo, by: int = 1) -> None:
    """A count of 0 is none: whether there is any pod of a kind is told by whether there is a count."""
    value = node.labels.get(key)
    if value is not None:
        count = counts.get((key, value), 0) + by
        if count:
            counts[key, value] = count
        else:
            counts.pop((key, value), None)


def _labels(namespace: Namespace) -> Labels:
    return {key: value or "" for key, value in (namespace.metadata.labels or {}).items()}
