"""Connections to the API server: kept while they are in use, and not trusted after they have lain idle."""

import asyncio
import contextlib

import pytest

from moorage.kube import client as client_module
from moorage.kube.client import Client, Endpoint


@pytest.fixture
async def server():
    """A server that answers so many requests on each connection, and then says nothing on it any more."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(*, answers):
            connections = []

            async def serve(reader, writer):
                connections.append(writer)
                with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                    for _ in range(answers):
                        await reader.readuntil(b"\r\n\r\n")
                        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                    await reader.read()

            listening = await asyncio.start_server(serve, "127.0.0.1", 0)
            stack.callback(listening.close)
            client = await stack.enter_async_context(
                Client(Endpoint(f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"))
            )
            stack.callback(lambda: [writer.close() for writer in connections])
            return client, connections

        yield start


async def test_requests_that_follow_each_other_share_a_connection(server):
    client, connections = await server(answers=9)

    await client.get("/a")
    await client.get("/b")

    assert len(connections) == 1


async def test_a_connection_that_has_lain_idle_is_not_used_again(server, monkeypatch):
    monkeypatch.setattr(client_module, "_IDLE_FOR", 0.02)
    client, connections = await server(answers=1)
    await client.get("/a")
    await asyncio.sleep(0.1)

    assert await client.get("/b", within=5) == b"{}"

    assert len(connections) == 2


async def test_a_name_that_moves_to_another_address_is_followed_there_at_once(monkeypatch):
    """The old address takes connections and is silent from then on."""
    loop = asyncio.get_running_loop()
    address = ["127.0.0.1"]
    waits = asyncio.Event()

    async def silent(reader, writer):
        waits.set()
        await reader.read()
        writer.close()

    async def well(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        await reader.read()
        writer.close()

    resolve = loop.getaddrinfo

    async def getaddrinfo(host, *more, **how):
        return await resolve(address[0] if host == "api.example" else host, *more, **how)

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    async with await asyncio.start_server(silent, "127.0.0.1", 0) as old:
        port = old.sockets[0].getsockname()[1]
        async with (
            await asyncio.start_server(well, "127.0.0.2", port),
            Client(Endpoint(f"http://api.example:{port}")) as client,
        ):
            asking = asyncio.create_task(client.get("/a", within=30))
            await asyncio.wait_for(waits.wait(), 5)

            address[0] = "127.0.0.2"

            assert await asyncio.wait_for(asking, 5) == b"{}"
