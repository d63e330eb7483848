"""`pods/log`, `pods/exec`, `pods/binding`, `pods/eviction` and `serviceaccounts/token`."""

from __future__ import annotations

import asyncio
import base64
import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web

from moorage.simulator.api import exec
from moorage.simulator.api.binding import bind
from moorage.simulator.lists.listing import is_true
from moorage.simulator.store.resources import NODES, PODS
from moorage.simulator.store.status import Refusal, bad_request, no_such_path, unsupported_media

if TYPE_CHECKING:
    from moorage.simulator.api.backend import Backend
    from moorage.simulator.api.request import Target

Json = dict[str, Any]


async def answer(backend: Backend, request: web.Request, target: Target) -> web.StreamResponse:
    namespace, name = target.namespace, target.name
    if namespace is None or name is None:
        raise no_such_path()
    match (target.kind.plural, target.subresource, target.verb):
        case ("pods", "log", "get"):
            return await _log(backend, request, namespace, name)
        case ("pods", "exec", "get" | "create"):
            return await exec.answer(backend, request, target)
        case ("pods", "binding", "create"):
            body = await _body(request)
            if (body.get("metadata") or {}).get("name") != name:
                raise bad_request("name in URL does not match name in Binding object")
            bind(backend.api, namespace, name, str((body.get("target") or {}).get("name") or ""))
            return _success(201)
        case ("pods", "eviction", "create"):
            body = await _body(request)
            backend.api.delete(PODS, namespace, name, body.get("deleteOptions"))
            return _success(201)
        case ("serviceaccounts", "token", "create"):
            backend.api.read(target.kind, namespace, name)
            return _token(await _body(request))
        case _:
            raise no_such_path()


async def _body(request: web.Request) -> Json:
    if "protobuf" in request.content_type:
        raise unsupported_media(["application/json"])
    try:
        body = msgspec.json.decode(await request.read())
    except msgspec.DecodeError as error:
        raise bad_request(f"error decoding the request's body: {error}") from error
    if not isinstance(body, dict):
        raise bad_request("the object provided is unrecognized")
    return body


def _success(code: int) -> web.Response:
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": code}
    return web.json_response(body, status=code)


def _token(body: Json) -> web.Response:
    spec = body.get("spec") or {}
    until = datetime.now(UTC) + timedelta(seconds=int(spec.get("expirationSeconds") or 3600))
    expiry = until.strftime("%Y-%m-%dT%H:%M:%SZ")
    text = base64.urlsafe_b64encode(secrets.token_bytes(24)).decode()
    answer = {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"creationTimestamp": None},
        "spec": spec,
        "status": {"token": text, "expirationTimestamp": expiry},
    }
    return web.json_response(answer, status=201)


async def _log(backend: Backend, request: web.Request, namespace: str, name: str) -> web.StreamResponse:
    pod = backend.api.read(PODS, namespace, name).body
    container = _container(pod, request.query.get("container"))
    node = pod["spec"].get("nodeName")
    if not node:
        return web.Response(status=204)
    if backend.api.find(NODES, None, node) is None:
        raise Refusal(404, "NotFound", f'nodes "{node}" not found')
    status = next((c for c in pod["status"].get("containerStatuses") or () if c["name"] == container), None)
    if status is not None and "waiting" in status["state"] and not status["restartCount"]:
        why = status["state"]["waiting"].get("reason", "")
        trouble = {
            "ErrImagePull": "trying and failing to pull image",
            "ImagePullBackOff": "trying and failing to pull image",
        }.get(why, f"waiting to start: {why}")
        raise bad_request(f'container "{container}" in pod "{name}" is {trouble}')
    return await _send_log(backend, request, pod["metadata"]["uid"], container)


def _container(pod: Json, asked: str | None) -> str:
    name = pod["metadata"]["name"]
    names = [c["name"] for c in [*pod["spec"]["containers"], *(pod["spec"].get("initContainers") or ())]]
    if asked:
        if asked not in names:
            raise bad_request(f"container {asked} is not valid for pod {name}")
        return asked
    regular = [c["name"] for c in pod["spec"]["containers"]]
    if len(regular) > 1:
        shown = " ".join(regular)
        raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{shown}]")
    return str(regular[0])


async def _send_log(backend: Backend, request: web.Request, uid: str, container: str) -> web.StreamResponse:
    query = request.query
    lines = list(backend.logs.lines(uid, container))
    number = len(lines)
    chosen = lines
    if (since := query.get("sinceSeconds", "")).isdigit():
        earliest = datetime.now(UTC) - timedelta(seconds=int(since))
        chosen = [line for line in chosen if line[0] >= earliest]
    if (tail := query.get("tailLines", "")).isdigit():
        chosen = chosen[len(chosen) - min(int(tail), len(chosen)) :]
    stamped = is_true(query.get("timestamps"))
    body = b"".join(_line(*line, stamped=stamped) for line in chosen)
    if (limit := query.get("limitBytes", "")).isdigit():
        body = body[: int(limit)]
    if not is_true(query.get("follow")):
        return web.Response(body=body, content_type="text/plain")
    response = web.StreamResponse(headers={"Content-Type": "text/plain"})
    await response.prepare(request)
    await response.write(body)
    try:
        async for line in backend.logs.follow(uid, container, number):
            await response.write(_line(*line, stamped=stamped))
    except (ConnectionResetError, asyncio.IncompleteReadError):
        pass
    return response


def _line(moment: datetime, text: bytes, *, stamped: bool) -> bytes:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f000Z ").encode() + text if stamped else text
