"""What is special about pods, nodes and events: subresources, admission, selectors of events."""

import asyncio
import secrets
import time


async def until(find, *, seconds=10):
    deadline = time.monotonic() + seconds
    while not (found := await find()):
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.05)
    return found


async def test_a_binding_puts_a_pod_on_a_node_once(api, pods, a_pod):
    await api.post(pods, a_pod("p"))
    target = {"metadata": {"name": "p"}, "target": {"kind": "Node", "name": "contract-no-such-node"}}

    first = await api.post(f"{pods}/p/binding", target)
    second = await api.post(f"{pods}/p/binding", target)

    assert first.status == 201
    assert (await api.get(f"{pods}/p")).body["spec"]["nodeName"] == "contract-no-such-node"
    assert second.status == 409


async def test_an_eviction_deletes_the_pod(api, pods, a_pod):
    await api.post(pods, a_pod("p"))
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "p"}}

    answer = await api.post(f"{pods}/p/eviction", eviction)

    assert answer.status == 201
    assert (await api.get(f"{pods}/p")).status == 404


async def test_the_log_of_an_unknown_pod_is_not_found(api, pods):
    assert (await api.get(f"{pods}/p/log")).status == 404


async def test_the_log_of_an_unknown_container_is_a_bad_request(api, pods, a_pod):
    await api.post(pods, a_pod("p"))

    answer = await api.get(f"{pods}/p/log", container="other")

    assert answer.status == 400
    assert answer.body["message"] == "container other is not valid for pod p"


async def test_two_containers_need_a_name_for_the_log(api, pods, a_pod):
    await api.post(pods, a_pod("p", containers=[{"name": "a", "image": "x"}, {"name": "b", "image": "x"}]))

    answer = await api.get(f"{pods}/p/log")

    assert answer.status == 400
    assert "a container name must be specified for pod p, choose one of: [a b]" in answer.body["message"]


async def test_a_pod_that_is_nowhere_has_no_log_yet(api, pods, a_pod):
    await api.post(pods, a_pod("p"))

    answer = await api.get(f"{pods}/p/log")

    assert (answer.status, answer.body) == (204, "")


