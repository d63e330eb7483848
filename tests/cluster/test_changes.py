"""What a slow follower is given."""

import asyncio

from moorage.cluster.changes import Change, Follower
from moorage.cluster.status import Status

STATUS = Status(stale=False, since=None, reason=None, feeds={})


def change(revision, changed=(), removed=()):
    return Change(revision, dict.fromkeys(changed, b"%d" % revision), list(removed), STATUS)


async def read(follower):
    return await asyncio.wait_for(anext(follower.read()), 1)


async def test_changes_that_were_not_read_are_merged_and_the_newest_wins():
    follower = Follower()
    follower.tell(change(1, ["a", "b"]))
    follower.tell(change(2, ["b", "c"]))

    assert await read(follower) == Change(2, {"a": b"1", "b": b"2", "c": b"2"}, [], STATUS)


async def test_a_node_that_went_and_came_back_is_not_gone():
    follower = Follower()
    follower.tell(change(1, removed=["a"]))
    follower.tell(change(2, ["a"]))

    assert await read(follower) == Change(2, {"a": b"2"}, [], STATUS)


async def test_a_node_that_changed_and_went_is_gone():
    follower = Follower()
    follower.tell(change(1, ["a"]))
    follower.tell(change(2, removed=["a"]))

    assert await read(follower) == Change(2, {}, ["a"], STATUS)
