"""One pod against every node, and effective requests by the second.

Beside them in the same run: the arithmetic that most tools write, on the official client's models with Decimal.
"""

from __future__ import annotations

import asyncio
import gc
import json
import statistics
import sys
import time
from copy import copy
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parent))

import synthetic

from moorage.objects import CountedPod, Node, PodDisruptionBudget, decode
from moorage.scheduling.accounting.requests import effective_requests
from moorage.scheduling.alternatives.advice import advise
from moorage.scheduling.cluster import Cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

PODS_EACH = 30
SIZES = {10: (500, 0.3), 500: (200, None), 5_000: (60, 20)}
CROWDED = 5_000
PEER_NODES = 100
ASK = {
    "metadata": {
        "name": "jupyter-ada",
        "namespace": "hub",
        "labels": {"app": "jupyterhub", "component": "singleuser-server"},
    },
    "spec": {
        "nodeSelector": {"kubernetes.io/arch": "amd64"},
        "containers": [
            {
                "name": "notebook",
                "resources": {"requests": {"cpu": "2", "memory": "8Gi"}, "limits": {"cpu": "4", "memory": "8Gi"}},
            }
        ],
        "initContainers": [{"name": "block-cloud-metadata", "resources": {}}],
        "tolerations": [
            {"key": "hub.jupyter.org/dedicated", "operator": "Equal", "value": "user", "effect": "NoSchedule"},
            {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"},
            {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute"},
        ],
    },
}
TOO_LARGE = {
    **ASK,
    "spec": {
        **ASK["spec"],
        "containers": [{"name": "notebook", "resources": {"requests": {"cpu": "60", "memory": "1Ti"}}}],
    },
}


def main() -> list[dict[str, Any]]:
    rows = []
    for nodes, (times, limit) in SIZES.items():
        cluster = _cluster(nodes)
        gc.collect()
        gc.freeze()
        took = _times(lambda cluster=cluster: cluster.fit(ASK), times)
        refused = _times(lambda cluster=cluster: cluster.fit(TOO_LARGE), times)
        verdict = cluster.fit(TOO_LARGE)
        advised = _times(lambda cluster=cluster, verdict=verdict: advise(cluster, TOO_LARGE, verdict), times)
        rows += [
            _row(f"fit.p50_ms.{nodes}", statistics.median(took), "ms", limit=limit),
            _row(f"fit.p99_ms.{nodes}", _p99(took), "ms"),
            _row(f"fit.refused_p50_ms.{nodes}", statistics.median(refused), "ms"),
            _row(f"advice.p50_ms.{nodes}", statistics.median(advised), "ms"),
        ]
        if nodes == CROWDED:
            rows += _evictions(cluster, statistics.median(took))
        del cluster
        gc.unfreeze()
    rows += _peers()
    return rows


def _evictions(cluster: Cluster, fit_ms: float) -> list[dict[str, Any]]:
    """What could be made for a pod that fits nowhere, on nodes full of pods of lower priority: without budgets, and with
    one for each application in each namespace, which together guard every pod.
    """
    for info in cluster.nodes.values():
        info.allocatable = copy(info.requested)
        info.allocatable.pods = 110
    ask = {**ASK, "spec": {**ASK["spec"], "priority": 1}}
    made = cluster.evictions(ask)
    assert len([node for node in made.nodes.values() if node.victims]) > CROWDED * 0.9
    took = statistics.median(_times(lambda: cluster.evictions(ask), 30))
    against = {"name": "a fit on the same nodes", "value": round(fit_ms, 3)}
    plain = _row(f"evict.p50_ms.{CROWDED}", took, "ms", limit=60, against=against)
    for budget in _budgets(cluster):
        cluster.set_object(decode(PodDisruptionBudget, json.dumps(budget).encode()))
    guarded = statistics.median(_times(lambda: cluster.evictions(ask), 30))
    against = {"name": "the same without budgets", "value": round(took, 3)}
    return [plain, _row(f"evict.guarded_p50_ms.{CROWDED}", guarded, "ms", limit=60, against=against)]


def _budgets(cluster: Cluster) -> Iterator[dict[str, Any]]:
    """Each leaves one disruption, fewer than there are pods on most nodes."""
    guarded = {
        (pod.namespace, name, pod.labels[name])
        for pod in cluster.pods.values()
        for name in ("app", "app.kubernetes.io/name")
        if name in pod.labels
    }
    for number, (namespace, name, value) in enumerate(sorted(guarded)):
        yield {
            "metadata": {"name": f"budget-{number}", "namespace": namespace},
            "spec": {"selector": {"matchLabels": {name: value}}},
            "status": {"disruptionsAllowed": 1},
        }


def _cluster(nodes: int) -> Cluster:
    cluster = Cluster()
    for number in range(nodes):
        cluster.set_node(decode(Node, json.dumps(synthetic.node(number)).encode()))
    for number in range(nodes * PODS_EACH):
        cluster.set_pod(decode(CountedPod, json.dumps(synthetic.pod(number, nodes=nodes)).encode()))
    assert all(len(info.pods) == PODS_EACH for info in cluster.nodes.values())
    return cluster


def _times(call: Any, times: int) -> list[float]:
    call()
    took = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        took.append((time.perf_counter() - started) * 1000)
    return took


def _p99(took: list[float]) -> float:
    return sorted(took)[min(len(took) - 1, int(len(took) * 0.99))]


def _row(
    name: str, value: float, unit: str, *, limit: float | None = None, at_least: bool = False, against: Any = None
) -> dict[str, Any]:
    holds = None if limit is None else (value >= limit if at_least else value <= limit)
    return {"id": name, "value": round(value, 4), "unit": unit, "limit": limit, "holds": holds, "against": against}


# --- what most people would write -------------------------------------------------------------------------------

_SUFFIXES = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    "k": Decimal(10**3),
    "M": Decimal(10**6),
    "G": Decimal(10**9),
    "T": Decimal(10**12),
}
_SUFFIXES |= {"Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40)}


def _decimal(text: str) -> Decimal:
    for length in (2, 1):
        if text[-length:] in _SUFFIXES:
            return Decimal(text[:-length]) * _SUFFIXES[text[-length:]]
    return Decimal(text)


def _sum(pod: Any) -> dict[str, Decimal]:
    total: dict[str, Decimal] = {}
    for container in pod.spec.containers:
        for name, amount in ((container.resources and container.resources.requests) or {}).items():
            total[name] = total.get(name, Decimal(0)) + _decimal(amount)
    return total


def _naive_fit(nodes: list[Any], pods: list[Any], asked: dict[str, Decimal]) -> list[str]:
    used: dict[str, dict[str, Decimal]] = {}
    for pod in pods:
        on = used.setdefault(pod.spec.node_name, {})
        for name, amount in _sum(pod).items():
            on[name] = on.get(name, Decimal(0)) + amount
    fitting = []
    for node in nodes:
        on = used.get(node.metadata.name, {})
        free = {name: _decimal(amount) - on.get(name, Decimal(0)) for name, amount in node.status.allocatable.items()}
        if all(free.get(name, Decimal(0)) >= amount for name, amount in asked.items()):
            fitting.append(node.metadata.name)
    return fitting


def _models(kind: str, items: list[dict[str, Any]]) -> list[Any]:
    from kubernetes_asyncio.client import ApiClient

    # The models insist on fields that nobody here reads and that made-up objects may lack.
    for item in items:
        item["status"].pop("nodeInfo", None)

    async def read() -> list[Any]:
        async with ApiClient() as client:
            return [client._ApiClient__deserialize(item, kind) for item in items]

    return asyncio.run(read())


def _peers() -> list[dict[str, Any]]:
    count = PEER_NODES * PODS_EACH
    plain_nodes = [synthetic.node(number) for number in range(PEER_NODES)]
    plain_pods = [synthetic.pod(number, nodes=PEER_NODES) for number in range(count)]
    nodes, pods = _models("V1Node", plain_nodes), _models("V1Pod", plain_pods)
    cluster = _cluster(PEER_NODES)
    ours = statistics.median(_times(lambda: cluster.fit(ASK), 100))
    asked = {"cpu": Decimal(2), "memory": _decimal("8Gi")}
    theirs = statistics.median(_times(lambda: _naive_fit(nodes, pods, asked), 5))
    typed = [decode(CountedPod, json.dumps(pod).encode()) for pod in plain_pods]
    rate = count / min(_times(lambda: [effective_requests(pod) for pod in typed], 5)) * 1000
    naive = count / min(_times(lambda: [_sum(pod) for pod in pods], 5)) * 1000
    name = "official client's models, Decimal"
    return [
        _row(f"peer.fit_ms.{PEER_NODES}", ours, "ms", against={"name": name, "value": theirs}),
        _row("requests.per_s", rate, "/s"),
        _row("peer.requests_per_s", rate, "/s", against={"name": name, "value": naive}),
    ]


if __name__ == "__main__":
    for row in main():
        print(json.dumps(row))
