"""What the API server refuses is told before it counts as a start, in the server's own words."""

import contextlib

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

    status, where = await person.submit(**FORM)

    assert status == 302, where
    assert fault.hits == 1
    await load("moorage_test_rig").until(lambda: load("moorage_test_pods").pod_of(cluster, person.name))


async def test_the_verdict_leaves_nothing_behind(hub, person, cluster, load):
    before = len(cluster.list("pods", "jupyter"))
    token = await person.token()

    async with person.http.post(f"{hub.url}/hub/moorage/fit", json=FORM, headers={"X-XSRFToken": token}) as answer:
        assert answer.status == 200

    assert len(cluster.list("pods", "jupyter")) == before


async def ask(hub, person, **fields):
    headers = {"X-XSRFToken": await person.token()}
    async with person.http.post(f"{hub.url}/hub/moorage/fit", json=FORM | fields, headers=headers) as answer:
        return await answer.json()


async def test_the_verdict_tells_what_a_quota_leaves_before_anybody_presses_start(hub, person, cluster):
    with quota(cluster, **{"limits.cpu": "6"}):
        over, within = [await ask(hub, person, cpu=cpu) for cpu in ("8", "6")]
        _, page = await person.submit(**{**FORM, "cpu": "8"})
        status, answer = await hub.api("POST", f"/users/{person.name}/server", {"moorage": 1, "cpu": "8"})

    assert (over["fits"], over["no"], over["field"]) == (False, "change", "cpu")
    assert [reason["text"] for reason in over["refused"]] == ["Your team has 6 CPU left."]
    assert over["would_work"] == [{"text": "6 CPU", "use": {"cpu": "6"}}]
    assert (within["fits"], within["no"]) == (True, None)
    assert "Your team has 6 CPU left. Kubernetes rejected this server" in page
    assert status == 400
    assert answer["message"].startswith("Your team has 6 CPU left.")


REFUSED = {"fits": False, "revision": 1, "prefilter": None, "nodes": {"atlas": {"fits": True}}, "would_work": {}}


@pytest.mark.parametrize(
    ("message", "no", "text", "ways"),
    [
        (
            "exceeded quota: team, requested: limits.cpu=2, used: limits.cpu=6, limited: limits.cpu=6",
            "wait",
            "Your team has no CPU left.",
            [],
        ),
        (
            "maximum memory usage per Container is 2Gi, but limit is 3Gi",
            "change",
            "Your team may have at most 2 GiB for one server.",
            ["2 GiB"],
        ),
        ('violates PodSecurity "restricted:latest"', "never", "the service's own words", ["The defaults"]),
    ],
    ids=["used up", "too much", "policy"],
)
async def test_what_the_service_knows_of_the_namespaces_rules_is_told_with_what_to_do(
    hub, person, fake_service, message, no, text, ways
):
    refusal = {"kind": "any", "name": "team", "message": message, "text": "the service's own words", "resource": None}
    fake_service.verdict = {**REFUSED, "refusals": [refusal]}

    verdict = await ask(hub, person)

    assert (verdict["fits"], verdict["can_wait"], verdict["no"]) == (False, False, no)
    assert [reason["text"] for reason in verdict["refused"]] == [text]
    assert [way["text"] for way in verdict["would_work"]] == ways


async def test_every_refused_choice_is_of_a_kind_and_has_a_button(hub, person):
    answers = [await ask(hub, person, **change) for change in ({"cpu": "many"}, {"node": "gone"}, {"memory": "9Ti"})]

    assert [answer["no"] for answer in answers] == ["change"] * 3
    assert [answer["would_work"][0]["text"] for answer in answers] == ["1 CPU", "Automatic", "256 GiB"]


async def test_a_page_that_asks_again_and_again_does_not_try_the_same_choice_each_time(hub, person, cluster):
    fault = cluster.faults.add("delay", path="/api/v1/namespaces/jupyter/pods", verb="create", seconds=0, times=9)

    for _ in range(4):
        await ask(hub, person)

    assert fault.hits == 1
    cluster.faults.clear()


async def test_what_another_start_has_used_up_meanwhile_is_told_at_once(hub, person, cluster, load):
    other = f"{person.name}x"
    with quota(cluster, **{"limits.cpu": "6"}):
        before = await ask(hub, person, cpu="6")
        await hub.api("POST", f"/users/{other}")
        status, answer = await hub.api("POST", f"/users/{other}/server", {"moorage": 1, "cpu": "2", "memory": "1Gi"})
        assert status in (201, 202), answer
        await load("moorage_test_rig").until(lambda: load("moorage_test_pods").pod_of(cluster, other))
        after = await ask(hub, person, cpu="6")
        await hub.api("DELETE", f"/users/{other}/server")

    assert before["fits"] is True
    assert [reason["text"] for reason in after["refused"]] == ["Your team has 4 CPU left."]
