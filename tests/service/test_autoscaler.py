"""A service on a cluster with Cluster Autoscaler: what it tells of groups, and what it remembers of their machines."""

import asyncio
import json

import pytest

from moorage import clock
from moorage.service.http.schemas import FitAnswer

LABELS = {"eks.amazonaws.com/nodegroup": "gpu", "node.kubernetes.io/instance-type": "g5.xlarge"}
GROUP = """  - name: eks-gpu-26c2f3a1-0d9e-4d0b-9a53-3f0c9a1b2c3d
    health:
      status: Healthy
      nodeCounts: {registered: {total: 0, ready: 0}}
      cloudProviderTarget: 0
      minSize: 0
      maxSize: 3
    scaleUp: {status: NoActivity}
"""
STATUS = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "cluster-autoscaler-status", "namespace": "kube-system"},
    "data": {"status": f"autoscalerStatus: Running\nnodeGroups:\n{GROUP}"},
}


async def machines(service, holds):
    async with asyncio.timeout(10):
        while not holds(found := service.parts.machines.now()):
            await asyncio.sleep(0.02)
    return found


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr("moorage.machines.seen._EVERY", 0.02)


@pytest.mark.parametrize("place", ["file", "configmap"])
async def test_a_group_at_0_looks_like_its_nodes_did_over_a_restart(simulator, serve, node, tmp_path, place) -> None:
    file = tmp_path / "machines.json"
    settings = {"machines_state_file": file} if place == "file" else {"state_configmap": "moorage/state"}

    def is_kept():
        kept = simulator.get("ConfigMap", "moorage", "state")
        return file.exists() or (kept is not None and "g5.xlarge" in kept["data"]["machines.json"])

    simulator.add({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "moorage"}})
    simulator.add(node("n1", cpu="4", gpu=1, labels=LABELS), STATUS)
    first = await serve(api_server=simulator.url, **settings)
    (machine,) = await machines(first, lambda found: found and found[0].node is not None)
    assert (machine.pool, machine.kind, machine.state, machine.left) == ("gpu", "g5.xlarge", "can_be_added", 3)
    async with asyncio.timeout(10):
        while not is_kept():
            await asyncio.sleep(0.02)
    simulator.delete("Node", None, "n1")

    second = await serve(api_server=simulator.url, **settings)
    (machine,) = await machines(second, lambda found: found and found[0].source == "cluster-autoscaler")

    assert (machine.kind, machine.gpu_count, machine.left) == ("g5.xlarge", 1, 3)


async def test_a_cluster_without_an_autoscaler_has_no_machines(simulator, serve, node, caplog) -> None:
    simulator.add(node("n1", gpu=1, labels=LABELS))
    service = await serve(api_server=simulator.url)
    await service.until(lambda nodes: "n1" in nodes)

    assert service.parts.machines.now() == ()
    assert not [record for record in caplog.records if "machine" in record.message or "autoscaler" in record.message]


def status(target=0, scale_up="{status: NoActivity}"):
    text = STATUS["data"]["status"].replace("cloudProviderTarget: 0", f"cloudProviderTarget: {target}")
    return {**STATUS, "data": {"status": text.replace("{status: NoActivity}", scale_up)}}


async def ask(service, body):
    answer = await service.client.post("/api/v1/cluster/fit", json={"pod": body})
    assert answer.status_code == 200, answer.text
    FitAnswer.model_validate(answer.json())
    return answer.json()


async def seen_once(serve, simulator, node, tmp_path, told):
    """A service that knows what a machine of the pool looks like that has none now, and this status of its group."""
    file = tmp_path / "machines.json"
    kind = {
        "pool": "gpu",
        "label": ["eks.amazonaws.com/nodegroup", "gpu"],
        "kind": "g5.xlarge",
        "labels": LABELS,
        "allocatable": {"cpu": "4", "memory": "16Gi", "pods": "110", "nvidia.com/gpu": "1"},
        "seen": clock.now(),
    }
    file.write_text(json.dumps({"kinds": [kind], "times": [{"pool": "gpu", "seconds": [200, 240, 280]}]}))
    simulator.add(node("n1", cpu="4"), told)
    service = await serve(api_server=simulator.url, machines_state_file=file)
    await service.until(lambda nodes: "n1" in nodes)
    await machines(service, lambda found: found)
    return service


async def test_a_group_at_0_is_an_answer_with_the_time_that_it_takes(simulator, serve, node, pod, tmp_path) -> None:
    service = await seen_once(serve, simulator, node, tmp_path, status())

    answer = await ask(service, pod("ada", cpu="1", gpu=1))

    assert answer["answer"] == "new_machine"
    assert answer["answer_text"] == (
        "There is no room now. A machine of pool gpu (g5.xlarge) can be added; the cloud may not have one. "
        "It usually takes about 4 min."
    )


async def test_a_group_that_grows_is_a_machine_on_its_way(simulator, serve, node, pod, tmp_path) -> None:
    service = await seen_once(serve, simulator, node, tmp_path, status(1, "{status: InProgress}"))

    answer = await ask(service, pod("ada", cpu="1", gpu=1))

    assert answer["answer"] == "on_its_way"


async def test_a_group_that_backs_off_gives_no_hope_and_is_no_never(simulator, serve, node, pod, tmp_path) -> None:
    backoff = "{status: Backoff, backoffInfo: {errorCode: OUT_OF_STOCK, errorMessage: no g5}}"
    service = await seen_once(serve, simulator, node, tmp_path, status(0, backoff))

    answer = await ask(service, pod("ada", cpu="1", gpu=1))

    assert answer["answer"] == "waits"
    assert answer["answer_text"] == (
        "There is no room now. It would fit on a machine of pool gpu (g5.xlarge), but none can be expected: "
        "The cloud gave no machine for pool gpu (OUT_OF_STOCK: no g5). Cluster Autoscaler tries again later."
    )


async def test_a_group_that_nobody_has_seen_a_machine_of_is_no_never(simulator, serve, node, pod) -> None:
    simulator.add(node("n1", cpu="4"), STATUS)
    service = await serve(api_server=simulator.url)
    await service.until(lambda nodes: "n1" in nodes)
    await machines(service, lambda found: found)

    answer = await ask(service, pod("ada", cpu="1", gpu=1))

    assert answer["answer"] == "waits"
    assert answer["answer_text"] == (
        "There is no room now. Whether it would fit on a new machine of pool gpu is not known."
    )


@pytest.mark.parametrize(
    ("labels", "answer", "text"),
    [
        (
            {"nvidia.com/gpu.count": "1"},
            "on_its_way",
            "There is no room now. The pod fits on n1 once that is ready.",
        ),
        (
            {"nvidia.com/gpu.present": "true"},
            "waits",
            "There is no room now. Whether it will fit on n1 once that is ready is not known.",
        ),
    ],
)
async def test_a_node_whose_driver_starts_is_no_node_without_gpu(
    simulator, serve, node, pod, labels, answer, text
) -> None:
    simulator.add(node("n1", cpu="4", labels=labels))
    service = await serve(api_server=simulator.url)
    await service.until(lambda nodes: "n1" in nodes)
    await machines(service, lambda found: found)

    told = await ask(service, pod("ada", cpu="1", gpu=1))

    assert (told["fits"], told["answer"], told["answer_text"]) == (False, answer, text)
    assert told["nodes"]["n1"]["reasons"][0]["text"] == "GPU driver is starting (1 asked)"
