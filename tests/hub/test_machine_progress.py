"""A server that waits for a machine: what its progress says, through a real hub and the real KubeSpawner."""

import asyncio
import json
import time
from datetime import UTC, datetime

import aiohttp
import pytest
import pytest_asyncio

from moorage.simulator import builders

pytestmark = pytest.mark.asyncio(loop_scope="session")
FORM = {"node": "borg", "cpu": "8", "memory": "2Gi", "gpu": "0", "image": "minimal"}
GROUP = "eks-gpu-26c2f3a1-0d9e-4d0b-9a53-3f0c9a1b2c3d"


@pytest_asyncio.fixture(loop_scope="session")
async def full(cluster):
    """The node `borg` is full."""
    cluster.add(builders.pod("fills-borg", on="borg", cpu="8", namespace="jupyter"))
    yield
    cluster.delete("Pod", "jupyter", "fills-borg")


def event(pod, reason, message, *, component="cluster-autoscaler"):
    moment = datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    meta = pod["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{meta['name']}.{reason.lower()}", "namespace": meta["namespace"]},
        "involvedObject": {
            "kind": "Pod",
            "apiVersion": "v1",
            "name": meta["name"],
            "namespace": meta["namespace"],
            "uid": meta["uid"],
        },
        "reason": reason,
        "message": message,
        "source": {"component": component},
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
        "type": "Normal",
    }


async def said(hub, person, start):
    """The first message of the server's progress that starts like this."""
    headers = {"Authorization": f"token {hub.token}"}
    async with (
        asyncio.timeout(20),
        aiohttp.ClientSession(headers=headers) as http,
        http.get(f"{hub.url}/hub/api/users/{person.name}/server/progress") as answer,
    ):
        heard = []
        async for line in answer.content:
            if line.startswith(b"data:"):
                heard.append(json.loads(line[5:]))
                if heard[-1].get("message", "").startswith(start):
                    return heard[-1]
    raise AssertionError(f"{start!r} was not said: {heard}")


def _knows(person, machine):
    async def knows():
        return f'value="{machine}"' in await person.form()

    return knows


async def waiting_pod(hub, person, cluster, load):
    await person.submit(**FORM)
    return await load("moorage_test_rig").until(
        lambda: load("moorage_test_pods").pod_of(cluster, person.name), what=hub.tail
    )


async def test_the_progress_says_that_a_machine_is_being_added_and_how_long_that_takes(
    hub, person, cluster, full, fake_service, load
):
    before = list(fake_service.machines)
    fake_service.machines = [*before, load("moorage_test_fake_service").machine_json("gpu", about_seconds=240)]
    await load("moorage_test_rig").until(_knows(person, "~gpu"), what=hub.tail)
    pod = await waiting_pod(hub, person, cluster, load)
    await said(hub, person, "Waiting: not enough CPU free")

    cluster.add(event(pod, "TriggeredScaleUp", f"pod triggered scale-up: [{{{GROUP} 0->1 (max: 3)}}]"))
    told = await said(hub, person, "A new machine is being added (usually 4 min, 0:0")
    fake_service.machines = before

    assert GROUP in told["html_message"]
    assert told["message"].endswith(" so far).")


async def test_the_progress_says_that_none_can_be_added_and_that_this_often_passes(hub, person, cluster, full, load):
    pod = await waiting_pod(hub, person, cluster, load)

    cluster.add(event(pod, "NotTriggerScaleUp", "pod didn't trigger scale-up: 1 max node group size reached"))
    told = await said(hub, person, "No machine can be added right now")

    assert told["message"].endswith("This often passes, and is tried again.")


async def test_karpenters_word_is_no_schedulers(hub, person, cluster, full, load):
    pod = await waiting_pod(hub, person, cluster, load)
    message = 'Failed to schedule pod, all available instance types exceed limits for nodepool "gpu"'

    cluster.add(event(pod, "FailedScheduling", message, component="karpenter"))
    told = await said(hub, person, "No machine can be added right now")

    assert "what could be added is at its maximum" in told["message"]
