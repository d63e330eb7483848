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
