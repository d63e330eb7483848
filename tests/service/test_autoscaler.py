"""A service on a cluster with Cluster Autoscaler: what it tells of groups, and what it remembers of their machines."""

import asyncio

import pytest

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


async def test_a_group_at_0_looks_like_its_nodes_did_over_a_restart(simulator, serve, node, tmp_path) -> None:
    file = tmp_path / "machines.json"
    simulator.add(node("n1", cpu="4", gpu=1, labels=LABELS), STATUS)
    first = await serve(api_server=simulator.url, machines_state_file=file)
    (machine,) = await machines(first, lambda found: found and found[0].node is not None)
    assert (machine.pool, machine.kind, machine.state, machine.left) == ("gpu", "g5.xlarge", "can_be_added", 3)
    async with asyncio.timeout(10):
        while not file.exists():
            await asyncio.sleep(0.02)
    simulator.delete("Node", None, "n1")

    second = await serve(api_server=simulator.url, machines_state_file=file)
    (machine,) = await machines(second, lambda found: found and found[0].source == "cluster-autoscaler")

    assert (machine.kind, machine.gpu_count, machine.left) == ("g5.xlarge", 1, 3)


async def test_a_cluster_without_an_autoscaler_has_no_machines(simulator, serve, node, caplog) -> None:
    simulator.add(node("n1", gpu=1, labels=LABELS))
    service = await serve(api_server=simulator.url)
    await service.until(lambda nodes: "n1" in nodes)

    assert service.parts.machines.now() == ()
    assert not [record for record in caplog.records if "machine" in record.message or "autoscaler" in record.message]
