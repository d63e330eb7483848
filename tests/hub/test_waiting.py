"""Waiting for room: a state of its own, which no limit, restart or culler ends."""

import asyncio
import os
import re
import signal
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from moorage.hub.start import lately, steps, waiting
from moorage.hub.start.heard.ending import Hopeless
from moorage.simulator import Simulator, builders

IN_THE_HUBS_LOOP = pytest.mark.asyncio(loop_scope="session")
GPU = {"moorage": 1, "cpu": "1", "memory": "1Gi", "gpu": 1, "gpu_resource": "nvidia.com/gpu"}
CPU = {**GPU, "gpu": 0}
CONFIG = """
c.MoorageSpawner.wait_for_room = 600
c.KubeSpawner.start_timeout = 5
c.KubeSpawner.delete_grace_period = 0
c.JupyterHub.concurrent_spawn_limit = 3
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 1}
"""


def pod(name="p", *, node=None, gpu=1, message="0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", **metadata):
    unscheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    return {
        "metadata": {"name": name, "annotations": {waiting.NOTE: "600"}, **metadata},
        "spec": {
            "nodeName": node,
            "containers": [{"resources": {"requests": {"nvidia.com/gpu": str(gpu)} if gpu else {"cpu": "1"}}}],
        },
        "status": {"phase": "Pending", "conditions": [] if node else [unscheduled]},
    }


async def test_a_wait_ends_with_a_node():
    looks = iter([None, pod(), pod(), pod(node="atlas")])

    await waiting.for_room(lambda: next(looks), seconds=60, every=0)

    assert next(looks, "none left") == "none left"


async def test_a_wait_in_vain_says_what_was_lacking():
    with pytest.raises(Hopeless, match="within 10 minutes") as ended:
        await waiting.for_room(pod, seconds=0, every=0)

    assert "Not enough GPU free on any node." in ended.value.words
    assert "will start" not in ended.value.words


@pytest.mark.parametrize("gone", [None, pod(deletionTimestamp="2026-01-01T00:00:00Z")])
async def test_a_pod_that_is_deleted_while_it_waits_ends_the_wait(gone):
    looks = iter([pod(), *[gone] * 9])

    with pytest.raises(Hopeless, match="was deleted while it waited"):
        await waiting.for_room(lambda: next(looks), seconds=60, every=0)


def test_what_is_left_of_a_wait_counts_from_the_pods_creation():
    made = datetime(2026, 1, 1, tzinfo=UTC)

    left = waiting.left(pod(creationTimestamp="2026-01-01T00:00:00Z"), now=made + timedelta(seconds=100))

    assert left == 500


def test_before_a_pod_are_older_ones_that_wait_for_the_same_and_those_of_higher_priority():
    def at(name, second, **more):
        return pod(name, creationTimestamp=f"2026-01-01T00:00:{second:02}Z", **more)

    mine = at("mine", 5)
    urgent = at("urgent", 9)
    urgent["spec"]["priority"] = 10
    others = [at("older", 4), urgent, mine, at("younger", 6), at("runs", 1, node="atlas"), at("other", 1, gpu=0)]

    assert waiting.ahead(mine, others) == 2


async def test_the_page_is_told_what_is_lacking_and_about_how_many_wait_before_it_once_for_each_change():
    older = [pod("older", creationTimestamp="2026-01-01T00:00:00Z")]
    mine = pod(creationTimestamp="2026-01-01T00:00:01Z")
    looks = iter([None, mine, mine, mine, pod(node="atlas")])
    lines = iter([older, older, []])

    told = [
        event["message"]
        async for event in waiting.told(lambda: next(looks), lambda: next(lines), starting=lambda: True, every=0)
    ]

    assert ["About 1 other server" in message for message in told] == [True, False]
    assert all("Not enough GPU free on any node." in message for message in told)


