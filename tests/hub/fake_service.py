"""A stand-in for the service that can also be slow, silent, broken or gone; the real one is used where its answers matter."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

GI = 1 << 30


def node_json(
    name: str,
    *,
    cpu: float = 16,
    memory: int = 64 * GI,
    cpu_free: float | None = None,
    memory_free: int | None = None,
    gpus: dict[str, tuple[int, int]] | None = None,
    hostname: str | None = "",
    cards: list[dict[str, Any]] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A node as the service sends it; `gpus` is `{resource: (allocatable, available)}`."""

    def amounts(cores: float, amount: int) -> dict[str, Any]:
        return {
            "cpu": cores,
            "memory": f"{amount >> 30}Gi",
            "gpu": 0,
            "cpu_millicores": int(cores * 1000),
            "memory_bytes": amount,
        }

    free = amounts(cpu if cpu_free is None else cpu_free, memory if memory_free is None else memory_free)
    return {
        "name": name,
        "hostname_label": name if hostname == "" else hostname,
        "capacity": amounts(cpu, memory),
        "allocatable": amounts(cpu, memory),
        "available": free,
        "free": free,
        "gpu_units": [
            {
                "resource": resource,
                "capacity": all_,
                "allocatable": all_,
                "available": left,
                "allocated": all_ - left,
                "out_of_service": 0,
            }
            for resource, (all_, left) in (gpus or {}).items()
        ],
        "gpu_details": cards or [],
        "schedulable": True,
        "ready": True,
        "cordoned": False,
        "taints": [],
        "labels": {},
        **more,
    }


def machine_json(
    pool: str,
    kind: str | None = None,
    *,
    cpu: int = 4,
    memory: int = 16 * GI,
    extended: dict[str, int] | None = None,
    label: tuple[str, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A machine that is not there yet, as the service sends it."""
    size = {"cpu_millicores": cpu * 1000, "memory_bytes": memory, "extended": extended or {}}
    key, value = label or ("karpenter.sh/nodepool", pool)
    return {
        "pool": pool,
        "kind": kind,
        "source": "karpenter",
        "state": "can_be_added",
        "why": None,
        "capacity": size,
        "allocatable": size,
        "labels": {},
        "taints": [],
        "zones": [],
        "gpu": None,
        "left": None,
        "about_seconds": None,
        "since": None,
        "node": None,
        "label": {"key": key, "value": value},
        **more,
    }


IMAGES = [
    {
        "name": "minimal",
        "reference": "registry.example/jupyter/minimal:2026.11",
        "display_name": "Minimal",
        "description": "Python",
        "default": True,
    },
    {
        "name": "torch",
        "reference": "registry.example/jupyter/torch:latest",
        "display_name": "PyTorch",
        "description": "CUDA",
        "default": False,
        "os": ["linux"],
        "arch": ["amd64"],
    },
]


class FakeService:
    """`mode`: ok, slow (10 s before each answer), silent (connects and says nothing), nonsense, error."""

    def __init__(self) -> None:
        self.mode = "ok"
        self.nodes: dict[str, dict[str, Any]] = {}
        self.machines: Any = []
        self.images: Any = list(IMAGES)
        self.defaults: Any = {}
        self.verdict: Any = None
        self.asked: list[dict[str, Any]] = []
        self.revision = 1
        self.streams = 0
        self.resumed: list[str] = []
        self.port = 0
        self._queues: set[asyncio.Queue[bytes | None]] = set()
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self, port: int = 0) -> None:
        app = web.Application()
        app.router.add_get("/api/v1/cluster/stream", self._stream)
        app.router.add_post("/api/v1/cluster/fit", self._fit)
        app.router.add_get("/api/v1/cluster/machines", self._machines)
        app.router.add_get("/api/v1/images/jupyter", self._images)
        app.router.add_get("/api/v1/jupyterhub/config", self._config)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port or self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        self.drop()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def drop(self) -> None:
        """End all open streams."""
        for queue in self._queues:
            queue.put_nowait(None)

    def put(self, *nodes: dict[str, Any]) -> None:
        """Add or change nodes, and tell whoever listens."""
        self.nodes |= {node["name"]: node for node in nodes}
        self.say("nodes", {"changed": list(nodes), "removed": []})

    def remove(self, name: str) -> None:
        del self.nodes[name]
        self.say("nodes", {"changed": [], "removed": [name]})

    def status(self, *, stale: bool, reason: str | None = None, since: str | None = None) -> None:
        self.say("status", {"stale": stale, "reason": reason, "since": since})

    def say(self, name: str, data: Any) -> None:
        self.revision += 1
        if isinstance(data, dict) and name == "nodes":
            data = {"revision": self.revision, **data}
        for queue in self._queues:
            queue.put_nowait(self._message(name, data))

    def _message(self, name: str, data: Any) -> bytes:
        text = data if isinstance(data, str) else json.dumps(data)
        return f"id: e-{self.revision}\nevent: {name}\ndata: {text}\n\n".encode()

    async def _misbehave(self) -> web.Response | None:
        if self.mode == "slow":
            await asyncio.sleep(10)
        if self.mode == "error":
            return web.json_response({"error": {"code": "boom"}}, status=500)
        if self.mode == "nonsense":
            return web.Response(text="<html>Welcome to nginx!</html>", content_type="text/html")
        return None

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        self.streams += 1
        if request.headers.get("Last-Event-ID"):
            self.resumed.append(request.headers["Last-Event-ID"])
        if (answer := await self._misbehave()) is not None:
            return answer
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._queues.add(queue)
        try:
            if self.mode != "silent":
                whole = {"revision": self.revision, "nodes": list(self.nodes.values()), "status": {"stale": False}}
                await response.write(self._message("snapshot", whole))
            while True:
                try:
                    data = await asyncio.wait_for(queue.get(), 1)
                except TimeoutError:
                    data = b": ping\n\n"
                if data is None:
                    return response
                if self.mode != "silent":
                    await response.write(data)
        except ConnectionError:
            return response
        finally:
            self._queues.discard(queue)

    async def _fit(self, request: web.Request) -> web.Response:
        if (answer := await self._misbehave()) is not None:
            return answer
        self.asked.append(await request.json())
        verdict = self.verdict(self.asked[-1]) if callable(self.verdict) else self.verdict
        return web.json_response(
            verdict or {"fits": True, "revision": 1, "prefilter": None, "nodes": {}, "would_work": {}}
        )

    async def _machines(self, request: web.Request) -> web.Response:
        return await self._misbehave() or web.json_response(self.machines)

    async def _images(self, request: web.Request) -> web.Response:
        return await self._misbehave() or web.json_response(self.images)

    async def _config(self, request: web.Request) -> web.Response:
        return await self._misbehave() or web.json_response(self.defaults)
