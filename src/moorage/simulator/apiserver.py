"""The Kubernetes API over HTTP: from a request to an answer.

    request ─► faults ─► who ─► what (Target) ─► may they ─► Api / list / watch ─► JSON, Table or lines

One catch-all route, since the API's paths are regular; what is not a resource (discovery, versions, health, control) has handlers of its own.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
import yaml
from aiohttp import web

from moorage.simulator import control, discovery, subresources, table
from moorage.simulator.conversion import incoming, outgoing
from moorage.simulator.listing import encode_list, list_page
from moorage.simulator.patching import json_patch, merge, strategic
from moorage.simulator.request import Target, read_target
from moorage.simulator.status import (
    Refusal,
    bad_request,
    expired,
    internal,
    invalid_options,
    too_many_requests,
    unsupported_media,
)
from moorage.simulator.watching import Watch, error_line

if TYPE_CHECKING:
    from moorage.simulator.api import Api
    from moorage.simulator.authorization import Authorizer
    from moorage.simulator.faults import Fault, Faults
    from moorage.simulator.resources import Kind
    from moorage.simulator.storage import Storage, Stored

Json = dict[str, Any]

_OPTIONS = {"POST": "CreateOptions", "PATCH": "PatchOptions", "DELETE": "DeleteOptions"}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_GZIP_FROM = 128 * 1024
_GARBAGE = b'{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"\x00\xff\n'
_PATCHES: dict[str, Callable[[Any, Any], Any]] = {
    "application/json-patch+json": json_patch,
    "application/merge-patch+json": merge,
    "application/strategic-merge-patch+json": strategic,
    "application/apply-patch+yaml": strategic,
}
_encode = msgspec.json.Encoder().encode


class ApiServer:
    """Serves one `Api` on one loopback port."""

    def __init__(self, api: Api, *, faults: Faults, authorizer: Authorizer, logs: subresources.Logs) -> None:
        self.api = api
        self.faults = faults
        self.authorizer = authorizer
        self.logs = logs
        self.bookmark_seconds = 60.0
        self.prefix = ""
        self._runner: web.AppRunner | None = None

    @property
    def storage(self) -> Storage:
        return self.api.storage

    async def start(self, host: str, port: int) -> int:
        app = web.Application(client_max_size=16 * 1024 * 1024, middlewares=[_only_programs])
        control.add_routes(app, self)
        if self.prefix:
            app.router.add_get("/{check:livez|readyz|healthz}", discovery.health)
        app.router.add_route("*", self.prefix + "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.05)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, reuse_address=True)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path[len(self.prefix) :]
        try:
            target: Target | Refusal = read_target(request.method, path, request.query)
        except Refusal as refusal:
            target = refusal
        known = None if isinstance(target, Refusal) else target
        try:
            for fault in self.faults.take(path, known):
                if (answer := await self._misbehave(fault, request, known)) is not None:
                    return answer
            user = self.authorizer.user(request.headers.get("Authorization"))
            if known is None:
                found = await discovery.answer(self, user, request, path)
                if found is None:
                    return _no_such_path(path, target)
                return found
            self.authorizer.check(user, known)
            return await self._answer(request, known)
        except Refusal as refusal:
            return _refuse(refusal)
        except (ConnectionResetError, asyncio.CancelledError):
            raise
        except Exception as error:
            return _refuse(internal(f"{type(error).__name__}: {error}"))

    async def _misbehave(self, fault: Fault, request: web.Request, target: Target | None) -> web.StreamResponse | None:
        """The answer that this fault gives; None where the request goes on (late, or on its stream)."""
        match fault.kind:
            case "delay":
                await asyncio.sleep(fault.seconds)
                return None
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
                return await self._send_and_end(request, error_line(expired("too old resource version: 1 (2742)")))
            case "revoke" if target is not None:
                user = self.authorizer.user(request.headers.get("Authorization"))
                self.authorizer.refuse(user, target)
            case "drop":
                _cut(request)
                return web.Response(status=500)
            case "garbage":
                return await self._send_and_end(request, _GARBAGE)
            case "truncate":
                return await self._truncated(request, target)
            case _:
                pass
        return None

    @staticmethod
    async def _send_and_end(request: web.Request, body: bytes) -> web.StreamResponse:
        return web.Response(body=body, content_type="application/json")

    async def _truncated(self, request: web.Request, target: Target | None) -> web.StreamResponse:
        whole = _encode({"kind": "List", "items": []})
        if target is not None and target.verb == "list":
            whole = encode_list(target.kind, list_page(self.storage, target.kind, target.namespace, request.query))
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(whole))})
        await response.prepare(request)
        await response.write(whole[: len(whole) // 2])
        _cut(request)
        return response

    async def _answer(self, request: web.Request, target: Target) -> web.StreamResponse:
        kind, namespace, name = target.kind, target.namespace, target.name
        if target.subresource not in (None, "status"):
            return await subresources.answer(self, request, target)
        match target.verb:
            case "watch":
                return await self._watch(request, target)
            case "list":
                return await self._list(request, target)
            case "get" if name is not None:
                return self._one(request, kind, self.api.read(kind, namespace, name))
            case "create":
                return await self._create(request, target)
            case "update" | "patch" if name is not None:
                return await self._change(request, target, name)
            case "delete" if name is not None:
                return await self._delete(request, target, name)
            case _:
                return await self._delete_collection(request, target)

    # Reading

    def _one(self, request: web.Request, kind: Kind, stored: Stored, *, status: int = 200) -> web.Response:
        if table.wanted(request):
            return self._json(
                request,
                _encode(table.of(kind, [stored], revision=stored.revision, include=table.included(request))),
                status=status,
            )
        return self._json(request, outgoing(kind, stored), status=status)

    async def _list(self, request: web.Request, target: Target) -> web.StreamResponse:
        page = list_page(self.storage, target.kind, target.namespace, request.query)
        if table.wanted(request):
            body = _encode(
                table.of(
                    target.kind,
                    page.items,
                    revision=page.revision,
                    meta=page.meta(),
                    include=table.included(request),
                )
            )
        else:
            body = encode_list(target.kind, page)
        if len(body) >= _GZIP_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
            packed = await asyncio.to_thread(gzip.compress, body, 1)
            headers = {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
            return web.Response(body=packed, content_type="application/json", headers=headers)
        return self._json(request, body)

    async def _watch(self, request: web.Request, target: Target) -> web.StreamResponse:
        as_table = table.wanted(request)
        watch = Watch(
            self.storage,
            target.kind,
            namespace=target.namespace,
            name=target.name,
            query=request.query,
            bookmark_seconds=self.bookmark_seconds,
            encode=(lambda stored: _encode(table.of(target.kind, [stored], revision=stored.revision)))
            if as_table
            else (lambda stored: outgoing(target.kind, stored)),
        )
        last = self.faults.newest
        response = web.StreamResponse(
            headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"}
        )
        await response.prepare(request)
        async for lines in watch:
            fault = self.faults.take_for_stream(target, last=last)
            if fault is not None:
                await self._spoil(fault, request, response, lines)
                return response
            if lines:
                await response.write(lines)
        return response

    async def _spoil(self, fault: Fault, request: web.Request, response: web.StreamResponse, lines: bytes) -> None:
        """End an open watch as this fault has it."""
        match fault.kind:
            case "half_open":
                await asyncio.Event().wait()
            case "garbage":
                await response.write(_GARBAGE)
            case "gone":
                await response.write(error_line(expired("too old resource version: 1 (2742)")))
            case "truncate":
                await response.write(lines[: len(lines) // 2] or _GARBAGE[:20])
                _cut(request)
            case "drop":
                _cut(request)
            case _:
                pass

    # Writing

    async def _create(self, request: web.Request, target: Target) -> web.Response:
        body = incoming(target.kind, await read_object(request, target.kind))
        stored = self.api.create(target.kind, target.namespace, body, dry_run=_dry_run(request))
        return self._one(request, target.kind, stored, status=201)

    async def _change(self, request: web.Request, target: Target, name: str) -> web.Response:
        kind = target.kind
        if target.verb == "update":
            body = incoming(kind, await read_object(request, kind))
            if body["metadata"].get("name", name) != name:
                given = body["metadata"]["name"]
                raise bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")

            def change(current: Json) -> Json:
                return body
        else:
            content_type = request.content_type
            apply = _PATCHES.get(content_type)
            if apply is None:
                raise Refusal(415, "UnsupportedMediaType", "415: Unsupported Media Type", details={})
            patch = parse(await request.read(), content_type)
            if content_type == "application/apply-patch+yaml" and self.api.find(kind, target.namespace, name) is None:
                return self._one(
                    request, kind, self.api.create(kind, target.namespace, patch, dry_run=_dry_run(request)), status=201
                )

            def change(current: Json) -> Json:
                patched = apply(current, patch)
                return patched if isinstance(patched, dict) else current

        stored = self.api.update(
            kind, target.namespace, name, change, subresource=target.subresource, dry_run=_dry_run(request)
        )
        return self._one(request, kind, stored)

    async def _delete(self, request: web.Request, target: Target, name: str) -> web.Response:
        options = await _delete_options(request)
        stored, gone = self.api.delete(target.kind, target.namespace, name, options, dry_run=_dry_run(request, options))
        if target.kind.plural == "pods" or not gone:
            return self._one(request, target.kind, stored)
        details = {"name": name, "kind": target.kind.plural, "uid": stored.body["metadata"]["uid"]}
        if target.kind.group:
            details["group"] = target.kind.group
        answer = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        return self._json(request, _encode(answer))

    async def _delete_collection(self, request: web.Request, target: Target) -> web.Response:
        options = await _delete_options(request)
        page = list_page(self.storage, target.kind, target.namespace, request.query)
        for stored in page.items:
            metadata = stored.body["metadata"]
            self.api.delete(
                target.kind, metadata.get("namespace"), metadata["name"], options, dry_run=_dry_run(request, options)
            )
        return self._json(request, encode_list(target.kind, page))

    @staticmethod
    def _json(request: web.Request, body: bytes, *, status: int = 200) -> web.Response:
        return web.Response(body=body, content_type="application/json", status=status)


def _no_such_path(path: str, target: Target | Refusal) -> web.Response:
    """Below a known group the real server answers with a Status, elsewhere with a line of text."""
    if isinstance(target, Refusal) and (target.code != 404 or discovery.knows(path)):
        return _refuse(target)
    return web.Response(status=404, text="404 page not found\n")


@web.middleware
async def _only_programs(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Keep web pages out: whoever can reach this port may have commands executed, and a browser on this machine can reach it."""
    host = urlsplit(f"//{request.host}").hostname or ""
    if "Origin" in request.headers or not (host == "localhost" or host == "::1" or host.startswith("127.")):
        return web.Response(status=403, text="The simulator answers programs on this machine, not web pages.\n")
    return await handler(request)


