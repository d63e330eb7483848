"""A real service on a loopback port, on a simulated cluster."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import httpx2
import msgspec
import pytest

from moorage.service.run import serving
from moorage.service.settings import Settings
from rig.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

DEADLINE = 10


class Events:
    """The messages of one open stream."""

    def __init__(self, response: httpx2.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()
        self.pings = 0

    async def next(self) -> tuple[str, Any, str | None]:
        """The next message: event, data, id."""
        event, data, identity = "message", "", None
        async with asyncio.timeout(DEADLINE):
            async for line in self._lines:
                if line.startswith(":"):
                    self.pings += 1
                elif line.startswith("event: "):
                    event = line[7:]
                elif line.startswith("id: "):
                    identity = line[4:]
                elif line.startswith("data: "):
                    data += line[6:]
                elif not line and data:
                    return event, msgspec.json.decode(data), identity
        raise EOFError("the stream has ended")

    async def until(self, wanted: str, check: Callable[[Any], bool] = lambda _: True) -> tuple[Any, str | None]:
        async with asyncio.timeout(DEADLINE):
            while True:
                event, data, identity = await self.next()
                if event == wanted and check(data):
                    return data, identity


class Service:
    def __init__(self, url: str, parts: Any, client: httpx2.AsyncClient) -> None:
        self.url = url
        self.parts = parts
        self.client = client

    async def get(self, path: str, **options: Any) -> httpx2.Response:
        return await self.client.get(path, **options)

    async def nodes(self) -> dict[str, Any]:
        answer = await self.client.get("/api/v1/cluster/resources")
        assert answer.status_code == 200, answer.text
        return {node["name"]: node for node in answer.json()}

    @contextlib.asynccontextmanager
    async def stream(self, **headers: str) -> AsyncIterator[Events]:
        async with self.client.stream("GET", "/api/v1/cluster/stream", headers=headers) as response:
            yield Events(response)

    async def until(self, check: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The nodes, as soon as they are as wanted."""
        async with asyncio.timeout(DEADLINE):
            while True:
                answer = await self.client.get("/api/v1/cluster/resources")
                if answer.status_code == 200:
                    nodes = {node["name"]: node for node in answer.json()}
                    if check(nodes):
                        return nodes
                await asyncio.sleep(0.02)

    async def ready(self) -> None:
        async with asyncio.timeout(DEADLINE):
            while (await self.client.get("/readyz")).status_code != 200:
                await asyncio.sleep(0.02)


@pytest.fixture
async def serve(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[..., Any]]:
    """`await serve(api_server=…)` starts a service with these settings; it ends with the test."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"MOORAGE_{name.upper()}", raising=False)
    async with contextlib.AsyncExitStack() as stack:

        async def start(**settings: Any) -> Service:
            url, parts = await stack.enter_async_context(serving(Settings(port=0, **settings)))
            client = await stack.enter_async_context(httpx2.AsyncClient(base_url=url, timeout=DEADLINE))
            return Service(url, parts, client)

        yield start


@pytest.fixture
async def service(serve: Callable[..., Any], simulator: Any) -> Service:
    """A service that follows the simulator and has read it."""
    started = await serve(api_server=simulator.url)
    await started.ready()
    return started


class Process:
    """`moorage serve` as a process, and what it logs."""

    def __init__(self, process: Any, port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self.lines: list[dict[str, Any]] = []
        self.raw: list[str] = []
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for line in self.process.stderr:
            self.raw.append(line.decode())
            self.lines.append(json.loads(line))

    async def ready(self) -> None:
        async with asyncio.timeout(30), httpx2.AsyncClient() as client:
            while True:
                try:
                    if (await client.get(f"{self.url}/readyz")).status_code == 200:
                        return
                except httpx2.HTTPError:
                    pass
                await asyncio.sleep(0.05)

    async def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        async with asyncio.timeout(15):
            status = await self.process.wait()
            await self._reading
        return status

    def said(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line.get("event") == event]


@pytest.fixture
async def start(simulator: Any) -> AsyncIterator[Callable[..., Any]]:
    """`await start(*arguments, **environment)` starts `moorage serve` as a process on the simulated cluster."""
    started: list[Any] = []

    async def one(*arguments: str, **env: str) -> Process:
        port = free_port()
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("MOORAGE_", "KUBE"))}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "moorage.cli", "serve", "--port", str(port), "--api-server", simulator.url),
            *arguments,
            stderr=asyncio.subprocess.PIPE,
            env={**clean, **env},
        )
        started.append(process)
        return Process(process, port)

    yield one
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.wait()
