"""`GET /api/v1/cluster/resources`."""

import asyncio
import time
from datetime import datetime

import msgspec
import pytest

from moorage.service.http.schemas import Node


async def test_the_array_has_the_promised_shape(simulator, serve, node, pod) -> None:
    labels = {"nvidia.com/gpu.product": "NVIDIA-GeForce-RTX-4090", "nvidia.com/gpu.memory": "24576"}
    simulator.add(node("vilanova1", cpu="16", memory="64Gi", gpu=1, labels=labels))
    simulator.add(pod("a", on="vilanova1", cpu="4500m", memory="10Gi"))

    service = await serve(api_server=simulator.url)
    await service.ready()
    answer = await service.get("/api/v1/cluster/resources")

    assert answer.headers["content-type"] == "application/json"
    [found] = answer.json()
    short = {key: found[key] for key in ("name", "capacity", "allocated", "available")}
    for block in ("capacity", "allocated", "available"):
        short[block] = {key: short[block][key] for key in ("cpu", "memory", "gpu")}
    assert short == {
        "name": "vilanova1",
        "capacity": {"cpu": 16, "memory": "64Gi", "gpu": 1},
        "allocated": {"cpu": 4.5, "memory": "10Gi", "gpu": 0},
        "available": {"cpu": 11.5, "memory": "54Gi", "gpu": 1},
    }
    [card] = found["gpu_details"]
    wanted = ("index", "model", "memory_total", "memory_used", "memory_free", "utilization", "available")
    assert {key: card[key] for key in wanted} == {
        "index": 0,
        "model": "NVIDIA GeForce RTX 4090",
        "memory_total": "24576 MiB",
        "memory_used": "Unknown",
        "memory_free": "Unknown",
        "utilization": None,
        "available": True,
    }


async def test_nodes_are_sorted_and_fit_the_described_model(service, simulator, node) -> None:
    simulator.add(node("b"), node("a"), node("c", gpu=2))

    nodes = await service.until(lambda nodes: len(nodes) == 3)

    assert list(nodes) == ["a", "b", "c"]
    for found in nodes.values():
        Node.model_validate(found)


async def test_headers_tell_revision_and_age(service, simulator, node) -> None:
    simulator.add(node("a"))
    await service.until(lambda nodes: "a" in nodes)

    answer = await service.get("/api/v1/cluster/resources")

    assert int(answer.headers["moorage-revision"]) >= 1
    assert answer.headers["moorage-stale"] == "false"
    assert float(answer.headers["moorage-age-seconds"]) == 0


async def test_the_revision_told_is_the_answers_own_whatever_comes_meanwhile(service, simulator, node, monkeypatch):
    array, live = service.parts.ages.array, service.parts.live

    async def overtaken(snapshot):
        made = await array(snapshot)
        simulator.add(node("late"))
        while live.snapshot is snapshot:
            await asyncio.sleep(0.01)
        return made

    monkeypatch.setattr(service.parts.ages, "array", overtaken)
    async with asyncio.timeout(10):
        answer = await service.get("/api/v1/cluster/resources")

    assert answer.json() == []
    assert answer.headers["etag"] == f'"{live.snapshot.epoch}-{answer.headers["moorage-revision"]}"'
    assert int(answer.headers["moorage-revision"]) < live.snapshot.revision


async def test_an_unchanged_cluster_answers_304(service, simulator, node) -> None:
    simulator.add(node("a"))
    await service.until(lambda nodes: "a" in nodes)
    first = await service.get("/api/v1/cluster/resources")

    same = await service.get("/api/v1/cluster/resources", headers={"If-None-Match": first.headers["etag"]})
    simulator.add(node("b"))
    await service.until(lambda nodes: "b" in nodes)
    other = await service.get("/api/v1/cluster/resources", headers={"If-None-Match": first.headers["etag"]})

    assert (same.status_code, same.content) == (304, b"")
    assert other.status_code == 200


async def test_one_node_by_name(service, simulator, node) -> None:
    simulator.add(node("a"), node("b"))
    nodes = await service.until(lambda nodes: len(nodes) == 2)

    answer = await service.get("/api/v1/cluster/resources/b")

    assert answer.json() == nodes["b"]


