"""`/metrics`, from a registry of its own: nothing of the process that we are mounted into, and nothing twice."""

import asyncio
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

import moorage
from moorage import clock
from moorage.cluster.live import LiveCluster
from moorage.images.catalogue import Catalogue
from moorage.service.http.odd_requests import OddRequests
from moorage.service.state.waits import Waits
from moorage.service.streams.streams import Streams

# Each node is some ten series; beyond this the per-node ones are left out and `moorage_node_metrics_omitted` says so.
MOST_NODES = 1000
_AMOUNTS = {"cpu": "cpu_millicores", "memory": "memory_bytes", "gpu": "gpu"}


_GAUGES = {
    "ledger_drift": "Nodes whose running sums differed from the last recount; anything but 0 is a bug in moorage.",
    "revision": "The snapshot's revision, which grows with every change.",
    "nodes": "Nodes.",
    "pods": "Pods that are counted.",
    "unreadable": "Objects that can't be read.",
}
_COUNTERS = {
    "events": "Watch events processed.",
    "lists": "Full lists read.",
    "watches": "Watches opened.",
    "recounts": "Recounts of the ledger from scratch.",
    "garbled": "Answers of the API server that made no sense.",
}


class Metrics:
    def __init__(self, live: LiveCluster, streams: Streams, catalogue: Catalogue, waits: Waits) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "moorage_http_requests", "Requests answered.", ["path", "method", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "moorage_http_request_seconds",
            "Time to answer a request; for a stream, time to open it.",
            ["path"],
            buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5),
            registry=self._registry,
        )
        self.odd_requests = OddRequests()
        self._registry.register(_Picture(live, streams, catalogue, self.odd_requests))
        self._registry.register(waits)

    def count(self, path: str, method: str, status: int, seconds: float) -> None:
        self._requests.labels(path, method, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def text(self) -> bytes:
        return generate_latest(self._registry)


class _Picture(Collector):
    """The cluster as metrics, made when somebody asks."""

    def __init__(self, live: LiveCluster, streams: Streams, catalogue: Catalogue, odd_requests: OddRequests) -> None:
        self._odd_requests = odd_requests
        self._live = live
        self._streams = streams
        self._catalogue = catalogue

    def describe(self) -> list[Metric]:
        return []  # nothing is collected at registration

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily("moorage_build", "The version.", value={"version": moorage.__version__})
        yield from self._feeds()
        yield from self._counters()
        yield from self._nodes()
        yield GaugeMetricFamily("moorage_tasks", "Tasks of the event loop.", value=len(asyncio.all_tasks()))
        yield GaugeMetricFamily("moorage_open_streams", "Open event streams.", value=self._streams.open)
        yield CounterMetricFamily("moorage_stream_messages", "Messages encoded.", value=self._streams.messages)
        yield CounterMetricFamily(
            "moorage_streams_dropped", "Streams closed because the client was too slow.", value=self._streams.dropped
        )
        yield CounterMetricFamily(
            "moorage_odd_requests",
            "Bytes that were no HTTP, and requests to become something else than HTTP.",
            value=self._odd_requests.count,
        )
        yield GaugeMetricFamily("moorage_images", "Images on offer.", value=len(self._catalogue.listing.images))
        if (age := self._catalogue.age_seconds()) is not None:
            yield GaugeMetricFamily("moorage_images_age_seconds", "Age of the registry's list.", value=age)

    def _feeds(self) -> Iterator[Metric]:
        live = GaugeMetricFamily("moorage_feed_live", "1 while this kind of object is being watched.", labels=["kind"])
        for kind, feed in self._live.status.feeds.items():
            live.add_metric([kind], 0 if getattr(feed, "stale", False) else 1)
        yield live
        yield GaugeMetricFamily(
            "moorage_stale", "1 while the data may be out of date.", value=int(self._live.status.stale)
        )
        yield GaugeMetricFamily("moorage_ready", "1 once the first lists are complete.", value=int(self._live.ready))

    def _counters(self) -> Iterator[Metric]:
        counters = self._live.counters
        for name, words in _GAUGES.items():
            yield GaugeMetricFamily(f"moorage_{name}", words, value=counters[name])
        for name, words in _COUNTERS.items():
            yield CounterMetricFamily(f"moorage_{name}", words, value=counters[name])

    def _nodes(self) -> Iterator[Metric]:
        snapshot = self._live.snapshot
        if snapshot is None:
            return
        yield GaugeMetricFamily(
            "moorage_last_change_seconds", "Seconds since the last change.", value=clock.age(snapshot.taken_at)
        )
        omitted = len(snapshot.nodes) > MOST_NODES
        yield GaugeMetricFamily("moorage_node_metrics_omitted", "1 when there are too many nodes.", value=int(omitted))
        if omitted:
            return
        import msgspec

        families = {
            (kind, resource): GaugeMetricFamily(
                f"moorage_node_{kind}_{field}", f"{kind} {resource} of a node.", labels=["node"]
            )
            for kind in ("allocatable", "allocated", "available")
            for resource, field in _AMOUNTS.items()
        }
        for name, data in snapshot.nodes.items():
            node = msgspec.json.decode(data)
            for (kind, resource), family in families.items():
                if (amount := node[kind][_AMOUNTS[resource]]) is not None:
                    family.add_metric([name], amount)
        yield from families.values()
