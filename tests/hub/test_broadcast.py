"""Changes to open pages: the same bytes for all, and no page waits for another."""

import asyncio
import json

import pytest

from moorage.hub.view import broadcast as module
from moorage.hub.view.broadcast import Broadcast
from moorage.hub.view.client import ServiceClient


class Eyes:
    """Of a person who may see these things."""

    def __init__(self, *, names=False, own=None):
        self.names = names
        self._own = own or {}

    def own(self):
        return self._own


NOBODY = Eyes()
CARD = {"model": "T4", "state": "held", "state_text": "held"}


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
    from moorage.hub.view.sse import Event

    return Event(name, json.dumps(data))


async def test_a_page_gets_the_whole_picture_and_then_changes(broadcast, client, load):
    fake, until = load("moorage_test_fake_service"), load("moorage_test_rig").until
    await put(client, fake, fake.node_json("atlas"))
    page = Page()

    broadcast.join(page, NOBODY)
    await client._take(module_event("nodes", {"changed": [fake.node_json("atlas", cpu_free=1)], "removed": []}))

    await until(lambda: page.events("nodes"))
    assert [node["name"] for node in page.events("snapshot")[0]["nodes"]] == ["atlas"]
    assert page.events("nodes")[-1]["changed"][0]["cpu"]["available"] == 1000


async def test_all_pages_get_the_very_same_bytes(broadcast, client, load):
    fake, until = load("moorage_test_fake_service"), load("moorage_test_rig").until
    pages = [Page() for _ in range(20)]
    for page in pages:
        broadcast.join(page, NOBODY)

    await put(client, fake, fake.node_json("atlas"))

    await until(lambda: all(page.events("nodes") for page in pages))
    assert all(page.got[-1] is pages[0].got[-1] for page in pages)


async def test_a_page_that_takes_nothing_holds_up_nobody_and_is_let_go(broadcast, client, load, monkeypatch):
    monkeypatch.setattr(module, "_STALLED_SECONDS", 0.2)
    fake, until = load("moorage_test_fake_service"), load("moorage_test_rig").until
    stuck, well = Page(stuck=True), Page()
    broadcast.join(stuck, NOBODY)
    broadcast.join(well, NOBODY)

    for number in range(5):
        await put(client, fake, fake.node_json("atlas", cpu_free=number))
        await until(lambda number=number: len(well.events("nodes")) > number)

    assert len(stuck.got) == 1
    await until(lambda: stuck.closed)
    assert len(broadcast) == 1


async def test_silence_is_broken_every_second(broadcast, load):
    page = Page()

    broadcast.join(page, NOBODY)

    await load("moorage_test_rig").until(lambda: page.events("ping"))


async def test_names_are_in_the_bytes_of_those_alone_who_may_see_them(broadcast, client, load):
    fake, until = load("moorage_test_fake_service"), load("moorage_test_rig").until
    plain, other, named = Page(), Page(), Page()
    for page, eyes in (plain, NOBODY), (other, Eyes(own={"lab/bob": "your server"})), (named, Eyes(names=True)):
        broadcast.join(page, eyes)

    await put(client, fake, fake.node_json("atlas", cards=[{**CARD, "holder": "lab/ada"}]))

    await until(lambda: all(page.events("nodes") for page in (plain, other, named)))
    assert "lab/ada" in str(named.events("nodes"))
    assert b"ada" not in b"".join(plain.got)
    assert other.got[-1] is plain.got[-1]


async def test_an_own_server_is_told_behind_the_bytes_of_all(broadcast, client, load):
    fake, until = load("moorage_test_fake_service"), load("moorage_test_rig").until
    atlas = fake.node_json("atlas", cards=[{**CARD, "holder": "lab/ada"}, {**CARD, "holder": "lab/bob"}])
    await put(client, fake, atlas, fake.node_json("borg", cards=[{**CARD, "holder": "lab/bob"}]))
    page = Page()

    broadcast.join(page, Eyes(own={"lab/ada": "your server"}))
    await client._take(module_event("nodes", {"changed": [atlas], "removed": []}))

    await until(lambda: page.events("nodes"))
    assert page.events("cards") == [{"atlas": ["T4: held by your server", "T4: held"]}] * 2
    assert b"bob" not in b"".join(page.got)


async def test_a_right_that_is_taken_back_takes_the_names_from_an_open_page(broadcast, client, load):
    fake, until = load("moorage_test_fake_service"), load("moorage_test_rig").until
    await put(client, fake, fake.node_json("atlas", cards=[{**CARD, "holder": "lab/ada"}]))
    page, eyes = Page(), Eyes(names=True)
    broadcast.join(page, eyes)
    assert "lab/ada" in str(page.events("snapshot"))

    eyes.names = False

    await until(lambda: len(page.events("snapshot")) == 2)
    assert "lab/ada" not in str(page.events("snapshot")[1])


async def test_a_person_of_whom_nothing_can_be_told_any_more_holds_up_nobody(broadcast, client, load):
    fake, until = load("moorage_test_fake_service"), load("moorage_test_rig").until
    atlas = fake.node_json("atlas", cards=[{**CARD, "holder": "lab/ada"}])
    gone, well, eyes = Page(), Page(), Eyes()
    broadcast.join(gone, eyes)
    broadcast.join(well, NOBODY)
    eyes.own = lambda: 1 / 0

    await put(client, fake, atlas)

    await until(lambda: well.events("nodes") and well.events("ping"))
    assert gone.closed
    assert len(broadcast) == 1
