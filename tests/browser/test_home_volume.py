"""A home volume that is elsewhere is said before anybody presses Start: real service, real hub, real browser."""

import pytest
import pytest_asyncio
from playwright.async_api import expect

from moorage.simulator import Simulator, builders

pytestmark = pytest.mark.asyncio(loop_scope="session")

ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"
ELSEWHERE = "can't be reached from this node; it may be on another node or in another zone"
CONFIG = """
c.KubeSpawner.volumes = [{"name": "home", "persistentVolumeClaim": {"claimName": "home-{username}"}}]
c.KubeSpawner.volume_mounts = [{"name": "home", "mountPath": "/home/jovyan"}]
"""


def home(person, *, key, value):
    """A claim that is bound to a volume which only nodes with this label reach."""
    term = {"matchExpressions": [{"key": key, "operator": "In", "values": [value]}]}
    name, size = f"home-{person}", "1Gi"
    return [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"pv-{person}"},
            "spec": {
                "capacity": {"storage": size},
                "accessModes": ["ReadWriteOnce"],
                "csi": {"driver": "csi.example.com", "volumeHandle": person},
                "claimRef": {"namespace": "jupyter", "name": name},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
            },
            "status": {"phase": "Bound"},
        },
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": name,
                "namespace": "jupyter",
                "annotations": {"pv.kubernetes.io/bind-completed": "yes"},
            },
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "",
                "volumeName": f"pv-{person}",
                "resources": {"requests": {"storage": size}},
            },
            "status": {"phase": "Bound"},
        },
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def hub(tmp_path_factory, load):
    """Two zones: a has the most room, b the homes."""
    rig, folder = load("moorage_test_rig"), tmp_path_factory.mktemp("homes")
    async with Simulator(scheduler=True, kubelet=True) as cluster:
        cluster.add(
            builders.namespace("jupyter"),
            builders.node("near-1", cpu="8", memory="32Gi", labels={ZONE: "zone-b"}),
            builders.node("near-2", cpu="8", memory="32Gi", labels={ZONE: "zone-b"}),
            builders.node("away", cpu="64", memory="256Gi", labels={ZONE: "zone-a"}),
            *home("zoned", key=ZONE, value="zone-b"),
            *home("local", key=HOST, value="near-1"),
        )
        kubeconfig = cluster.kubeconfig(folder / "kubeconfig")
        service = rig.Service(folder, kubeconfig=kubeconfig)
        await service.start()
        hub = rig.Hub(folder, service_url=service.url, kubeconfig=kubeconfig, config=CONFIG)
        await hub.start()
        yield hub
        await hub.stop()
        await service.kill()


@pytest.mark.parametrize(("person", "reached"), [("zoned", ["near-1", "near-2"]), ("local", ["near-1"])])
async def test_a_home_elsewhere_is_said_of_each_node_and_of_the_choice(chromium, hub, person, reached):
    context = await chromium.new_context()
    page = await context.new_page()
    await page.goto(f"{hub.url}/hub/login?next=%2Fhub%2Fspawn")
    await page.get_by_label("Username").fill(person)
    await page.locator("#login_submit").click()
    rows, verdict = page.locator("#moorage-list").get_by_role("option"), page.locator("#moorage-verdict")

    # Of what is out of reach nothing is said that might help, and waiting is none of it.
    await expect(verdict).to_contain_text(f"Fits on {' and '.join(reached)} right now.")
    for name in ("near-1", "near-2", "away"):
        row = rows.filter(has_text=name)
        await expect(row).to_contain_text("fits" if name in reached else ELSEWHERE)
    await page.get_by_label("Node").select_option("away")
    await expect(verdict).to_contain_text("Doesn't fit on away right now.")
    await expect(verdict).to_contain_text(ELSEWHERE)
    await expect(verdict).not_to_contain_text("wait for room")
    await verdict.get_by_role("button", name=reached[0]).click()
    await expect(page.get_by_label("Node")).to_have_value(reached[0])
    await expect(verdict).to_contain_text(f"Fits on {reached[0]} right now.")
    # What only a node elsewhere would have room for is refused by both reasons, each where it holds.
    await page.get_by_label("Node").select_option("")
    await page.get_by_label("CPU").fill("32")
    await expect(verdict).to_contain_text("Doesn't fit on any node right now.")
    await expect(rows.filter(has_text="away")).to_contain_text(ELSEWHERE)
    await context.close()
