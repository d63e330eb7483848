"""GPUs by model as a person meets them: what can be chosen, what is free of it now, and that a choice stays."""

import pytest
from playwright.async_api import expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

RTX, T4 = "NVIDIA-GeForce-RTX-4090", "Tesla-T4-SHARED"


def gpu_kind(value, model, **more):
    labels = [{"key": "nvidia.com/gpu.product", "value": value}]
    facts = {"memory_mib": None, "sharing": None, "slots": None, "profile": None}
    return {"resource": "nvidia.com/gpu", "model": model, "labels": labels, **facts, **more}


@pytest.fixture
def put(fake_service, load):
    """`put(free=…)`: a node with one RTX 4090 and one with a shared T4."""
    fake = load("moorage_test_fake_service")

    def put(*, free=1, rtx=True):
        shared = gpu_kind(T4, "Tesla T4", sharing="time-slicing", slots=4)
        nodes = [fake.node_json("sliced", gpus={"nvidia.com/gpu": (4, 3)}, gpu_kinds=[shared])]
        if rtx:
            model = gpu_kind(RTX, "NVIDIA GeForce RTX 4090", memory_mib=24564)
            nodes.append(fake.node_json("gamer", gpus={"nvidia.com/gpu": (1, free)}, gpu_kinds=[model]))
        fake_service.put(*nodes)

    yield put
    for name in ("sliced", "gamer"):
        if name in fake_service.nodes:
            fake_service.remove(name)


def kind(page):
    return page.get_by_label("Kind")


async def test_models_have_what_is_free_of_them_live_and_say_what_sharing_means(open_page, put):
    put()
    page = await open_page()
    rtx = kind(page).locator(f"option[value$='{RTX}']")
    await expect(rtx).to_have_text("RTX 4090 (24 GB): 1 of 1 free")

    put(free=0)
    await expect(rtx).to_have_text("RTX 4090 (24 GB): 0 of 1 free")
    await kind(page).select_option(f"nvidia.com/gpu={T4}")

    await expect(kind(page).locator("option:checked")).to_have_text("T4, shared (1 of 4 slots): 3 of 4 free")
    await expect(page.locator("#moorage-kind-help")).to_contain_text("up to 4 servers take turns on one card")
    await expect(page.locator("#moorage-gpu-help")).to_contain_text("0 to 4; up to 3 free on one node")


async def test_a_chosen_model_is_what_the_pod_is_bound_to(open_page, put, hub, cluster, load):
    put()
    page = await open_page()
    await page.get_by_label("CPU").fill("2")
    await page.get_by_label("GPU").fill("1")
    await kind(page).select_option(f"nvidia.com/gpu={RTX}")
    await page.get_by_role("button", name="Start", exact=True).click()

    pod = await load("moorage_test_rig").until(lambda: load("moorage_test_pods").pod_of(cluster, page.person))

    required = pod["spec"]["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert required["nodeSelectorTerms"][0]["matchExpressions"] == [
        {"key": "nvidia.com/gpu.product", "operator": "In", "values": [RTX]}
    ]


async def test_a_model_that_comes_while_the_page_is_open_can_be_chosen_and_one_that_goes_is_marked(
    open_page, put, fake_service
):
    put(rtx=False)
    page = await open_page()
    await expect(kind(page).locator("option")).to_have_count(2)

    put()
    await expect(kind(page).locator(f"option[value$='{RTX}']")).to_have_text("RTX 4090 (24 GB): 1 of 1 free")
    await page.get_by_label("GPU").fill("1")
    await kind(page).select_option(f"nvidia.com/gpu={RTX}")
    fake_service.remove("gamer")

    await expect(page.locator("#moorage-verdict")).to_contain_text("No node that you can use has the GPU")
    await expect(kind(page)).to_have_value(f"nvidia.com/gpu={RTX}")
    await expect(kind(page)).to_have_attribute("aria-invalid", "true")
    await page.locator("#moorage-verdict").get_by_role("button", name="Any GPU").click()
    await expect(kind(page)).to_have_value("nvidia.com/gpu")


async def test_a_link_with_a_model_fills_it_in_and_says_what_is_gone(open_page, put):
    put()
    page = await open_page(path=f"/hub/spawn#gpu=1&gpu_kind={RTX}")
    await expect(kind(page)).to_have_value(f"nvidia.com/gpu={RTX}")

    other = await open_page(path="/hub/spawn#gpu=1&gpu_resource=nvidia.com%2Fgpu&gpu_kind=Tesla-V100")

    await expect(kind(other).locator("option:checked")).to_have_text("Tesla-V100 (not offered)")
    await expect(other.locator("#moorage-told")).to_contain_text("Not offered any more: the kind of GPU “Tesla-V100”.")
