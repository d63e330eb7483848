"""Amounts that stay as KubeSpawner is configured, as a person meets them."""

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONFIG = """
c.KubeSpawner.cpu_limit, c.KubeSpawner.cpu_guarantee = 2, 0.5
c.KubeSpawner.mem_limit, c.KubeSpawner.mem_guarantee = "4G", "1G"
"""
CPU, MEMORY = "0.5 CPU guaranteed, up to 2", "1 GiB guaranteed, up to 4 GiB"


@pytest.fixture
def hub(own_hub):
    return own_hub


async def test_an_empty_field_says_what_there_is_and_one_that_is_emptied_again_gives_it(open_page, hub, cluster, load):
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    page = await open_page()
    cpu, memory = page.get_by_label("CPU", exact=True), page.get_by_label("Memory", exact=True)
    for field, words, below in ((cpu, CPU, "#moorage-cpu-help"), (memory, MEMORY, "#moorage-memory-help")):
        await expect(field).to_have_value("")
        await expect(field).to_have_attribute("placeholder", words)
        await expect(page.locator(below)).to_contain_text(f"{words}. ")

    await cpu.fill("1")
    await expect(page.locator("#moorage-cpu-help")).not_to_contain_text("guaranteed")
    await cpu.fill("")
    await expect(page.locator("#moorage-cpu-help")).to_contain_text(f"{CPU}. ")
    await page.get_by_role("button", name="Start", exact=True).click()

    pod = await until(lambda: pods.pod_of(cluster, page.person), what=hub.tail)
    assert pods.asked(pod)["requests"] == {"cpu": "500m", "memory": "1Gi"}
    assert pods.asked(pod)["limits"] == {"cpu": "2", "memory": "4Gi"}


async def test_without_scripts_it_says_so_in_the_persons_language(open_page):
    page = await open_page(java_script_enabled=False, locale="de")

    await expect(page.locator("#moorage-cpu-help")).to_contain_text("0,5 CPU garantiert, höchstens 2. ")
