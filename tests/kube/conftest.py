"""A sink that remembers, and a feed that runs against the simulator until the test ends."""

import asyncio
import contextlib

import pytest

from moorage.kube.client import Client, Endpoint
from moorage.kube.following.feed import Feed, follow
from moorage.kube.following.sink import Health
from moorage.kube.resources import PODS


class Record:
    """What a feed has told, as a store would hold it."""

    def __init__(self) -> None:
        self.objects = {}
        self.unreadable = {}
        self.events = []
        self.health = Health()
        self.reports = []
        self._pending = None

    def begin(self, resource):
        self._pending = {}, {}
        self.events.append("begin")

    def page(self, resource, page):
        objects, unreadable = self._pending
        objects.update((item.metadata.name, item) for item in page.objects)
        unreadable.update((item.identity.name, item) for item in page.unreadable)
        self.events.append("page")

    def end(self, resource):
        self.objects, self.unreadable = self._pending
        self.events.append("end")

    def put(self, resource, item):
        self.objects[item.metadata.name] = item
        self.unreadable.pop(item.metadata.name, None)

    def put_unreadable(self, resource, item):
        self.unreadable[item.identity.name] = item
        self.objects.pop(item.identity.name, None)

    def drop(self, resource, item):
        name = item.identity.name if hasattr(item, "identity") else item.metadata.name
        self.objects.pop(name, None)
        self.unreadable.pop(name, None)

    def report(self, resource, health):
        self.health = health
        self.reports.append(health)


class Running:
    """A feed at work and what it told; `until` waits with a deadline."""

    def __init__(self, feed, record) -> None:
        self.feed = feed
        self.record = record

    @property
    def names(self):
        return set(self.record.objects)

    async def until(self, holds, *, within=5.0):
        loop = asyncio.get_running_loop()
        started = loop.time()
        while not holds(self):
            assert loop.time() - started < within, f"not within {within} s: {self.names} {self.record.health}"
            await asyncio.sleep(0.01)
        return loop.time() - started


@pytest.fixture
def record():
    return Record()


@pytest.fixture
async def client(simulator):
    async with Client(Endpoint(simulator.url)) as client:
        yield client


@pytest.fixture
async def make_feed(client):
    """`await make_feed(PODS)`: a feed that runs."""
    async with contextlib.AsyncExitStack() as stack:

        async def make(resource=PODS, *, listed=True):
            record = Record()
            running = Running(Feed(resource, client=client, sink=record), record)
            task = asyncio.create_task(follow(running.feed))
            stack.push_async_callback(_end, task)
            if listed:
                await running.until(lambda r: r.feed.watches > 0)
            return running

        yield make


async def _end(task):
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
