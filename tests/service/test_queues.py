"""`GET /api/v1/cluster/queues`, and Kueue's word on those who wait."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from moorage.service.http.schemas import Queues, Waiting
from moorage.simulator import Simulator
from moorage.simulator.api.authorization import Rule
from moorage.simulator.builders import cluster_queue, local_queue, workload_priority_class
from moorage.simulator.store.resources import PODS

QUEUES, WAITING = "/api/v1/cluster/queues", "/api/v1/cluster/waiting"
GPU = "nvidia.com/gpu"
LABEL = {"kueue.x-k8s.io/queue-name": "lab"}


@pytest.fixture
async def queueing():
    """A cluster with a small Kueue: one queue with a quota of 1 GPU."""
    async with Simulator(scheduler=True, queueing=True) as running:
        running.add(workload_priority_class("urgent", 10))
        running.add(cluster_queue("gpus", {"rtx4090": {GPU: 1}}), local_queue("lab", cluster_queue="gpus"))
        yield running


async def create(simulator: Simulator, body: dict[str, Any]) -> str:
    """As a client does, so that Kueue sees it; the pod's uid."""
    made = simulator.api.create(PODS, body["metadata"]["namespace"], body).body
    simulator.queueing.look()
    return str(made["metadata"]["uid"])


async def until(service, check, path=QUEUES):
    async with asyncio.timeout(20):
        while not check(told := (await service.get(path)).json()):
            await asyncio.sleep(0.02)
    return told


async def test_a_cluster_without_kueue_has_no_queues(service) -> None:
    told = (await service.get(QUEUES)).json()

    Queues.model_validate(told)
    assert told == {"kueue": "absent", "reason": None, "places": None, "places_reason": None, "queues": []}


async def test_a_queue_tells_its_quota_and_who_waits_where_and_why(serve, queueing, node, pod) -> None:
    queueing.add(node("n1", gpu=4))
    service = await serve(api_server=queueing.url, gpu_holders="pod")
    for name in ("ada", "bob", "cat"):
        urgent = {"kueue.x-k8s.io/priority-class": "urgent"} if name == "cat" else {}
        await create(queueing, pod(name, cpu="1", gpu=1, labels=LABEL | urgent))

    told = await until(service, lambda told: told.get("queues") and told["queues"][0]["pending"] == 2)

    Queues.model_validate(told)
    (queue,) = told["queues"]
    assert (told["kueue"], queue["namespace"], queue["name"], queue["running"]) == ("followed", "default", "lab", 1)
    assert (told["places"], told["places_reason"]) == ("counted", "Kueue's visibility API is not served here")
    (share,) = queue["resources"]
    assert (share["flavor"], share["quota"], share["used"], share["left"]) == ("rtx4090", 1, 1, 0)
    assert [(each["pod"], each["ahead"], each["text"]) for each in queue["waiting"]] == [
        ("cat", 0, "The quota lacks 1 GPU (flavor rtx4090)."),
        ("bob", 1, "The quota lacks 1 GPU (flavor rtx4090)."),
    ]


async def test_a_pod_that_a_queue_holds_back_says_where_it_stands(serve, queueing, node, pod) -> None:
    queueing.add(node("n1", gpu=4))
    service = await serve(api_server=queueing.url, gpu_holders="pod")
    uids = [await create(queueing, pod(name, cpu="1", gpu=1, labels=LABEL)) for name in ("ada", "bob", "cat")]
    told = await until(service, lambda told: told.get("queues") and told["queues"][0]["pending"] == 2)
    # Of two that came in the same second, their uids decide.
    first, second = (each["uid"] for each in told["queues"][0]["waiting"])

    told = (await service.get(f"{WAITING}/{second}")).json()
    unplaced = (await service.get(WAITING)).json()
    admitted = await until(service, lambda told: "error" in told, f"{WAITING}/{uids[0]}")

    Waiting.model_validate(told)
    assert (told["state"], told["queue"]["ahead"], told["queue"]["queue"]) == ("gated", 1, "lab")
    assert told["text"] == "In queue lab, 1 before it. The quota lacks 1 GPU (flavor rtx4090)."
    assert sorted(each["queue"]["ahead"] for each in unplaced) == [0, 1]
    assert admitted["error"]["code"] == "not_waiting"

    queueing.delete("pods", "default", "ada")
    await until(service, lambda told: told["queues"][0]["pending"] == 1)
    assert (await service.get(f"{WAITING}/{second}")).json()["queue"]["ahead"] == 0
    await until(service, lambda told: "error" in told, f"{WAITING}/{first}")


