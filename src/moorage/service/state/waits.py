"""How long pods waited for a place, by what they asked for and how it ended.

Counted are waits and not starts: a pod of which a scheduler has said that there is no room, or that a gate holds back.
Pods that only keep room for others wait by design and are left out.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from prometheus_client import Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from moorage import clock
from moorage.cluster.answers.waiting import State, is_placeholder, state_of
from moorage.scheduling.accounting.podinfo import PodInfo
from moorage.scheduling.cluster import Cluster

_EVERY = 0.5
_BUCKETS = (1, 5, 15, 60, 300, 900, 3600, 3 * 3600, 12 * 3600, 24 * 3600)
# Names of resources come from pods, which anybody may make: beyond this they are one.
_MOST_ASKS = 50
_WAITS: tuple[State, ...] = ("gated", "no_room", "makes_room")


class Waits(Collector):
    """The waits of one cluster. A pod is known by its uid from the moment that it is seen to wait."""

    def __init__(self, cluster: Callable[[], Cluster], *, now: Callable[[], float] = clock.now) -> None:
        self._cluster = cluster
        self._now = now
        self._known: dict[str, PodInfo] = {}
        self._asks: set[str] = set()
        self._seconds = Histogram(
            "moorage_wait_seconds",
            "How long pods waited for a place: `placed` got one, `gone` were deleted without.",
            ["ask", "outcome"],
            buckets=_BUCKETS,
            registry=None,
        )

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            self.look()
            await asyncio.sleep(_EVERY)

    def look(self) -> None:
        """Take in who has begun to wait and who has ended since the last look."""
        cluster = self._cluster()
        for uid in self._known.keys() - cluster.unbound:
            pod = self._known.pop(uid)
            outcome = "placed" if uid in cluster.pods else "gone"
            if (seconds := self._waited(pod)) is not None:
                self._seconds.labels(self._ask(pod), outcome).observe(seconds)
        for uid in cluster.unbound:
            pod = cluster.pods[uid]
            if state_of(pod) in _WAITS and not is_placeholder(pod):
                self._known[uid] = pod

    def describe(self) -> list[Metric]:
        return []  # nothing is collected at registration

    def collect(self) -> Iterator[Metric]:
        self.look()
        waiting = GaugeMetricFamily("moorage_waiting", "Pods that wait for a place now.", labels=["ask", "state"])
        counted = Counter((self._ask(pod), state_of(pod)) for pod in self._known.values())
        for labels, count in sorted(counted.items()):
            waiting.add_metric(list(labels), count)
        yield waiting
        yield from self._seconds.collect()

    def _waited(self, pod: PodInfo) -> float | None:
        """Seconds since it was made, by its API server's clock and ours; None where it does not say when."""
        try:
            since = datetime.fromisoformat((pod.extra.wait.since if pod.extra.wait else None) or "")
        except ValueError:
            return None
        made = since if since.tzinfo else since.replace(tzinfo=UTC)
        return max(0.0, self._now() - clock.noted(made.timestamp()))

    def _ask(self, pod: PodInfo) -> str:
        """What is scarce about it: its devices by name, or `cpu` for a pod of CPU and memory alone."""
        names = [name for name, amount in pod.requests.scalars.items() if amount]
        ask = ",".join(sorted(names)) or ("devices" if pod.extra.resource_claims else "cpu")
        if ask not in self._asks and len(self._asks) >= _MOST_ASKS:
            return "other"
        self._asks.add(ask)
        return ask
