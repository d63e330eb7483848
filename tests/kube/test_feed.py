"""Lists and watches against an API server over HTTP, with everything that can go wrong on the way."""

import asyncio
import contextlib
import itertools
from dataclasses import replace

import pytest

from moorage.kube.errors import error_of
from moorage.kube.following.feed import Feed
from moorage.kube.following.listing import asked_to_wait
from moorage.kube.following.sink import Health
from moorage.kube.resources import ADDONS, NODES, PODS


async def test_what_is_there_is_listed_and_what_comes_is_told(simulator, make_feed, pod):
    simulator.add(pod("old", on="n1"))

    feed = await make_feed()
    simulator.add(pod("new", on="n1"))

    await feed.until(lambda f: f.names == {"old", "new"}, within=1)
    assert feed.record.health.listed


async def test_a_list_is_read_in_pages(simulator, make_feed, pod):
    simulator.add(*[pod(f"p{number}", on="n1") for number in range(25)])

    feed = await make_feed(replace(PODS, page=10))

    assert len(feed.names) == 25
    assert feed.record.events == ["begin", "page", "page", "page", "end"]


async def test_a_pod_that_ends_is_gone_for_us(simulator, make_feed, pod):
    simulator.add(pod("p", on="n1"), pod("done", on="n1", phase="Succeeded"))
    feed = await make_feed()
    assert feed.names == {"p"}

    simulator.patch("pods", "default", "p", {"status": {"phase": "Failed"}})

    await feed.until(lambda f: f.names == set(), within=1)


async def test_a_watch_that_ends_goes_on_from_the_last_event_without_a_list(simulator, make_feed, pod):
    feed = await make_feed()
    simulator.add(pod("a", on="n1"))
    await feed.until(lambda f: "a" in f.names)
    watches = feed.feed.watches

    simulator.faults.drop(path="/api/v1/pods", verb="watch", times=1)
    simulator.add(pod("b", on="n1"))

    await feed.until(lambda f: "b" in f.names and f.feed.watches > watches, within=2)
    assert feed.feed.lists == 1


async def test_the_revision_is_taken_from_deletions_too(simulator, make_feed, pod):
    simulator.add(pod("p", on="n1"))
    feed = await make_feed()

    simulator.delete("pods", "default", "p")

    await feed.until(lambda f: f.feed.revision == str(simulator.revision), within=1)


async def test_a_quiet_watch_is_replaced_without_a_list_and_its_bookmark_moves_the_revision(simulator, make_feed, node):
    feed = await make_feed(PODS)
    simulator.add(node("other"))

    await feed.until(lambda f: f.feed.watches >= 3 and f.feed.revision == str(simulator.revision), within=8)

    assert feed.feed.lists == 1
    assert not any(health.stale for health in feed.record.reports)


@pytest.mark.parametrize("in_stream", [False, True])
async def test_after_410_there_is_a_new_list_and_nothing_was_stale(simulator, make_feed, pod, in_stream):
    simulator.add(pod("a", on="n1"))
    feed = await make_feed()

    simulator.faults.gone(in_stream=in_stream, path="/api/v1/pods", verb="watch", times=1)
    simulator.add(pod("b", on="n1"))

    await feed.until(lambda f: f.feed.lists == 2 and f.names == {"a", "b"})
    assert not any(health.stale for health in feed.record.reports)


async def test_a_server_that_forgets_at_once_is_listed_at_a_slower_and_slower_pace(simulator, make_feed):
    simulator.faults.gone(path="/api/v1/pods", verb="watch")

    feed = await make_feed()
    await asyncio.sleep(1)

    assert 2 <= feed.feed.lists <= 8


async def test_a_kind_is_read_in_the_newest_version_that_the_server_serves(simulator, make_feed, pod):
    simulator.add(pod("a", on="n1"))
    newer = replace(PODS, path="/api/v3/pods", older=("/api/v2/pods", "/api/v1/pods"))

    feed = await make_feed(newer)
    simulator.add(pod("b", on="n1"))

    await feed.until(lambda f: f.names == {"a", "b"})
    assert not any(health.stale for health in feed.record.reports)


async def test_a_kind_that_is_served_in_no_version_is_told_as_not_served(simulator, make_feed):
    unserved = replace(PODS, path="/api/v3/pods", older=("/api/v2/pods",))

    feed = await make_feed(unserved, listed=False)

    await feed.until(lambda f: f.record.health.reason == "this API server does not serve pods")


POOLS, *_ = ADDONS


