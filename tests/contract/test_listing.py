"""Lists: pages, revisions, selectors."""

import pytest


async def test_a_list_tells_its_kind_and_its_revision(api, pods, fill):
    await fill(2)

    answer = await api.get(pods)

    assert answer.status == 200
    assert (answer.body["kind"], answer.body["apiVersion"]) == ("PodList", "v1")
    assert answer.names == ["p0", "p1"]
    assert answer.revision.isdigit()


async def test_the_items_of_a_list_leave_out_what_the_list_says(api, pods, fill):
    await fill(1)

    item = (await api.get(pods)).body["items"][0]

    assert "kind" not in item
    assert "apiVersion" not in item
    assert item["metadata"]["name"] == "p0"


async def test_pages_come_in_order_and_show_one_revision(api, pods, fill):
    await fill(5)

    first = await api.get(pods, limit=2)
    second = await api.get(pods, limit=2, **{"continue": first.body["metadata"]["continue"]})
    third = await api.get(pods, limit=2, **{"continue": second.body["metadata"]["continue"]})

    assert [first.names, second.names, third.names] == [["p0", "p1"], ["p2", "p3"], ["p4"]]
    assert first.revision == second.revision == third.revision
    assert "continue" not in third.body["metadata"]


async def test_pages_say_how_many_objects_are_left(api, pods, fill):
    await fill(5)

    first = await api.get(pods, limit=2)
    second = await api.get(pods, limit=2, **{"continue": first.body["metadata"]["continue"]})

    assert first.body["metadata"]["remainingItemCount"] == 3
    assert second.body["metadata"]["remainingItemCount"] == 1


async def test_with_a_selector_nobody_counts_what_is_left(api, pods, fill):
    await fill(5)

    answer = await api.get(pods, limit=2, fieldSelector="status.phase!=Succeeded")

    assert answer.body["metadata"]["continue"]
    assert "remainingItemCount" not in answer.body["metadata"]


async def test_later_pages_do_not_see_what_happened_meanwhile(api, pods, fill, a_pod):
    await fill(4)
    first = await api.get(pods, limit=2)
    await api.post(pods, a_pod("p2-new"))
    await api.delete(f"{pods}/p3")

    second = await api.get(pods, limit=10, **{"continue": first.body["metadata"]["continue"]})

    assert second.names == ["p2", "p3"]


async def test_a_token_that_is_none_is_a_bad_request(api, pods):
    answer = await api.get(pods, limit=2, **{"continue": "garbage"})

    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")


async def test_a_token_and_a_revision_do_not_go_together(api, pods, fill):
    await fill(3)
    first = await api.get(pods, limit=1)

    answer = await api.get(pods, limit=1, resourceVersion="5", **{"continue": first.body["metadata"]["continue"]})

    assert answer.status == 400


async def test_a_token_whose_revision_is_compacted_is_gone_and_a_fresh_one_is_offered(server, api, events):
    await events.fill(3)
    first = await api.get(events.path, limit=1)
    await events.fill(1, start=3)
    await server.compact()

    answer = await api.get(events.path, limit=1, **{"continue": first.body["metadata"]["continue"]})

    assert (answer.status, answer.body["reason"]) == (410, "Expired")
    assert "You can start a new list without the continue parameter" in answer.body["message"]
    rest = await api.get(events.path, limit=10, **{"continue": answer.body["metadata"]["continue"]})
    assert rest.status == 200
    assert rest.names == ["e1", "e2", "e3"]


async def test_an_exact_revision_that_is_compacted_is_gone(server, api, events):
    await events.fill(2)
    then = (await api.get(events.path)).revision
    await events.fill(1, start=2)
    await server.compact()

    answer = await api.get(events.path, resourceVersion=then, resourceVersionMatch="Exact")

    assert (answer.status, answer.body["reason"]) == (410, "Expired")


async def test_an_exact_revision_shows_the_state_of_then(api, pods, fill, a_pod):
    await fill(1)
    then = (await api.get(pods)).revision
    await api.post(pods, a_pod("later"))

    answer = await api.get(pods, resourceVersion=then, resourceVersionMatch="Exact")

    assert answer.status == 200
    assert answer.names == ["p0"]
    assert answer.revision == then


async def test_not_older_than_shows_a_state_that_is_at_least_as_new(api, pods, fill):
    await fill(2)
    then = (await api.get(pods)).revision

    answer = await api.get(pods, resourceVersion=then, resourceVersionMatch="NotOlderThan")

    assert answer.names == ["p0", "p1"]
    assert int(answer.revision) >= int(then)


async def test_a_revision_of_the_future_is_answered_with_a_time_out_to_try_again(api, pods):
    answer = await api.get(pods, resourceVersion="99999999", resourceVersionMatch="NotOlderThan")

    assert (answer.status, answer.body["reason"]) == (504, "Timeout")
    assert answer.body["details"]["causes"][0]["reason"] == "ResourceVersionTooLarge"
    assert answer.body["details"]["retryAfterSeconds"] == 1
    assert answer.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    "query",
    [
        {"resourceVersionMatch": "Exact"},
        {"resourceVersionMatch": "Exact", "resourceVersion": "0"},
        {"resourceVersionMatch": "Sideways", "resourceVersion": "1"},
    ],
)
async def test_a_match_that_makes_no_sense_is_invalid(api, pods, query):
    answer = await api.get(pods, **query)

    assert (answer.status, answer.body["reason"]) == (422, "Invalid")


