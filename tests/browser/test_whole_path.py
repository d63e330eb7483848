"""The whole path with nothing faked but the cluster: real service, real hub, real proxy, real browser."""

import pytest
import pytest_asyncio
from playwright.async_api import expect

from moorage.simulator import Simulator, builders

pytestmark = pytest.mark.asyncio(loop_scope="session")

IMAGES = """
- name: minimal
  display_name: Minimal
  reference: registry.example/jupyter/minimal:2026.11
  default: true
- name: torch
  display_name: PyTorch
  reference: registry.example/jupyter/torch:latest
"""
LIVE = "The numbers are live."


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory, load):
    """A cluster, `moorage serve` and a hub of their own."""
    rig = load("moorage_test_rig")
    folder = tmp_path_factory.mktemp("whole")
    async with Simulator(scheduler=True, kubelet=True) as cluster:
        labels = {"nvidia.com/gpu.product": "NVIDIA-GeForce-RTX-4090", "nvidia.com/gpu.memory": "24576"}
        cluster.add(
            builders.namespace("jupyter"),
            builders.node("atlas", cpu="16", memory="64Gi", gpu=1, labels=labels),
            builders.node("borg", cpu="8", memory="32Gi"),
            builders.node(
                "tainted", cpu="8", memory="32Gi", taints=[{"key": "render", "value": "only", "effect": "NoSchedule"}]
            ),
            builders.pod("other", on="atlas", cpu="4500m", memory="10Gi", namespace="default"),
        )
        kubeconfig = cluster.kubeconfig(folder / "kubeconfig")
        async with (
            rig.Service(folder, kubeconfig=kubeconfig, images=IMAGES) as service,
            rig.Hub(folder, service_url=service.url, kubeconfig=kubeconfig) as hub,
        ):
            yield cluster, service, hub


@pytest_asyncio.fixture(loop_scope="session")
async def person_page(stack, browse, request):
    hub = stack[2]
    page = await browse(hub, f"w{abs(hash(request.node.name)) % 10**8}")
    await expect(page.locator("#moorage-status")).to_have_text(LIVE)
    yield page
    await page.context.close()
    await hub.api("DELETE", f"/users/{page.person}/server")


async def test_a_choice_becomes_a_pod_and_the_numbers_follow_on_the_other_page(person_page, stack, chromium, load):
    cluster, _, hub = stack
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    watcher = await hub.log_in("watcher")
    await expect(person_page.locator("#moorage-list li", has_text="atlas")).to_contain_text("11.5 of 16 CPU")
    await expect(person_page.locator("#moorage-list li", has_text="atlas")).to_contain_text("NVIDIA GeForce RTX 4090")

    await person_page.get_by_label("Node").select_option("atlas")
    await person_page.get_by_label("CPU").fill("2")
    await person_page.get_by_label("Memory").fill("3Gi")
    await person_page.get_by_label("GPU").fill("1")
    await person_page.get_by_label("Image").select_option("minimal")
    await expect(person_page.locator("#moorage-verdict")).to_contain_text("Fits on atlas right now.")
    await person_page.get_by_role("button", name="Start", exact=True).click()

    pod = await until(lambda: pods.pod_of(cluster, person_page.person), what=hub.tail)
    assert pods.asked(pod) == pods.EXACTLY
    await person_page.wait_for_url(f"**/user/{person_page.person}/**", timeout=30000)
    await until(lambda: _says(watcher, "atlas (10.5 CPU, 51 GiB, 0 GPU free)"))
    await hub.api("DELETE", f"/users/{person_page.person}/server")
    await until(lambda: _says(watcher, "atlas (11.5 CPU, 54 GiB, 1 GPU free)"))
    await watcher.close()


async def _says(person, text):
    return text in await person.form()


async def test_what_does_not_fit_says_why_and_what_would(person_page):
    await person_page.get_by_label("Node").select_option("atlas")
    await person_page.get_by_label("Memory").fill("60Gi")
    verdict = person_page.locator("#moorage-verdict")
    await expect(verdict).to_contain_text("Doesn't fit on atlas right now.")
    await expect(verdict).to_contain_text("6 GiB short of memory")
    await expect(verdict).to_contain_text("start anyway and wait for room")

    await verdict.get_by_role("button", name="54 GiB").click()

    await expect(person_page.get_by_label("Memory")).to_have_value("54 GiB")
    await expect(verdict).to_contain_text("Fits on atlas right now.")


async def test_a_node_whose_taint_the_hub_does_not_tolerate_is_closed_with_the_reason(person_page, stack):
    cluster = stack[0]
    row = person_page.locator("#moorage-list li", has_text="tainted")
    option = person_page.get_by_label("Node").locator("option[value=tainted]")
    await expect(row).to_contain_text("reserved (render=only)")
    await expect(row).to_be_disabled()
    await expect(option).to_have_text("tainted (reserved (render=only))")
    await expect(option).to_be_disabled()

    cluster.patch("nodes", None, "tainted", {"spec": {"taints": []}})

    await expect(row).to_be_enabled()
    await expect(option).to_contain_text("free")
    cluster.patch(
        "nodes", None, "tainted", {"spec": {"taints": [{"key": "render", "value": "only", "effect": "NoSchedule"}]}}
    )
    await expect(row).to_be_disabled()


async def test_a_cluster_that_stops_answering_is_told(person_page, stack):
    cluster = stack[0]

    cluster.faults.add("half_open")

    await expect(person_page.locator("#moorage-status")).to_contain_text("may have changed")
    cluster.faults.clear()
    await expect(person_page.locator("#moorage-status")).to_have_text(LIVE)


async def test_a_killed_service_is_told(person_page, stack):
    service = stack[1]

    await service.kill()

    await expect(person_page.locator("#moorage-status")).to_contain_text("may have changed")
    await service.start()
    await expect(person_page.locator("#moorage-status")).to_have_text(LIVE)
