"""Starts that end without a server: early where waiting can't help, and never without a word."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import pytest
import pytest_asyncio

from moorage.hub.start.heard.ending import Hopeless, explain, last_words, unless
from moorage.hub.start.heard.pulls import Pulls, for_good
from moorage.hub.view.broken import BrokenImages
from moorage.simulator import Simulator, builders

IN_THE_HUBS_LOOP = pytest.mark.asyncio(loop_scope="session")
MISSING = (
    'Failed to pull image "r/x:1": rpc error: code = NotFound desc = failed to resolve reference "r/x:1": not found'
)


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (MISSING, "does not exist"),
        ("manifest unknown: manifest unknown", "does not exist"),
        ("pull access denied for x, repository does not exist or may require authorization", "denies access"),
        ("failed to authorize: unexpected status: 401 Unauthorized", "denies access"),
        ('InvalidImageName: Failed to apply default image tag "A B": couldn\'t parse image name', "is not valid"),
        ("no match for platform in manifest: not found", "processor architecture"),
        ("dial tcp: lookup r on 10.0.0.1: no such host", None),
        ("dial tcp 10.0.0.2:443: i/o timeout", None),
        ("unexpected status from HEAD request: 503 Service Unavailable", None),
        ("unexpected status code 429 Too Many Requests - denied: rate", None),
        ("failed to fetch anonymous token: unexpected status: 500: not found", None),
        ("the disk is full", None),
        ('docker-credential-ecr-login": executable file not found in $PATH', None),
    ],
)  # fmt: skip
def test_only_what_no_further_try_can_change_is_for_good(message, words):
    told = for_good(message, image="r/x:1")

    assert words in told if words else told is None


def waiting(reason, message="", *, uid="u"):
    state = {"waiting": {"reason": reason, "message": message}}
    return {"metadata": {"uid": uid}, "status": {"containerStatuses": [{"image": "r/x:1", "state": state}]}}


def failed(message, *, count=1, uid="u"):
    return {"reason": "Failed", "type": "Warning", "message": message, "count": count, "involvedObject": {"uid": uid}}


def hopeless(pod, *events, pulls=None):
    return (pulls or Pulls()).hopeless(pod, lambda: events)


def test_one_failed_try_ends_nothing():
    assert hopeless(waiting("ErrImagePull", MISSING), failed(MISSING)) is None


def test_a_second_try_that_fails_alike_does():
    words, detail = hopeless(waiting("ImagePullBackOff"), failed(MISSING, count=2))

    assert words == "The image r/x:1 does not exist."
    assert detail == MISSING


def test_tries_are_seen_without_any_event():
    pulls = Pulls()
    looks = [waiting("ErrImagePull", MISSING), waiting("ImagePullBackOff", MISSING), waiting("ErrImagePull", MISSING)]

    assert [bool(hopeless(pod, pulls=pulls)) for pod in looks] == [False, False, True]


def test_another_pods_tries_do_not_count():
    pulls = Pulls()
    hopeless(waiting("ErrImagePull", MISSING, uid="before"), pulls=pulls)

    assert hopeless(waiting("ErrImagePull", MISSING), failed(MISSING, count=9, uid="before"), pulls=pulls) is None


def test_a_try_that_fails_for_want_of_the_network_is_waited_for():
    away = 'Failed to pull image "r/x:1": dial tcp: i/o timeout'

    assert hopeless(waiting("ImagePullBackOff", away), failed(MISSING, count=2)) is None
    assert hopeless(waiting("ImagePullBackOff"), failed(MISSING, count=2), failed(away)) is None


@pytest.mark.parametrize("pod", [None, {"metadata": {}}, {"metadata": {"uid": "u"}, "status": None}])
def test_a_pod_of_which_nothing_is_known_is_waited_for(pod):
    assert hopeless(pod) is None


def test_events_are_not_looked_through_for_a_pod_that_waits_for_no_image():
    running = {"metadata": {"uid": "u"}, "status": {"containerStatuses": [{"state": {"running": {}}}]}}

    assert [Pulls().hopeless(pod, pytest.fail) for pod in (None, running)] == [None, None]


async def test_what_can_not_be_read_ends_no_start():
    async def start():
        await asyncio.sleep(0.01)
        return "address"

    assert await unless(start(), lambda: 1 / 0, every=0.001) == "address"


async def test_an_ended_start_is_stopped_before_that_is_told():
    stopped = asyncio.Event()

    async def start():
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    with pytest.raises(Hopeless):
        await unless(start(), lambda: ("words", "detail"), every=0.001)
    assert stopped.is_set()


def event(reason, message, kind="Normal"):
    return {"reason": reason, "message": message, "type": kind}


PINNED = "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't match Pod's node affinity/selector."


@pytest.mark.parametrize(
    ("pod", "events", "words"),
    [
        (None, [event("FailedScheduling", PINNED, "Warning")], "Not enough CPU free on the chosen node."),
        (None, [event("FailedScheduling", "0/1 nodes are available", "Warning")], "No node can take this server yet."),
        (None, [event("Pulling", 'Pulling image "x"'), event("Killing", "Stopping")], "The image was still being pulled. It may be ready the next time."),
        (None, [event("Started", "Started container")], "It started on its node but did not respond."),
        (None, [event("Odd", "Something <odd>", "Warning")], "Something <odd>"),
        (None, [event("Odd", "Something odd")], ""),
        (None, [], ""),
        (waiting("ImagePullBackOff", "dial tcp: i/o timeout"), [event("Pulling", "x")], "The image r/x:1 can't be pulled."),
    ],
)  # fmt: skip
def test_the_last_word_is_one_for_afterwards(pod, events, words):
    assert last_words(pod, events)[0] == words


def test_an_error_that_has_words_of_its_own_keeps_them():
    error, other = TimeoutError(), ValueError()
    error.jupyterhub_message = "own"

    explain(error, lambda: ("words", "detail"), form="/")
    explain(other, lambda: ("words", "detail"), form="/")

    assert error.jupyterhub_message == "own"
    assert not hasattr(other, "jupyterhub_message")


CONFIG = """
# What is looked at is the answer while a start goes on.
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 1}
c.KubeSpawner.start_timeout = 12
c.KubeSpawner.http_timeout = 4
c.MoorageSpawner.refuse_too_large = False

