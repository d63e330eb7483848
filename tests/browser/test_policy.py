"""Presets, bounds and limits as a person meets them on the page."""

from functools import partial

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONFIG = """
c.MoorageSpawner.presets = [
    {"name": "small", "display_name": "Small <i>&</i>", "description": "For notes", "default": True, "cpu": "1", "memory": "2Gi"},
    {"name": "large", "display_name": "Large", "cpu": "4", "memory": "8Gi", "gpu": 1, "node": "atlas"},
]
c.MoorageSpawner.presets_only = lambda spawner: spawner.user.name.startswith("only")
c.MoorageSpawner.memory_step = "2Gi"
c.Spawner.group_overrides = {"10": {"groups": ["lab <b>a</b>"], "spawner_override": {"cpu_max": "6", "gpu_max": 0}}}
c.JupyterHub.load_groups = {"lab <b>a</b>": {"users": []}}
"""


@pytest.fixture
def form(own_hub, browse):
    """`await form(name)`: this person before the form."""
    return partial(browse, own_hub)


async def test_a_preset_fills_its_fields_and_a_choice_by_hand_is_one_click_away(form, own_hub, cluster, load):
    page = await form("presetter")
    preset, cpu, node = page.get_by_label("Preset"), page.get_by_label("CPU"), page.get_by_label("Node")
    await expect(preset).to_have_value("small")
    await expect(cpu).to_have_value("1")
    await expect(cpu).to_be_disabled()
    await expect(page.locator("#moorage-preset-help")).to_have_text("For notes")
    await expect(preset.locator("option[value=small]")).to_have_text(
        "Small <i>&</i>: 1 CPU, 2 GiB memory (fits right now)"
    )

    await preset.select_option("large")
    await expect(node).to_have_value("atlas")
    await expect(node).to_be_disabled()
    await page.get_by_role("button", name="Choose by hand").click()

    await expect(cpu).to_be_enabled()
    await expect(cpu).to_be_focused()
    await expect(node).to_be_enabled()
    await expect(preset).to_have_value("")
    await preset.select_option("large")
    await page.get_by_role("button", name="Start", exact=True).click()
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    pod = await until(lambda: pods.pod_of(cluster, "presetter"), what=own_hub.tail)
    assert pods.asked(pod)["limits"] == {"cpu": "4", "memory": "8Gi", "nvidia.com/gpu": "1"}
    assert pods.asked(pod)["selector"] == {"kubernetes.io/hostname": "atlas"}
    await own_hub.api("DELETE", "/users/presetter/server")


async def test_a_click_on_a_node_is_a_choice_by_hand_where_the_preset_has_another_one(form):
    page = await form("clicker")
    await page.get_by_label("Preset").select_option("large")
    await expect(page.locator("#moorage-verdict")).to_contain_text("Fits on atlas")

    await page.locator("#moorage-list").get_by_role("option", name="borg").click()

    await expect(page.get_by_label("Preset")).to_have_value("")
    await expect(page.get_by_label("Node")).to_have_value("borg")
    await expect(page.get_by_label("Node")).to_be_enabled()


async def test_with_presets_only_there_is_no_number_to_fill_in(form, own_hub, cluster, load):
    page = await form("only-presets")

    await expect(page.get_by_label("CPU")).to_be_hidden()
    await expect(page.get_by_role("button", name="Choose by hand")).to_have_count(0)
    await page.get_by_role("button", name="Start", exact=True).click()

    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    pod = await until(lambda: pods.pod_of(cluster, "only-presets"), what=own_hub.tail)
    assert pods.asked(pod)["limits"] == {"cpu": "1", "memory": "2Gi"}
    await own_hub.api("DELETE", "/users/only-presets/server")


async def test_bounds_follow_the_chosen_node_and_a_slider_has_the_administrators_steps(form):
    page = await form("slider")
    await page.get_by_role("button", name="Choose by hand").click()
    await expect(page.locator("#moorage-cpu-help")).to_have_text("0.1 to 64; up to 11.5 free on one node")

    await page.get_by_label("Node").select_option("borg")
    await expect(page.locator("#moorage-cpu-help")).to_have_text("0.1 to 8; 8 free on borg")
    await expect(page.locator("#moorage-gpu-help")).to_have_text("None available; 0 free on borg")
    await page.get_by_label("Memory").locator("xpath=following-sibling::input").fill("2")

    await expect(page.get_by_label("Memory")).to_have_value("6 GiB")
    await page.get_by_label("CPU").fill("12")
    await page.get_by_label("Node").select_option("borg")
    await expect(page.get_by_label("CPU")).to_have_value("12")
    await expect(page.get_by_label("CPU")).to_have_attribute("aria-invalid", "true")
    await page.locator("#moorage-verdict").get_by_role("button", name="8 CPU").click()
    await expect(page.get_by_label("CPU")).to_have_value("8")


async def test_an_open_page_follows_its_persons_groups_and_says_whose_the_limit_is(form, own_hub):
    page = await form("mover")
    await page.get_by_role("button", name="Choose by hand").click()
    await page.get_by_label("CPU").fill("7")
    await expect(page.locator("#moorage-verdict")).to_contain_text("Fits")

    await own_hub.api("POST", "/groups/lab%20%3Cb%3Ea%3C%2Fb%3E/users", {"users": ["mover"]})

    await expect(page.locator("#moorage-limits")).to_have_text(
        "Your group lab <b>a</b> may have up to 6 CPU and no GPU."
    )
    await expect(page.locator("#moorage-cpu-help")).to_contain_text("0.1 to 6")
    await expect(page.get_by_label("CPU")).to_have_value("7")
    await expect(page.get_by_label("CPU")).to_have_attribute("aria-invalid", "true")
    await expect(page.locator("#moorage-verdict")).to_contain_text("Your group lab <b>a</b> may have up to 6.")
    await expect(page.get_by_label("Preset").locator("option[value=large]")).to_have_count(0)
