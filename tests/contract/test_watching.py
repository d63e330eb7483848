"""Watches: what they show, from where, and how they end."""

import asyncio
import time

import pytest


async def revision(api, pods):
    return (await api.get(pods)).revision


async def test_a_watch_shows_the_changes_since_a_revision_in_order(api, pods, a_pod):
    start = await revision(api, pods)
    async with api.watch(pods, resourceVersion=start) as stream:
        await api.post(pods, a_pod("p"))
        await api.patch(f"{pods}/p", {"metadata": {"labels": {"a": "b"}}})
        await api.delete(f"{pods}/p", gracePeriodSeconds="0")
        events = [await stream.next() for _ in range(4)]

    # A pod's end is written before the pod is taken away, even where there is no grace.
    assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "MODIFIED", "DELETED"]
    assert events[2]["object"]["metadata"]["deletionGracePeriodSeconds"] == 0
    revisions = [int(event["object"]["metadata"]["resourceVersion"]) for event in events]
    assert revisions == sorted(set(revisions))


async def test_what_happened_before_the_watch_was_opened_is_not_lost(api, pods, a_pod):
    start = await revision(api, pods)
    await api.post(pods, a_pod("p"))

    async with api.watch(pods, resourceVersion=start) as stream:
        event = await stream.next()

    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "p")


async def test_the_last_state_of_a_deleted_object_comes_with_the_revision_of_its_end(api, maps):
    made = await api.post(maps, {"metadata": {"name": "m"}})
    start = await revision(api, maps)
    await api.delete(f"{maps}/m")

    async with api.watch(maps, resourceVersion=start, fieldSelector="metadata.name=m") as stream:
        event = await stream.next()

    assert event["type"] == "DELETED"
    assert event["object"]["metadata"]["uid"] == made.body["metadata"]["uid"]
    assert int(event["object"]["metadata"]["resourceVersion"]) > int(start)


async def test_without_a_revision_a_watch_begins_with_what_is_there(api, pods, fill):
    await fill(2)

    async with api.watch(pods) as stream:
        events = [await stream.next() for _ in range(2)]

    assert sorted(event["object"]["metadata"]["name"] for event in events) == ["p0", "p1"]
    assert {event["type"] for event in events} == {"ADDED"}


async def test_an_object_that_leaves_the_selection_arrives_as_deleted(api, pods, a_pod):
    await api.post(pods, a_pod("p", labels={"berth": "yes"}))
    start = await revision(api, pods)
    async with api.watch(pods, resourceVersion=start, labelSelector="berth=yes") as stream:
        await api.patch(f"{pods}/p", {"metadata": {"labels": {"berth": "no"}}})
        event = await stream.next()

    assert event["type"] == "DELETED"


async def test_an_object_that_enters_the_selection_arrives_as_added(api, pods, a_pod):
    await api.post(pods, a_pod("p", labels={"berth": "no"}))
    start = await revision(api, pods)
    async with api.watch(pods, resourceVersion=start, labelSelector="berth=yes") as stream:
        await api.patch(f"{pods}/p", {"metadata": {"labels": {"berth": "yes"}}})
        event = await stream.next()

    assert event["type"] == "ADDED"


async def test_a_pod_that_ends_arrives_as_deleted_where_ended_pods_are_not_selected(api, pods, a_pod):
    await api.post(pods, a_pod("p"))
    start = await revision(api, pods)
    chosen = "status.phase!=Succeeded,status.phase!=Failed"
    async with api.watch(pods, resourceVersion=start, fieldSelector=chosen) as stream:
        await api.patch(f"{pods}/p/status", {"status": {"phase": "Succeeded"}})
        event = await stream.next()

    assert (event["type"], event["object"]["metadata"]["name"]) == ("DELETED", "p")


