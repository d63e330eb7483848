"""The pods of one node by importance, with sums: who may stay is found without asking about each.

Source: kubernetes v1.36 pkg/scheduler/util/utils.go (MoreImportantPod)
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from moorage.scheduling.accounting.podinfo import PodInfo

CPU, MEMORY, STORAGE, PODS = "cpu", "memory", "ephemeral-storage", "pods"
# "Now", for pods that have not started.
LATEST = 2**63


def by_importance(pods: Iterable[PodInfo]) -> list[PodInfo]:
    """Higher priority first, then the longer running; who has not started yet counts as started now.

    "Now" comes later each time that upstream's sort asks, so it turns the order of those around. (Above twelve pods of
    one node it leaves the order of equals to chance.)
    """
    ranked = [
        (-pod.priority, LATEST if pod.started is None else pod.started, -at if pod.started is None else at, pod)
        for at, pod in enumerate(pods)
    ]
    ranked.sort(key=lambda rank: rank[:3])
    return [pod for *_, pod in ranked]


class Ladder:
    """Pods by importance, and what they ask up to each of them."""

    __slots__ = ("_priorities", "_sums", "pods")

    def __init__(self, pods: Iterable[PodInfo]) -> None:
        self.pods = by_importance(pods)
        self._priorities = array("q", [-pod.priority for pod in self.pods])
        self._sums: dict[str, Sequence[int]] = {PODS: range(len(self.pods) + 1)}

    def below(self, priority: int) -> int:
        """The place from which on all have a lower priority than this."""
        return bisect_right(self._priorities, -priority)

    def sums(self, resource: str) -> Sequence[int]:
        """What the first n pods ask together, for each n from 0 on."""
        found = self._sums.get(resource)
        if found is None:
            total, sums = 0, [0]
            for pod in self.pods:
                total += _asked(pod, resource)
                sums.append(total)
            try:
                found = array("q", sums)
            except OverflowError:
                found = sums
            self._sums[resource] = found
        return found

    def victims(self, start: int, room: Mapping[str, int]) -> list[PodInfo]:
        """From `start` on, those who can't stay where so much is left for all of them together."""
        scarce: list[Sequence[int]] = []
        limits: list[int] = []
        for resource, left in room.items():
            sums = self.sums(resource)
            if sums[-1] - sums[start] > left:
                scarce.append(sums)
                limits.append(sums[start] + left)
        if not scarce:
            return []
        # Up to the first victim the sums tell at once; after it, who asks little may still stay.
        first = min([bisect_right(sums, limit, start) for sums, limit in zip(scarce, limits, strict=True)]) - 1
        found: list[PodInfo] = []
        for at in range(first, len(self.pods)):
            for sums, limit in zip(scarce, limits, strict=True):
                if sums[at + 1] > limit:
                    found.append(self.pods[at])
                    limits = [limit + sums[at + 1] - sums[at] for sums, limit in zip(scarce, limits, strict=True)]
                    break
        return found


def _asked(pod: PodInfo, resource: str) -> int:
    requests = pod.requests
    if resource == CPU:
        return requests.cpu_milli
    if resource == MEMORY:
        return requests.memory
    return requests.ephemeral_storage if resource == STORAGE else requests.scalars.get(resource, 0)
