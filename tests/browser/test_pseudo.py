"""No text of the form or of a start comes from outside the catalogue, and both can be read from right to left."""

import pytest
import pytest_asyncio
from playwright.async_api import expect

import pseudo
from moorage.simulator import Simulator, builders

pytestmark = pytest.mark.asyncio(loop_scope="session")

GPU = {"moorage": 1, "cpu": "1", "memory": "1Gi", "gpu": 1, "gpu_resource": "nvidia.com/gpu"}
CONFIG = """
c.MoorageSpawner.wait_for_room = 600
c.KubeSpawner.delete_grace_period = 0
c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 1}
c.MoorageSpawner.user_limits = {"cpu": "8", "gpu": 2}
c.MoorageSpawner.presets = [{"name": "small", "display_name": "Small", "cpu": "1", "memory": "1Gi"}]
"""
NAMES = {
    "Python", "GiB", "CPU", "GPU", "Small", "Minimal", "English", "Deutsch", "PyTorch", "Torch",
    "atlas", "borg", "cordoned", "renamed.example.org", "nameless", "win", "m5.large", "pool-a",
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def full_cluster():
    async with Simulator(scheduler=True, kubelet=True) as cluster:
        cluster.add(builders.namespace("jupyter"), builders.node("atlas", cpu="64", memory="64Gi", gpu=1))
        yield cluster


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hub(load, tmp_path_factory, full_cluster, fake_service):
    """A hub that speaks the language of marks."""
    folder, rig = tmp_path_factory.mktemp("pseudo"), load("moorage_test_rig")
    pseudo.write(folder)
    kubeconfig = full_cluster.kubeconfig(folder / "kubeconfig")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOORAGE_TEXTS", str(folder))
        hub = rig.Hub(folder, service_url=fake_service.url, kubeconfig=kubeconfig, config=CONFIG)
    async with hub:
        yield hub


async def shown(place):
    return await place.evaluate(pseudo.SHOWN)


async def test_every_text_of_the_form_is_in_the_catalogue(open_page):
    page = await open_page(locale="ar")
    form = page.locator("#moorage")
    await expect(page.locator("#moorage-status")).to_have_text("⟦The numbers are live.⟧")
    await expect(page.locator("#moorage-verdict")).to_contain_text("⟦Fits")
    await page.locator("[name=node]").select_option("atlas")
    await expect(page.locator("#moorage-verdict")).to_contain_text("atlas")

    assert pseudo.outside(await shown(form), names=NAMES) == []
    await expect(form).to_have_attribute("dir", "rtl")
    # A refusal of the hub's own.
    await page.locator("[name=cpu]").fill("9")
    await expect(page.locator("#moorage-verdict")).to_contain_text("⟦You may have up to")
    assert pseudo.outside(await shown(form), names=NAMES) == []


async def test_nothing_of_the_form_is_cut_off_or_overlaps_from_right_to_left(open_page):
    page = await open_page(locale="ar", viewport={"width": 320, "height": 800})
    await expect(page.locator("#moorage-status")).to_have_text("⟦The numbers are live.⟧")

    wide = await page.locator("#moorage").evaluate("root => root.scrollWidth - root.clientWidth")

    assert wide <= 0


async def test_every_text_of_a_start_is_in_the_catalogue(open_page, hub, full_cluster, load):
    page = await open_page(locale="ar")
    for name in ("holder", page.person):
        await hub.api("POST", f"/users/{name}")
        status, answer = await hub.api("POST", f"/users/{name}/server", GPU)
        assert status in (201, 202), answer
        await load("moorage_test_rig").until(lambda name=name: load("moorage_test_pods").pod_of(full_cluster, name))

    await page.goto(f"{hub.url}/hub/spawn-pending/{page.person}")

    starting = page.locator("#moorage-starting")
    await expect(page.locator("#starting-state")).to_have_text("⟦Waiting for room⟧")
    await expect(page.locator("#progress-message")).to_contain_text("⟦")
    # Kubernetes' own words are its own. They come anew with each event, so both in one go.
    hide = "root.querySelectorAll('#progress-message details').forEach((one) => { one.hidden = true; });"
    texts = await starting.evaluate(f"(root) => {{ {hide} return ({pseudo.SHOWN})(root); }}")
    assert pseudo.outside(texts, names=NAMES) == []
    await expect(starting).to_have_attribute("dir", "rtl")
