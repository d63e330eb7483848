"""`pods/resize`: what of a pod may change while it runs, and who refuses."""

import pytest

BURSTABLE = {"limits": {"cpu": "2", "memory": "2Gi"}, "requests": {"cpu": "1", "memory": "2Gi"}}


def asking(**resources):
    return {"spec": {"containers": [{"name": "main", "resources": resources}]}}


@pytest.fixture
def a_server(api, pods, a_pod):
    async def create(resources=BURSTABLE, **more):
        made = await api.post(pods, a_pod("p", resources=resources, **more))
        assert made.status == 201, made.body
        return f"{pods}/p"

    return create


async def test_amounts_change_in_place(api, a_server):
    path = await a_server()

    answer = await api.patch(f"{path}/resize", asking(limits={"cpu": "3"}, requests={"cpu": "1.5"}), how="strategic")

    assert answer.status == 200
    kept = (await api.get(path)).body
    assert kept["spec"]["containers"][0]["resources"] == {
        "limits": {"cpu": "3", "memory": "2Gi"},
        "requests": {"cpu": "1500m", "memory": "2Gi"},
    }
    assert kept["metadata"]["generation"] == 2


async def test_a_trial_changes_nothing(api, a_server):
    path = await a_server()

    answer = await api.patch(f"{path}/resize", asking(limits={"cpu": "3"}), how="strategic", dryRun="All")

    assert answer.status == 200
    assert answer.body["spec"]["containers"][0]["resources"]["limits"]["cpu"] == "3"
    assert (await api.get(path)).body["spec"]["containers"][0]["resources"] == BURSTABLE


async def test_the_rest_of_the_pod_stays_as_it_is(api, a_server):
    path = await a_server()
    patch = {
        "metadata": {"labels": {"new": "yes"}},
        "spec": {"containers": [{"name": "main", "image": "registry.example/other:1"}]},
    }

    answer = await api.patch(f"{path}/resize", patch, how="strategic")

    assert answer.status == 200
    kept = (await api.get(path)).body
    assert kept["spec"]["containers"][0]["image"] == "registry.example/app:1"


@pytest.mark.parametrize(
    ("resources", "field", "words"),
    [
        (
            {"limits": {"cpu": "2", "memory": "2Gi"}, "requests": {"cpu": "2"}},
            "spec",
            "Pod QOS Class may not change as a result of resizing",
        ),
        ({"limits": {"cpu": None}}, "spec.containers[0].resources.limits", "resource limits cannot be removed"),
        ({"requests": {"memory": "3Gi"}}, "spec.containers[0].resources.requests", "must be less than or equal to"),
        (
            {"limits": {"nvidia.com/gpu": "1"}, "requests": {"nvidia.com/gpu": "1"}},
            "spec",
            "only cpu and memory resources are mutable",
        ),
    ],
    ids=["quality", "a limit removed", "request above limit", "a GPU"],
)
async def test_a_change_that_may_not_be_is_invalid(api, a_server, resources, field, words):
    path = await a_server()

    answer = await api.patch(f"{path}/resize", asking(**resources), how="strategic")

    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert [field, True] in [[cause["field"], words in cause["message"]] for cause in answer.body["details"]["causes"]]


async def test_a_plain_update_does_not_resize(api, a_server):
    path = await a_server()

    answer = await api.patch(path, asking(limits={"cpu": "3"}), how="strategic")

    assert (answer.status, answer.body["reason"]) == (422, "Invalid")


async def test_a_limit_range_holds_for_a_resize(api, namespace, a_server):
    path = await a_server()
    limits = {"metadata": {"name": "l"}, "spec": {"limits": [{"type": "Container", "max": {"cpu": "4"}}]}}
    assert (await api.post(f"/api/v1/namespaces/{namespace}/limitranges", limits)).status == 201

    answer = await api.patch(f"{path}/resize", asking(limits={"cpu": "5"}), how="strategic", dryRun="All")

    assert (answer.status, answer.body["reason"]) == (403, "Forbidden")
    assert "maximum cpu usage per Container is 4, but limit is 5" in answer.body["message"]


async def test_a_quota_counts_what_a_resize_adds(api, namespace, a_server):
    quotas = f"/api/v1/namespaces/{namespace}/resourcequotas"
    hard = {"limits.cpu": "3", "limits.memory": "8Gi"}
    quota = {"metadata": {"name": "q"}, "spec": {"hard": hard}}
    assert (await api.post(quotas, quota)).status == 201
    used = {"status": {"hard": hard, "used": {"limits.cpu": "0", "limits.memory": "0"}}}
    assert (await api.patch(f"{quotas}/q/status", used)).status == 200
    path = await a_server()

    more = await api.patch(f"{path}/resize", asking(limits={"cpu": "4"}), how="strategic", dryRun="All")
    enough = await api.patch(f"{path}/resize", asking(limits={"cpu": "3"}), how="strategic", dryRun="All")

    assert (more.status, more.body["reason"]) == (403, "Forbidden")
    assert (
        "exceeded quota: q, requested: limits.cpu=2, used: limits.cpu=2, limited: limits.cpu=3" in more.body["message"]
    )
    assert enough.status == 200


async def test_a_pod_that_is_not_there_is_not_found(api, pods):
    answer = await api.patch(f"{pods}/nobody/resize", asking(limits={"cpu": "3"}), how="strategic")

    assert (answer.status, answer.body["details"]["kind"]) == (404, "pods")
