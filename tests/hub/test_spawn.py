"""A choice on its way to the pod, through a real hub, a real proxy, the real KubeSpawner and the simulated cluster."""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def pod_of(cluster, name, server=""):
    for pod in cluster.list("pods", "jupyter"):
        annotations = pod["metadata"].get("annotations") or {}
        if (
            annotations.get("hub.jupyter.org/username") == name
            and (annotations.get("hub.jupyter.org/servername") or "") == server
        ):
            return pod
    return None


def asked(pod):
    container = pod["spec"]["containers"][0]
    return {
        "selector": pod["spec"].get("nodeSelector"),
        "limits": container["resources"].get("limits"),
        "requests": container["resources"].get("requests"),
        "image": container["image"],
    }


EXACTLY = {
    "selector": {"kubernetes.io/hostname": "atlas"},
    "limits": {"cpu": "2", "memory": "3Gi", "nvidia.com/gpu": "1"},
    "requests": {"cpu": "1", "memory": "3Gi", "nvidia.com/gpu": "1"},
    "image": "registry.example/jupyter/minimal:2026.11",
}


async def test_the_pod_asks_for_exactly_what_the_form_said(hub, person, cluster, load):
    status, _ = await person.submit(
        node="atlas", cpu="2", memory="3Gi", gpu="1", gpu_resource="nvidia.com/gpu", image="minimal"
    )

    assert status == 302
    pod = await load("moorage_test_rig").until(lambda: pod_of(cluster, person.name), what=hub.tail)
    assert asked(pod) == EXACTLY
