"""A live cluster on the simulator, and a way to wait for what it shows."""

import asyncio
import contextlib
import json

import pytest

from moorage.cluster.live import LiveCluster
from moorage.kube.client import Client, Endpoint


class Watching:
    """A live cluster that runs; `until` waits with a deadline."""

    def __init__(self, live) -> None:
        self.live = live

    @property
    def nodes(self):
        snapshot = self.live.snapshot
        return {node["name"]: node for node in json.loads(snapshot.array())} if snapshot is not None else {}

    async def until(self, holds, *, within=5.0):
        loop = asyncio.get_running_loop()
        started = loop.time()
        while not holds(self):
            assert loop.time() - started < within, f"not within {within} s: {self.nodes} {self.live.status}"
            await asyncio.sleep(0.005)
        return loop.time() - started


@pytest.fixture
async def start(simulator):
    """`await start()`: a live cluster, ready; keywords go to LiveCluster."""
    async with contextlib.AsyncExitStack() as stack:

        async def begin(*, ready=True, **how):
            client = await stack.enter_async_context(Client(Endpoint(simulator.url)))
            watching = Watching(LiveCluster(client, **how))
            task = asyncio.create_task(watching.live.run())
            stack.push_async_callback(_end, task)
            if ready:
                await watching.until(lambda w: w.live.ready)
            return watching

        yield begin


async def _end(task):
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
