"""Creating, changing and deleting, and how the API server refuses."""

import pytest


async def test_a_new_object_gets_an_identity(api, pods, a_pod):
    answer = await api.post(pods, a_pod("p"))

    assert answer.status == 201
    metadata = answer.body["metadata"]
    assert metadata["uid"]
    assert metadata["resourceVersion"].isdigit()
    assert metadata["creationTimestamp"].endswith("Z")


async def test_the_same_name_twice_is_a_conflict(api, pods, a_pod):
    await api.post(pods, a_pod("p"))

    answer = await api.post(pods, a_pod("p"))

    assert (answer.status, answer.body["reason"]) == (409, "AlreadyExists")
    assert answer.body["message"] == 'pods "p" already exists'
    assert answer.body["details"] == {"name": "p", "kind": "pods"}


async def test_a_name_can_be_left_to_the_server(api, pods, a_pod):
    body = a_pod("x")
    body["metadata"] = {"generateName": "p-"}

    answer = await api.post(pods, body)

    assert answer.status == 201
    assert len(answer.body["metadata"]["name"]) == len("p-") + 5


async def test_a_namespace_that_is_not_there_is_not_found(api, a_pod):
    answer = await api.post("/api/v1/namespaces/no-such-place/pods", a_pod("p"))

    assert (answer.status, answer.body["reason"]) == (404, "NotFound")
    assert answer.body["message"] == 'namespaces "no-such-place" not found'


async def test_a_pod_without_a_known_service_account_is_forbidden(api, pods, a_pod):
    answer = await api.post(pods, a_pod("p", serviceAccountName="nobody"))

    assert (answer.status, answer.body["reason"]) == (403, "Forbidden")
    assert 'serviceaccount "nobody" not found' in answer.body["message"]


async def test_a_pod_is_completed_by_the_server(api, pods, a_pod):
    limits = {"cpu": "2", "memory": "3Gi", "nvidia.com/gpu": "1"}

    answer = await api.post(pods, a_pod("p", resources={"limits": limits, "requests": {"cpu": "1"}}))

    spec = answer.body["spec"]
    assert spec["containers"][0]["resources"]["requests"] == {"cpu": "1", "memory": "3Gi", "nvidia.com/gpu": "1"}
    assert (spec["restartPolicy"], spec["terminationGracePeriodSeconds"]) == ("Always", 30)
    assert (spec["priority"], spec["preemptionPolicy"]) == (0, "PreemptLowerPriority")
    assert spec["serviceAccountName"] == "default"
    assert {toleration["key"] for toleration in spec["tolerations"]} == {
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
    }
    assert answer.body["status"]["phase"] == "Pending"
    assert answer.body["status"]["qosClass"] == "Burstable"


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("1.5Gi", "1536Mi"),
        ("1024Mi", "1Gi"),
        ("0.5Mi", "512Ki"),
        ("0.1Gi", "107374182400m"),
        ("0.5", "500m"),
        ("1000m", "1"),
        ("1.0", "1"),
        ("1500M", "1500M"),
        ("1000000", "1M"),
        ("500u", "1m"),
        ("1500u", "2m"),
        ("2e9", "2e9"),
        ("1E3", "1E3"),
        ("12E", "12E"),
        ("0", "0"),
        (2, "2"),
        (1.5, "1500m"),
    ],
)
async def test_amounts_are_rounded_up_to_thousandths_and_rewritten(api, pods, a_pod, given, stored):
    answer = await api.post(pods, a_pod("p", resources={"requests": {"memory": given}}))

    assert answer.body["spec"]["containers"][0]["resources"]["requests"] == {"memory": stored}


async def test_a_pod_with_limits_of_its_own_asks_for_what_its_containers_ask(api, pods, a_pod):
    pod = a_pod("p", resources={"requests": {"cpu": "250m"}})
    pod["spec"]["resources"] = {"limits": {"cpu": "1", "memory": "1Gi"}}

    answer = await api.post(pods, pod)

    assert answer.body["spec"]["resources"]["requests"] == {"cpu": "250m", "memory": "1Gi"}


