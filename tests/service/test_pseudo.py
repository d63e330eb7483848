"""No text of the dashboard comes from outside the catalogue, and it can be read from right to left."""

import os
import shutil

import pytest
from playwright.async_api import async_playwright, expect

import pseudo
from moorage import texts

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# "NotReady" and the like are Kubernetes' own.
NAMES = {
    "moorage",
    "API",
    "GiB",
    "CPU",
    "GPU",
    "English",
    "Deutsch",
    "alpha",
    "beta",
    "MiB",
    "NVIDIA",
    "nvidia.com/gpu",
}


@pytest.fixture
def marks(tmp_path, monkeypatch):
    pseudo.write(tmp_path)
    monkeypatch.setenv("MOORAGE_TEXTS", str(tmp_path))
    texts.languages.cache_clear()
    yield
    texts.languages.cache_clear()


@pytest.fixture
async def page():
    found = os.environ.get("MOORAGE_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "No Chromium was found: install one, or set MOORAGE_CHROMIUM to its path."
    expect.set_options(timeout=15_000)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        context = await browser.new_context(locale="ar", viewport={"width": 1200, "height": 800})
        yield await context.new_page()
        await browser.close()


@pytest.mark.usefixtures("marks")
async def test_every_text_of_the_dashboard_is_in_the_catalogue(service, simulator, node, pod, page) -> None:
    simulator.add(
        node("alpha", cpu="8", memory="32Gi", gpu=1),
        node("beta", cpu="4", memory="16Gi", unschedulable=True),
        pod("p", on="alpha", cpu="1", memory="1Gi", gpu=1),
    )
    await service.until(lambda nodes: len(nodes) == 2 and nodes["alpha"]["available"]["gpu"] == 0)
    await page.goto(service.url)
    await expect(page.locator("#status")).to_have_text("⟦live⟧")
    await page.locator("#fit [name=gpu]").fill("1")
    await page.locator("#fit button").click()
    await expect(page.locator("#answer")).to_contain_text("⟦Doesn't fit")

    shown = await page.locator("body").evaluate(pseudo.SHOWN)

    assert pseudo.outside(shown, names=NAMES) == []
    assert await page.locator("html").get_attribute("dir") == "rtl"
