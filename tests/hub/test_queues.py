"""Servers that pass a queue of Kueue's: chosen, told of while they wait, and when their place is taken away."""

import asyncio

import aiohttp
import pytest
import pytest_asyncio

from moorage.hub.start.heard import queueing
from moorage.hub.view.queues import read_queues
from moorage.simulator import Simulator, builders
from moorage.simulator.store.resources import PODS

IN_THE_HUBS_LOOP = pytest.mark.asyncio(loop_scope="session")
GPU = {"moorage": 1, "cpu": "1", "memory": "1Gi", "gpu": 1, "gpu_resource": "nvidia.com/gpu"}
ADMISSION = "kueue.x-k8s.io/admission"


def pod(*gates, conditions=(), **labels):
    return {
        "metadata": {"uid": "u", "labels": {"kueue.x-k8s.io/queue-name": "lab", **labels}},
        "spec": {"schedulingGates": [{"name": gate} for gate in gates]},
        "status": {"conditions": list(conditions)},
    }


def evicted(reason, message="Preempted to accommodate a workload"):
    return {"type": "TerminationTarget", "status": "True", "reason": reason, "message": message}


# What is said


async def test_the_page_is_told_its_place_whenever_that_changes_and_when_it_is_admitted():
    held = pod(ADMISSION)
    looks = iter([None, *[held] * 6, pod(), pod()])
    places = iter(["1 before it", "1 before it", "next"])

    async def ask(uid):
        assert uid == "u"
        return {"text": f"In queue lab, {next(places)}.", "queue": {"message": "insufficient unused quota"}}

    told = [
        (event["step"], event["message"], event.get("detail"))
        async for event in queueing.told(lambda: next(looks), ask, starting=lambda: True, every=0, ask_every=0)
    ]

    assert told == [
        ("queued", "In queue lab, 1 before it.", "Kueue: insufficient unused quota"),
        ("queued", "In queue lab, next.", "Kueue: insufficient unused quota"),
        ("place", "Queue lab has admitted it. It starts as soon as it has a node.", None),
    ]


async def test_a_server_that_nothing_holds_back_is_told_nothing_of_queues():
    async def ask(_):
        raise AssertionError("nobody has to be asked")

    told = [each async for each in queueing.told(pod, ask, starting=lambda: True, every=0)]

    assert told == []


@pytest.mark.parametrize(
    ("held", "word", "words"),
    [
        (pod(ADMISSION), None, "It waits in queue lab. Its place there is not known right now."),
        (pod(ADMISSION), {"text": 5}, "It waits in queue lab. Its place there is not known right now."),
        (
            pod("lab.example/review"),
            {"text": "anything"},
            "It is held back until “lab.example/review” is taken away from it. Whoever set this decides when.",
        ),
    ],
)
def test_without_the_services_word_the_pod_itself_says_what_it_can(held, word, words):
    assert queueing.in_words(held, word) == words


def test_what_a_queue_is_called_is_escaped():
    event = queueing.event(pod(ADMISSION, **{"kueue.x-k8s.io/queue-name": "<img>"}), None)

    assert "<img>" not in event["html_message"]


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("WorkloadEvictedDueToPreempted", "its quota was given to a workload with a higher claim to it"),
        ("WorkloadEvictedDueToSomethingNew", "SomethingNew, as Kueue calls it"),
    ],
)
def test_an_eviction_is_told_as_what_it_is(reason, why):
    words, detail = queueing.evicted(pod(conditions=[evicted(reason)]))

    assert words == (
        f"Kueue has taken the place of this server in queue lab away: {why}. "
        "Start again to join the queue anew, behind those of the same priority."
    )
    assert detail == "Preempted to accommodate a workload"


@pytest.mark.parametrize("condition", [{}, evicted("NodeShutdown"), {**evicted("x"), "status": "False"}])
def test_another_end_is_none_of_kueues(condition):
    assert queueing.evicted(pod(conditions=[condition])) is None
    assert queueing.evicted(None) is None