async def test_the_page_is_told_of_a_machine_that_is_being_added_and_now_and_then_for_how_long():
    asked = {"reason": "TriggeredScaleUp", "message": "pod triggered scale-up: [{gpu-pool 0->1 (max: 4)}]"}
    looks = iter([pod(), pod(), pod(node="atlas")])

    async def usual(names):
        return 240 if names == ("gpu-pool",) else None

    told = [
        event["message"]
        async for event in waiting.told(
            lambda: next(looks), list, starting=lambda: True, all_events=lambda: [asked], usual=usual, every=0, tick=0
        )
    ]

    assert ["A new machine is being added (usually 4 min" in message for message in told] == [True, True]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(90, "90 seconds"), (60, "1 minute"), (600, "10 minutes"), (3600, "1 hour"), (9000, "2 hours")],
)
def test_a_length_of_time_reads_as_people_say_it(seconds, words):
    assert waiting.lasting(seconds) == words


async def test_a_wait_ends_with_what_its_person_may_have():
    answers = iter([None, "You may have no GPU any more."])

    async def ended():
        return next(answers)

    with pytest.raises(Hopeless, match="You may have no GPU any more"):
        await waiting.for_room(pod, seconds=60, every=0, ended=ended, ask_every=0)


def waited(seconds, *, days=0, ask=("nvidia.com/gpu",)):
    return {"ask": list(ask), "seconds": seconds, "at": (datetime.now(UTC) - timedelta(days=days)).isoformat()}


def test_how_long_others_waited_for_the_same_is_told_or_that_it_is_unknown():
    known = lately.Lately()
    assert "How long it takes is unknown" in known.words(pod())

    for seconds in (60, 120, 600):
        known.note(waited(seconds))
    known.note(waited(9000, days=31))

    assert "last 3 servers that asked for the same, half waited up to 2 minutes" in known.words(pod())
    assert "none longer than 10 minutes" in known.words(pod())
    assert "unknown" in known.words(pod(gpu=0))


def test_what_servers_keep_of_their_waits_is_taken_in_once_whatever_stands_there():
    known = lately.Lately()
    nonsense = [None, 7, {"ask": None}, {"ask": ["x"], "seconds": "long", "at": "now"}, {}]

    known.recall([{lately.KEY: [waited(60), *nonsense]}, {lately.KEY: "x"}, {}, None])
    known.recall([{lately.KEY: [waited(600)]}])

    assert known.words(pod()) == "The last server that asked for the same waited 1 minute."
    assert len(lately.kept([waited(1)] * 9)) == 5


def test_a_wait_is_what_was_scarce_and_how_long():
    made = (datetime.now(UTC) - timedelta(seconds=90)).isoformat()

    found = lately.wait_of(pod(creationTimestamp=made))

    assert (found["ask"], round(found["seconds"] / 10)) == (["nvidia.com/gpu"], 9)
    assert lately.wait_of(pod()) is None


@pytest.mark.parametrize(
    ("events", "status", "step"),
    [
        ([], {}, "image"),
        ([{"reason": "Pulling", "eventTime": "2026-01-01T00:00:00Z"}], {}, "image"),
        (
            [{"reason": "Pulling"}, {"reason": "Pulled"}],
            {"containerStatuses": [{"state": {"running": {}}}]},
            "starting",
        ),
        ([], {"containerStatuses": [{"state": {"waiting": {}}, "imageID": "sha256:1"}]}, "starting"),
        ([{"reason": "Pulled"}], {}, "image"),
        ([{"reason": "Pulled"}, {"reason": "Created"}], {}, "starting"),
        ([{"reason": "Created"}, {"reason": "Pulling", "eventTime": "2026-01-01T00:00:00Z"}], {}, "image"),
    ],
)
def test_the_step_of_a_start_is_known_from_its_pod_and_events(events, status, step):
    placed = {**pod(node="atlas"), "status": status}

    assert steps.step_of(placed, events).name == step
    assert (steps.step_of(pod(), events).name, steps.step_of(None, events).name) == ("waiting", "place")


