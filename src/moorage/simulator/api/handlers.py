"""The verbs of the API on one resource: get, list, watch, create, update, patch, delete, deletecollection."""

from __future__ import annotations

import asyncio
import gzip
import random
from typing import TYPE_CHECKING, Any

import msgspec
import yaml
from aiohttp import web

from moorage.simulator.api import subresources
from moorage.simulator.lists import table
from moorage.simulator.lists.conversion import incoming, outgoing
from moorage.simulator.lists.listing import encode_list, list_page
from moorage.simulator.lists.watching import Watch, error_line
from moorage.simulator.rules.patching import json_patch, merge, strategic
from moorage.simulator.store.status import Refusal, bad_request, expired, invalid_options, unsupported_media

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from moorage.simulator.api.backend import Backend
    from moorage.simulator.api.faults import Fault
    from moorage.simulator.api.request import Target
    from moorage.simulator.store.resources import Kind
    from moorage.simulator.store.storage import Stored

Json = dict[str, Any]

GARBAGE = b'{"type":"ADDED","object":{"kind":"Pod","metadata":{"name":"\x00\xff\n'
_GZIP_FROM = 128 * 1024
_OPTIONS = {"POST": "CreateOptions", "PATCH": "PatchOptions", "DELETE": "DeleteOptions"}
_APPLY = "application/apply-patch+yaml"
_PATCHES: dict[str, Callable[[Any, Any], Any]] = {
    "application/json-patch+json": json_patch,
    "application/merge-patch+json": merge,
    "application/strategic-merge-patch+json": strategic,
    _APPLY: strategic,
}
_encode = msgspec.json.Encoder().encode


async def answer(
    backend: Backend, request: web.Request, target: Target, *, odd: Collection[str] = ()
) -> web.StreamResponse:
    """What the API server answers, with the kinds of faults that let the request go on; `Refusal` where it refuses."""
    kind, namespace, name = target.kind, target.namespace, target.name
    if target.subresource not in (None, "status") and not _is_resize(target):
        return await subresources.answer(backend, request, target)
    match target.verb:
        case "watch":
            return await _watch(backend, request, target, times=2 if "duplicate" in odd else 1)
        case "list":
            return await _list(backend, request, target, shuffled="shuffle" in odd)
        case "get" if name is not None:
            return _one(request, kind, backend.api.read(kind, namespace, name))
        case "create":
            return await _create(backend, request, target)
        case "update" | "patch" if name is not None:
            return await _change(backend, request, target, name)
        case "delete" if name is not None:
            return await _delete(backend, request, target, name)
        case _:
            return await _delete_collection(backend, request, target)


def _is_resize(target: Target) -> bool:
    """Whether it is the whole pod that is read or changed, though little of it may change."""
    return (target.kind.plural, target.subresource) == ("pods", "resize") and target.verb in ("get", "update", "patch")


def cut(request: web.Request) -> None:
    """Break the connection, as a network does."""
    if request.transport is not None:
        request.transport.abort()


