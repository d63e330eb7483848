"""Nodes as cards see them, and servers that speak the protocols of the sources: exporters, Prometheus, exec."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import WSMsgType, web
from aiohttp.test_utils import TestServer

from moorage.gpus.cards import Cards
from moorage.gpus.view import NodeView
from moorage.kube.client import Client, Endpoint

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from moorage.gpus.facts import CardFact

NOW = 1_700_000_000.0


@dataclass
class Fixed:
    """A source that knows what it is told."""

    known: list[CardFact] = field(default_factory=list)
    name: str = "fixed"
    activity: bool = True
    trouble: str | None = None

    async def run(self, on_change: Any) -> None:
        await asyncio.Event().wait()

    def facts(self, node: NodeView) -> list[CardFact]:
        return self.known

    def problem(self, node: NodeView) -> str | None:
        return self.trouble


@pytest.fixture
def fixed() -> type[Fixed]:
    return Fixed


@pytest.fixture
def details() -> Callable[..., list[dict[str, Any]]]:
    """The `gpu_details` of a node with these facts about its cards."""

    def make(
        *facts: CardFact, holders: str = "pod", now: float = NOW, trouble: str | None = None, **node: Any
    ) -> list[dict[str, Any]]:
        source = Fixed(list(facts), trouble=trouble)
        sources = [source] if facts or trouble else []
        return Cards(sources, holders=holders, clock=lambda: now).details(NodeView(name="n1", **node))

    return make


@dataclass
class Kube:
    """A little API server: pods of exporters by label, and exec over a websocket."""

    pods: list[dict[str, Any]] = field(default_factory=list)
    execs: list[dict[str, Any]] = field(default_factory=list)
    forbid_list: bool = False
    forbid_exec: bool = False
    running: Callable[[web.WebSocketResponse, dict[str, Any]], Awaitable[None]] | None = None
    server: TestServer | None = None

    def add_pod(self, node: str, *, labels: dict[str, str], container: str = "c", **status: Any) -> dict[str, Any]:
        pod = {
            "metadata": {
                "name": f"pod-{len(self.pods)}",
                "namespace": "gpu",
                "uid": f"u{len(self.pods)}",
                "labels": labels,
            },
            "spec": {"nodeName": node, "containers": [{"name": container}]},
            "status": {
                "phase": "Running",
                "podIP": "127.0.0.1",
                "containerStatuses": [{"name": container, "ready": True, "containerID": "containerd://1"}],
                **status,
            },
        }
        self.pods.append(pod)
        return pod

    @property
    def client(self) -> Client:
        assert self.server is not None
        return Client(Endpoint(str(self.server.make_url("/")).rstrip("/")))

    async def list_pods(self, request: web.Request) -> web.Response:
        if self.forbid_list:
            return web.json_response({"kind": "Status", "code": 403, "reason": "Forbidden"}, status=403)
        key, _, value = request.query.get("labelSelector", "").partition("=")
        namespace = request.match_info.get("namespace")
        items = [
            pod
            for pod in self.pods
            if pod["metadata"]["labels"].get(key) == value and namespace in (None, pod["metadata"]["namespace"])
        ]
        return web.json_response({"kind": "PodList", "metadata": {"resourceVersion": "1"}, "items": items})

    async def exec(self, request: web.Request) -> web.StreamResponse:
        if self.forbid_exec:
            return web.json_response({"kind": "Status", "code": 403, "reason": "Forbidden"}, status=403)
        socket = web.WebSocketResponse(protocols=("v5.channel.k8s.io", "v4.channel.k8s.io"))
        await socket.prepare(request)
        call = {
            "pod": request.match_info["pod"],
            "namespace": request.match_info["namespace"],
            "command": request.query.getall("command"),
            "container": request.query.get("container"),
            "protocol": socket.ws_protocol,
            "running": True,
        }
        self.execs.append(call)
        try:
            assert self.running is not None
            await self.running(socket, call)
            await socket.close()
        finally:
            call["running"] = False
        return socket


async def finish(socket: web.WebSocketResponse, stdout: str = "", *, stderr: str = "", code: int = 0) -> None:
    """End an exec as the kubelet does: its output, then how it ended."""
    if stdout:
        await socket.send_bytes(b"\x01" + stdout.encode())
    if stderr:
        await socket.send_bytes(b"\x02" + stderr.encode())
    status: dict[str, Any] = {"metadata": {}, "status": "Success"}
    if code:
        status = {
            "metadata": {},
            "status": "Failure",
            "reason": "NonZeroExitCode",
            "message": f"command terminated with non-zero exit code: exit status {code}",
            "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
        }
    await socket.send_bytes(b"\x03" + json.dumps(status).encode())


@pytest.fixture
def end_exec() -> Callable[..., Awaitable[None]]:
    return finish


@pytest.fixture
def hang() -> Callable[..., Awaitable[None]]:
    """An exec that neither ends nor says anything, until the other side goes away."""

    async def forever(socket: web.WebSocketResponse, call: dict[str, Any]) -> None:
        async for message in socket:
            if message.type in (WSMsgType.CLOSE, WSMsgType.ERROR):
                break

    return forever


@pytest.fixture
async def kube() -> AsyncIterator[Kube]:
    """An API server with no pods yet."""
    api = Kube()
    app = web.Application()
    app.router.add_get("/api/v1/pods", api.list_pods)
    app.router.add_get("/api/v1/namespaces/{namespace}/pods", api.list_pods)
    app.router.add_get("/api/v1/namespaces/{namespace}/pods/{pod}/exec", api.exec)
    api.server = TestServer(app, host="127.0.0.1")
    await api.server.start_server(shutdown_timeout=0.1)
    yield api
    await api.server.close()


@dataclass
class Web:
    """A server that answers every path as it is told, and remembers what it was asked."""

    port: int = 0
    answer: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None
    asked: list[str] = field(default_factory=list)

    def say(self, text: str, *, status: int = 200) -> None:
        async def answer(request: web.Request) -> web.StreamResponse:
            return web.Response(text=text, status=status)

        self.answer = answer


@asynccontextmanager
async def serving() -> AsyncIterator[Web]:
    told = Web()

    async def handle(request: web.Request) -> web.StreamResponse:
        told.asked.append(request.path_qs)
        assert told.answer is not None
        return await told.answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(shutdown_timeout=0.1)
    told.port = server.port or 0
    try:
        yield told
    finally:
        await server.close()


@pytest.fixture
async def exporter() -> AsyncIterator[Web]:
    async with serving() as told:
        yield told


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """Wait until something is true, with a deadline."""

    async def wait(condition: Callable[[], bool], *, within: float = 10.0) -> None:
        async with asyncio.timeout(within):
            while not condition():
                await asyncio.sleep(0.01)

    return wait