def test_how_large_an_image_is_and_how_long_it_takes_is_known_from_those_who_pulled_it():
    pulls = steps.Pulls()
    message = (
        'Successfully pulled image "r.example/a:1" in 1m2.5s (1m3s including waiting). Image size: 3221225472 bytes.'
    )

    pulls.hear([{"reason": "Pulled", "message": message}, {"reason": "Pulled", "message": "already present"}])

    assert pulls.of("r.example/a:1") == {"size": "3 GiB", "usual": 62}
    assert pulls.of("r.example/b:1") == {"size": None, "usual": None}


# With a hub


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def full_cluster():
    async with Simulator(scheduler=True, kubelet=True) as simulator:
        simulator.add(builders.namespace("jupyter"), builders.node("atlas", cpu="64", memory="64Gi", gpu=1))
        yield simulator


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def standing(request, load, tmp_path_factory, full_cluster, fake_service):
    """A hub on the cluster with one GPU; what a test gives as parameter comes on top of its configuration."""
    folder, rig = tmp_path_factory.mktemp("waiting"), load("moorage_test_rig")
    kubeconfig, config = full_cluster.kubeconfig(folder / "kubeconfig"), CONFIG + getattr(request, "param", "")
    async with rig.Hub(folder, service_url=fake_service.url, kubeconfig=kubeconfig, config=config) as hub:
        yield hub


@pytest_asyncio.fixture(loop_scope="session")
async def hub(standing):
    """The hub, where nobody has a server yet."""
    yield standing
    await standing.clear()


@pytest.fixture(scope="module")
def until(load):
    return load("moorage_test_rig").until


@pytest.fixture
def of(load, full_cluster):
    """The pod of a person, or None."""
    return lambda name: load("moorage_test_pods").pod_of(full_cluster, name)


async def server(hub, name):
    _, model = await hub.api("GET", f"/users/{name}")
    return model["servers"].get("", {})


async def ready(hub, name):
    """The server's model once it is ready, or None."""
    model = await server(hub, name)
    return model if model.get("ready") else None


async def stopped(hub, name):
    return not await server(hub, name)


@IN_THE_HUBS_LOOP
async def test_ten_people_wait_for_one_gpu_and_get_it_in_turn_also_from_a_hub_that_was_killed(
    hub, begin, until, of, record
):
    people = [f"turn{number}" for number in range(10)]

    for name in people:
        await begin(name, GPU)
    line = sorted(people, key=lambda name: (of(name)["metadata"]["creationTimestamp"], of(name)["metadata"]["name"]))
    uids = {name: of(name)["metadata"]["uid"] for name in people}
    await until(lambda: ready(hub, line[0]))
    await begin("processor", CPU)
    await until(lambda: ready(hub, "processor"))
    waits = {}

    for number, name in enumerate(line[:-1]):
        if number == 3:
            os.kill(hub.process.pid, signal.SIGKILL)
            await hub.process.wait()
            await hub.start()
            states = [(await server(hub, other)).get("pending") for other in line[number + 1 :]]
            assert states == ["spawn"] * len(states)
        status, _ = await hub.api("DELETE", f"/users/{name}/server")
        assert status in (202, 204)
        await until(lambda name=name: of(name) is None)
        freed = time.monotonic()
        await until(lambda number=number: ready(hub, line[number + 1]), what=hub.tail)
        waits[line[number + 1]] = time.monotonic() - freed

    record("turns-simulator", waits)
    assert {name: of(name)["metadata"]["uid"] for name in line[-1:]} == {name: uids[name] for name in line[-1:]}
    assert await hub.failures() == 0