async def test_a_status_that_a_creator_sends_is_dropped(api, pods, a_pod):
    answer = await api.post(pods, {**a_pod("p"), "status": {"phase": "Running"}})

    assert answer.body["status"]["phase"] == "Pending"


@pytest.mark.parametrize("name", ["Upper", "under_score", "-dash", "a" * 254, "<script>"])
async def test_a_bad_name_is_invalid(api, pods, a_pod, name):
    answer = await api.post(pods, a_pod(name))

    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert answer.body["details"]["causes"][0]["field"] == "metadata.name"


async def test_an_amount_that_is_none_can_not_be_read(api, pods, a_pod):
    answer = await api.post(pods, a_pod("p", resources={"requests": {"memory": "a lot"}}))

    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")
    assert "quantities must match the regular expression" in answer.body["message"]


@pytest.mark.parametrize(
    ("resources", "field"),
    [
        ({"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}, "spec.containers[0].resources.requests"),
        ({"requests": {"nvidia.com/gpu": "1"}}, "spec.containers[0].resources.limits"),
        (
            {"limits": {"nvidia.com/gpu": "2"}, "requests": {"nvidia.com/gpu": "1"}},
            "spec.containers[0].resources.requests",
        ),
        ({"limits": {"nvidia.com/gpu": "500m"}}, "spec.containers[0].resources.limits[nvidia.com/gpu]"),
        ({"requests": {"cpu": "-1"}}, "spec.containers[0].resources.requests[cpu]"),
        ({"requests": {"berths": "1"}}, "spec.containers[0].resources.requests[berths]"),
        ({"limits": {"hugepages-2Mi": "1Mi", "cpu": "1"}}, "spec.containers[0].resources.limits[hugepages-2Mi]"),
        ({"limits": {"hugepages-2Mi": "2Mi"}}, "spec.containers[0].resources"),
    ],
)
async def test_amounts_that_contradict_each_other_are_invalid(api, pods, a_pod, resources, field):
    answer = await api.post(pods, a_pod("p", resources=resources))

    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert field in [cause["field"] for cause in answer.body["details"]["causes"]]


async def test_a_pod_can_not_ask_for_less_than_its_containers(api, pods, a_pod):
    pod = a_pod("p", resources={"requests": {"cpu": "2"}})
    pod["spec"]["resources"] = {"requests": {"cpu": "1"}}

    answer = await api.post(pods, pod)

    assert answer.status == 422
    assert answer.body["details"]["causes"][0]["field"] == "spec.resources.requests[cpu]"


async def test_a_pod_without_containers_is_invalid(api, pods, a_pod):
    answer = await api.post(pods, a_pod("p", containers=[]))

    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert answer.body["details"]["causes"][0]["field"] == "spec.containers"


async def test_a_label_value_of_more_than_63_characters_is_invalid(api, pods, a_pod):
    answer = await api.post(pods, a_pod("p", labels={"a": "b" * 64}))

    assert (answer.status, answer.body["reason"]) == (422, "Invalid")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("metadata", "labels"), 1),
        (("metadata", "labels"), {"a": 1}),
        (("metadata", "finalizers"), "x"),
        (("spec",), "x"),
        (("spec", "containers"), "x"),
        (("spec", "containers"), {"name": "main"}),
        (("spec", "containers", 0), []),
        (("spec", "containers", 0, "image"), 1),
        (("spec", "containers", 0, "args"), "x"),
        (("spec", "containers", 0, "env"), [1]),
        (("spec", "containers", 0, "resources"), []),
        (("spec", "containers", 0, "resources"), {"limits": "x"}),
        (("spec", "containers", 0, "resources"), {"limits": {"cpu": []}}),
        (("spec", "nodeSelector"), ["x"]),
        (("spec", "tolerations"), {}),
        (("spec", "priority"), "high"),
        (("spec", "affinity"), "x"),
        (("status",), 1),
        (("kind",), 1),
        (("kind",), "Node"),
    ],
)
async def test_what_has_the_wrong_shape_can_not_be_read(api, pods, a_pod, path, value):
    body = a_pod("p")
    place = body
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value

    answer = await api.post(pods, body)

    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize(
    ("spec", "field"),
    [
        ({"volumes": [{"emptyDir": {}}]}, "spec.volumes[0].name"),
        ({"restartPolicy": "Perhaps"}, "spec.restartPolicy"),
        ({"tolerations": [{"operator": "Like", "key": "k"}]}, "spec.tolerations[0].operator"),
        ({"tolerations": [{"operator": "Equal"}]}, "spec.tolerations[0].operator"),
        ({"tolerations": [{"key": "k", "effect": "Never"}]}, "spec.tolerations[0].effect"),
    ],
)
async def test_a_pod_whose_fields_make_no_sense_is_invalid(api, pods, a_pod, spec, field):
    answer = await api.post(pods, a_pod("p", **spec))

    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert field in [cause["field"] for cause in answer.body["details"]["causes"]]


