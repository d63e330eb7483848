"""What the API server refuses is told before it counts as a start, in the server's own words."""

import contextlib
import time

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="session")

FORM = {"node": "", "cpu": "2", "memory": "3Gi", "gpu": "0", "gpu_resource": "nvidia.com/gpu", "image": "minimal"}


@contextlib.contextmanager
def quota(cluster, **hard):
    body = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "tight", "namespace": "jupyter"},
        "spec": {"hard": hard},
        "status": {"hard": hard, "used": dict.fromkeys(hard, "0")},
    }
    cluster.add(body)
    try:
        yield
    finally:
        cluster.delete("resourcequotas", "jupyter", "tight")


async def test_a_quota_refuses_on_the_form_in_the_servers_words(hub, person, cluster, load):
    with quota(cluster, **{"limits.memory": "1Gi"}):
        status, page = await person.submit(**FORM)

    assert status in (400, 200)
    assert "Kubernetes rejected this server" in page
    assert "exceeded quota: tight" in page
    assert await hub.failures() == 0
    assert load("moorage_test_pods").pod_of(cluster, person.name) is None


async def test_a_quota_refuses_by_rest_with_a_400(hub, person, cluster, load):
    with quota(cluster, **{"limits.memory": "1Gi"}):
        status, answer = await hub.api("POST", f"/users/{person.name}/server", {"moorage": 1, "memory": "3Gi"})

    assert status == 400
    assert "exceeded quota: tight" in answer["message"]
    assert await hub.failures() == 0


async def test_a_server_that_can_not_be_asked_in_time_is_not_asked(hub, person, cluster, load):
    fault = cluster.faults.add("delay", path="/api/v1/namespaces/jupyter/pods", verb="create", seconds=2.6, times=1)
    started = time.monotonic()

    status, where = await person.submit(**FORM)

    assert status == 302, where
    assert fault.hits == 1
    assert time.monotonic() - started < 6
    await load("moorage_test_rig").until(lambda: load("moorage_test_pods").pod_of(cluster, person.name))


async def test_the_verdict_leaves_nothing_behind(hub, person, cluster, load):
    before = len(cluster.list("pods", "jupyter"))
    token = await person.token()

    async with person.http.post(f"{hub.url}/hub/moorage/fit", json=FORM, headers={"X-XSRFToken": token}) as answer:
        assert answer.status == 200

    assert len(cluster.list("pods", "jupyter")) == before
