"""Long lists: compressed pages, each asked for while the one before it is digested."""

import asyncio
import contextlib
import gzip
import json

import pytest

from moorage.kube.client import Client, Endpoint
from moorage.kube.errors import ApiError, Unreachable
from moorage.kube.following.listing import Pages, list_all
from moorage.kube.resources import PODS

PAGES = 4


def page(number, *, items_first=False):
    """A list of three hundred pods that names the page after it, if there is one."""
    token = {"continue": str(number + 1)} if number + 1 < PAGES else {}
    names = [f"pod-{number}-{each}" for each in range(300)]
    parts = {
        "metadata": {"resourceVersion": "7", **token},
        "items": [{"metadata": {"name": name, "uid": name}, "spec": {"containers": []}} for name in names],
    }
    return json.dumps(dict(reversed(parts.items())) if items_first else parts, separators=(",", ":")).encode()


class Names:
    """A sink that keeps names."""

    def __init__(self):
        self.names, self.whole = [], False

    def begin(self, resource):
        self.whole = False

    def page(self, resource, page):
        self.names += [item.metadata.name for item in page.objects]

    def end(self, resource):
        self.whole = True


@pytest.fixture
async def answering():
    """`await answering(answer)`: a client of a server that answers each page with `answer(token)`: status and body."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(answer):
            asked = []

            async def serve(reader, writer):
                stack.callback(writer.close)
                with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                    while True:
                        line = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0].decode()
                        token = int(line.split("continue=")[1].split("&")[0].split()[0]) if "continue=" in line else 0
                        asked.append(token)
                        status, body = answer(token)
                        head = f"HTTP/1.1 {status} X\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n"
                        writer.write(head.encode() + body)

            server = await asyncio.start_server(serve, "127.0.0.1", 0)
            stack.callback(server.close)
            endpoint = Endpoint(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            return await stack.enter_async_context(Client(endpoint)), asked

        yield start


@pytest.mark.parametrize("items_first", [False, True])
async def test_a_list_in_compressed_pages_is_read_whole(answering, items_first):
    client, asked = await answering(lambda token: (200, gzip.compress(page(token, items_first=items_first))))
    sink = Names()

    revision = await list_all(PODS, client=client, sink=sink, within=10)

    assert revision == "7"
    assert sink.whole
    assert len(set(sink.names)) == len(sink.names) == PAGES * 300
    assert asked == list(range(PAGES))


async def test_a_page_is_asked_for_before_the_one_before_it_is_digested():
    asked, second = [], asyncio.Event()

    async def fetch(token):
        asked.append(token)
        if token:
            second.set()
        return page(int(token or 0))

    async with Pages(fetch) as pages:
        await pages.get("")
        async with asyncio.timeout(5):
            await second.wait()
        await pages.get("1")

    assert asked[:2] == ["", "1"]
    assert asked.count("1") == 1


async def test_what_does_not_unpack_is_no_answer(answering):
    client, _ = await answering(lambda _: (200, gzip.compress(page(0))[:-20]))

    with pytest.raises(Unreachable):
        await client.get("/", within=5)


async def test_a_compressed_refusal_is_read(answering):
    refusal = json.dumps({"kind": "Status", "message": "the quota of requests is used up"}).encode()
    client, _ = await answering(lambda _: (429, gzip.compress(refusal)))

    with pytest.raises(ApiError, match="the quota of requests is used up"):
        await client.get("/", within=5)
