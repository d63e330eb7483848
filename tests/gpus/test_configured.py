"""From settings to sources, and from a source through the whole service to the JSON that people get."""

from __future__ import annotations

import asyncio

import httpx2
import pytest

from moorage.gpus.sources import from_settings
from moorage.gpus.sources.configured import NAMES
from moorage.kube.client import Client, Endpoint
from moorage.service.run import serving
from moorage.service.settings import Settings


def names(**settings) -> list[str]:
    client = Client(Endpoint("http://127.0.0.1:1"))
    return [source.name for source in from_settings(settings, client=client, directory=dict)]


def test_nothing_is_switched_on_by_itself() -> None:
    assert names(**Settings().model_dump()) == []


@pytest.mark.parametrize(
    ("setting", "value", "source"),
    [
        ("gpu_dcgm", True, "dcgm"),
        ("gpu_amd", True, "amd"),
        ("gpu_agent", True, "agent"),
        ("gpu_prometheus_url", "http://prometheus:9090", "prometheus"),
        ("gpu_exec_namespace", "gpu-operator", "exec"),
    ],
)
def test_each_source_has_a_switch(setting, value, source) -> None:
    assert names(**Settings(**{setting: value}).model_dump()) == [source]


def test_every_setting_that_is_read_is_one_of_the_services() -> None:
    assert set(NAMES) <= set(Settings.model_fields)


async def until(url: str, check, *, within: float = 15.0):
    async with httpx2.AsyncClient() as client, asyncio.timeout(within):
        while True:
            answer = await client.get(f"{url}/api/v1/cluster/resources/n1")
            if answer.status_code == 200 and check(answer.json()):
                return answer.json()
            await asyncio.sleep(0.05)


async def test_what_an_exporter_says_reaches_the_api(simulator, node, exporter) -> None:
    exporter.say(
        'DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-aa",modelName="NVIDIA GeForce RTX 4090"} 0\n'
        'DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-aa",modelName="NVIDIA GeForce RTX 4090"} 20480\n'
        'DCGM_FI_DEV_FB_FREE{gpu="0",UUID="GPU-aa",modelName="NVIDIA GeForce RTX 4090"} 4084\n'
    )
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "e", "namespace": "gpu-operator", "labels": {"app": "nvidia-dcgm-exporter"}},
        "spec": {"nodeName": "n1", "containers": [{"name": "nvidia-dcgm-exporter", "image": "i"}]},
        "status": {
            "phase": "Running",
            "podIP": "127.0.0.1",
            "containerStatuses": [{"name": "nvidia-dcgm-exporter", "ready": True}],
        },
    }
    simulator.add(node("n1", gpu=1), pod)
    settings = Settings(
        port=0, api_server=simulator.url, gpu_dcgm=True, gpu_dcgm_port=exporter.port, gpu_poll_seconds=1
    )

    async with serving(settings) as (url, _):
        body = await until(url, lambda body: body["gpu_details"] and body["gpu_details"][0]["source"] == "dcgm")

    (card,) = body["gpu_details"]
    assert (card["model"], card["memory_used"], card["utilization"], card["available"]) == (
        "NVIDIA GeForce RTX 4090",
        "20480 MiB",
        0,
        True,
    )
    assert card["notes"] == ["free to schedule, but 20 of 24 GB are in use outside Kubernetes"]
    assert body["gpu_summary"]["text"] == "NVIDIA GeForce RTX 4090: 1 of 1 card can be scheduled now"


async def test_without_any_source_labels_and_counts_reach_the_api(simulator, node) -> None:
    labels = {"nvidia.com/gpu.product": "NVIDIA-GeForce-RTX-4090", "nvidia.com/gpu.memory": "24576"}
    simulator.add(node("n1", gpu=1, labels=labels))

    async with serving(Settings(port=0, api_server=simulator.url)) as (url, _):
        body = await until(url, lambda body: body["gpu_details"])

    seed = ("index", "model", "memory_total", "memory_used", "memory_free", "utilization", "available")
    assert {key: body["gpu_details"][0][key] for key in seed} == {
        "index": 0, "model": "NVIDIA GeForce RTX 4090", "memory_total": "24576 MiB", "memory_used": "Unknown",
        "memory_free": "Unknown", "utilization": None, "available": True,
    }  # fmt: skip
