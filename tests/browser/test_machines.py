"""A machine that is not there yet, from its row in the list to a server that runs on it: real service, hub and browser."""

import pytest
import pytest_asyncio
from playwright.async_api import expect

from moorage.simulator import Simulator, builders

pytestmark = pytest.mark.asyncio(loop_scope="session")

IMAGES = "- {name: minimal, reference: 'registry.example/jupyter/minimal:2026.11', default: true}\n"
POOL = "eks.amazonaws.com/nodegroup"
MACHINES = f"""
- pool: gpu
  kind: g5.xlarge
  labels: {{{POOL}: gpu}}
  allocatable: {{cpu: "4", memory: 16Gi, nvidia.com/gpu: 1}}
  gpu_model: NVIDIA A10G
  most: 2
"""
MACHINE = "~gpu/g5.xlarge"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory, load):
    """A cluster without cards, and a pool that may bring some."""
    rig = load("moorage_test_rig")
    folder = tmp_path_factory.mktemp("machines")
    (folder / "machines.yaml").write_text(MACHINES)
    async with Simulator(scheduler=True, kubelet=True) as cluster:
        cluster.add(builders.namespace("jupyter"), builders.node("borg", cpu="8", memory="32Gi"))
        kubeconfig = cluster.kubeconfig(folder / "kubeconfig")
        settings = {"MOORAGE_MACHINES_FILE": str(folder / "machines.yaml")}
        async with (
            rig.Service(folder, kubeconfig=kubeconfig, images=IMAGES, **settings) as service,
            rig.Hub(folder, service_url=service.url, kubeconfig=kubeconfig) as hub,
        ):
            yield cluster, hub, service


@pytest_asyncio.fixture(loop_scope="session")
async def page(stack, browse, request):
    _, hub, _ = stack
    page = await browse(hub, f"m{abs(hash(request.node.name)) % 10**8}")
    await expect(page.locator("#moorage-status")).to_have_text("The numbers are live.")
    yield page
    await page.context.close()
    await hub.api("DELETE", f"/users/{page.person}/server")


def row(page):
    return page.locator("#moorage-list li", has_text="New machine g5.xlarge")


async def test_the_row_tells_what_can_be_added_and_no_more(page):
    await expect(row(page)).to_contain_text("4 CPU")
    await expect(row(page)).to_contain_text("16 GiB")
    await expect(row(page)).to_contain_text("1 GPU")
    # How long it takes was never seen here.
    await expect(row(page).locator(".moorage-state")).to_have_text("would fit; NVIDIA A10G; can be added")


async def test_automatic_says_that_only_such_a_machine_has_room_and_lets_people_start(page):
    await page.get_by_label("GPU").fill("1")

    verdict = page.locator("#moorage-verdict")
    await expect(verdict).to_contain_text("There is no room now. A machine of pool gpu (g5.xlarge) can be added")
    await expect(verdict).to_contain_text("You can start anyway and wait for it.")
    await expect(page.get_by_role("button", name="Start", exact=True)).to_be_enabled()
    await expect(page.locator("#moorage-list li", has_text="borg")).not_to_contain_text("fits")


async def test_a_row_that_is_chosen_asks_for_its_pool_and_the_server_runs_once_the_machine_is_there(page, stack, load):
    cluster, hub, _ = stack
    pods, until = load("moorage_test_pods"), load("moorage_test_rig").until
    await page.get_by_label("GPU").fill("1")
    await page.get_by_label("CPU").fill("2")
    await expect(page.locator("#moorage-verdict")).to_contain_text("There is no room now.")
    await row(page).click()
    await expect(page.get_by_label("Node")).to_have_value(MACHINE)
    await page.get_by_role("button", name="Start", exact=True).click()

    pod = await until(lambda: pods.pod_of(cluster, page.person), what=hub.tail)
    waits = pod["spec"].get("nodeName")
    cluster.add(builders.node("ip-10-0-0-7", cpu="4", memory="16Gi", gpu=1, labels={POOL: "gpu"}))
    await page.wait_for_url(f"**/user/{page.person}/**", timeout=30000)
    pod = pods.pod_of(cluster, page.person)

    assert waits is None
    assert pod["spec"]["nodeSelector"] == {POOL: "gpu"}
    assert pod["spec"]["nodeName"] == "ip-10-0-0-7"


async def test_a_pool_that_reaches_its_maximum_is_told_on_open_pages(page, stack):
    """In the form and on the service's own page, to which nobody comes again."""
    cluster, _, service = stack
    dashboard = await page.context.new_page()
    await dashboard.goto(service.url)
    machines = dashboard.locator("#machines")
    await expect(machines).to_contain_text("Pool gpu (g5.xlarge): 4 CPU, 16 GiB, 1 × NVIDIA A10G; can be added")
    await expect(row(page).locator(".moorage-state")).to_contain_text("can be added")

    for number in (1, 2):
        labels = {POOL: "gpu", "node.kubernetes.io/instance-type": "g5.xlarge"}
        cluster.add(builders.node(f"late-{number}", cpu="4", memory="16Gi", gpu=1, labels=labels))

    await expect(machines).to_contain_text("at its maximum (Pool gpu is at its maximum of 2 machines)")
    await expect(row(page).locator(".moorage-state")).to_contain_text("at its maximum")
    await dashboard.close()
