"""Profiles of KubeSpawner above the form, as a person meets them."""

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

CONFIG = """
c.KubeSpawner.cpu_limit = 2
c.KubeSpawner.profile_list = [
    {"display_name": "Small", "slug": "small", "default": True, "description": "For a start"},
    {
        "display_name": "GPU", "slug": "gpu", "description": "One card",
        "kubespawner_override": {
            "cpu_limit": 4, "mem_limit": "16G", "image": "registry.example/gpu:1",
            "extra_resource_limits": {"nvidia.com/gpu": "1"}, "node_selector": {"kubernetes.io/hostname": "atlas"},
        },
        "profile_options": {
            "size": {
                "display_name": "Size",
                "choices": {
                    "half": {"display_name": "Half", "default": True, "kubespawner_override": {"mem_limit": "8G"}},
                    "whole": {"display_name": "Whole", "kubespawner_override": {"cpu_limit": 8}},
                },
            },
        },
    },
]
"""


@pytest.fixture
def hub(own_hub):
    return own_hub


async def holds(page, **values):
    for label, value in values.items():
        await expect(page.get_by_label(label, exact=True)).to_have_value(value)


async def test_a_profile_fills_the_fields_and_its_bounds(open_page):
    page = await open_page()
    await holds(page, CPU="", Memory="2 GiB", GPU="0", Node="", Image="minimal")
    await expect(page.locator("#moorage-cpu-help")).to_contain_text("2 CPU guaranteed. 0.1 to 2")

    await page.locator("#profile-item-gpu").check()

    await holds(page, CPU="4", Memory="8 GiB", GPU="1", Node="atlas")
    await expect(page.get_by_label("Image").locator("option:checked")).to_have_text("registry.example/gpu:1")
    await expect(page.locator("#moorage-cpu-help")).to_contain_text("0.1 to 4")
    await expect(page.locator("#moorage-filled")).to_have_text("The profile's values are filled in below.")

    await page.locator("#profile-item-small").check()

    await holds(page, CPU="", Memory="2 GiB", GPU="0", Node="", Image="minimal")


async def test_an_option_of_a_profile_picks_the_profile_and_fills_the_fields(open_page):
    page = await open_page()
    await holds(page, Memory="2 GiB")

    await page.locator("select[name=profile-option-gpu--size]").select_option("whole")
    await page.locator("select[name=profile-option-gpu--size]").click()

    await holds(page, CPU="8", Memory="16 GiB", GPU="1")


async def test_what_was_changed_by_hand_stays_and_is_what_the_pod_asks_for(open_page, hub, cluster, load):
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    page = await open_page()
    await page.get_by_label("Memory").fill("3Gi")

    await page.locator("#profile-item-gpu").check()
    await expect(page.locator("#moorage-filled")).to_contain_text("What you changed stays: Memory.")
    await holds(page, CPU="4", Memory="3Gi")
    await page.get_by_role("button", name="Start", exact=True).click()

    pod = await until(lambda: pods.pod_of(cluster, page.person), what=hub.tail)
    assert pods.asked(pod) == {
        "selector": {"kubernetes.io/hostname": "atlas"},
        "limits": {"cpu": "4", "memory": "3Gi", "nvidia.com/gpu": "1"},
        "requests": {"cpu": "2", "memory": "3Gi", "nvidia.com/gpu": "1"},
        "image": "registry.example/gpu:1",
    }


async def test_without_scripts_a_profile_gives_what_nobody_changed(open_page, hub, cluster, load):
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    page = await open_page(java_script_enabled=False)

    await page.locator("#profile-item-gpu").check()
    await page.get_by_label("CPU").fill("3")
    await page.get_by_role("button", name="Start", exact=True).click()

    pod = await until(lambda: pods.pod_of(cluster, page.person), what=hub.tail)
    assert pods.asked(pod)["limits"] == {"cpu": "3", "memory": "8Gi", "nvidia.com/gpu": "1"}
    assert pods.asked(pod)["image"] == "registry.example/gpu:1"


async def test_the_last_choice_is_shown_with_its_profile(open_page, hub, cluster, load):
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    page = await open_page()
    await page.locator("#profile-item-gpu").check()
    await holds(page, CPU="4")
    await page.locator("select[name=profile-option-gpu--size]").select_option("whole")
    await holds(page, CPU="8")
    await page.get_by_label("CPU").fill("5")
    await page.get_by_role("button", name="Start", exact=True).click()
    await until(lambda: pods.pod_of(cluster, page.person), what=hub.tail)
    await page.wait_for_url(f"**/user/{page.person}/**", timeout=30000)
    await hub.api("DELETE", f"/users/{page.person}/server")
    await until(lambda: not pods.pod_of(cluster, page.person))

    await page.goto(f"{hub.url}/hub/spawn")

    await expect(page.locator("#profile-item-gpu")).to_be_checked()
    await expect(page.locator("select[name=profile-option-gpu--size]")).to_have_value("whole")
    await expect(page.locator("#moorage-verdict p")).not_to_be_empty()
    await holds(page, CPU="5", Memory="16 GiB", GPU="1", Node="atlas")