@IN_THE_HUBS_LOOP
@pytest.mark.parametrize("standing", ["c.MoorageSpawner.wait_for_room = 2"], indirect=True)
async def test_a_wait_in_vain_is_told_counts_as_nothing_and_leaves_nothing(hub, begin, until, of):
    await begin("holder", GPU)
    await until(lambda: waiting.bound(of("holder")))

    loser = await hub.log_in("loser")

    await begin("loser", GPU)
    await until(lambda: stopped(hub, "loser"), what=hub.tail)
    async with loser.http.get(f"{hub.url}/hub/spawn-pending/loser") as answer:
        page = await answer.text()
    await loser.close()

    assert "No room became free within 2 seconds" in page
    assert "Not enough GPU free on any node." in page
    assert await hub.failures() == 0
    assert of("loser") is None


@IN_THE_HUBS_LOOP
async def test_a_server_that_waits_can_be_stopped_before_and_after_the_hub_was_killed(hub, begin, until, of):
    people = ["holds", "before", "after"]
    for name in people:
        await begin(name, GPU)
    await until(lambda: waiting.bound(of("holds")))

    assert (await hub.api("DELETE", "/users/before/server"))[0] in (202, 204)
    await until(lambda: of("before") is None)
    os.kill(hub.process.pid, signal.SIGKILL)
    await hub.process.wait()
    await hub.start()
    assert (await hub.api("DELETE", "/users/after/server"))[0] in (202, 204)

    await until(lambda: of("after") is None)
    await until(lambda: stopped(hub, "after"))
    assert await hub.failures() == 0


@IN_THE_HUBS_LOOP
async def test_a_server_that_has_waited_is_as_young_as_its_place(hub, begin, until, of):
    await begin("first", GPU)
    await begin("second", GPU)
    began = (await server(hub, "second"))["started"]

    await hub.api("DELETE", "/users/first/server")
    told = await until(lambda: ready(hub, "second"))

    assert told["started"] > began
    assert told["last_activity"] > began


@IN_THE_HUBS_LOOP
async def test_how_long_others_waited_is_still_known_to_a_hub_that_was_killed(hub, begin, until, of):
    for name in ("first", "second"):
        await begin(name, GPU)
    await until(lambda: waiting.verdict(of("second")))
    await hub.api("DELETE", "/users/first/server")
    await until(lambda: ready(hub, "second"), what=hub.tail)
    # Also what has been stopped since.
    await hub.api("DELETE", "/users/second/server")
    await until(lambda: stopped(hub, "second"))
    await begin("third", GPU)
    await until(lambda: waiting.bound(of("third")))

    os.kill(hub.process.pid, signal.SIGKILL)
    await hub.process.wait()
    await hub.start()
    person = await hub.log_in("fourth")
    await begin("fourth", GPU)
    await until(lambda: waiting.verdict(of("fourth")))

    async def told():
        async with person.http.get(f"{hub.url}/hub/moorage/waiting") as answer:
            return await answer.text()

    text = await until(told)
    await person.close()
    assert "asked for the same" in text


@IN_THE_HUBS_LOOP
async def test_prometheus_is_told_how_many_servers_wait_also_by_a_hub_that_was_killed(hub, begin, until, of):
    async def waiting_now():
        return re.findall(r"(?m)^moorage_hub_waiting (\S+)$", await hub.text("/../metrics"))

    async def is_told(count):
        return await waiting_now() == [f"{count}.0"]

    for name in ("has", "waits"):
        await begin(name, GPU)
    await until(lambda: ready(hub, "has"))
    await until(lambda: is_told(1))
    os.kill(hub.process.pid, signal.SIGKILL)
    await hub.process.wait()
    await hub.start()
    await until(lambda: is_told(1))

    await hub.api("DELETE", "/users/has/server")

    await until(lambda: ready(hub, "waits"), what=hub.tail)
    assert await waiting_now() == ["0.0"]


