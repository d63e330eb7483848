"""The believable cluster, and dumps."""

import json

import pytest

from moorage.cluster import dumps
from moorage.scheduling.cluster import Cluster
from moorage.simulator import Simulator
from moorage.simulator.demo import scenario
from moorage.simulator.demo.traffic import Traffic


@pytest.fixture
async def cluster():
    async with Simulator(scheduler=True, kubelet=True) as running:
        assert running.load(scenario.objects()) == []
        yield running


def fit(cluster, pod):
    kinds = ("nodes", "pods", "persistentvolumeclaims", "persistentvolumes", "storageclasses", "namespaces")
    return Cluster.from_objects(**{plural: cluster.list(plural) for plural in kinds}).fit(pod)


async def test_there_are_six_nodes_unlike_each_other(cluster):
    shapes = {json.dumps([n["status"]["capacity"], n["spec"]], sort_keys=True) for n in cluster.list("nodes")}

    assert len(shapes) == 6


async def test_every_pod_of_others_runs_without_a_process(cluster, until):
    await until(lambda: all(pod["status"]["phase"] == "Running" for pod in cluster.list("pods")))

    ready = [pod["status"]["containerStatuses"][0]["ready"] for pod in cluster.list("pods")]
    assert all(ready)


async def test_the_workstation_has_what_the_first_page_promises(cluster, pod):
    held = [pod for pod in cluster.list("pods") if pod["spec"].get("nodeName") == "vilanova1"]
    asked = [p["spec"]["containers"][0]["resources"].get("requests", {}) for p in held]

    assert sorted(amount["cpu"] for amount in asked if "cpu" in amount) == ["2", "2500m"]
    assert sorted(amount["memory"] for amount in asked if "memory" in amount) == ["4Gi", "6Gi"]


async def test_one_card_can_be_had_on_the_workstation(cluster, pod):
    verdict = fit(cluster, pod("p", cpu=2, memory="3Gi", gpu=1))

    assert verdict.nodes["vilanova1"].fits
    assert verdict.nodes["cubelles1"].fits
    assert not verdict.nodes["ribes1"].fits


async def test_slices_are_resources_of_their_own(cluster, pod):
    slice_of_a_card = {"nvidia.com/mig-1g.5gb": 1}

    verdict = fit(cluster, pod("p", requests=slice_of_a_card, limits=slice_of_a_card))

    assert [name for name, node in verdict.nodes.items() if node.fits] == ["garraf1"]


async def test_the_cordoned_and_the_tainted_node_say_so(cluster, pod):
    verdict = fit(cluster, pod("p"))

    assert verdict.nodes["canyelles1"].plugin == "NodeUnschedulable"
    assert verdict.nodes["olivella1"].plugin == "TaintToleration"


async def test_pods_that_run_hold_cards_by_name(cluster, until):
    def slots():
        statuses = cluster.get("pods", "teaching", "inference-b")["status"].get("containerStatuses")
        return statuses and statuses[0].get("allocatedResourcesStatus")

    (granted,) = await until(slots)

    assert granted["name"] == "nvidia.com/gpu"
    assert len({held["resourceID"] for held in granted["resources"]}) == 2
    assert all("::" in held["resourceID"] for held in granted["resources"])


async def test_pods_come_and_go_but_not_on_the_workstation(cluster, until):
    traffic = Traffic(cluster, seed=3)
    before = {pod["metadata"]["name"] for pod in cluster.list("pods")}

    for _ in range(30):
        traffic.step()

    came = [pod for pod in cluster.list("pods") if pod["metadata"]["name"] not in before]
    assert 0 < len(came) <= 6
    await until(lambda: all(p["spec"].get("nodeName") not in (None, "vilanova1") for p in _jobs(cluster)))


def _jobs(cluster):
    return [pod for pod in cluster.list("pods") if pod["metadata"]["name"].startswith("job-")]


@pytest.mark.parametrize(
    ("image", "there"),
    [("quay.io/jupyter/scipy-notebook:2026-11-02", True), ("registry.example/missing:1", False), ("x:missing", False)],
)
def test_an_image_that_is_called_missing_cannot_be_had(image, there):
    assert scenario.has_image(image) is there


async def test_a_dump_is_loaded_as_it_is(tmp_path, node, pod):
    file = tmp_path / "dump.json"
    file.write_text(json.dumps({"kind": "List", "items": [pod("p", on="n1", namespace="lab"), node("n1")]}))

    async with Simulator() as simulator:
        skipped = simulator.load(dumps.read([str(file)])[0])

        assert skipped == []
        assert simulator.get("pods", "lab", "p")["spec"]["nodeName"] == "n1"


async def test_one_odd_object_of_a_dump_does_not_hide_the_others(node):
    odd = [{"kind": "Berth", "metadata": {"name": "b"}}, {"kind": "Pod", "metadata": None}, node("n1")]

    async with Simulator() as simulator:
        skipped = simulator.load(odd)

        assert len(skipped) == 2
        assert simulator.get("nodes", None, "n1")
