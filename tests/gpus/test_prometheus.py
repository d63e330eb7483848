"""Prometheus over real HTTP: which node a series is of, how old it is, and what is said when it fails."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from aiohttp import web

from moorage.gpus.sources.prometheus import Prometheus
from moorage.gpus.view import NodeView
from moorage.objects import Node, decode
from moorage.scheduling.accounting.nodeinfo import NodeInfo
from moorage.scheduling.accounting.podinfo import digest

NOW = 1_700_000_000.0


@pytest.fixture
def nodes():
    found = {}
    for name, hostname in (("n1", "n1"), ("n2", "host-two")):
        info = NodeInfo(name)
        info.set_node(
            decode(
                Node,
                {
                    "metadata": {"name": name, "labels": {"kubernetes.io/hostname": hostname}},
                    "status": {"capacity": {"nvidia.com/gpu": "1"}},
                },
            )
        )
        found[name] = info
    pod = {
        "metadata": {"name": "dcgm-exporter-sn5rp", "namespace": "gpu", "uid": "1"},
        "spec": {"nodeName": "n2", "containers": []},
    }
    found["n2"].add(digest(pod))
    return found


@pytest.fixture
async def prometheus(exporter, nodes):
    now = [NOW]
    source = Prometheus(f"http://127.0.0.1:{exporter.port}/", directory=lambda: nodes, deadline=5, clock=lambda: now[0])
    source.now = now
    yield source
    if source._session is not None:
        await source._session.close()


def answering(exporter, series, *, scraped: float = NOW - 12) -> None:
    """Answer queries as Prometheus does: the metric's name in the query picks the series."""

    async def answer(request: web.Request) -> web.Response:
        query = (await request.post())["query"]
        result = []
        for name, metric, value in series:
            if f"timestamp({name})" in query:
                result.append({"metric": {"UUID": metric["UUID"]}, "value": [NOW, str(scraped)]})
            elif re.search(rf"\({name}\)", query):
                kept = re.search(r"by \(([^)]*)\)", query)[1].split(",")
                result.append(
                    {"metric": {key: text for key, text in metric.items() if key in kept}, "value": [NOW, value]}
                )
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})

    exporter.answer = answer


def series(uuid: str, **where: str):
    metric = {"UUID": uuid, "gpu": "0", "modelName": "NVIDIA GeForce RTX 4090", **where}
    return [
        ("DCGM_FI_DEV_FB_USED", metric, "507"),
        ("DCGM_FI_DEV_GPU_UTIL", metric, "7"),
        ("DCGM_FI_DEV_GPU_TEMP", metric, "40"),
    ]


def cards(source, node: str):
    return [(card.uuid, card.memory_used, card.utilization) for card in source.facts(NodeView(name=node))]


@pytest.mark.parametrize(
    ("where", "node"),
    [
        ({"Hostname": "n1"}, "n1"),
        ({"hostname": "n1"}, "n1"),
        ({"node": "n1", "Hostname": "something-else"}, "n1"),
        ({"Hostname": "host-two"}, "n2"),
        ({"hostname": "dcgm-exporter-sn5rp"}, "n2"),
        ({"Hostname": "dcgm-exporter-x", "pod": "dcgm-exporter-sn5rp"}, "n2"),
        ({"Hostname": "n1.example.org"}, "n1"),
        ({"instance": "n1:9400"}, "n1"),
    ],
)
async def test_a_series_is_put_on_the_node_that_any_label_names(exporter, prometheus, where, node) -> None:
    answering(exporter, series("GPU-aa", **where))
    changed: list[str] = []

    await prometheus.refresh(changed.extend)

    assert cards(prometheus, node) == [("GPU-aa", 507, 7)]
    assert changed == [node]


async def test_series_of_a_node_that_is_gone_are_left_away(exporter, prometheus) -> None:
    answering(exporter, series("GPU-aa", Hostname="n1") + series("GPU-zz", Hostname="gone"))

    await prometheus.refresh(lambda names: None)

    assert cards(prometheus, "n1") == [("GPU-aa", 507, 7)]
    assert cards(prometheus, "gone") == []


async def test_the_holder_is_read_from_exported_labels(exporter, prometheus) -> None:
    own = {"pod": "dcgm-exporter-sn5rp", "namespace": "gpu", "container": "dcgm-exporter"}
    answering(
        exporter,
        series("GPU-aa", node="n1", exported_pod="ollama", exported_namespace="x", exported_container="c", **own),
    )

    await prometheus.refresh(lambda names: None)

    (card,) = prometheus.facts(NodeView(name="n1"))
    assert [(holder.namespace, holder.pod) for holder in card.holders] == [("x", "ollama")]


async def test_a_reading_is_as_old_as_its_scrape(exporter, prometheus) -> None:
    answering(exporter, series("GPU-aa", node="n1"), scraped=NOW - 200)

    await prometheus.refresh(lambda names: None)

    assert [card.taken_at for card in prometheus.facts(NodeView(name="n1"))] == [NOW - 200]


async def test_a_series_without_any_node_of_the_cluster_says_so(exporter, prometheus) -> None:
    answering(exporter, series("GPU-aa", Hostname="elsewhere"))

    await prometheus.refresh(lambda names: None)

    assert prometheus.problem(NodeView(name="n1")) == "prometheus: its series name no node in this cluster"


async def test_no_series_at_all_says_so(exporter, prometheus) -> None:
    answering(exporter, [])

    await prometheus.refresh(lambda names: None)

    assert prometheus.problem(NodeView(name="n1")) == "prometheus: it has no GPU series"


@pytest.mark.parametrize(
    ("status", "said"), [(401, "it needs a token"), (500, "it answered 500"), (302, "it answered 302")]
)
async def test_a_failure_is_told_and_the_last_answer_is_kept(exporter, prometheus, status, said) -> None:
    answering(exporter, series("GPU-aa", node="n1"))
    await prometheus.refresh(lambda names: None)
    exporter.say("<html>", status=status)

    await prometheus.refresh(lambda names: None)

    assert cards(prometheus, "n1") == [("GPU-aa", 507, 7)]
    assert said in prometheus.problem(NodeView(name="n1"))
    prometheus.now[0] += 400
    assert cards(prometheus, "n1") == []


async def test_a_prometheus_that_hangs_is_let_go(exporter, nodes) -> None:
    async def hang(request):
        await asyncio.sleep(30)

    exporter.answer = hang
    hanging = Prometheus(f"http://127.0.0.1:{exporter.port}/", directory=lambda: nodes, deadline=0.2)

    await hanging.refresh(lambda names: None)

    assert "no answer within 0.2 s" in hanging.problem(NodeView(name="n1"))
    await hanging._session.close()


async def test_a_token_is_read_anew_for_each_question(exporter, nodes, tmp_path) -> None:
    seen = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers.get("Authorization"))
        return web.Response(text=json.dumps({"status": "success", "data": {"resultType": "vector", "result": []}}))

    exporter.answer = answer
    file = tmp_path / "token"
    file.write_text("one\n")
    source = Prometheus(f"http://127.0.0.1:{exporter.port}", directory=lambda: nodes, token_file=file)

    await source.refresh(lambda names: None)
    file.write_text("two\n")
    await source.refresh(lambda names: None)

    assert {seen[0], seen[-1]} == {"Bearer one", "Bearer two"}
    await source._session.close()