@IN_THE_HUBS_LOOP
async def test_a_start_that_no_waiting_would_help_is_refused_with_its_reason(hub, fake_service, of):
    reasons = [{"text": "Has the taint dedicated=x:NoSchedule, which the pod does not tolerate."}]
    node = {"fits": False, "plugin": "TaintToleration", "reasons": reasons, "unresolvable": True}
    taints = [{"key": "dedicated", "value": "x", "effect": "NoSchedule"}]
    fake_service.put({**fake_service.nodes["atlas"], "taints": taints})
    fake_service.verdict = {"fits": False, "answer": "never", "refusals": [], "nodes": {"atlas": node}}

    await hub.api("POST", "/users/hopeless")
    status, answer = await hub.api("POST", "/users/hopeless/server", GPU)
    fake_service.verdict = None
    fake_service.put({**fake_service.nodes["atlas"], "taints": []})

    assert status == 400
    assert "waiting would not help. atlas: Has the taint dedicated=x:NoSchedule" in answer["message"]
    assert of("hopeless") is None
    assert await hub.failures() == 0


@IN_THE_HUBS_LOOP
@pytest.mark.parametrize("standing", ["c.MoorageSpawner.wait_for_room = 0"], indirect=True)
async def test_nor_does_a_start_count_that_ran_out_of_time_without_a_place(hub, begin, until, of):
    await begin("holder", GPU)
    await until(lambda: waiting.bound(of("holder")))
    await until(lambda: ready(hub, "holder"), what=hub.tail)
    loser = await hub.log_in("loser")

    await begin("loser", GPU)
    await until(lambda: stopped(hub, "loser"), what=hub.tail)
    async with loser.http.get(f"{hub.url}/hub/spawn-pending/loser") as answer:
        page = await answer.text()
    await loser.close()

    assert "The server did not start in time. Not enough GPU free on any node." in page
    assert await hub.failures() == 0


LESS = """
c.MoorageSpawner.gpu_max = lambda spawner: 0 if (folder / f"less-{spawner.user.name}").exists() else 4
"""


@IN_THE_HUBS_LOOP
@pytest.mark.parametrize("standing", [LESS], indirect=True)
async def test_a_server_that_waits_is_held_against_what_its_person_may_have_by_now(hub, begin, until, of):
    await begin("holds", GPU)
    await until(lambda: waiting.bound(of("holds")))
    person = await hub.log_in("member")
    await begin("member", GPU)
    await until(lambda: waiting.verdict(of("member")))

    (hub.folder / "less-member").touch()
    await until(lambda: stopped(hub, "member"), seconds=40, what=hub.tail)
    async with person.http.get(f"{hub.url}/hub/spawn-pending/member") as answer:
        page = await answer.text()
    await person.close()

    assert "What you may have has changed while this server waited. It asks for 1 GPU" in page
    assert of("member") is None
    assert await hub.failures() == 0


@IN_THE_HUBS_LOOP
async def test_the_idle_culler_ends_what_is_idle_and_leaves_alone_who_waits(hub, begin, until, of, full_cluster):
    full_cluster.add(builders.pod("batch", on="atlas", gpu=1))
    await begin("patient", GPU)
    status, text = await hub.api("POST", "/users/patient/servers/idle", CPU)
    assert status in (201, 202), text
    await until(lambda: waiting.verdict(of("patient")))
    uid = of("patient")["metadata"]["uid"]

    async def servers():
        return (await hub.api("GET", "/users/patient"))[1]["servers"]

    async def idles():
        return (await servers())["idle"]["ready"]

    async def culled():
        return "idle" not in await servers()

    await until(idles, what=hub.tail)
    words = ["-m", "jupyterhub_idle_culler", f"--url={hub.url}/hub/api", "--timeout=1", "--cull-every=1"]
    culler = await asyncio.create_subprocess_exec(
        sys.executable, *words, env={**os.environ, "JUPYTERHUB_API_TOKEN": hub.token}, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await until(culled, seconds=60, what=hub.tail)
    finally:
        culler.terminate()
        await culler.wait()

    assert (await server(hub, "patient"))["pending"] == "spawn"
    assert of("patient")["metadata"]["uid"] == uid
