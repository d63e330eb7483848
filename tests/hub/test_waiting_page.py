"""The page of somebody who waits: what is lacking, what would work now, and another choice that keeps the place."""

import html
import re

import pytest
import pytest_asyncio

from moorage.hub.start import waiting
from moorage.simulator import Simulator, builders

pytestmark = pytest.mark.asyncio(loop_scope="session")

GPU = {"moorage": 1, "cpu": "1", "memory": "1Gi", "gpu": 1, "gpu_resource": "nvidia.com/gpu"}
CONFIG = """
import asyncio
c.KubeSpawner.delete_grace_period = 0
c.KubeSpawner.start_timeout = 300
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}
c.JupyterHub.concurrent_spawn_limit = 2

culler = [sys.executable, "-c", "import time; time.sleep(600)", "jupyterhub_idle_culler", "--max-age=7200"]
c.JupyterHub.services = [*c.JupyterHub.services, {"name": "culler", "command": culler}]

async def never(spawner):
    if spawner.user.name.startswith("slow"):
        await asyncio.Event().wait()

c.KubeSpawner.pre_spawn_hook = never
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=[0, 600], ids=["any start", "waits for room"])
async def stand(request, load, tmp_path_factory):
    """A hub and its service on a cluster with one GPU, which somebody holds."""
    rig, folder = load("moorage_test_rig"), tmp_path_factory.mktemp("waits")
    async with Simulator(scheduler=True, kubelet=True) as cluster:
        cluster.add(builders.namespace("jupyter"), builders.node("atlas", cpu="64", memory="64Gi", gpu=1))
        kubeconfig = cluster.kubeconfig(folder / "kubeconfig")
        config = f"{CONFIG}\nc.MoorageSpawner.wait_for_room = {request.param}\n"
        async with (
            rig.Service(folder, kubeconfig=kubeconfig, MOORAGE_GPU_HOLDERS="pod") as service,
            rig.Hub(folder, service_url=service.url, kubeconfig=kubeconfig, config=config) as hub,
        ):
            await hub.api("POST", "/users/holder")
            await hub.api("POST", "/users/holder/server", GPU)
            await rig.until(lambda: waiting.bound(load("moorage_test_pods").pod_of(cluster, "holder")))
            yield hub, cluster


@pytest_asyncio.fixture(loop_scope="session")
async def loser(stand, request):
    """Somebody who has asked for the GPU that is gone."""
    hub, _ = stand
    person = await hub.log_in("l" + str(abs(hash(request.node.name)))[:9])
    status, answer = await hub.api("POST", f"/users/{person.name}/server", GPU)
    assert status == 202, answer
    yield person
    await hub.api("DELETE", f"/users/{person.name}/server")
    await person.close()


@pytest.fixture
def until(load):
    return load("moorage_test_rig").until


@pytest.fixture
def of(load, stand):
    return lambda name: load("moorage_test_pods").pod_of(stand[1], name)


async def page(person):
    async with person.http.get(f"{person.hub.url}/hub/spawn-pending/{person.name}") as answer:
        return html.unescape(await answer.text())


async def part(person):
    """What the page tells beside its progress, or None."""
    async with person.http.get(f"{person.hub.url}/hub/moorage/waiting") as answer:
        return html.unescape(await answer.text()) if answer.status == 200 else None


async def shown(person, until):
    async def told():
        text = await part(person)
        return text if text and "Take " in text else None

    return await until(told)


async def press(person, text):
    """The first button of the page that takes another choice."""
    form = re.search(r'<form method="post" action="([^"]+)">(.*?)</form>', text, re.DOTALL)
    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form[2]))
    async with person.http.post(person.hub.url + form[1], data=fields, allow_redirects=False) as answer:
        return answer.status, fields, html.unescape(await answer.text())


async def test_who_lost_the_last_gpu_is_told_what_would_work_now_and_that_nobody_knows_how_long(loser, until, of):
    text = await shown(loser, until)

    assert "Take 1 CPU, 1 GiB, no GPU now" in text
    assert "How long it takes is unknown" in text
    # The hub's culler ends who holds it, whose name is in no byte of the page.
    assert re.search(r"free on atlas by <time datetime=[^>]+>[\d: -]+ UTC</time> at the latest", text)
    assert "holder" not in text
    assert "/hub/moorage/change?user=" in text
    assert "Not enough GPU free on any node." in await page(loser)


async def test_one_click_takes_it_and_the_server_starts(stand, loser, until, of):
    hub, _ = stand
    before = of(loser.name)["metadata"]["uid"] if of(loser.name) else None

    status, fields, _ = await press(loser, await shown(loser, until))

    async def ready():
        return (await hub.api("GET", f"/users/{loser.name}"))[1]["servers"].get("", {}).get("ready")

    await until(ready, what=hub.tail)
    assert (status, fields["gpu"]) == (302, "0")
    assert of(loser.name)["metadata"]["uid"] != before
    assert await hub.failures() == 0


async def test_the_place_is_kept_while_another_choice_is_made_and_where_that_can_not_be_had(stand, loser, until, of):
    hub, _ = stand
    await shown(loser, until)
    before = of(loser.name)["metadata"]["uid"]

    address = f"{hub.url}/hub/moorage/change"
    async with loser.http.get(address) as answer:
        form = html.unescape(await answer.text())
    action = re.search(r'action="([^"]+)"', form)[1]
    async with loser.http.post(hub.url + action, data={"cpu": "900", "memory": "1Gi", "gpu": "0"}) as answer:
        refused = html.unescape(await answer.text())

    assert "Change your choice" in form
    assert "900 CPU is too much" in refused
    assert "Your server keeps its place in line." in refused
    assert of(loser.name)["metadata"]["uid"] == before
    assert await hub.failures() == 0


async def test_nobody_else_sees_or_changes_it(stand, loser, until):
    hub, _ = stand
    await shown(loser, until)
    other = await hub.log_in("stranger")

    statuses = []
    for path in ("waiting", "change"):
        async with other.http.get(f"{hub.url}/hub/moorage/{path}?user={loser.name}") as answer:
            statuses.append(answer.status)
    await other.close()

    assert statuses == [404, 404]


@pytest.mark.parametrize("stand", [600], ids=["waits for room"], indirect=True)
async def test_the_place_is_kept_where_the_hub_starts_too_many_already_and_the_choice_is_taken_later(
    stand, loser, until, of
):
    hub, _ = stand
    text = await shown(loser, until)
    before = of(loser.name)["metadata"]["uid"]
    for name in ("slow1", "slow2"):
        await hub.api("POST", f"/users/{name}")
        status, answer = await hub.api("POST", f"/users/{name}/server", GPU)
        assert status == 202, answer

    status, _, said = await press(loser, text)

    assert status == 429
    assert "Too many servers are starting right now. Try again in a minute. Your server keeps its place" in said
    assert of(loser.name)["metadata"]["uid"] == before
    assert "Waiting for room" in await page(loser)

    await hub.api("DELETE", "/users/slow1/server")
    status, _, _ = await press(loser, text)
    await hub.api("DELETE", "/users/slow2/server")

    async def ready():
        return (await hub.api("GET", f"/users/{loser.name}"))[1]["servers"].get("", {}).get("ready")

    await until(ready, seconds=30, what=hub.tail)
    assert status == 302
    assert of(loser.name)["metadata"]["uid"] != before
    assert await hub.failures() == 0
