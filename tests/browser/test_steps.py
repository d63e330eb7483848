"""The page of a start in each of its states: as it comes by the stream, loaded again, and without scripts."""

from datetime import UTC, datetime

import pytest
import pytest_asyncio
from playwright.async_api import expect

from moorage.simulator import Simulator, builders

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(600)]

GPU = {"moorage": 1, "cpu": "1", "memory": "1Gi", "gpu": 1, "gpu_resource": "nvidia.com/gpu"}
CONFIG = """
c.MoorageSpawner.wait_for_room = 600
c.KubeSpawner.start_timeout = 600
c.KubeSpawner.delete_grace_period = 0
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 0}
"""
WAITING, STARTING = "Waiting for room", "Your server is starting"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def cluster():
    """A cluster with one GPU and nobody who runs pods: each test says what becomes of them."""
    async with Simulator(scheduler=True) as cluster:
        cluster.add(builders.namespace("jupyter"), builders.node("atlas", cpu="64", memory="64Gi", gpu=1))
        yield cluster


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hub(load, tmp_path_factory, cluster, fake_service):
    folder, rig = tmp_path_factory.mktemp("steps"), load("moorage_test_rig")
    kubeconfig = cluster.kubeconfig(folder / "kubeconfig")
    async with rig.Hub(folder, service_url=fake_service.url, kubeconfig=kubeconfig, config=CONFIG) as hub:
        yield hub


class Start:
    """Somebody's start, and what Kubernetes makes of it."""

    def __init__(self, hub, cluster, load, name):
        self.hub, self.cluster, self.name = hub, cluster, name
        self._pod_of, self._until = load("moorage_test_pods").pod_of, load("moorage_test_rig").until

    def pod(self):
        return self._pod_of(self.cluster, self.name)

    async def begin(self):
        await self.hub.api("POST", f"/users/{self.name}")
        status, answer = await self.hub.api("POST", f"/users/{self.name}/server", GPU)
        assert status == 202, answer
        await self._until(self.pod, what=self.hub.tail)
        return self

    async def end(self):
        await self.hub.api("DELETE", f"/users/{self.name}/server")
        await self._until(lambda: self.pod() is None, what=self.hub.tail)

    def says(self, reason, message):
        meta = self.pod()["metadata"]
        of = {"kind": "Pod", "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]}
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.cluster.add(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": f"{meta['name']}.{reason.lower()}", "namespace": meta["namespace"]},
                "involvedObject": of,
                "reason": reason,
                "message": message,
                "type": "Normal",
                "firstTimestamp": at,
                "lastTimestamp": at,
                "count": 1,
            }
        )

    def runs_out_of_memory(self):
        pod = self.pod()
        container = pod["spec"]["containers"][0]
        ended = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
        told = {"name": container["name"], "image": container["image"], "imageID": "", "ready": False}
        pod["status"]["containerStatuses"] = [{**told, "restartCount": 0, "state": ended}]
        self.cluster.replace(pod)


async def is_shown(page, heading, step, text):
    """As it came, and as it is when the page is loaded again; nothing sticks out of a phone's page."""
    for _ in range(2):
        await expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        await expect(page.locator("[aria-current=step]")).to_have_text(step)
        await expect(page.locator("main")).to_contain_text(text)
        await expect(page.get_by_role("button", name="Stop")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") == 320
        await page.reload()


async def is_over(page, text):
    """Nothing but the end is told, also when the page is loaded again."""
    for _ in range(2):
        await expect(page.get_by_role("main")).to_contain_text(text)
        await expect(page.get_by_text(STARTING)).to_have_count(0)
        await expect(page.get_by_text(WAITING)).to_have_count(0)
        await expect(page.get_by_role("button", name="Stop")).to_have_count(0)
        await page.reload()


async def test_each_state_is_the_same_when_the_page_is_loaded_again(open_page, hub, cluster, load, looked_at):
    page = await open_page(viewport={"width": 320, "height": 800})
    holder = await Start(hub, cluster, load, "has-it").begin()
    start = await Start(hub, cluster, load, page.person).begin()
    found = []

    await page.goto(f"{hub.url}/hub/spawn-pending/{page.person}")
    await is_shown(page, WAITING, "Place", "Not enough GPU free on any node.")
    found += await looked_at(page, "step-waiting")

    await holder.end()
    await is_shown(page, STARTING, "Image", "Loading the image")
    found += await looked_at(page, "step-image")

    start.says("Pulling", 'Pulling image "registry.example/jupyter/minimal:2026.11"')
    await is_shown(page, STARTING, "Image", "so far")

    start.says("Started", "Container started")
    await is_shown(page, STARTING, "Start", "The server is starting.")
    found += await looked_at(page, "step-start")

    start.runs_out_of_memory()
    await is_over(page, "The server ran out of memory and was stopped. Choose more memory.")
    found += await looked_at(page, "step-failed")
    assert found == []
    assert await hub.failures() == 0


async def test_a_stopped_start_stays_stopped(open_page, hub, cluster, load):
    page = await open_page()
    holder = await Start(hub, cluster, load, "has-it").begin()
    await Start(hub, cluster, load, page.person).begin()
    await page.goto(f"{hub.url}/hub/spawn-pending/{page.person}")
    await expect(page.get_by_role("heading", level=1)).to_have_text(WAITING)

    await page.get_by_role("button", name="Stop").click()

    await is_over(page, "is not running")
    await holder.end()


async def test_without_scripts_each_state_is_told_by_loading_the_page(open_page, hub, cluster, load):
    page = await open_page(java_script_enabled=False)
    holder = await Start(hub, cluster, load, "has-it").begin()
    start = await Start(hub, cluster, load, page.person).begin()
    until = load("moorage_test_rig").until

    async def is_told(step, text):
        async def loaded():
            await page.goto(f"{hub.url}/hub/spawn-pending/{page.person}")
            steps = page.locator("[aria-current=step]")
            now = await steps.text_content() if await steps.count() else None
            return now == step and text in await page.locator("body").inner_text()

        await until(loaded, what=hub.tail)

    await is_told("Place", "Not enough GPU free on any node.")
    await holder.end()
    await is_told("Image", "Loading the image.")
    start.says("Created", "Container created")
    await is_told("Start", STARTING)
    start.runs_out_of_memory()
    await is_told(None, "The server ran out of memory and was stopped. Choose more memory.")