def other_commands(spawner):
    commands = {"mute": ["sleep", "60"], "hungry": ["sleep", "60"], "crash": ["sh", "-c", "exit 3"]}
    spawner.cmd = commands.get(spawner.user.name, spawner.cmd)

c.KubeSpawner.pre_spawn_hook = other_commands

async def take_long(spawner, pod):
    import asyncio
    await asyncio.sleep(1.5 if spawner.user.name == "again" else 0)
    return pod

c.KubeSpawner.modify_pod_hook = take_long

def others_succeed(spawner):
    if spawner.user.name == "meanwhile":
        spawner.handler.settings["failure_count"] = 0

c.KubeSpawner.post_stop_hook = others_succeed
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cluster():
    """A cluster that has no image but one."""
    async with Simulator(scheduler=True, kubelet=True, has_image=lambda image: "minimal" in image) as cluster:
        cluster.add(builders.namespace("jupyter"), builders.node("atlas", cpu="16", memory="64Gi", gpu=1))
        cluster.add(builders.pod("other", on="atlas", cpu="15"))
        yield cluster


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hub(load, fake_service, cluster, tmp_path_factory):
    """A hub that waits 12 s for a start."""
    rig = load("moorage_test_rig")
    folder = tmp_path_factory.mktemp("ending")
    kubeconfig = cluster.kubeconfig(folder / "k")
    async with rig.Hub(folder, service_url=fake_service.url, kubeconfig=kubeconfig, config=CONFIG) as hub:
        yield hub


async def ended(hub, load, name, **choice):
    """The "not running" page and the progress page's last event, after a start that fails."""
    person = await hub.log_in(name)
    status, answer = await hub.api("POST", f"/users/{name}/server", {"moorage": 1, "node": "atlas", **choice})
    # 400: it has ended while the hub still waited to answer.
    assert status in (202, 400), answer
    progress = await hub.text(f"/users/{name}/server/progress")
    async with person.http.get(f"{hub.url}/hub/spawn-pending/{name}") as answer:
        page = await answer.text()
    await person.close()
    return page, progress


@IN_THE_HUBS_LOOP
async def test_an_image_that_does_not_exist_ends_the_start_after_two_tries(hub, load):
    page, progress = await ended(hub, load, "early", cpu="1", image="torch")

    words = "The image registry.example/jupyter/torch:latest does not exist. Choose another image"
    assert words in page
    assert words in progress
    assert '<a href="/hub/spawn/early">Choose again</a>' in page
    assert await hub.failures() == 0