async def test_a_revision_that_is_no_number_is_refused(api, pods):
    answer = await api.get(pods, resourceVersion="soon")

    assert answer.status == 400


@pytest.mark.parametrize("query", [{"limit": "x"}, {"limit": ""}, {"timeoutSeconds": "x"}])
async def test_a_number_that_is_none_is_a_bad_request(api, pods, query):
    answer = await api.get(pods, **query)

    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")


async def test_a_list_has_no_initial_events(api, pods):
    answer = await api.get(pods, sendInitialEvents="true")

    assert (answer.status, answer.body["reason"]) == (422, "Invalid")


async def test_a_list_from_the_cache_ignores_the_limit(api, pods, fill):
    await fill(3)
    # The real server's cache may lag behind; a consistent list waits until it does not.
    await api.get(pods)

    answer = await api.get(pods, limit=1, resourceVersion="0")

    assert answer.names == ["p0", "p1", "p2"]
    assert "continue" not in answer.body["metadata"]


async def test_a_large_list_is_packed_for_who_can_unpack_it(api, maps):
    for number in range(2):
        await api.post(maps, {"metadata": {"name": f"m{number}"}, "data": {"text": "moor " * 20_000}})

    packed = await api.get(maps, headers={"Accept-Encoding": "gzip"})
    plain = await api.get(maps, headers={"Accept-Encoding": "identity"})

    assert packed.headers.get("Content-Encoding") == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert {"m0", "m1"} <= set(packed.names)


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("n=1", ["p1"]),
        ("n==1", ["p1"]),
        ("n!=1", ["p0", "p2"]),
        ("n in (0,2)", ["p0", "p2"]),
        ("n notin (0, 2)", ["p1"]),
        ("n", ["p0", "p1", "p2"]),
        ("!n", []),
        ("!m", ["p0", "p1", "p2"]),
        ("n,n!=0,n!=1", ["p2"]),
        ("m notin (x)", ["p0", "p1", "p2"]),
        ("n>0", ["p1", "p2"]),
        ("n<1", ["p0"]),
        ("n in (0,,1)", ["p0", "p1"]),
        (" n = 1 ", ["p1"]),
    ],
)
async def test_label_selectors(api, pods, fill, selector, expected):
    await fill(3)

    assert (await api.get(pods, labelSelector=selector)).names == expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("metadata.name=p1", ["p1"]),
        ("metadata.name!=p1", ["p0", "p2"]),
        ("status.phase=Pending", ["p0", "p1", "p2"]),
        ("status.phase!=Pending", []),
        ("status.phase!=Succeeded,status.phase!=Failed,metadata.name=p2", ["p2"]),
        ("spec.nodeName=", ["p0", "p1", "p2"]),
        ("spec.schedulerName=nobody", ["p0", "p1", "p2"]),
        ("spec.restartPolicy=Never", []),
    ],
)
async def test_field_selectors(api, pods, fill, selector, expected):
    await fill(3)

    assert (await api.get(pods, fieldSelector=selector)).names == expected


async def test_the_namespace_is_a_field_too(api, namespace, fill):
    await fill(2)

    answer = await api.get("/api/v1/pods", fieldSelector=f"metadata.namespace={namespace}")

    assert answer.names == ["p0", "p1"]


@pytest.mark.parametrize("selector", ["spec.colour=red", "metadata.name", "metadata.labels=x", "metadata.name=a=b"])
async def test_a_field_that_nobody_can_select_by_is_a_bad_request(api, pods, selector):
    answer = await api.get(pods, fieldSelector=selector)

    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")


@pytest.mark.parametrize(
    "selector", ["n in", "a=b=c", "=x", "n in (1", "n>x", "-n=1", "a/b/c=1", "n in (1 2)", "n=" + "x" * 64]
)
async def test_a_label_selector_that_is_none_is_a_bad_request(api, pods, selector):
    answer = await api.get(pods, labelSelector=selector)

    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")


async def test_an_unknown_resource_is_not_found(api):
    answer = await api.get("/api/v1/berths")

    assert answer.status == 404


@pytest.mark.parametrize("path", ["/nothing", "/apis/moorage.example/v1", "/apis/moorage.example/v1/berths"])
async def test_an_unknown_path_is_not_found(api, path):
    answer = await api.get(path)

    assert (answer.status, answer.body.strip()) == (404, "404 page not found")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "POST"])
async def test_a_method_that_makes_no_sense_is_not_allowed(api, method):
    answer = await api.call(method, "/api/v1/pods", body={})

    assert (answer.status, answer.body["reason"]) == (405, "MethodNotAllowed")


async def test_a_namespace_without_pods_has_an_empty_list(api, pods):
    answer = await api.get(pods)

    assert answer.status == 200
    assert answer.body["items"] == []
