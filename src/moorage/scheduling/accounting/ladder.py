"""The pods of one node by importance, with sums: who may stay is found without asking about each.

Source: kubernetes v1.36 pkg/scheduler/util/utils.go (MoreImportantPod)
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from moorage.scheduling.accounting.podinfo import PodInfo
    from moorage.scheduling.verdict import Shortage

CPU, MEMORY, STORAGE, PODS = "cpu", "memory", "ephemeral-storage", "pods"


def by_importance(pods: Iterable[PodInfo]) -> list[PodInfo]:
    """Higher priority first, then the longer running; who has not started yet counts as started now.

    "Now" comes later each time that upstream's sort asks, so it turns the order of those around. (Above twelve pods of
    one node it leaves the order of equals to chance.)
    """
    ranked: list[PodInfo] = []
    waiting: list[PodInfo] = []
    for pod in pods:
        (waiting if pod.started is None else ranked).append(pod)
    ranked.sort(key=attrgetter("started"))
    ranked += reversed(waiting)
    ranked.sort(key=attrgetter("priority"), reverse=True)
    return ranked


class Row:
    """Pods in the order in which they are given back, and what they ask up to each of them."""

    __slots__ = ("__weakref__", "_sums", "pods")

    def __init__(self, pods: tuple[PodInfo, ...]) -> None:
        self.pods = pods
        self._sums: dict[str, Sequence[int]] = {PODS: range(len(pods) + 1)}

    def sums(self, resource: str) -> Sequence[int]:
        """What the first n pods ask together, for each n from 0 on."""
        found = self._sums.get(resource)
        if found is None:
            sums = list(accumulate(_asked(self.pods, resource), initial=0))
            try:
                found = array("q", sums)
            except OverflowError:
                found = sums
            self._sums[resource] = found
        return found

    def victims(self, start: int, shortages: Sequence[Shortage]) -> list[int] | None:
        """From `start` on, the places of those who can't stay where so much is short; None where it were not enough if
        all went.
        """
        last = len(self.pods)
        past, scarce, limits = last + 1, [], []
        for short in shortages:
            sums = self._sums.get(short.resource) or self.sums(short.resource)
            limit = sums[last] + short.free - short.asked
            if limit < sums[start]:
                return None
            # Up to the first victim the sums tell at once.
            if sums[past - 1] > limit:
                past = bisect_right(sums, limit, start + 1, past - 1)
            scarce.append(sums)
            limits.append(limit)
        found = []
        while past <= last:
            found.append(past - 1)
            # Who comes after one and asks less may still stay.
            start, past = past, last + 1
            for at, sums in enumerate(scarce):
                limits[at] += sums[start] - sums[start - 1]
                if sums[past - 1] > limits[at]:
                    past = bisect_right(sums, limits[at], start + 1, past - 1)
        return found

    def short_without(self, start: int, shortages: Sequence[Shortage]) -> list[str]:
        """What is still short where all from `start` on went."""
        return [
            short.resource
            for short in shortages
            if (sums := self.sums(short.resource))[-1] - sums[start] < short.short_by
        ]


class Ladder(Row):
    """The pods of a node by importance."""

    __slots__ = ("_priorities",)

    def __init__(self, pods: Iterable[PodInfo]) -> None:
        super().__init__(tuple(by_importance(pods)))
        self._priorities = array("q", [-pod.priority for pod in self.pods])

    def below(self, priority: int) -> int:
        """The place from which on all have a lower priority than this."""
        return bisect_right(self._priorities, -priority)


_FIELDS = {
    CPU: attrgetter("requests.cpu_milli"),
    MEMORY: attrgetter("requests.memory"),
    STORAGE: attrgetter("requests.ephemeral_storage"),
}


def _asked(pods: Iterable[PodInfo], resource: str) -> Iterable[int]:
    field = _FIELDS.get(resource)
    return map(field, pods) if field is not None else [pod.requests.scalars.get(resource, 0) for pod in pods]
