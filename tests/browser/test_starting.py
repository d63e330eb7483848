"""The page of a start in a real browser: waiting for room, over a restart of the hub, to the server or to its end."""

import os
import re
import signal

import pytest
import pytest_asyncio
from playwright.async_api import expect

from moorage.simulator import Simulator, builders

pytestmark = pytest.mark.asyncio(loop_scope="session")

GPU = {"moorage": 1, "cpu": "1", "memory": "1Gi", "gpu": 1, "gpu_resource": "nvidia.com/gpu"}
CONFIG = """
c.MoorageSpawner.wait_for_room = 600
c.KubeSpawner.delete_grace_period = 0
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 1}

def wait_less(spawner):
    if spawner.user_options.get("cpu") == "2":
        spawner.wait_for_room = 5

c.KubeSpawner.pre_spawn_hook = wait_less
"""


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def full_cluster():
    async with Simulator(scheduler=True, kubelet=True) as cluster:
        cluster.add(builders.namespace("jupyter"), builders.node("atlas", cpu="64", memory="64Gi", gpu=1))
        yield cluster


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def standing(request, load, tmp_path_factory, full_cluster, fake_service):
    folder, rig = tmp_path_factory.mktemp("starting"), load("moorage_test_rig")
    kubeconfig, config = full_cluster.kubeconfig(folder / "kubeconfig"), CONFIG + getattr(request, "param", "")
    async with rig.Hub(folder, service_url=fake_service.url, kubeconfig=kubeconfig, config=config) as hub:
        yield hub


@pytest_asyncio.fixture(loop_scope="session")
async def hub(standing):
    """The hub on the cluster with one GPU; nobody has a server yet."""
    yield standing
    await standing.clear()


SHORT = {"resource": "nvidia.com/gpu", "short_by": 1}
FULL = {
    "fits": False,
    "answer": "waits",
    "nodes": {
        "atlas": {
            "fits": False,
            "unresolvable": False,
            "reasons": [{"message": "Insufficient nvidia.com/gpu", "text": "no GPU free", "short_by": SHORT}],
        }
    },
    "prefilter": None,
    "would_work": {"fits_on": [], "closest": {"node": "atlas"}},
}


@pytest.fixture
def full(fake_service):
    """The service finds no GPU."""
    fake_service.verdict = FULL
    yield
    fake_service.verdict = None


def server_of(page):
    return re.compile(rf"/user/{page.person}/")


@pytest_asyncio.fixture(loop_scope="session")
async def waiting_page(open_page, hub, begin):
    """`await waiting_page(how={…}, cpu=…)`: somebody's page, whose start waits for the only GPU: the holder has it."""

    async def waiting_page(*, how=None, **more):
        page = await open_page(**how or {})
        await begin(page.person, {**GPU, **more})
        await page.goto(f"{hub.url}/hub/spawn-pending/{page.person}")
        await expect(page.get_by_role("heading")).to_have_text("Waiting for room")
        return page

    await begin("holder", GPU)
    return waiting_page


@pytest.mark.timeout(300)
async def test_a_page_that_waits_goes_on_by_itself_over_a_restart_of_the_hub_to_the_server(waiting_page, hub):
    page = await waiting_page()
    await expect(page.get_by_role("status")).to_contain_text("Not enough GPU free on any node.")

    os.kill(hub.process.pid, signal.SIGKILL)
    await hub.process.wait()
    await expect(page.get_by_role("alert")).to_contain_text("The hub does not answer right now.", timeout=40_000)
    await hub.start()
    await expect(page.get_by_role("alert")).to_be_empty()
    await expect(page.get_by_role("heading")).to_have_text("Waiting for room")
    await hub.api("DELETE", "/users/holder/server")

    await expect(page).to_have_url(server_of(page))


async def test_a_wait_that_ends_in_vain_leaves_one_state_on_the_page(waiting_page, hub):
    page = await waiting_page(cpu="2")

    await expect(page.get_by_text("No room became free within 5 seconds")).to_be_visible()
    await expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    await expect(page.get_by_text("Waiting for room")).to_have_count(0)


async def test_a_wait_is_stopped_with_its_button(waiting_page, hub):
    page = await waiting_page()

    await page.get_by_role("button", name="Stop").click()

    await expect(page.get_by_text("is not running")).to_be_visible()
    assert await hub.failures() == 0


@pytest.mark.parametrize(
    "standing",
    ["""c.JupyterHub.tornado_settings["headers"] = {"Content-Security-Policy": "default-src 'self'"}"""],
    indirect=True,
)
async def test_a_strict_content_security_policy_holds_nothing_up(waiting_page, hub):
    page = await waiting_page()
    await expect(page.get_by_role("status")).to_contain_text("Not enough GPU free on any node.")

    await hub.api("DELETE", "/users/holder/server")

    await expect(page).to_have_url(server_of(page))


async def test_on_a_phone_one_click_takes_what_would_work_now(waiting_page, hub, full):
    page = await waiting_page(how={"viewport": {"width": 320, "height": 700}})
    button = page.get_by_role("button", name="Take 1 CPU, 1 GiB, no GPU now")
    await expect(button).to_be_visible()

    assert await page.evaluate("document.documentElement.scrollWidth") == 320
    await button.click()

    await expect(page).to_have_url(server_of(page))
    assert await hub.failures() == 0


async def test_without_scripts_the_page_says_the_same_and_its_button_works(waiting_page, hub, full):
    page = await waiting_page(how={"java_script_enabled": False})
    await page.reload()
    await expect(page.locator("#progress-message")).to_contain_text("Not enough GPU free on any node.")

    await page.get_by_role("button", name="Take 1 CPU, 1 GiB, no GPU now").click()

    await expect(page).to_have_url(re.compile("/hub/spawn-pending/|/user/"))
    assert await hub.failures() == 0


async def test_who_listens_hears_of_each_step_once_and_not_of_the_line(waiting_page, begin, hub):
    await begin("before", GPU)
    page = await waiting_page()
    heard = []

    def hear(text):
        heard.append(text)

    await page.expose_function("heard", hear)
    # The first word of the stream; the page itself came with what is lacking alone.
    await expect(page.get_by_role("status")).to_contain_text("About 1 other server")
    await page.evaluate(
        """() => {
            const place = document.querySelector("[role=status]");
            new MutationObserver(() => window.heard(place.textContent)).observe(place, { childList: true });
        }"""
    )

    await hub.api("DELETE", "/users/before/server")
    await expect(page.locator("#progress-message")).not_to_contain_text("other server")
    assert heard == []

    await hub.api("DELETE", "/users/holder/server")
    await expect(page).to_have_url(server_of(page), timeout=30_000)
    assert len(heard) == len(set(heard))