@pytest.mark.parametrize(
    ("container", "field"),
    [
        ({"env": [{"value": "x"}]}, "env[0].name"),
        ({"env": [{"name": "E", "valueFrom": {}}]}, "env[0].valueFrom"),
        ({"volumeMounts": [{"name": "v", "mountPath": "/v"}]}, "volumeMounts[0].name"),
        ({"ports": [{"name": "http"}]}, "ports[0].containerPort"),
        ({"ports": [{"containerPort": 70000}]}, "ports[0].containerPort"),
        ({"image": None}, "image"),
        ({"name": "Main"}, "name"),
    ],
)
async def test_a_container_whose_fields_make_no_sense_is_invalid(api, pods, a_pod, container, field):
    body = a_pod("p")
    body["spec"]["containers"][0] |= container

    answer = await api.post(pods, body)

    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert f"spec.containers[0].{field}" in [cause["field"] for cause in answer.body["details"]["causes"]]


async def test_null_is_as_good_as_nothing(api, pods, a_pod):
    body = a_pod("p", tolerations=None, affinity=None, nodeSelector=None, priority=None)
    body["spec"]["containers"][0] |= {"env": None, "ports": None, "args": None}

    answer = await api.post(pods, body)

    assert answer.status == 201
    assert "affinity" not in answer.body["spec"]


async def test_what_is_no_object_is_a_bad_request(api, pods):
    answer = await api.post(pods, [])

    assert answer.status == 400


async def test_an_object_that_is_not_there_is_not_found(api, pods):
    answer = await api.get(f"{pods}/p")

    assert (answer.status, answer.body["reason"]) == (404, "NotFound")
    assert answer.body["message"] == 'pods "p" not found'
    assert answer.body["details"] == {"name": "p", "kind": "pods"}


