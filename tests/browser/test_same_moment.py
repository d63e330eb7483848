"""Two people, one GPU, the same moment. How long the one who comes second waits to be told is kept in test-results/."""

import asyncio
import re
from pathlib import Path
from time import monotonic

import pytest
import pytest_asyncio
from playwright.async_api import expect

from moorage.simulator import Simulator, builders

pytestmark = pytest.mark.asyncio(loop_scope="session")

RESULTS = Path(__file__).parents[2] / "test-results"
PEOPLE = ("ada", "ben")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stand(load, tmp_path_factory):
    rig, folder = load("moorage_test_rig"), tmp_path_factory.mktemp("moment")
    async with Simulator(scheduler=True, kubelet=True) as cluster:
        cluster.add(builders.namespace("jupyter"), builders.node("atlas", cpu="64", memory="64Gi", gpu=1))
        kubeconfig = cluster.kubeconfig(folder / "kubeconfig")
        service = rig.Service(folder, kubeconfig=kubeconfig)
        await service.start()
        hub = rig.Hub(folder, service_url=service.url, kubeconfig=kubeconfig)
        await hub.start()
        yield hub, cluster
        await hub.stop()
        await service.kill()


async def choosing(context, hub, name):
    """A person's page with the GPU chosen."""
    page = await context.new_page()
    await page.goto(f"{hub.url}/hub/login?next=%2Fhub%2Fspawn")
    await page.get_by_label("Username").fill(name)
    await page.locator("#login_submit").click()
    await page.get_by_label("GPU").fill("1")
    await expect(page.locator("#moorage-verdict")).to_contain_text("Fits on atlas right now.")
    return page


async def test_one_starts_and_the_other_is_told_what_would_work_and_nothing_counts_as_a_failure(chromium, stand, load):
    hub, cluster = stand
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    contexts = [await chromium.new_context() for _ in PEOPLE]
    pages = dict(
        zip(PEOPLE, [await choosing(*each) for each in zip(contexts, [hub] * 2, PEOPLE, strict=True)], strict=True)
    )

    pressed = monotonic()
    await asyncio.gather(*(page.get_by_role("button", name="Start", exact=True).click() for page in pages.values()))

    # Told on the form, or on the page of the start, whichever way the second one came.
    def told(page):
        return page.get_by_role("button", name=re.compile("no GPU")).first

    waits = {name: asyncio.ensure_future(told(page).wait_for(timeout=30_000)) for name, page in pages.items()}
    done, _ = await asyncio.wait(waits.values(), return_when=asyncio.FIRST_COMPLETED)
    after = monotonic() - pressed
    (second,) = [name for name, wait in waits.items() if wait in done and wait.exception() is None]
    (first,) = set(PEOPLE) - {second}
    waits.pop(first).cancel()
    await asyncio.gather(*waits.values(), return_exceptions=True)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "same-moment.txt").write_text(f"told {after:.2f} s after both pressed Start (promised: 2 s)\n")

    await pages[first].wait_for_url(f"**/user/{first}/**", timeout=30_000)
    assert pods.asked(pods.pod_of(cluster, first))["limits"]["nvidia.com/gpu"] == "1"
    # What would work does.
    await told(pages[second]).click()
    await pages[second].wait_for_url(f"**/user/{second}/**", timeout=30_000)
    pod = await until(lambda: pods.pod_of(cluster, second), what=hub.tail)
    assert "nvidia.com/gpu" not in pods.asked(pod)["limits"]
    assert await hub.failures() == 0
    for name, context in zip(PEOPLE, contexts, strict=True):
        await context.close()
        await hub.api("DELETE", f"/users/{name}/server")
