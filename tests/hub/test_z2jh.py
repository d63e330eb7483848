"""A hub as Zero to JupyterHub makes it: what the form says of a first start is what happens, and the pod is KubeSpawner's."""

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="session")

CHOICE = {"moorage": 1, "cpu": "2", "memory": "3Gi", "image": "minimal"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def usual(load, tmp_path_factory):
    async with load("moorage_test_z2jh").standing(load, tmp_path_factory.mktemp("z2jh")) as made:
        yield made


async def started(hub, cluster, load, name, server=""):
    """The pod of a server that runs."""

    async def ready():
        _, user = await hub.api("GET", f"/users/{name}")
        return user["servers"].get(server, {}).get("ready")

    await load("moorage_test_rig").until(ready, seconds=30, what=hub.tail)
    return load("moorage_test_pods").pod_of(cluster, name, server)


async def test_a_start_by_rest_gives_the_choice_and_all_that_the_chart_sets(usual, load):
    hub, cluster = usual
    z2jh = load("moorage_test_z2jh")
    await hub.api("POST", "/users/rest")

    status, answer = await hub.api("POST", "/users/rest/server", CHOICE)

    assert status == 202, answer
    pod = await started(hub, cluster, load, "rest")
    spec = pod["spec"]
    assert spec["containers"][0]["resources"] == {
        "limits": {"cpu": "2", "memory": "3Gi"},
        "requests": {"cpu": "1", "memory": "3Gi"},
    }
    assert spec["schedulerName"] == "hub-user-scheduler"
    assert spec["priorityClassName"] == "hub-default-priority"
    assert [container["name"] for container in spec["initContainers"]] == ["block-cloud-metadata"]
    preferred = spec["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert preferred[0]["preference"]["matchExpressions"][0]["key"] == z2jh.PURPOSE
    assert {toleration.get("key") for toleration in spec["tolerations"]} >= set(z2jh.DEDICATED)
    assert pod["metadata"]["labels"]["hub.jupyter.org/network-access-hub"] == "true"
    claim = cluster.get("pvc", "jupyter", spec["volumes"][0]["persistentVolumeClaim"]["claimName"])
    assert claim["status"]["phase"] == "Bound"
    assert claim["metadata"]["annotations"]["pv.kubernetes.io/bind-completed"] == "yes"
