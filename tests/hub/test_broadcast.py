"""Changes to open pages: the same bytes for all, and no page waits for another."""

import asyncio
import json

import pytest

from moorage.hub import broadcast as module
from moorage.hub.broadcast import Broadcast
from moorage.hub.client import ServiceClient


class Page:
    """One that takes its bytes at once, or not at all."""

    def __init__(self, *, stuck=False):
        self.got = []
        self.stuck = stuck
        self.closed = False

    def send(self, data):
        self.got.append(data)
        sent = asyncio.get_running_loop().create_future()
        if not self.stuck:
            sent.set_result(None)
        return sent

    def close(self):
        self.closed = True

    def events(self, name):
        blocks = b"".join(self.got).decode().split("\n\n")
        return [json.loads(block.split("data: ", 1)[1]) for block in blocks if block.startswith(f"event: {name}\n")]


@pytest.fixture
async def client():
    client = ServiceClient("http://127.0.0.1:1")
    yield client
    await client.close()


@pytest.fixture
async def broadcast(client):
    broadcast = Broadcast(client, interval=0.01)
    broadcast.start()
    yield broadcast
    await broadcast.close()


async def put(client, fake, *nodes):
    await client._take(module_event("snapshot", {"nodes": list(nodes), "status": {"stale": False}}))


def module_event(name, data):
    from moorage.hub.sse import Event

    return Event(name, json.dumps(data))


async def test_a_page_gets_the_whole_picture_and_then_changes(broadcast, client, load):
    fake, until = load("moorage_test_fake_service"), load("moorage_test_rig").until
    await put(client, fake, fake.node_json("atlas"))
    page = Page()

    broadcast.join(page)
    await client._take(module_event("nodes", {"changed": [fake.node_json("atlas", cpu_free=1)], "removed": []}))

    await until(lambda: page.events("nodes"))
    assert [node["name"] for node in page.events("snapshot")[0]["nodes"]] == ["atlas"]
    assert page.events("nodes")[-1]["changed"][0]["cpu"]["available"] == 1000


async def test_all_pages_get_the_very_same_bytes(broadcast, client, load):
    fake, until = load("moorage_test_fake_service"), load("moorage_test_rig").until
    pages = [Page() for _ in range(20)]
    for page in pages:
        broadcast.join(page)

    await put(client, fake, fake.node_json("atlas"))

    await until(lambda: all(page.events("nodes") for page in pages))
    assert all(page.got[-1] is pages[0].got[-1] for page in pages)


async def test_a_page_that_takes_nothing_holds_up_nobody_and_is_let_go(broadcast, client, load, monkeypatch):
    monkeypatch.setattr(module, "_STALLED_SECONDS", 0.2)
    fake, until = load("moorage_test_fake_service"), load("moorage_test_rig").until
    stuck, well = Page(stuck=True), Page()
    broadcast.join(stuck)
    broadcast.join(well)

    for number in range(5):
        await put(client, fake, fake.node_json("atlas", cpu_free=number))
        await until(lambda number=number: len(well.events("nodes")) > number)

    assert len(stuck.got) == 1
    await until(lambda: stuck.closed, seconds=5)
    assert len(broadcast) == 1


async def test_silence_is_broken_every_second(broadcast, load):
    page = Page()

    broadcast.join(page)

    await load("moorage_test_rig").until(lambda: page.events("ping"), seconds=3)