async def test_an_update_from_an_old_revision_is_a_conflict(api, maps):
    made = (await api.post(maps, {"metadata": {"name": "m"}, "data": {"a": "1"}})).body
    await api.patch(f"{maps}/m", {"data": {"a": "2"}})

    answer = await api.put(f"{maps}/m", {**made, "data": {"a": "3"}})

    assert (answer.status, answer.body["reason"]) == (409, "Conflict")
    assert answer.body["message"] == (
        'Operation cannot be fulfilled on configmaps "m": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )


async def test_an_update_replaces_the_object(api, maps):
    made = (await api.post(maps, {"metadata": {"name": "m"}, "data": {"a": "1", "b": "2"}})).body

    answer = await api.put(f"{maps}/m", {**made, "data": {"a": "3"}})

    assert answer.status == 200
    assert answer.body["data"] == {"a": "3"}
    assert int(answer.body["metadata"]["resourceVersion"]) > int(made["metadata"]["resourceVersion"])


async def test_an_update_without_a_revision_is_let_through(api, maps):
    await api.post(maps, {"metadata": {"name": "m"}, "data": {"a": "1"}})

    answer = await api.put(f"{maps}/m", {"metadata": {"name": "m"}, "data": {"a": "2"}})

    assert answer.status == 200
    assert answer.body["data"] == {"a": "2"}


async def test_an_update_that_changes_nothing_keeps_the_revision(api, maps):
    made = (await api.post(maps, {"metadata": {"name": "m"}, "data": {"a": "1"}})).body

    answer = await api.put(f"{maps}/m", made)

    assert answer.body["metadata"]["resourceVersion"] == made["metadata"]["resourceVersion"]


async def test_a_patch_with_an_old_revision_is_a_conflict(api, maps):
    made = (await api.post(maps, {"metadata": {"name": "m"}})).body
    await api.patch(f"{maps}/m", {"data": {"a": "2"}})

    body = {"metadata": {"resourceVersion": made["metadata"]["resourceVersion"]}, "data": {"a": "3"}}
    answer = await api.patch(f"{maps}/m", body)

    assert (answer.status, answer.body["reason"]) == (409, "Conflict")


async def test_a_merge_patch_deletes_by_null(api, maps):
    await api.post(maps, {"metadata": {"name": "m"}, "data": {"a": "1", "b": "2"}})

    answer = await api.patch(f"{maps}/m", {"data": {"a": None, "c": "3"}})

    assert answer.body["data"] == {"b": "2", "c": "3"}


async def test_a_json_patch_goes_by_operations(api, maps):
    await api.post(maps, {"metadata": {"name": "m"}, "data": {"a": "1"}})
    operations = [
        {"op": "test", "path": "/data/a", "value": "1"},
        {"op": "replace", "path": "/data/a", "value": "2"},
        {"op": "add", "path": "/data/b", "value": "3"},
    ]

    answer = await api.patch(f"{maps}/m", operations, how="json")

    assert answer.body["data"] == {"a": "2", "b": "3"}


async def test_a_json_patch_whose_test_fails_changes_nothing(api, maps):
    await api.post(maps, {"metadata": {"name": "m"}, "data": {"a": "1"}})

    answer = await api.patch(f"{maps}/m", [{"op": "test", "path": "/data/a", "value": "9"}], how="json")

    assert answer.status == 422
    assert (await api.get(f"{maps}/m")).body["data"] == {"a": "1"}


async def test_a_strategic_patch_merges_containers_by_name(api, pods, a_pod):
    await api.post(pods, a_pod("p", containers=[{"name": "a", "image": "x:1"}, {"name": "b", "image": "y:1"}]))

    answer = await api.patch(f"{pods}/p", {"spec": {"containers": [{"name": "b", "image": "y:2"}]}}, how="strategic")

    assert answer.status == 200
    assert [held["image"] for held in answer.body["spec"]["containers"]] == ["x:1", "y:2"]


async def test_a_patch_of_unknown_kind_is_an_unsupported_media_type(api, maps):
    await api.post(maps, {"metadata": {"name": "m"}})

    answer = await api.patch(f"{maps}/m", {}, how="text/plain")

    assert answer.status == 415


async def test_a_patch_of_nothing_is_not_found(api, maps):
    answer = await api.patch(f"{maps}/m", {"data": {"a": "1"}})

    assert answer.status == 404


async def test_where_a_pod_runs_can_not_be_changed_by_an_update(api, pods, a_pod):
    await api.post(pods, a_pod("p"))

    answer = await api.patch(f"{pods}/p", {"spec": {"hostNetwork": True}})

    assert (answer.status, answer.body["reason"]) == (422, "Invalid")
    assert "pod updates may not change fields other than" in answer.body["message"]


async def test_the_status_has_a_path_of_its_own(api, pods, a_pod):
    await api.post(pods, a_pod("p"))

    changed = await api.patch(f"{pods}/p/status", {"status": {"phase": "Running"}})
    ignored = await api.patch(f"{pods}/p", {"status": {"phase": "Failed"}})

    assert changed.body["status"]["phase"] == "Running"
    assert ignored.body["status"]["phase"] == "Running"


async def test_a_dry_run_answers_as_if_and_stores_nothing(api, pods, a_pod):
    answer = await api.post(pods, a_pod("p", resources={"limits": {"cpu": "1"}}), dryRun="All")

    assert answer.status == 201
    assert answer.body["spec"]["containers"][0]["resources"]["requests"] == {"cpu": "1"}
    assert (await api.get(f"{pods}/p")).status == 404


async def test_a_dry_run_refuses_what_would_be_refused(api, pods, a_pod):
    await api.post(pods, a_pod("p"))

    assert (await api.post(pods, a_pod("p"), dryRun="All")).status == 409
    assert (await api.post(pods, a_pod("Q"), dryRun="All")).status == 422


async def test_a_dry_run_deletes_nothing(api, pods, a_pod):
    await api.post(pods, a_pod("p"))

    answer = await api.delete(f"{pods}/p", dryRun="All")

    assert answer.status == 200
    assert (await api.get(f"{pods}/p")).status == 200


async def test_a_pod_that_is_nowhere_is_deleted_at_once(api, pods, a_pod):
    await api.post(pods, a_pod("p"))

    answer = await api.delete(f"{pods}/p")

    assert (answer.status, answer.body["kind"]) == (200, "Pod")
    assert (await api.get(f"{pods}/p")).status == 404


async def test_a_pod_on_a_node_waits_for_its_kubelet(api, pods, a_pod):
    await api.post(pods, a_pod("p", nodeName="contract-no-such-node"))

    await api.delete(f"{pods}/p", {"gracePeriodSeconds": 20})
    terminating = await api.get(f"{pods}/p")
    await api.delete(f"{pods}/p", gracePeriodSeconds="0")

    assert terminating.body["metadata"]["deletionTimestamp"]
    assert terminating.body["metadata"]["deletionGracePeriodSeconds"] == 20
    assert (await api.get(f"{pods}/p")).status == 404


async def test_deleting_a_plain_object_is_confirmed_by_a_status(api, maps):
    made = await api.post(maps, {"metadata": {"name": "m"}})

    answer = await api.delete(f"{maps}/m")

    assert (answer.body["kind"], answer.body["status"]) == ("Status", "Success")
    assert answer.body["details"]["uid"] == made.body["metadata"]["uid"]


async def test_deleting_what_is_not_there_is_not_found(api, pods):
    assert (await api.delete(f"{pods}/p")).status == 404


async def test_a_precondition_that_does_not_hold_is_a_conflict(api, maps):
    await api.post(maps, {"metadata": {"name": "m"}})

    answer = await api.delete(f"{maps}/m", {"preconditions": {"uid": "another"}})

    assert (answer.status, answer.body["reason"]) == (409, "Conflict")


async def test_a_finalizer_keeps_an_object_until_it_is_taken_off(api, maps):
    await api.post(maps, {"metadata": {"name": "m", "finalizers": ["moorage.example/hold"]}})

    await api.delete(f"{maps}/m")
    held = await api.get(f"{maps}/m")
    await api.patch(f"{maps}/m", {"metadata": {"finalizers": None}})

    assert held.body["metadata"]["deletionTimestamp"]
    assert (await api.get(f"{maps}/m")).status == 404


async def test_a_selection_is_deleted_together(api, maps):
    for name, label in (("a", "x"), ("b", "x"), ("c", "y")):
        await api.post(maps, {"metadata": {"name": name, "labels": {"l": label}}})

    answer = await api.delete(maps, labelSelector="l=x")

    assert answer.status == 200
    assert (await api.get(maps, labelSelector="l")).names == ["c"]