@IN_THE_HUBS_LOOP
async def test_an_image_that_a_start_has_failed_of_is_marked_on_the_form_and_in_the_verdict(hub, load):
    await ended(hub, load, "marked", cpu="1", image="torch")

    person = await hub.log_in("marked")
    page = await person.form()
    headers = {"X-XSRFToken": await person.token()}
    async with person.http.post(f"{hub.url}/hub/moorage/fit", json={"image": "torch"}, headers=headers) as answer:
        verdict = await answer.json()
    await person.close()

    option = re.search(r'<option value="torch" selected [^>]*data-broken[^>]*>([^<]*)</option>', page)
    assert option
    assert option[1].endswith("(could not be pulled)")
    words = "The image registry.example/jupyter/torch:latest does not exist."
    assert re.search(rf"This image could not be pulled at \d\d:\d\d UTC. {words}", verdict["broken"])
    assert verdict["would_work"] == [{"text": "Minimal", "use": {"image": "minimal"}}]


def test_an_image_is_broken_until_it_starts_or_a_day_has_passed():
    now = [datetime(2026, 11, 28, 5, 7, tzinfo=UTC)]
    broken = BrokenImages(now=lambda: now[0])
    broken.note("r/a:1", "It does not exist.")
    broken.note("r/b:1", "It does not exist.")

    broken.forget("r/b:1")
    said = [broken.words(reference) for reference in ("r/a:1", "r/b:1", "r/c:1")]
    now[0] += timedelta(hours=25)

    assert said == ["This image could not be pulled at 05:07 UTC. It does not exist.", None, None]
    assert broken.words("r/a:1") is None


@IN_THE_HUBS_LOOP
async def test_a_refused_start_counts_as_nothing_where_others_succeed_while_it_ends(hub, load):
    await ended(hub, load, "meanwhile", cpu="1", image="torch")

    assert await hub.failures() == 0


@IN_THE_HUBS_LOOP
async def test_a_start_that_runs_out_of_time_says_what_came_last(hub, load):
    page, progress = await ended(hub, load, "late", cpu="8", image="minimal")

    words = "The server did not start in time. Not enough CPU free on"
    assert words in page
    assert "Insufficient cpu" in page
    assert words in progress


@IN_THE_HUBS_LOOP
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("mute", "The server did not start in time. It started on its node but did not respond."),
        ("crash", "The server exited before it was ready (exit code 3)."),
    ],
)
async def test_a_server_that_never_answers_says_so(hub, load, name, words):
    page, progress = await ended(hub, load, name, cpu="1", image="minimal")

    assert words in page
    assert words in progress


@IN_THE_HUBS_LOOP
async def test_a_server_that_ran_out_of_memory_before_its_first_answer_ends_the_start_at_once(hub, load, cluster):
    pod_of, until = load("moorage_test_pods").pod_of, load("moorage_test_rig").until

    def running():
        pod = pod_of(cluster, "hungry")
        statuses = pod["status"].get("containerStatuses") if pod else None
        return pod if statuses and "running" in statuses[0]["state"] else None

    async def starve():
        pod = await until(running)
        pod["status"]["containerStatuses"][0]["lastState"] = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
        cluster.replace(pod)

    before = await hub.failures()
    (page, progress), _ = await asyncio.gather(ended(hub, load, "hungry", cpu="1", image="minimal"), starve())

    words = "The server ran out of memory and was stopped. Choose more memory."
    assert words in page
    assert "did not start in time" not in page
    assert words in progress
    assert await hub.failures() == before


@IN_THE_HUBS_LOOP
async def test_a_pod_that_was_left_behind_does_not_end_the_next_start(hub, cluster):
    left = builders.pod("jupyter-again", namespace="jupyter", labels={"component": "singleuser-server"})
    left["spec"]["schedulingGates"] = [{"name": "nobody.example/touches-it"}]
    left["status"] = {"phase": "Pending", **waiting("InvalidImageName")["status"]}
    left["status"]["containerStatuses"][0] |= {"name": "main", "imageID": "", "ready": False, "restartCount": 0}
    cluster.add(left)
    await (await hub.log_in("again")).close()
    choice = {"moorage": 1, "node": "atlas", "cpu": "1", "image": "minimal"}

    status, answer = await hub.api("POST", "/users/again/server", choice)

    assert status in (201, 202), answer
    progress = await hub.text("/users/again/server/progress")
    assert '"ready": true' in progress
    assert "is not valid" not in progress
    await hub.api("DELETE", "/users/again/server")