async def test_an_unknown_node_is_404(service) -> None:
    answer = await service.get("/api/v1/cluster/resources/nowhere")

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "unknown_node"
    assert "nowhere" in answer.json()["error"]["message"]


async def test_before_the_first_list_the_answer_is_503_and_not_an_empty_array(serve) -> None:
    service = await serve(api_server="http://127.0.0.1:1")

    answer = await service.get("/api/v1/cluster/resources")

    assert answer.status_code == 503
    assert answer.json()["error"]["code"] == "not_ready"
    assert answer.json()["error"]["hint"]
    assert (await service.get("/readyz")).status_code == 503
    assert (await service.get("/livez")).status_code == 200


async def test_an_api_server_that_goes_away_makes_the_picture_stale_and_not_empty(service, simulator, node) -> None:
    simulator.add(node("a"))
    await service.until(lambda nodes: "a" in nodes)

    async with service.stream() as events:
        await simulator.stop()
        status, _ = await events.until("status", lambda status: status["stale"])

    answer = await service.get("/api/v1/cluster/resources")
    assert status["since"]
    assert status["reason"]
    assert [found["name"] for found in answer.json()] == ["a"]
    assert answer.headers["moorage-stale"] == "true"


async def test_html_in_names_and_labels_stays_data(service, simulator, node) -> None:
    simulator.add(node("a", labels={"nvidia.com/gpu.product": "<script>alert(1)</script>"}, gpu=1))

    nodes = await service.until(lambda nodes: "a" in nodes)
    answer = await service.get("/api/v1/cluster/resources")

    assert "script" in msgspec.json.encode(nodes["a"]).decode()
    assert answer.headers["content-type"] == "application/json"


async def test_images_of_a_node_are_told_when_asked_for(service, simulator, node) -> None:
    body = node("a")
    body["status"]["images"] = [{"names": ["q/x:1", "q/x@sha256:aa"], "sizeBytes": 5}]
    simulator.add(body)
    await service.until(lambda nodes: "a" in nodes)

    every = (await service.get("/api/v1/cluster/resources?images_present=true")).json()
    one = (await service.get("/api/v1/cluster/resources/a?images_present=true")).json()
    usual = (await service.get("/api/v1/cluster/resources/a")).json()

    assert every == [one]
    assert one["images_present"] == [["q/x:1", "q/x@sha256:aa"]]
    assert "images_present" not in usual


async def test_a_part_that_ended_fails_the_liveness_probe(service) -> None:
    service.parts.tasks[0].cancel()

    async with asyncio.timeout(5):
        while (answer := await service.get("/livez")).status_code == 200:
            await asyncio.sleep(0.01)

    assert answer.json()["error"]["code"] == "broken"


@pytest.mark.parametrize("by", [3600.0, -7200.0])
async def test_a_clock_that_is_set_makes_a_fresh_picture_no_older(serve, simulator, node, monkeypatch, by) -> None:
    simulator.add(node("n1"))
    service = await serve(api_server=simulator.url)
    await service.ready()
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + by)

    headers = (await service.get("/api/v1/cluster/resources")).headers

    assert (headers["Moorage-Stale"], float(headers["Moorage-Age-Seconds"])) == ("false", 0.0)
    taken_at = datetime.fromisoformat(headers["Moorage-Taken-At"]).timestamp()
    assert -1 < time.time() - taken_at < 60


async def test_a_clock_that_is_set_back_makes_an_old_picture_no_younger(serve, simulator, node, monkeypatch) -> None:
    simulator.add(node("n1"))
    service = await serve(api_server=simulator.url)
    await service.ready()
    await simulator.stop()
    async with asyncio.timeout(10):
        while (await service.get("/api/v1/cluster/resources")).headers["Moorage-Stale"] == "false":
            await asyncio.sleep(0.05)
    first = float((await service.get("/api/v1/cluster/resources")).headers["Moorage-Age-Seconds"])
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 7200)

    async with asyncio.timeout(10):
        while (age := float((await service.get("/api/v1/cluster/resources")).headers["Moorage-Age-Seconds"])) <= first:
            await asyncio.sleep(0.05)

    assert age < 60
