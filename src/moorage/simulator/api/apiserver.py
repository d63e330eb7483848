"""The Kubernetes API over HTTP: from a request to an answer.

    request ─► faults ─► who ─► what (Target) ─► may they ─► Api / list / watch ─► JSON, Table or lines

One catch-all route, since the API's paths are regular; what is not a resource (discovery, versions, health, control)
has handlers of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from aiohttp import web

from moorage.errors import InvalidObject
from moorage.simulator.api import control, discovery, handlers
from moorage.simulator.api.request import Target, read_target
from moorage.simulator.lists.listing import encode_list, list_page
from moorage.simulator.lists.watching import error_line
from moorage.simulator.store.resources import KINDS
from moorage.simulator.store.status import Refusal, bad_request, expired, internal, too_many_requests

if TYPE_CHECKING:
    from moorage.simulator.api.backend import Backend
    from moorage.simulator.api.faults import Fault

Json = dict[str, Any]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_encode = msgspec.json.Encoder().encode


class ApiServer:
    """Answers from one `Backend` on one loopback port, below `prefix`."""

    def __init__(self, backend: Backend, *, prefix: str = "") -> None:
        self._backend = backend
        self._prefix = prefix
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> int:
        app = web.Application(client_max_size=16 * 1024 * 1024, middlewares=[_only_programs])
        control.add_routes(app, prefix=self._prefix, faults=self._backend.faults, storage=self._backend.api.storage)
        if self._prefix:
            app.router.add_get("/{check:livez|readyz|healthz}", discovery.health)
        app.router.add_route("*", self._prefix + "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.05)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, reuse_address=True)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        if self._runner is not None:
            for site in list(self._runner.sites):
                await site.stop()
            # A connection that was taken a moment ago belongs to nobody for some turns, and would be left open.
            for _ in range(5):
                await asyncio.sleep(0)
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path[len(self._prefix) :]
        try:
            target: Target | Refusal = read_target(request.method, path, request.query)
        except Refusal as refusal:
            target = refusal
        known = None if isinstance(target, Refusal) else target
        try:
            taken = self._backend.faults.take(path, known)
            for fault in taken:
                if (answer := await self._misbehave(fault, request, known)) is not None:
                    return answer
            user = self._backend.authorizer.user(request.headers.get("Authorization"))
            if known is None:
                found = await discovery.answer(
                    user, request, path, authorizer=self._backend.authorizer, addons=self._addons()
                )
                if found is None:
                    return _no_such_path(path, target)
                return found
            self._backend.authorizer.check(user, known)
            if known.kind.addon and not self._backend.api.storage.has_shelf(known.kind.key):
                return _no_such_path(path, known)
            return await handlers.answer(self._backend, request, known, odd={fault.kind for fault in taken})
        except Refusal as refusal:
            return _refuse(refusal)
        except (ConnectionResetError, asyncio.CancelledError):
            raise
        except InvalidObject as error:
            return _refuse(bad_request(str(error)))
        except Exception as error:
            return _refuse(internal(f"{type(error).__name__}: {error}"))

    def _addons(self) -> set[tuple[str, str]]:
        storage = self._backend.api.storage
        return {(kind.group, kind.version) for kind in KINDS if kind.addon and storage.has_shelf(kind.key)}

    async def _misbehave(self, fault: Fault, request: web.Request, target: Target | None) -> web.StreamResponse | None:
        """The answer that this fault gives; None where the request goes on (late, or on its stream)."""
        match fault.kind:
            case "delay":
                await asyncio.sleep(fault.seconds)
                return None
            case "answer":
                return web.Response(status=fault.status, headers=fault.headers, text=fault.body)
            case "half_open":
                await asyncio.Event().wait()
            case "refuse" if fault.status == 429:
                raise too_many_requests(int(fault.seconds))
            case "refuse":
                headers = {"Retry-After": str(int(fault.seconds))} if fault.seconds else {}
                raise Refusal(fault.status, "InternalError", "the simulator was told to fail here", headers=headers)
            case "gone" if not (fault.in_stream and target and target.verb == "watch"):
                raise expired("The resourceVersion for the provided list is too old.")
            case "gone":
                return handlers.json_answer(error_line(expired("too old resource version: 1 (2742)")))
            case "revoke" if target is not None:
                user = self._backend.authorizer.user(request.headers.get("Authorization"))
                self._backend.authorizer.refuse(user, target)
            case "drop":
                handlers.cut(request)
                return web.Response(status=500)
            case "garbage":
                return handlers.json_answer(handlers.GARBAGE)
            case "truncate":
                return await self._truncated(request, target)
            case _:
                pass
        return None

    async def _truncated(self, request: web.Request, target: Target | None) -> web.StreamResponse:
        whole = _encode({"kind": "List", "items": []})
        if target is not None and target.verb == "list":
            whole = encode_list(
                target.kind, list_page(self._backend.api.storage, target.kind, target.namespace, request.query)
            )
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(whole))})
        await response.prepare(request)
        await response.write(whole[: len(whole) // 2])
        handlers.cut(request)
        return response


def _no_such_path(path: str, target: Target | Refusal) -> web.Response:
    """Below a known group the real server answers with a Status, elsewhere with a line of text."""
    if isinstance(target, Refusal) and (target.code != 404 or discovery.knows(path)):
        return _refuse(target)
    return web.Response(status=404, text="404 page not found\n")


@web.middleware
async def _only_programs(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Keep web pages out: who reaches this port may have commands executed, and a browser on this machine does."""
    host = urlsplit(f"//{request.host}").hostname or ""
    if "Origin" in request.headers or not (host in ("localhost", "::1") or host.startswith("127.")):
        return web.Response(status=403, text="The simulator answers programs on this machine, not web pages.\n")
    return await handler(request)


def _refuse(refusal: Refusal) -> web.Response:
    return web.Response(
        body=_encode(refusal.status()), content_type="application/json", status=refusal.code, headers=refusal.headers
    )