async def test_an_add_on_that_is_not_there_is_looked_for_calmly_and_never_complained_of(client, record):
    feed = Feed(POOLS, client=client, sink=record)

    pauses = [await feed.step() for _ in range(3)]

    assert all(20 <= pause <= 30 for pause in pauses)
    assert record.reports == [Health(absent=True)]


async def test_an_add_on_is_followed_once_it_is_installed_and_forgotten_when_its_right_goes(simulator, client, record):
    feed = Feed(POOLS, client=client, sink=record)
    await feed.step()
    simulator.add({"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "gpus"}})
    paused = await feed.step()
    known, listed = set(record.objects), record.health.listed

    simulator.faults.revoke_right("nodepools")
    feed.list_anew()
    await feed.step()

    assert (known, listed, paused) == ({"gpus"}, True, 0)
    assert (record.objects, record.health) == ({}, Health(absent=True))


async def test_quiet_watches_end_by_themselves_and_use_their_connection_again(simulator, make_feed):
    feed = await make_feed(replace(PODS, silence=1.8))
    await feed.until(lambda f: f.feed.watches == 2)
    feed.feed._bookmarked = asyncio.get_running_loop().time()
    await feed.until(lambda f: f.feed.watches == 4)
    connector = feed.feed._client._session.connector
    before = {id(p) for protocols in connector._acquired_per_host.values() for p in protocols}

    await feed.until(lambda f: f.feed.watches == 6)

    assert {id(p) for protocols in connector._acquired_per_host.values() for p in protocols} == before


async def test_a_list_whose_token_expires_starts_anew(simulator, make_feed, pod):
    simulator.add(*[pod(f"p{number}", on="n1") for number in range(5)])
    simulator.faults.gone(path="/api/v1/pods", verb="list", times=1)

    feed = await make_feed(replace(PODS, page=2))

    assert len(feed.names) == 5
    assert feed.feed.lists == 2


async def test_a_half_open_watch_is_replaced_within_three_seconds(simulator, make_feed, pod):
    feed = await make_feed()
    simulator.add(pod("a", on="n1"))
    await feed.until(lambda f: "a" in f.names)

    simulator.faults.half_open(new_requests=False, times=1)
    simulator.add(pod("b", on="n1"))

    await feed.until(lambda f: "b" in f.names, within=3)
    assert feed.feed.lists == 1


async def test_a_server_that_hangs_is_stale_within_four_seconds_and_recovers(simulator, make_feed, pod):
    feed = await make_feed()

    fault = simulator.faults.half_open()
    await feed.until(lambda f: f.record.health.stale, within=4)
    simulator.faults.remove(fault)
    simulator.add(pod("b", on="n1"))

    await feed.until(lambda f: "b" in f.names and not f.record.health.stale, within=8)
    assert feed.record.health.reason is None


async def test_a_server_that_hangs_is_told_without_its_address(simulator, make_feed):
    feed = await make_feed()

    simulator.faults.half_open()

    await feed.until(lambda f: f.record.health.stale, within=4)
    assert "has not answered" in feed.record.health.reason
    assert "http" not in feed.record.health.reason


async def test_a_slow_server_is_reached_in_the_end(simulator, make_feed, pod):
    simulator.faults.delay(2.5, path="/api/v1/pods")

    feed = await make_feed(listed=False)
    await feed.until(lambda f: f.record.health.listed and not f.record.health.stale, within=10)
    simulator.add(pod("b", on="n1"))

    await feed.until(lambda f: "b" in f.names, within=6)


async def test_429_waits_as_long_as_it_is_told(simulator, make_feed):
    fault = simulator.faults.too_many_requests(retry_after=1, path="/api/v1/pods", verb="list", times=1)

    feed = await make_feed(listed=False)
    took = await feed.until(lambda f: f.record.health.listed)

    assert fault.hits == 1
    assert took >= 0.9


async def test_a_later_page_is_tried_again_by_itself(simulator, make_feed, pod):
    simulator.add(*[pod(f"p{number}", on="n1") for number in range(5)])
    feed = await make_feed(replace(PODS, page=2), listed=False)
    original = feed.feed._client.get
    asked = []

    async def failing(path, params=None, **more):
        asked.append(params.get("continue"))
        if len(asked) == 2:
            simulator.faults.server_error(503, path="/api/v1/pods", verb="list", times=1)
        return await original(path, params, **more)

    feed.feed._client.get = failing
    await feed.until(lambda f: f.record.health.listed)

    assert len(feed.names) == 5
    assert feed.feed.lists == 1
    assert asked[1] == asked[2]


async def test_500_again_and_again_is_stale_and_says_so(simulator, make_feed):
    feed = await make_feed()

    fault = simulator.faults.server_error(500, path="/api/v1/pods")
    simulator.faults.drop(path="/api/v1/pods", new_requests=False)
    await feed.until(lambda f: f.record.health.stale, within=4)

    assert "500" in feed.record.health.reason
    simulator.faults.clear()
    await feed.until(lambda f: not f.record.health.stale, within=4)
    assert fault.hits > 0


async def test_a_truncated_list_is_read_again(simulator, make_feed, pod):
    simulator.add(pod("a", on="n1"))
    simulator.faults.truncate(path="/api/v1/pods", verb="list", times=1)

    feed = await make_feed()

    assert feed.names == {"a"}


async def test_garbage_in_a_watch_is_passed_by(simulator, make_feed, pod):
    feed = await make_feed()

    fault = simulator.faults.garbage(path="/api/v1/pods", verb="watch", times=1)
    await feed.until(lambda _: fault.hits)
    simulator.add(pod("a", on="n1"))
    await feed.until(lambda f: "a" in f.names, within=3)

    assert feed.feed.lists == 1
    assert not feed.record.health.stale


async def test_a_missing_right_is_named_and_asked_for_again(simulator, make_feed, pod):
    simulator.add(pod("a", on="n1"))
    fault = simulator.faults.revoke_right("pods")
    feed = await make_feed(listed=False)
    await feed.until(lambda f: f.record.health.stale)
    assert feed.record.health.missing_right == "not allowed to list pods cluster-wide: grant list and watch on pods"

    simulator.faults.remove(fault)

    await feed.until(lambda f: f.names == {"a"} and f.record.health.missing_right is None)


async def test_a_right_that_is_revoked_while_watching_keeps_the_old_state_and_says_so(simulator, make_feed, pod):
    simulator.add(pod("a", on="n1"))
    feed = await make_feed()

    simulator.faults.revoke_right("pods")
    await feed.until(lambda f: f.record.health.missing_right is not None, within=4)

    assert feed.names == {"a"}
    assert feed.record.health.stale
    assert feed.record.health.listed


async def test_a_right_that_is_given_back_is_seen_by_a_watch_that_stays_silent(simulator, make_feed, pod):
    simulator.add(pod("a", on="n1"))
    feed = await make_feed(replace(PODS, silence=30))
    simulator.faults.garbage(path="/api/v1/pods", verb="watch", times=1)
    fault = simulator.faults.revoke_right("pods")
    await feed.until(lambda f: f.record.health.missing_right is not None, within=4)

    simulator.faults.remove(fault)

    await feed.until(lambda f: not f.record.health.stale, within=8)


async def test_one_unreadable_pod_hides_no_other(simulator, make_feed, pod):
    bad = pod("bad", on="n1")
    bad["spec"]["containers"] = "none"
    simulator.add(pod("a", on="n1"), bad)

    feed = await make_feed()
    simulator.add(pod("b", on="n1"))
    await feed.until(lambda f: f.names == {"a", "b"})

    assert set(feed.record.unreadable) == {"bad"}
    assert feed.record.unreadable["bad"].identity.node_name == "n1"


async def test_a_pod_that_becomes_unreadable_and_readable_again_is_followed(simulator, make_feed, pod):
    simulator.add(pod("a", on="n1"))
    feed = await make_feed()

    simulator.patch("pods", "default", "a", {"spec": {"containers": 7}})
    await feed.until(lambda f: set(f.record.unreadable) == {"a"})
    simulator.replace(pod("a", on="n2"))

    await feed.until(lambda f: f.names == {"a"} and not f.record.unreadable)
    assert feed.feed.lists == 1


async def test_a_stopped_server_is_stale_at_once_and_goes_on_when_it_is_back(simulator, make_feed, pod):
    simulator.add(pod("a", on="n1"))
    feed = await make_feed()
    port = simulator.port

    await simulator.stop()
    await feed.until(lambda f: f.record.health.stale, within=4)
    simulator.add(pod("b", on="n1"))
    await simulator.start(port)

    await feed.until(lambda f: f.names == {"a", "b"} and not f.record.health.stale, within=4)
    assert feed.feed.lists == 1


async def test_a_server_that_comes_back_with_an_older_state_is_listed_anew(simulator, make_feed, pod, node):
    simulator.add(*[pod(f"p{number}", on="n1") for number in range(20)])
    feed = await make_feed()
    port = simulator.port
    await simulator.stop()

    restored = type(simulator)()
    restored.add(pod("only", on="n1"))
    await restored.start(port)
    try:
        await feed.until(lambda f: f.names == {"only"}, within=5)
    finally:
        await restored.stop()


async def test_a_watch_line_of_megabytes_is_read(simulator, make_feed, pod):
    feed = await make_feed()

    simulator.add(pod("big", on="n1", annotations={"note": "x" * 3_000_000}))

    await feed.until(lambda f: f.names == {"big"})


async def test_other_work_goes_on_while_a_long_list_is_read(simulator, make_feed, pod):
    simulator.add(*[pod(f"p{number}", on="n1", annotations={"note": "x" * 8000}) for number in range(600)])
    turns = 0

    async def work():
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(work())
    feed = await make_feed(replace(PODS, page=50))
    task.cancel()

    assert len(feed.names) == 600
    assert turns > 12


async def test_nodes_are_followed_alike(simulator, make_feed, node):
    simulator.add(node("n1"))
    feed = await make_feed(NODES)

    simulator.patch("nodes", None, "n1", {"spec": {"unschedulable": True}})

    await feed.until(lambda f: f.record.objects["n1"].spec.unschedulable is True, within=1)


async def test_a_server_that_was_silent_for_long_is_followed_again_within_five_seconds(simulator, make_feed, pod):
    feed = await make_feed()
    fault = simulator.faults.half_open()
    simulator.faults.drop(new_requests=False)
    await feed.until(lambda f: f.record.health.stale)
    await asyncio.sleep(3.5)

    simulator.faults.clear()
    simulator.add(pod("b", on="n1"))

    assert fault.hits > 1
    await feed.until(lambda f: "b" in f.names and not f.record.health.stale, within=5)
    assert feed.feed.lists == 1


async def test_a_page_that_never_comes_is_asked_for_again_once_the_server_answers(simulator, make_feed, pod):
    simulator.add(pod("a", on="n1"))
    simulator.faults.half_open(path="/api/v1/pods", verb="list", times=1)

    feed = await make_feed(listed=False)

    await feed.until(lambda f: f.record.health.listed, within=4)
    assert feed.feed.lists == 1


@pytest.mark.parametrize("ends", ["never", "slowly"])
async def test_a_watch_that_comes_drop_by_drop_is_no_proof_that_all_is_told(simulator, make_feed, ends):
    feed = await make_feed()
    line = b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"%s"}}}\n' % feed.feed.revision.encode()
    drops = itertools.cycle([b"{"] if ends == "never" else [line[at : at + 6] for at in range(0, len(line), 6)])
    release = asyncio.Event()
    original = feed.feed._client.stream

    class Dripping:
        """An open watch of which one byte comes each tenth of a second."""

        def hurry(self, *, within):
            pass

        async def read(self, *, within):
            if release.is_set():
                return b""
            await asyncio.sleep(0.1)
            return next(drops)

    @contextlib.asynccontextmanager
    async def dripping(path, params=None, **more):
        if release.is_set():
            async with original(path, params, **more) as chunks:
                yield chunks
        else:
            yield Dripping()

    feed.feed._client.stream = dripping
    await feed.until(lambda f: f.record.health.stale, within=7)
    release.set()

    await feed.until(lambda f: not f.record.health.stale, within=5)


async def test_a_silent_watch_is_replaced_at_once_where_another_has_lost_its_connection(simulator, make_feed, pod):
    feed = await make_feed(replace(PODS, silence=30))
    fault = simulator.faults.half_open(verb="watch", new_requests=False, times=1)
    await feed.until(lambda _: fault.hits)
    simulator.add(pod("b", on="n1"))

    feed.feed.doubt()

    await feed.until(lambda f: "b" in f.names, within=2)
    assert not any(health.stale for health in feed.record.reports)


async def test_a_watch_that_can_not_be_replaced_is_stale_soon_where_another_has_lost_its_connection(
    simulator, make_feed
):
    feed = await make_feed(replace(PODS, silence=30))
    simulator.faults.half_open()

    feed.feed.doubt()

    await feed.until(lambda f: f.record.health.stale, within=4)


@pytest.mark.parametrize("asked", ["-3", "nan", "inf", "1e9", "Wed, 21 Oct 2099 07:28:00 GMT", "soon", ""])
async def test_a_strange_retry_after_keeps_nobody_waiting(asked):
    error = error_of(503, b"{}", retry_after=asked)

    assert 0 <= asked_to_wait(error) <= 3
