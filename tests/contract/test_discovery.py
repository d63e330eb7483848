"""What a client learns before it asks for anything, and the tables of kubectl."""

import pytest


async def test_the_version_is_told(api):
    answer = await api.get("/version")

    assert answer.body["major"] == "1"
    assert answer.body["gitVersion"].startswith("v1.")


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz"])
async def test_health_is_told(api, path):
    answer = await api.get(path)

    assert (answer.status, answer.body) == (200, "ok")


async def test_the_core_resources_are_listed(api):
    answer = await api.get("/api/v1")

    assert answer.body["kind"] == "APIResourceList"
    listed = {row["name"]: row for row in answer.body["resources"]}
    assert {
        "pods",
        "pods/log",
        "pods/status",
        "pods/binding",
        "pods/eviction",
        "pods/resize",
        "nodes",
        "events",
    } <= set(listed)
    assert listed["pods"]["namespaced"] is True
    assert listed["nodes"]["shortNames"] == ["no"]


@pytest.mark.parametrize(
    ("group", "plural"),
    [
        ("apps", "deployments"),
        ("storage.k8s.io", "storageclasses"),
        ("coordination.k8s.io", "leases"),
        ("events.k8s.io", "events"),
        ("scheduling.k8s.io", "priorityclasses"),
        ("resource.k8s.io", "resourceslices"),
    ],
)
async def test_the_groups_are_listed(api, group, plural):
    groups = (await api.get("/apis")).body["groups"]

    answer = await api.get(f"/apis/{group}/v1")

    assert group in {held["name"] for held in groups}
    assert plural in {row["name"] for row in answer.body["resources"]}


async def test_a_table_comes_to_who_asks_for_one(api, pods, fill):
    await fill(1)

    answer = await api.get(pods, headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"})

    assert (answer.body["kind"], answer.body["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    columns = [column["name"] for column in answer.body["columnDefinitions"] if column["priority"] == 0]
    assert columns == ["Name", "Ready", "Status", "Restarts", "Age"]
    assert answer.body["rows"][0]["cells"][:3] == ["p0", "0/1", "Pending"]
    assert answer.body["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


async def test_one_may_ask_what_one_may_do(api, namespace):
    asked = {"namespace": namespace, "verb": "list", "resource": "pods"}
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked},
    }

    answer = await api.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", body)

    assert answer.status == 201
    assert answer.body["status"]["allowed"] is True
