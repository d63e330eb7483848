"""PodDisruptionBudgets: which of a node's pods they guard, and whose eviction would violate one.

Which pods a budget guards changes with labels and selectors alone, and is kept beside a node's pods as long as those
stand. How many disruptions it has left changes with every pod that comes or goes, so that is looked up. One without a
selector, or with an empty or broken one, guards no pod.

Source: kubernetes v1.36 pkg/scheduler/framework/plugins/defaultpreemption/default_preemption.go
(filterPodsWithPDBViolation)
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from moorage.scheduling.accounting.ladder import Row
from moorage.scheduling.accounting.podinfo import label_text, read_labels
from moorage.scheduling.selectors import InvalidSelector, Selector, compile_labels

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moorage.objects import LabelSelector, PodDisruptionBudget
    from moorage.scheduling.accounting.ladder import Ladder
    from moorage.scheduling.accounting.podinfo import PodInfo


class _Budget:
    """One budget: its selector, and what its controller said last; `told` grows with each word of any controller."""

    __slots__ = ("allowed", "disrupted", "selector", "source", "told")

    def __init__(self, source: LabelSelector | None, selector: Selector) -> None:
        self.source, self.selector = source, selector
        self.allowed = self.told = 0
        self.disrupted: frozenset[str] = frozenset()

    def tell(self, item: PodDisruptionBudget, told: int) -> None:
        status = item.status
        self.allowed = status.disruptions_allowed if status is not None else 0
        self.disrupted = frozenset(status.disrupted_pods or ()) if status is not None else frozenset()
        self.told = told


class Split:
    """Pods in the order in which they are given back: first the `violating`, whose eviction would violate a budget."""

    __slots__ = ("row", "violating")

    def __init__(self, violating: list[PodInfo], others: list[PodInfo]) -> None:
        self.violating = len(violating)
        self.row = Row((*violating, *others))


class Budgets:
    """All budgets of a cluster."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, _Budget]] = {}
        self._indexes: dict[str, _Index] = {}
        self._guards: WeakKeyDictionary[Ladder, _Guard] = WeakKeyDictionary()
        self._told = 0

    def __bool__(self) -> bool:
        return bool(self._of)

    def put(self, item: PodDisruptionBudget) -> None:
        """Add or replace a budget."""
        namespace, name = item.metadata.namespace or "default", item.metadata.name
        source = item.spec.selector if item.spec is not None else None
        budget = self._of.get(namespace, {}).get(name)
        if budget is None or budget.source != source:
            self.drop(namespace, name)
            try:
                selector = compile_labels(source)
            except InvalidSelector:
                return
            if selector.nothing or selector.is_empty:
                return
            budget = self._of.setdefault(namespace, {})[name] = _Budget(source, selector)
            self._forget(namespace)
        self._told += 1
        budget.tell(item, self._told)

    def drop(self, namespace: str | None, name: str) -> None:
        """Take a budget away; an unknown one changes nothing."""
        namespace = namespace or "default"
        budgets = self._of.get(namespace, {})
        if budgets.pop(name, None) is not None:
            if not budgets:
                del self._of[namespace]
            self._forget(namespace)

    def _forget(self, namespace: str) -> None:
        self._indexes.pop(namespace, None)
        self._guards.clear()

    def split(self, ladder: Ladder, start: int) -> Split | None:
        """The pods from `start` on, parted by whether their eviction would violate a budget; None where none would."""
        if not self._of:
            return None
        guard = self._guards.get(ladder)
        if guard is None:
            guard = self._guards[ladder] = _Guard(ladder.pods, self)
        return guard.split(ladder.pods, start)

    def guarding(self, pod: PodInfo) -> tuple[_Budget, ...]:
        """The budgets that mean this pod."""
        budgets = self._of.get(pod.namespace)
        if budgets is None:
            return ()
        index = self._indexes.get(pod.namespace)
        if index is None:
            index = self._indexes[pod.namespace] = _Index(budgets.values())
        return index.guarding(pod.raw_labels)


class _Index:
    """The budgets of one namespace, by a label that they ask for."""

    __slots__ = ("_by_label", "_others")

    def __init__(self, budgets: Iterable[_Budget]) -> None:
        self._by_label: dict[bytes, dict[bytes, list[_Budget]]] = {}
        self._others: list[_Budget] = []
        for budget in budgets:
            if budget.selector.equal:
                name, value = budget.selector.equal[0]
                values = self._by_label.setdefault(label_text(name, "")[:-1], {})
                values.setdefault(value.encode(), []).append(budget)
            else:
                self._others.append(budget)

    def guarding(self, raw: bytes) -> tuple[_Budget, ...]:
        found: list[_Budget] = []
        # Labels are only read where one selector asks for more than one: there are as many of them as pods.
        for begins, values in self._by_label.items():
            # The last one of its name counts. In the text of a value each quote has a backslash.
            at = raw.rfind(begins)
            if at >= 0:
                at += len(begins)
                found += values.get(raw[at : raw.index(b'"', at)], ())
        found = [one for one in found if one.selector.is_one_label or one.selector.matches(read_labels(raw))]
        # Upstream looks at no budget for a pod without labels.
        if self._others and (labels := read_labels(raw)):
            found += [budget for budget in self._others if budget.selector.matches(labels)]
        return tuple(found)


class _Guard:
    """The budgets of one node's pods: for each guarded pod its place and its budgets."""

    __slots__ = ("_budgets", "_guarded", "_kept")

    def __init__(self, pods: Iterable[PodInfo], budgets: Budgets) -> None:
        found = [(at, budgets.guarding(pod)) for at, pod in enumerate(pods)]
        self._guarded = [(at, of) for at, of in found if of]
        counts: dict[_Budget, int] = {}
        for _, of in self._guarded:
            for budget in of:
                counts[budget] = counts.get(budget, 0) + 1
        self._budgets = tuple(counts.items())
        self._kept: tuple[int, int, Split | None] = (-1, -1, None)

    def split(self, pods: tuple[PodInfo, ...], start: int) -> Split | None:
        told, enough = 0, True
        for budget, count in self._budgets:
            told = max(told, budget.told)
            enough = enough and count <= budget.allowed
        if enough:
            return None
        if self._kept[:2] != (told, start):
            self._kept = told, start, self._part(pods, start)
        return self._kept[2]

    def _part(self, pods: tuple[PodInfo, ...], start: int) -> Split | None:
        """Each pod takes one disruption of each of its budgets, the more important first."""
        left: dict[_Budget, int] = {}
        violating = set()
        for at, of in self._guarded:
            if at < start:
                continue
            for budget in of:
                if pods[at].name in budget.disrupted:
                    continue
                left[budget] = left.get(budget, budget.allowed) - 1
                if left[budget] < 0:
                    violating.add(at)
        if not violating:
            return None
        places = range(start, len(pods))
        return Split([pods[at] for at in places if at in violating], [pods[at] for at in places if at not in violating])
