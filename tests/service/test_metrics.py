"""`/metrics`."""

from prometheus_client.parser import text_string_to_metric_families

from moorage.service.state import metrics


async def families(service):
    answer = await service.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_nodes_feeds_and_the_ledger_are_told(service, simulator, node, pod) -> None:
    simulator.add(node("a", cpu="4"), pod("p", on="a", cpu="1"))
    await service.until(lambda nodes: "a" in nodes and nodes["a"]["allocated"]["cpu"] == 1)

    found = await families(service)

    assert found["moorage_ledger_drift", ()] == 0
    assert found["moorage_ready", ()] == 1
    assert found["moorage_stale", ()] == 0
    assert found["moorage_feed_live", (("kind", "nodes"),)] == 1
    assert found["moorage_node_available_cpu_millicores", (("node", "a"),)] == 3000
    assert found["moorage_node_allocated_cpu_millicores", (("node", "a"),)] == 1000


async def test_requests_and_streams_are_counted(service) -> None:
    await service.get("/api/v1/cluster/resources/x")
    async with service.stream() as events:
        await events.until("snapshot")
        found = await families(service)

    path = "/cluster/resources/{name}"
    assert found["moorage_http_requests_total", (("method", "GET"), ("path", path), ("status", "404"))] == 1
    assert found["moorage_open_streams", ()] == 1


async def test_a_large_cluster_does_not_flood_prometheus(service, simulator, node, monkeypatch) -> None:
    monkeypatch.setattr(metrics, "MOST_NODES", 2)
    simulator.add(node("a"), node("b"), node("c"))
    await service.until(lambda nodes: len(nodes) == 3)

    found = await families(service)

    assert found["moorage_node_metrics_omitted", ()] == 1
    assert not [name for name, _ in found if name.startswith("moorage_node_available")]


async def test_metrics_answer_before_the_cluster_is_known(serve) -> None:
    service = await serve(api_server="http://127.0.0.1:1")

    found = await families(service)

    assert found["moorage_ready", ()] == 0