async def test_names_in_a_queue_are_for_those_who_may_see_holders(serve, queueing, pod) -> None:
    service = await serve(api_server=queueing.url)
    for name in ("ada", "bob"):
        await create(queueing, pod(name, cpu="1", gpu=1, labels=LABEL))

    told = await until(service, lambda told: told.get("queues") and told["queues"][0]["pending"] == 1)

    (waiting,) = told["queues"][0]["waiting"]
    assert [waiting[name] for name in ("workload", "pod", "uid", "user")] == [None] * 4


async def test_the_queues_of_one_namespace_can_be_asked_for(serve, queueing) -> None:
    queueing.add(local_queue("other", cluster_queue="gpus", namespace="elsewhere"))
    service = await serve(api_server=queueing.url)
    await until(service, lambda told: len(told.get("queues", ())) == 2)

    told = (await service.get(QUEUES, params={"namespace": "elsewhere"})).json()

    assert [queue["name"] for queue in told["queues"]] == ["other"]


VISIBLE = "/apis/visibility.kueue.x-k8s.io"


def place(name, of_all, own):
    metadata = {"namespace": "default", "name": name}
    return {"metadata": metadata, "positionInClusterQueue": of_all, "positionInLocalQueue": own}


@pytest.fixture
async def visible(serve, queueing, pod):
    """A service where two wait, and what Kueue itself says of their places: in the other order."""
    for name in ("runs", "ada", "bob"):
        await create(queueing, pod(name, cpu="1", gpu=1, labels=LABEL))
    service = await serve(api_server=queueing.url, gpu_holders="pod")
    told = await until(service, lambda told: told.get("queues") and told["queues"][0]["pending"] == 2)
    first, second = (each["workload"] for each in told["queues"][0]["waiting"])
    group = {"kind": "APIGroup", "preferredVersion": {"groupVersion": "x", "version": "v1beta2"}}
    queueing.faults.answer(body=json.dumps(group), path=VISIBLE)
    path = f"{VISIBLE}/v1beta2/clusterqueues/gpus/pendingworkloads"
    fault = queueing.faults.answer(body=json.dumps({"items": [place(second, 0, 0), place(first, 1, 1)]}), path=path)
    service.parts.queues._places._looked = float("-inf")
    return service, fault, [each["pod"] for each in told["queues"][0]["waiting"]]


async def test_places_are_kueues_own_where_it_tells_them(visible) -> None:
    service, _, counted = visible

    told = await until(service, lambda told: told["places"] == "kueue")

    assert told["places_reason"] is None
    waiting = [(each["pod"], each["ahead"]) for each in told["queues"][0]["waiting"]]
    assert waiting == [(counted[1], 0), (counted[0], 1)]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (
            403,
            "Kueue's own places may not be read: grant get on clusterqueues/pendingworkloads of visibility.kueue.x-k8s.io",
        ),
        (503, "Kueue's own places can't be read: "),
    ],
)
async def test_places_are_counted_where_kueue_does_not_tell_them_and_why_is_said(visible, status, reason) -> None:
    service, fault, counted = visible
    await until(service, lambda told: told["places"] == "kueue")

    fault.status, fault.body = status, '{"kind": "Status", "message": "no"}'

    told = await until(service, lambda told: told["places"] == "counted")
    assert told["places_reason"].startswith(reason)
    assert [each["pod"] for each in told["queues"][0]["waiting"]] == counted


async def test_queues_that_may_not_be_read_are_told_as_that(serve, queueing, pod, tmp_path) -> None:
    queueing.authorizer.add("t" * 32, "moorage", [Rule(("*",), ("*",), groups=("", "apps"))])
    (tmp_path / "token").write_text("t" * 32)
    service = await serve(api_server=queueing.url, api_token_file=tmp_path / "token")
    uids = [await create(queueing, pod(name, cpu="1", gpu=1, labels=LABEL)) for name in ("runs", "ada")]

    told = await until(service, lambda told: told.get("kueue") == "not_allowed")
    waiting = await until(service, lambda told: "queue" in told, f"{WAITING}/{uids[1]}")

    why = (
        "Kueue is there, but its queues may not be read: grant list and watch on localqueues, clusterqueues, workloads of "
        "kueue.x-k8s.io"
    )
    assert (told["reason"], told["queues"]) == (why, [])
    assert (waiting["state"], waiting["queue"]) == ("gated", None)
    assert waiting["text"] == f"Kueue has not admitted it from queue lab yet. Why is not known: {why}."
