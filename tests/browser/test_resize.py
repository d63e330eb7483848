"""A person resizes a running server in a real browser: from the hub's home page to the new size, with and without room."""

import pytest
import pytest_asyncio
from playwright.async_api import expect

from moorage.simulator import Simulator, builders

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHOICE = {"moorage": 1, "cpu": "2", "memory": "2Gi", "gpu": 0}


@pytest_asyncio.fixture(loop_scope="session")
async def running(tmp_path, browse, load):
    """`page, cluster, hub` of somebody whose server runs on the only node, which has 8 CPU."""
    rig = load("moorage_test_rig")
    async with Simulator(scheduler=True, kubelet=True) as cluster:
        cluster.add(builders.namespace("jupyter"), builders.node("atlas", cpu="8", memory="32Gi"))
        kubeconfig = cluster.kubeconfig(tmp_path / "kubeconfig")
        async with (
            rig.Service(tmp_path, kubeconfig=kubeconfig) as service,
            rig.Hub(tmp_path, service_url=service.url, kubeconfig=kubeconfig) as hub,
        ):
            await hub.api("POST", "/users/boss")
            assert (await hub.api("POST", "/users/boss/server", CHOICE))[0] in (201, 202)

            async def is_ready():
                return (await hub.api("GET", "/users/boss"))[1]["servers"][""]["ready"]

            await rig.until(is_ready)
            page = await browse(hub, "boss", path="/hub/home", viewport={"width": 1000, "height": 900})
            yield page, cluster, hub
            await page.context.close()


async def test_a_server_is_resized_from_the_home_page_on_and_waits_for_room_where_there_is_none(running):
    page, cluster, _ = running
    await expect(page.locator("#moorage-servers")).to_contain_text("2 CPU, 2 GiB memory")
    await page.get_by_role("link", name="Resize").click()
    verdict, button = page.locator("#server-verdict"), page.locator("#server-go")
    await expect(verdict).to_contain_text("That is what your server has.")
    await expect(button).to_be_disabled()

    await page.get_by_label("CPU").fill("4")
    await page.get_by_label("Memory").fill("3,5 GB")
    await expect(verdict).to_contain_text("Fits on atlas. Your server goes on running.")
    await button.click()

    await expect(page.locator("#server-resize")).to_have_text("Done. The server has 4 CPU, 3.5 GiB memory.")
    await expect(page.get_by_label("Memory")).to_have_value("3.5 GiB")

    # The verdict follows the cluster.
    await page.get_by_label("CPU").fill("8")
    await expect(verdict).to_contain_text("Fits on atlas.")
    cluster.add(builders.pod("other", on="atlas", cpu="5", memory="1Gi", namespace="jupyter"))
    await expect(verdict).to_contain_text("No room on atlas now: 1 CPU short")
    await expect(button).to_have_text("Resize and wait for room")
    await button.click()
    await expect(page.locator("#server-resize")).to_contain_text("Waiting for room on atlas to change to 8 CPU")
    await expect(page.locator("#server-size")).to_have_text("4 CPU, 3.5 GiB memory")
    cluster.delete("pods", "jupyter", "other")
    await expect(page.locator("#server-resize")).to_contain_text("Done. The server has 8 CPU")

    # What can't be had says why, and what could be is one click away.
    await page.get_by_label("CPU").fill("9")
    await expect(verdict).to_contain_text("9 CPU is too much: atlas has 8.")
    await expect(page.get_by_label("CPU")).to_have_attribute("aria-invalid", "true")
    await expect(button).to_be_disabled()
    await page.get_by_role("button", name="8 CPU").click()
    await expect(page.get_by_label("CPU")).to_have_value("8")
    await expect(verdict).to_contain_text("That is what your server has.")


async def test_nothing_is_wrong_with_the_pages_of_running_servers_by_axe(running, looked_at):
    page, _, hub = running
    wrong = []
    for name, path in (
        ("resize", "moorage/resize?user=boss&server="),
        ("servers", "moorage/servers"),
        ("home", "home"),
    ):
        await page.goto(f"{hub.url}/hub/{path}")
        if name == "resize":
            await page.get_by_label("CPU").fill("9")
            await expect(page.locator("#server-verdict")).to_contain_text("is too much")
        wrong += await looked_at(page, name)
        await page.set_viewport_size({"width": 320, "height": 900})
        await page.wait_for_function("document.documentElement.scrollWidth <= 320")
        await page.set_viewport_size({"width": 1000, "height": 900})

    assert wrong == []