def json_answer(body: bytes, *, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    shown = {"Cache-Control": "no-cache, private", **(headers or {})}
    return web.Response(body=body, content_type="application/json", status=status, headers=shown)


# Reading


def _one(request: web.Request, kind: Kind, stored: Stored, *, status: int = 200) -> web.Response:
    if table.wanted(request):
        shown = table.of(kind, [stored], revision=stored.revision, include=table.included(request))
        return json_answer(_encode(shown), status=status)
    return json_answer(outgoing(kind, stored), status=status)


async def _list(backend: Backend, request: web.Request, target: Target, *, shuffled: bool) -> web.StreamResponse:
    kind = target.kind
    page = list_page(backend.api.storage, kind, target.namespace, request.query)
    if shuffled:
        random.shuffle(page.items)
    if table.wanted(request):
        include = table.included(request)
        body = _encode(table.of(kind, page.items, revision=page.revision, meta=page.meta(), include=include))
    else:
        body = encode_list(kind, page)
    if len(body) >= _GZIP_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
        packed = await asyncio.to_thread(gzip.compress, body, 1)
        return json_answer(packed, headers={"Content-Encoding": "gzip", "Vary": "Accept-Encoding"})
    return json_answer(body)


async def _watch(backend: Backend, request: web.Request, target: Target, *, times: int) -> web.StreamResponse:
    kind, include = target.kind, table.included(request)

    def as_row(stored: Stored) -> bytes:
        return _encode(table.of(kind, [stored], revision=stored.revision, include=include))

    watch = Watch(
        backend.api.storage,
        kind,
        namespace=target.namespace,
        query=request.query,
        bookmark_seconds=backend.bookmark_seconds,
        encode=as_row if table.wanted(request) else lambda stored: outgoing(kind, stored),
    )
    last = backend.faults.newest
    response = web.StreamResponse(headers={"Content-Type": "application/json", "Cache-Control": "no-cache, private"})
    await response.prepare(request)
    async for lines in watch:
        fault = backend.faults.take_for_stream(target, last=last)
        if fault is not None:
            await _spoil(fault, request, response, lines)
            return response
        if lines:
            await response.write(lines * times)
    return response


async def _spoil(fault: Fault, request: web.Request, response: web.StreamResponse, lines: bytes) -> None:
    """End an open watch as this fault has it."""
    match fault.kind:
        case "half_open":
            await asyncio.Event().wait()
        case "garbage":
            await response.write(GARBAGE)
        case "gone":
            await response.write(error_line(expired("too old resource version: 1 (2742)")))
        case "truncate":
            await response.write(lines[: len(lines) // 2] or GARBAGE[:20])
            cut(request)
        case "drop":
            cut(request)
        case _:
            pass


# Writing


async def _create(backend: Backend, request: web.Request, target: Target) -> web.Response:
    body = incoming(target.kind, await read_object(request, target.kind))
    stored = backend.api.create(target.kind, target.namespace, body, dry_run=_dry_run(request))
    return _one(request, target.kind, stored, status=201)


async def _change(backend: Backend, request: web.Request, target: Target, name: str) -> web.Response:
    kind, namespace = target.kind, target.namespace
    if target.verb == "update":
        change = await _replacement(request, kind, name)
    elif request.content_type == _APPLY and backend.api.find(kind, namespace, name) is None:
        body = await read_object(request, kind)
        return _one(request, kind, backend.api.create(kind, namespace, body, dry_run=_dry_run(request)), status=201)
    else:
        change = await _patch(request)
    stored = backend.api.update(
        kind, namespace, name, change, subresource=target.subresource, dry_run=_dry_run(request)
    )
    return _one(request, kind, stored)


async def _replacement(request: web.Request, kind: Kind, name: str) -> Callable[[Json], Json]:
    body = incoming(kind, await read_object(request, kind))
    given = body["metadata"].get("name", name)
    if given != name:
        raise bad_request(f"the name of the object ({given}) does not match the name on the URL ({name})")
    return lambda _: body


async def _patch(request: web.Request) -> Callable[[Json], Json]:
    apply = _PATCHES.get(request.content_type)
    if apply is None:
        raise Refusal(415, "UnsupportedMediaType", "415: Unsupported Media Type", details={})
    patch = parse(await request.read(), request.content_type)

    def change(current: Json) -> Json:
        patched = apply(current, patch)
        if not isinstance(patched, dict):
            raise bad_request("the patch makes something of the object that is no object")
        return patched

    return change


async def _delete(backend: Backend, request: web.Request, target: Target, name: str) -> web.Response:
    kind, options = target.kind, await _delete_options(request)
    stored, gone = backend.api.delete(kind, target.namespace, name, options, dry_run=_dry_run(request, options))
    if kind.plural == "pods" or not gone:
        return _one(request, kind, stored)
    details = {"name": name, "kind": kind.plural, "uid": stored.body["metadata"]["uid"]}
    if kind.group:
        details["group"] = kind.group
    shown = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
    return json_answer(_encode(shown))


async def _delete_collection(backend: Backend, request: web.Request, target: Target) -> web.Response:
    kind, options = target.kind, await _delete_options(request)
    dry_run = _dry_run(request, options)
    page = list_page(backend.api.storage, kind, target.namespace, request.query)
    for stored in page.items:
        metadata = stored.body["metadata"]
        backend.api.delete(kind, metadata.get("namespace"), metadata["name"], options, dry_run=dry_run)
    return json_answer(encode_list(kind, page))


# Bodies


def parse(data: bytes, content_type: str) -> Any:
    """The body of a request as plain data; 400 when it can't be read, 415 for the protobuf of some kubectl commands."""
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
    if not all(isinstance(body.get(field), str | None) for field in ("apiVersion", "kind")):
        raise bad_request(
            f"the object provided is unrecognized (must be of type {kind.name}): couldn't get version/kind"
        )
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