def event(uid, reason, message="", component="pod-kueue-controller"):
    return {"involvedObject": {"uid": uid}, "reason": reason, "message": message, "reportingComponent": component}


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([event("a", "Stopped", "Preempted to accommodate x")], "given to a workload with a higher claim"),
        ([event("a", "Started"), event("a", "Stopped", "Exceeded the PodsReady timeout 5m")], "not ready in time"),
        ([event("a", "Stopped", "Preempted"), event("b", "Scheduled")], None),
        ([event("a", "Stopped", "Preempted", component="kubelet")], None),
        ([], None),
    ],
)
def test_that_kueue_has_stopped_the_last_server_is_known_by_its_event(events, why):
    words = queueing.stopped(events)

    assert (words is None) if why is None else (why in words)


# What is left of a quota


def share(resource, quota, left, flavor="rtx4090", borrows=False):
    return {"resource": resource, "flavor": flavor, "quota": quota, "left": left, "borrows": borrows}


def answer(*shares, pending=2, **more):
    queue = {"name": "lab", "closed": None, "resources": list(shares), "pending": pending, **more}
    return {"kueue": "followed", "reason": None, "queues": [queue]}


GPUS = share("nvidia.com/gpu", 4, 1)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (answer(share("cpu", 8000, 500), GPUS), "1 of 4 GPU left, 0.5 of 8 CPU left; 2 wait."),
        (answer(GPUS, pending=0), "1 of 4 GPU left; nobody waits."),
        (
            answer(GPUS, share("nvidia.com/gpu", 8, 8, flavor="a100")),
            "rtx4090: 1 of 4 GPU left; a100: 8 of 8 GPU left; 2 wait.",
        ),
        (answer(share("nvidia.com/gpu", None, None)), "GPU: unknown; 2 wait."),
        (answer(closed="The queue is stopped."), "The queue is stopped."),
        ({"kueue": "followed", "queues": []}, "This queue does not exist. Contact the hub's administrator."),
        ({"kueue": "absent", "queues": []}, "There are no queues in this cluster: servers start without one."),
        ({"kueue": "not_allowed", "reason": "grant it", "queues": []}, "What it has left is unknown: grant it."),
        (None, "What it has left is unknown."),
        ({"queues": [5, {"name": ["lab"]}, "x"]}, "What it has left is unknown."),
    ],
)
def test_a_queue_says_what_it_has_left_or_why_nobody_knows(told, words):
    assert read_queues(told, ["lab"])["lab"].words() == words


@pytest.mark.parametrize(
    ("told", "asked", "waits"),
    [
        (answer(GPUS), 1, None),
        (answer(GPUS), 2, "It would wait in queue lab: 1 of 4 GPU left."),
        (answer(share("nvidia.com/gpu", 4, 1, borrows=True)), 2, None),
        (answer(GPUS, share("nvidia.com/gpu", 8, 8, flavor="a100")), 2, None),
        (None, 2, None),
    ],
)
def test_a_choice_beyond_what_is_left_would_wait(told, asked, waits):
    assert read_queues(told, ["lab"])["lab"].lacks({"nvidia.com/gpu": asked, "cpu": 100}) == waits


@pytest.mark.parametrize(
    ("told", "most"),
    [
        (answer(GPUS), 4),
        (answer(GPUS, share("nvidia.com/gpu", 8, 0, flavor="a100")), 8),
        (answer(GPUS, share("nvidia.com/gpu", 8, 8, flavor="a100", borrows=True)), None),
        (answer(GPUS, share("nvidia.com/gpu", None, None, flavor="a100")), None),
        (answer(share("cpu", 8000, 500)), None),
        (None, None),
    ],
)
def test_the_most_that_a_queue_ever_gives_to_one_server_is_the_quota_of_one_flavor(told, most):
    assert read_queues(told, ["lab"])["lab"].most("nvidia.com/gpu") == most