async def test_changes_of_others_are_not_shown(api, pods, fill):
    await fill(2)
    start = await revision(api, pods)
    async with api.watch(pods, resourceVersion=start, fieldSelector="metadata.name=p1") as stream:
        await api.patch(f"{pods}/p0", {"metadata": {"labels": {"a": "b"}}})
        await api.patch(f"{pods}/p1", {"metadata": {"labels": {"a": "b"}}})
        event = await stream.next()

    assert event["object"]["metadata"]["name"] == "p1"


async def test_a_watch_ends_by_itself_after_its_time(api, pods):
    start = await revision(api, pods)
    begun = time.monotonic()

    async with api.watch(pods, resourceVersion=start, timeoutSeconds=1) as stream:
        events = await stream.rest()

    assert events == []
    assert 0.5 < time.monotonic() - begun < 4


async def bookmark(api, pods, start):
    """A bookmark of a quiet watch. The server sends them at its leisure: a watch may end without one."""
    for _ in range(4):
        async with api.watch(pods, resourceVersion=start, timeoutSeconds=6, allowWatchBookmarks="true") as stream:
            for event in await stream.rest(within=12):
                assert event["type"] == "BOOKMARK"
                return event["object"]
    raise AssertionError("four watches, and not one bookmark")


async def test_bookmarks_tell_how_far_a_quiet_watch_has_come(api, pods):
    start = await revision(api, pods)

    told = await bookmark(api, pods, start)

    assert told["kind"] == "Pod"
    assert int(told["metadata"]["resourceVersion"]) >= int(start)
    assert "name" not in told["metadata"]


async def test_a_watch_goes_on_from_a_bookmark(api, pods, a_pod):
    told = await bookmark(api, pods, await revision(api, pods))
    await api.post(pods, a_pod("p"))

    async with api.watch(pods, resourceVersion=told["metadata"]["resourceVersion"]) as stream:
        event = await stream.next()

    assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "p")


async def test_a_revision_that_is_too_old_is_an_error_within_the_stream(server, api, events):
    await events.fill(1)
    then = (await api.get(events.path)).revision
    await events.fill(3, start=1)
    await server.compact()

    async with api.watch(events.path, resourceVersion=then) as stream:
        event = await stream.next()
        end = await stream.next()

    assert stream.status == 200
    assert event["type"] == "ERROR"
    assert (event["object"]["kind"], event["object"]["code"], event["object"]["reason"]) == ("Status", 410, "Expired")
    assert end is None


async def test_a_watch_from_the_future_waits(api, pods):
    async with api.watch(pods, resourceVersion=99999999, timeoutSeconds=1) as stream:
        events = await stream.rest()

    assert stream.status == 200
    assert events == []


async def test_a_watch_may_begin_with_a_list(api, pods, fill, a_pod):
    await fill(2)
    query = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}

    async with api.watch(pods, **query) as stream:
        first = [await stream.next() for _ in range(3)]
        await api.post(pods, a_pod("later"))
        after = await stream.next()

    assert [event["type"] for event in first] == ["ADDED", "ADDED", "BOOKMARK"]
    assert first[2]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert (after["type"], after["object"]["metadata"]["name"]) == ("ADDED", "later")


@pytest.mark.parametrize(
    "query",
    [
        {"sendInitialEvents": "true", "allowWatchBookmarks": "true"},
        {"resourceVersionMatch": "NotOlderThan"},
        {"continue": "x"},
    ],
)
async def test_initial_events_and_the_match_need_each_other(api, pods, query):
    async with api.watch(pods, **query) as stream:
        body = await stream.next()

    assert (stream.status, body["reason"]) == (422, "Invalid")


async def test_many_changes_arrive_complete(api, maps):
    start = (await api.get(maps)).revision
    async with api.watch(maps, resourceVersion=start, labelSelector="n") as stream:
        await asyncio.gather(
            *(api.post(maps, {"metadata": {"name": f"m{n}", "labels": {"n": "1"}}}) for n in range(40))
        )
        names = {(await stream.next())["object"]["metadata"]["name"] for _ in range(40)}

    assert names == {f"m{n}" for n in range(40)}
