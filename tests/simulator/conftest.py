from __future__ import annotations

import asyncio
import json
import time

import aiohttp
import pytest


class Http:
    """A session, and the few calls that these tests make."""

    def __init__(self, session: aiohttp.ClientSession, base: str) -> None:
        self.session = session
        self.base = base

    async def get(self, path, **how):
        async with self.session.get(self.base + path, **how) as answer:
            return answer.status, await answer.json(content_type=None), answer.headers

    async def send(self, method, path, body=None, **how):
        async with self.session.request(method, self.base + path, json=body, **how) as answer:
            return answer.status, await answer.json(content_type=None)


@pytest.fixture
async def http(simulator):
    async with aiohttp.ClientSession() as session:
        yield Http(session, simulator.url)


@pytest.fixture
def until():
    """`await until(check)` asks again until the answer is true, and gives it."""

    async def ask(check, *, seconds=10):
        deadline = time.monotonic() + seconds
        while not (found := check()):
            assert time.monotonic() < deadline, "it did not happen in time"
            await asyncio.sleep(0.01)
        return found

    return ask


@pytest.fixture
def next_event():
    async def read(answer, *, seconds=5):
        line = await asyncio.wait_for(answer.content.readline(), seconds)
        return json.loads(line)

    return read
