"""The hub under test, started once for all tests of this folder; each test has a person of its own."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import pytest_asyncio

from moorage.simulator import Simulator, builders


def load(name: str):
    """A module of this folder, which is no package."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            name, Path(__file__).with_name(f"{name.removeprefix('moorage_test_')}.py")
        )
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(name="load", scope="session")
def load_fixture():
    return load


rig = load("moorage_test_rig")
fake = load("moorage_test_fake_service")
GI = fake.GI


def usual_nodes():
    """Facts of the fake service, to go with `usual_cluster`."""
    return [
        fake.node_json(
            "atlas", cpu=16, memory=64 * GI, cpu_free=11.5, memory_free=54 * GI, gpus={"nvidia.com/gpu": (1, 1)}
        ),
        fake.node_json("borg", cpu=8, memory=32 * GI, gpus={}),
        fake.node_json(
            "cordoned", cpu=64, memory=256 * GI, cordoned=True, schedulable=False, gpus={"nvidia.com/gpu": (4, 0)}
        ),
        fake.node_json("renamed.example.org", hostname="renamed-label", cpu=4, memory=16 * GI),
        fake.node_json("nameless", hostname=None, cpu=4, memory=16 * GI),
    ]


def usual_cluster():
    return [
        builders.namespace("jupyter"),
        builders.node("atlas", cpu="16", memory="64Gi", gpu=1),
        builders.node("borg", cpu="8", memory="32Gi"),
        builders.node("cordoned", cpu="64", memory="256Gi", gpu=4, unschedulable=True),
        builders.node(
            "renamed.example.org", cpu="4", memory="16Gi", labels={"kubernetes.io/hostname": "renamed-label"}
        ),
        builders.node("nameless", cpu="4", memory="16Gi"),
    ]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster():
    async with Simulator(scheduler=True, kubelet=True) as simulator:
        simulator.add(*usual_cluster())
        yield simulator


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def fake_service():
    service = fake.FakeService()
    service.nodes = {node["name"]: node for node in usual_nodes()}
    service.machines = [fake.machine_json("pool-a", "m5.large", cpu=2, memory=8 * GI)]
    await service.start()
    yield service
    await service.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_hub(tmp_path_factory, cluster, fake_service):
    folder = tmp_path_factory.mktemp("hub")
    kubeconfig = cluster.kubeconfig(folder / "kubeconfig")
    async with rig.Hub(folder, service_url=fake_service.url, kubeconfig=kubeconfig) as hub:
        yield hub


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own_hub(request, tmp_path_factory, cluster, fake_service):
    """A hub of the file's own, as its `CONFIG` says, on the usual cluster and service."""
    folder = tmp_path_factory.mktemp("own")
    kubeconfig = cluster.kubeconfig(folder / "kubeconfig")
    config = request.module.CONFIG
    async with rig.Hub(folder, service_url=fake_service.url, kubeconfig=kubeconfig, config=config) as hub:
        yield hub
    # Servers outlive a hub that ends at once, and the cluster is that of all files.
    for pod in cluster.list("pods", "jupyter"):
        if "hub.jupyter.org/username" in (pod["metadata"].get("annotations") or {}):
            cluster.delete("pods", "jupyter", pod["metadata"]["name"])


@pytest_asyncio.fixture(loop_scope="session")
async def hub(shared_hub, fake_service):
    """The hub, with the service well and its answers as usual before and after."""
    yield shared_hub
    fake_service.verdict = None
    fake_service.mode = "ok"


@pytest.fixture
def begin(hub, full_cluster):
    """`await begin(name, options)`: a start that has its pod, so that who comes later is later in line, too. For files
    that have a `full_cluster` of their own.
    """

    async def begin(name, options):
        await hub.api("POST", f"/users/{name}")
        status, answer = await hub.api("POST", f"/users/{name}/server", options)
        assert status in (201, 202), answer
        await rig.until(lambda: load("moorage_test_pods").pod_of(full_cluster, name), what=hub.tail)

    return begin


@pytest_asyncio.fixture(loop_scope="session")
async def person(hub, request):
    name = "p" + str(abs(hash(request.node.name)))[:8]
    person = await hub.log_in(name)
    yield person
    await hub.api("DELETE", f"/users/{name}/server")
    await person.close()