async def test_a_new_node_is_tainted_until_it_is_ready(api):
    name = f"contract-{secrets.token_hex(4)}"
    try:
        answer = await api.post("/api/v1/nodes", {"metadata": {"name": name}})

        assert {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"} in answer.body["spec"]["taints"]
    finally:
        await api.delete(f"/api/v1/nodes/{name}")


async def test_events_are_found_by_what_they_are_about(api, namespace):
    path = f"/api/v1/namespaces/{namespace}/events"
    for name, about in (("e1", "ada"), ("e2", "bob")):
        event = {
            "metadata": {"name": name},
            "involvedObject": {"kind": "Pod", "name": about, "namespace": namespace},
            "reason": "Started",
            "message": "Container started",
            "type": "Normal",
        }
        assert (await api.post(path, event)).status == 201

    answer = await api.get(path, fieldSelector="involvedObject.name=bob,involvedObject.kind=Pod")

    assert answer.names == ["e2"]


async def test_events_are_served_by_both_of_their_groups(api, namespace):
    event = {
        "metadata": {"name": "e"},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": namespace},
        "reason": "Started",
        "message": "Container started",
        "type": "Normal",
    }
    await api.post(f"/api/v1/namespaces/{namespace}/events", event)

    answer = await api.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events/e")

    assert answer.body["apiVersion"] == "events.k8s.io/v1"
    assert answer.body["regarding"]["name"] == "p"
    assert answer.body["note"] == "Container started"
    listed = await api.get(f"/apis/events.k8s.io/v1/namespaces/{namespace}/events")
    assert listed.body["items"][0]["regarding"]["name"] == "p"


async def test_a_node_keeps_the_status_that_its_creator_sends(api):
    name = f"contract-{secrets.token_hex(4)}"
    capacity = {"cpu": "4", "memory": "8Gi", "pods": "110", "nvidia.com/gpu": "1"}
    body = {"metadata": {"name": name, "labels": {"l": "x"}}, "status": {"capacity": capacity}}
    try:
        await api.post("/api/v1/nodes", body)

        answer = await api.get(f"/api/v1/nodes/{name}")

        assert answer.body["status"]["capacity"] == capacity
        assert answer.body["status"]["allocatable"] == capacity
    finally:
        await api.delete(f"/api/v1/nodes/{name}")


async def test_a_cordoned_node_is_found_by_its_field(api):
    name = f"contract-{secrets.token_hex(4)}"
    try:
        await api.post("/api/v1/nodes", {"metadata": {"name": name}})
        await api.patch(f"/api/v1/nodes/{name}", {"spec": {"unschedulable": True}})

        answer = await api.get("/api/v1/nodes", fieldSelector="spec.unschedulable=true")

        assert name in answer.names
    finally:
        await api.delete(f"/api/v1/nodes/{name}")


async def _quota(api, namespace, hard):
    path = f"/api/v1/namespaces/{namespace}/resourcequotas"
    await api.post(path, {"metadata": {"name": "q"}, "spec": {"hard": hard}})

    async def counted():
        return (await api.get(f"{path}/q")).body.get("status", {}).get("hard")

    await until(counted)


async def test_a_quota_that_would_be_exceeded_forbids(api, namespace, pods, a_pod):
    await _quota(api, namespace, {"requests.cpu": "1", "pods": "5"})

    answer = await api.post(pods, a_pod("p", resources={"requests": {"cpu": "1500m"}}))

    assert (answer.status, answer.body["reason"]) == (403, "Forbidden")
    assert answer.body["message"] == (
        'pods "p" is forbidden: exceeded quota: q, requested: requests.cpu=1500m, used: requests.cpu=0, '
        "limited: requests.cpu=1"
    )


async def test_what_a_quota_counts_has_to_be_said(api, namespace, pods, a_pod):
    await _quota(api, namespace, {"limits.memory": "1Gi", "requests.cpu": "1"})

    answer = await api.post(pods, a_pod("p"))

    assert answer.status == 403
    assert answer.body["message"] == (
        'pods "p" is forbidden: failed quota: q: must specify limits.memory for: main; requests.cpu for: main'
    )


async def test_a_quota_on_cards_counts_them(api, namespace, pods, a_pod):
    await _quota(api, namespace, {"requests.nvidia.com/gpu": "1"})

    fits = await api.post(pods, a_pod("p", resources={"limits": {"nvidia.com/gpu": "1"}}))
    exceeds = await api.post(pods, a_pod("q", resources={"limits": {"nvidia.com/gpu": "1"}}))

    assert fits.status == 201
    assert exceeds.status == 403
    assert "used: requests.nvidia.com/gpu=1, limited: requests.nvidia.com/gpu=1" in exceeds.body["message"]


async def _limits(api, namespace, item):
    path = f"/api/v1/namespaces/{namespace}/limitranges"
    answer = await api.post(path, {"metadata": {"name": "l"}, "spec": {"limits": [item]}})
    assert answer.status == 201, answer.body


async def test_a_limit_range_fills_in_what_is_not_said(api, namespace, pods, a_pod):
    await _limits(
        api,
        namespace,
        {"type": "Container", "default": {"cpu": "2", "memory": "1Gi"}, "defaultRequest": {"cpu": "500m"}},
    )

    async def created():
        answer = await api.post(pods, a_pod(f"p-{secrets.token_hex(3)}"))
        held = answer.body["spec"]["containers"][0]["resources"]
        return held if held.get("limits") else None

    resources = await until(created)

    assert resources["limits"] == {"cpu": "2", "memory": "1Gi"}
    assert resources["requests"] == {"cpu": "500m", "memory": "1Gi"}


async def test_what_a_limit_range_fills_in_counts_for_the_quality_of_service(api, namespace, pods, a_pod):
    await _limits(api, namespace, {"type": "Container", "default": {"cpu": "1", "memory": "1Gi"}})

    async def created():
        answer = await api.post(pods, a_pod(f"p-{secrets.token_hex(3)}"))
        return answer.body if answer.body["spec"]["containers"][0]["resources"].get("limits") else None

    assert (await until(created))["status"]["qosClass"] == "Guaranteed"


async def test_a_limit_range_forbids_more_than_its_maximum(api, namespace, pods, a_pod):
    await _limits(api, namespace, {"type": "Container", "max": {"cpu": "1"}})

    async def refused():
        answer = await api.post(pods, a_pod(f"p-{secrets.token_hex(3)}", resources={"limits": {"cpu": "2"}}))
        return answer if answer.status == 403 else None

    answer = await until(refused)

    assert answer.body["message"].endswith("maximum cpu usage per Container is 1, but limit is 2")


async def test_a_priority_class_gives_its_value(api, pods, a_pod):
    answer = await api.post(pods, a_pod("p", priorityClassName="no-such-class"))

    assert answer.status == 403
    assert "no PriorityClass with name no-such-class was found" in answer.body["message"]


async def test_a_runtime_class_adds_its_overhead(api, pods, a_pod):
    name = f"contract-{secrets.token_hex(4)}"
    path = "/apis/node.k8s.io/v1/runtimeclasses"
    overhead = {"cpu": "250m", "memory": "64Mi"}
    try:
        await api.post(path, {"metadata": {"name": name}, "handler": "runc", "overhead": {"podFixed": overhead}})

        async def created():
            answer = await api.post(pods, a_pod(f"p-{secrets.token_hex(3)}", runtimeClassName=name))
            return answer if answer.status == 201 else None

        answer = await until(created)

        assert answer.body["spec"]["overhead"] == overhead
    finally:
        await api.delete(f"{path}/{name}")


async def test_a_claim_needs_a_mode_and_a_size(api, namespace):
    path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims"

    answer = await api.post(path, {"metadata": {"name": "c"}, "spec": {}})

    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    fields = {cause["field"] for cause in answer.body["details"]["causes"]}
    assert {"spec.accessModes", "spec.resources[storage]"} <= fields


async def test_what_belongs_to_a_deleted_object_goes_with_it(api, namespace, pods, a_pod):
    owner = (await api.post(pods, a_pod("p"))).body
    reference = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": owner["metadata"]["uid"]}
    secret = {"metadata": {"name": "s", "ownerReferences": [reference]}}
    path = f"/api/v1/namespaces/{namespace}/secrets"
    await api.post(path, secret)

    await api.delete(f"{pods}/p")

    async def gone():
        return (await api.get(f"{path}/s")).status == 404

    assert await until(gone, seconds=30)
