"""`GET /api/v1/cluster/waiting`, and what the metrics say of waits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from moorage.service.http.schemas import Waiting

WAITING = "/api/v1/cluster/waiting"
PLAIN, NAMED = "p" * 32, "n" * 32
NO_ROOM = (
    "0/3 nodes are available: 1 Insufficient nvidia.com/gpu, 2 node(s) had untolerated taint(s). no new claims to "
    "deallocate, preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling."
)


def waits(made: dict[str, Any], *, message: str = "", reason: str = "Unschedulable") -> dict[str, Any]:
    """The pod with a scheduler's word on it."""
    said = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
    return {**made, "status": {"phase": "Pending", "conditions": [said]}}


async def until(service, count, **options):
    async with asyncio.timeout(10):
        while len(told := (await service.get(WAITING, **options)).json()) != count:
            await asyncio.sleep(0.02)
    return told


async def test_those_without_a_place_are_listed_by_priority_and_age(serve, simulator, node, pod) -> None:
    simulator.add(node("n1"), pod("runs", on="n1", cpu="1"))
    simulator.add(waits(pod("ada", cpu="2", memory="4Gi", gpu=1), message=NO_ROOM), pod("bob", cpu="1", priority=5))
    service = await serve(api_server=simulator.url, gpu_holders="pod")
    await service.ready()

    first, second = await until(service, 2)

    Waiting.model_validate(first)
    assert (first["pod"], first["state"], first["text"]) == (
        "bob",
        "new",
        "No scheduler has said anything about it yet.",
    )
    assert (second["pod"], second["state"], second["namespace"]) == ("ada", "no_room", "default")
    assert second["since"] == simulator.get("pods", "default", "ada")["metadata"]["creationTimestamp"]
    assert (second["asks"]["cpu"], second["asks"]["memory"], second["asks"]["gpu"]) == (2, "4Gi", 1)
    assert second["reasons"] == [
        {"nodes": 1, "message": "Insufficient nvidia.com/gpu", "text": "Not enough GPU free."},
        {
            "nodes": 2,
            "message": "node(s) had untolerated taint(s)",
            "text": "Has a taint that the pod does not tolerate.",
        },
    ]
    assert second["text"] == ("On 1 node: Not enough GPU free. On 2 nodes: Has a taint that the pod does not tolerate.")


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("0/2 nodes are available: 2 Insufficient cpu.", "Not enough CPU free."),
        (
            'persistentvolumeclaim "home" not found',
            "The storage claim home does not exist. Create it or use another one.",
        ),
        ("no nodes available to schedule pods", "The cluster has no nodes that take pods."),
        ("something <b>new</b>", "something <b>new</b>"),
    ],
)
async def test_why_is_said_in_plain_words(service, simulator, pod, message, text) -> None:
    simulator.add(waits(pod("ada", cpu="2"), message=message))

    (told,) = await until(service, 1)

    assert told["text"] == text


async def test_a_gate_an_eviction_and_another_scheduler_are_told_apart(service, simulator, node, pod) -> None:
    simulator.add(node("n1"), node("n2"))
    gated = waits(pod("c-gated", schedulingGates=[{"name": "lab.example/review"}]), reason="SchedulingGated")
    making = waits(pod("a-making"), message="0/1 nodes are available: 1 Insufficient cpu.")
    making["status"]["nominatedNodeName"] = "n1"
    simulator.add(making, waits(pod("b-other", schedulerName="volcano"), message="not enough members"), gated)

    told = await until(service, 3)

    assert [each["state"] for each in told] == ["makes_room", "no_room", "gated"]
    assert [each["decided_by"] for each in told] == [None, "Volcano", None]
    assert [each["text"] for each in told] == [
        "Room is being made for it: pods with a lower priority are ending.",
        "Volcano decides when it may start. It says: not enough members",
        "Held back until its scheduling gates are gone: lab.example/review.",
    ]


async def test_names_are_for_those_who_may_see_holders(serve, simulator, pod, tmp_path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"other:reader:{PLAIN}\nhub:reader+holders:{NAMED}\n")
    labels = {"component": "singleuser-server", "hub.jupyter.org/username": "ada"}
    simulator.add(waits(pod("jupyter-ada", cpu="1", labels=labels, namespace="lab"), message=NO_ROOM))
    service = await serve(api_server=simulator.url, token_file=file)
    await service.ready()

    def bearer(token):
        return {"headers": {"Authorization": f"Bearer {token}"}}

    (named,) = await until(service, 1, **bearer(NAMED))
    (plain,) = await until(service, 1, **bearer(PLAIN))

    assert (named["namespace"], named["pod"], named["user"]) == ("lab", "jupyter-ada", "ada")
    hidden = dict.fromkeys(("namespace", "pod", "uid", "user"))
    assert plain == {**named, **hidden}
    assert plain["component"] == "singleuser-server"


async def test_the_namespace_alone_is_told_where_that_is_the_rule(serve, simulator, pod) -> None:
    simulator.add(waits(pod("jupyter-ada", cpu="1", namespace="lab"), message=NO_ROOM))
    service = await serve(api_server=simulator.url, gpu_holders="namespace")
    await service.ready()

    (told,) = await until(service, 1)

    assert (told["namespace"], told["pod"], told["uid"]) == ("lab", None, None)


async def counted(service, name):
    answer = await service.get("/metrics")
    return {
        (sample.labels["ask"], sample.labels.get("outcome") or sample.labels.get("state")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.name == name
    }


async def test_waits_are_counted_by_what_was_asked_for_and_how_they_ended(service, simulator, node, pod) -> None:
    simulator.add(node("n1", gpu=2))
    for name in ("ada", "bob"):
        simulator.add(waits(pod(name, cpu="1", gpu=1), message=NO_ROOM))
    simulator.add(waits(pod("cat", cpu="1"), message=NO_ROOM), pod("at-once", cpu="1"))
    simulator.add(waits(pod("room", cpu="1", labels={"component": "user-placeholder"}), message=NO_ROOM))
    await until(service, 5)
    assert await counted(service, "moorage_waiting") == {("nvidia.com/gpu", "no_room"): 2, ("cpu", "no_room"): 1}

    for name in ("ada", "at-once"):
        simulator.patch("pods", "default", name, {"spec": {"nodeName": "n1"}})
    for name in ("bob", "cat"):
        simulator.delete("pods", "default", name)
    await until(service, 1)

    assert await counted(service, "moorage_waiting") == {}
    assert await counted(service, "moorage_wait_seconds_count") == {
        ("nvidia.com/gpu", "placed"): 1,
        ("nvidia.com/gpu", "gone"): 1,
        ("cpu", "gone"): 1,
    }