# With a hub


CONFIG = """
c.MoorageSpawner.queues = ["lab", "spare"]
c.MoorageSpawner.queue_priority_class = "people"
c.MoorageSpawner.wait_for_room = 600
c.KubeSpawner.start_timeout = 20
c.KubeSpawner.delete_grace_period = 0
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 1}
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def queued():
    """A cluster with 2 GPUs and a queue that may have 1 of them."""
    async with Simulator(scheduler=True, kubelet=True, queueing=True) as simulator:
        simulator.add(builders.namespace("jupyter"), builders.node("atlas", cpu="64", memory="64Gi", gpu=2))
        simulator.add(
            builders.cluster_queue("gpus", {"rtx4090": {"nvidia.com/gpu": 1}}),
            builders.cluster_queue("spares", {"any": {"nvidia.com/gpu": 5}}),
            builders.local_queue("lab", cluster_queue="gpus", namespace="jupyter"),
            builders.local_queue("spare", cluster_queue="spares", namespace="jupyter"),
            builders.workload_priority_class("people", 5),
        )
        yield simulator


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hub(load, tmp_path_factory, queued):
    folder = tmp_path_factory.mktemp("queues")
    rig, kubeconfig = load("moorage_test_rig"), queued.kubeconfig(folder / "kubeconfig")
    async with (
        rig.Service(folder, kubeconfig=kubeconfig) as service,
        rig.Hub(folder, service_url=service.url, kubeconfig=kubeconfig, config=CONFIG) as hub,
    ):
        yield hub


@pytest.fixture(scope="module")
def until(load):
    return load("moorage_test_rig").until


@pytest.fixture
def of(load, queued):
    return lambda name: load("moorage_test_pods").pod_of(queued, name)


async def server(hub, name):
    _, model = await hub.api("GET", f"/users/{name}")
    return model["servers"].get("", {})


async def begin(hub, name, options):
    await hub.api("POST", f"/users/{name}")
    status, text = await hub.api("POST", f"/users/{name}/server", options)
    assert status in (201, 202), text


async def listen(hub, name, lines):
    """What the page of a start is told, line by line as it comes."""
    url = f"{hub.url}/hub/api/users/{name}/server/progress"
    async with aiohttp.ClientSession(headers={"Authorization": f"token {hub.token}"}) as http, http.get(url) as answer:
        async for line in answer.content:
            lines.append(line.decode())


async def is_ready(hub, name):
    return (await server(hub, name)).get("ready")


async def ends(hub, until, *names):
    for name in names:
        await hub.api("DELETE", f"/users/{name}/server")
    for name in names:
        await until(lambda name=name: _gone(hub, name))


async def _gone(hub, name):
    return not await server(hub, name)


@IN_THE_HUBS_LOOP
async def test_a_server_waits_in_its_queue_is_told_its_place_and_starts_once_it_is_admitted(hub, until, of, queued):
    await begin(hub, "first", GPU)
    await until(lambda: is_ready(hub, "first"), seconds=60)

    await begin(hub, "second", GPU)
    await until(lambda: of("second"))
    held = of("second")
    lines: list[str] = []
    progress = asyncio.create_task(listen(hub, "second", lines))
    await until(lambda: "In queue lab, next. The quota lacks 1 GPU (flavor rtx4090)." in "".join(lines))
    # It is admitted some time before there is room.
    queued.add(*(builders.pod(name, on="atlas", gpu=1, namespace="jupyter") for name in ("batch-1", "batch-2")))
    await ends(hub, until, "first")
    await until(lambda: "Queue lab has admitted it." in "".join(lines))
    for name in ("batch-1", "batch-2"):
        queued.delete("pods", "jupyter", name)
    await until(lambda: is_ready(hub, "second"), seconds=60)
    await progress
    told = "".join(lines)

    assert held["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "lab"
    assert held["metadata"]["labels"]["kueue.x-k8s.io/priority-class"] == "people"
    assert held["spec"]["schedulingGates"] == [{"name": ADMISSION}]
    place = told.index("In queue lab, next. The quota lacks 1 GPU (flavor rtx4090).")
    admitted = told.index("Queue lab has admitted it. It starts as soon as it has a node.")
    assert place < admitted < told.index('"ready": true')
    assert "Waiting for room" not in told[:admitted]
    assert await hub.failures() == 0
    await ends(hub, until, "second")


@IN_THE_HUBS_LOOP
async def test_a_server_with_more_gpus_than_the_queue_has_in_all_is_refused_with_what_it_has(hub):
    person = await hub.log_in("greedy")
    status, text = await hub.api("POST", "/users/greedy/server", {**GPU, "gpu": 2})
    _, page = await person.submit(cpu="1", memory="1Gi", gpu="2", queue="lab")

    assert status == 400, text
    refused = "Queue lab has a quota of 1 GPU in all, so a server with 2 would wait in vain."
    assert refused in str(text)
    assert refused in page
    assert await hub.failures() == 0
    await person.close()


@IN_THE_HUBS_LOOP
async def test_the_form_tells_what_the_queues_have_left_and_takes_one(hub, until, of):
    await begin(hub, "first", GPU)
    await until(lambda: is_ready(hub, "first"), seconds=60)
    person = await hub.log_in("chooser")

    async def told():
        page = await person.form()
        return page if 'value="lab" selected data-help="0 of 1 GPU left; nobody waits."' in page else None

    page = await until(told)
    status, _ = await person.submit(cpu="1", memory="1Gi", gpu="1", node="", queue="spare")
    await until(lambda: of("chooser"))

    assert 'value="spare" data-help="5 of 5 GPU left; nobody waits."' in page
    assert status == 302
    assert of("chooser")["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "spare"
    _, model = await hub.api("GET", "/users/chooser")
    assert model["servers"][""]["user_options"]["queue"] == "spare"
    await person.close()
    await ends(hub, until, "first", "chooser")


@IN_THE_HUBS_LOOP
async def test_a_queue_that_is_not_offered_is_refused_in_words(hub):
    await hub.api("POST", "/users/stranger")

    status, answer = await hub.api("POST", "/users/stranger/server", {**GPU, "queue": "vip"})

    assert status == 400
    assert "Queue “vip” is not offered. Choose one of: lab, spare." in answer["message"]


@IN_THE_HUBS_LOOP
async def test_a_place_that_kueue_takes_away_from_a_start_is_told_and_is_no_failure(hub, until, of, queued):
    queued.add(builders.pod("batch", on="atlas", gpu=2, namespace="jupyter"))
    await begin(hub, "loser", GPU)
    await until(lambda: of("loser") and not of("loser")["spec"].get("schedulingGates"))
    progress = asyncio.create_task(hub.text("/users/loser/server/progress"))
    await asyncio.sleep(1)

    queued.queueing.evict(of("loser"), reason="Preempted", message="Preempted to accommodate a workload")
    told = await progress

    assert "its quota was given to a workload with a higher claim to it. Start again to join the queue anew" in told
    assert await hub.failures() == 0
    queued.delete("pods", "jupyter", "batch")


@IN_THE_HUBS_LOOP
async def test_that_kueue_has_stopped_a_running_server_is_told_on_the_form(hub, until, of, queued):
    person = await hub.log_in("runner")
    await begin(hub, "runner", GPU)
    await until(lambda: is_ready(hub, "runner"), seconds=60)

    queued.queueing.evict(
        queued.api.find(PODS, "jupyter", of("runner")["metadata"]["name"]),
        reason="Preempted",
        message="Preempted to accommodate x",
    )
    await until(lambda: not of("runner"))
    await ends(hub, until, "runner")
    page = await person.form()

    assert "Kueue has stopped your server: its quota was given to a workload with a higher claim to it." in page
    await person.close()