def _refuse(refusal: Refusal) -> web.Response:
    return web.Response(
        body=_encode(refusal.status()), content_type="application/json", status=refusal.code, headers=refusal.headers
    )


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def parse(data: bytes, content_type: str) -> Any:
    """The body of a request as plain data; 400 when it can't be read, 415 for protobuf, which some kubectl commands send."""
    if "protobuf" in content_type:
        raise unsupported_media(["application/json", "application/yaml"])
    try:
        return yaml.safe_load(data) if content_type.endswith("yaml") else msgspec.json.decode(data)
    except (yaml.YAMLError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise bad_request(f"error decoding the request's body: {error}") from error


async def read_object(request: web.Request, kind: Kind) -> Json:
    body = parse(await request.read(), request.content_type)
    if not isinstance(body, dict) or not isinstance(body.get("metadata", {}), dict | None):
        raise bad_request(f"the object provided is unrecognized (must be of type {kind.name})")
    version, name = body.get("apiVersion") or kind.api_version, body.get("kind") or kind.name
    if (version, name) != (kind.api_version, kind.name):
        why = f"converting ({version}.{name}) to ({kind.group or 'core'}.{kind.name}): unknown conversion"
        raise bad_request(f'{name} in version "{version}" cannot be handled as a {kind.name}: {why}')
    body["metadata"] = body.get("metadata") or {}
    return body


def _dry_run(request: web.Request, options: Json | None = None) -> bool:
    values = request.query.getall("dryRun", []) + list((options or {}).get("dryRun") or ())
    if any(value != "All" for value in values):
        shown = ", ".join(f'"{value}"' for value in values)
        why = f'Unsupported value: [{shown}]: supported values: "All"'
        raise invalid_options(_OPTIONS.get(request.method, "UpdateOptions"), "dryRun", "FieldValueNotSupported", why)
    return bool(values)


async def _delete_options(request: web.Request) -> Json:
    data = await request.read()
    options = parse(data, request.content_type) if data else {}
    options = options if isinstance(options, dict) else {}
    query = request.query
    if "gracePeriodSeconds" in query and query["gracePeriodSeconds"].isdigit():
        options["gracePeriodSeconds"] = int(query["gracePeriodSeconds"])
    return options
