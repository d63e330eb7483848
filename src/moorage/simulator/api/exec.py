"""`pods/exec` over a websocket: a command beside a container's own, with that container's environment.

    channel 0 stdin, 1 stdout, 2 stderr, 3 how it ended (a Status, then the server closes), 255 (v5) the end of a stream

There are no containers here, so the command runs as a local process, like the pod itself, for pods without a process
too. It ends with the connection: nothing of it outlives a test. (A real kubelet lets it run on.)
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import WSMsgType, web

from moorage.simulator.api.request import Target
from moorage.simulator.lists.listing import is_true
from moorage.simulator.rules.environment import BadEnvironment, environment, process_environment
from moorage.simulator.store.resources import PODS
from moorage.simulator.store.status import Refusal, bad_request, forbidden

if TYPE_CHECKING:
    from moorage.simulator.api.backend import Backend

Json = dict[str, Any]

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_STDIN, _STDOUT, _STDERR, _ERROR, _CLOSE = 0, 1, 2, 3, 255
_encode = msgspec.json.Encoder().encode


async def answer(backend: Backend, request: web.Request, target: Target) -> web.StreamResponse:
    """Run one command and tell what it prints and how it ends."""
    user = backend.authorizer.user(request.headers.get("Authorization"))
    # From 1.35 a websocket asks for the right to create as well, although it comes as a GET.
    backend.authorizer.check(user, Target(target.path, "create", target.kind, target.namespace, target.name, "exec"))
    if not backend.processes:
        why = "this simulator is open to everyone here, so it runs no commands; start it with --kubeconfig-out"
        raise forbidden(PODS, target.name, why)
    pod = backend.api.read(PODS, target.namespace, target.name or "").body
    container = _container(pod, request.query.get("container"))
    command = request.query.getall("command", [])
    if not command:
        raise bad_request("you must specify at least one command for the container")
    if (pod.get("status") or {}).get("phase") != "Running":
        raise Refusal(500, "InternalError", f"cannot exec into a container in a pod that is not running: {target.name}")
    socket = web.WebSocketResponse(protocols=PROTOCOLS)
    if not socket.can_prepare(request).ok:
        raise bad_request("unable to upgrade: this server speaks websockets only")
    await socket.prepare(request)
    try:
        env = process_environment(
            environment(backend.api, pod, container), home=Path(tempfile.gettempdir()), address="127.0.0.1"
        )
    except BadEnvironment as error:
        await _end(socket, _failure(error.message, reason="InternalError"))
        return socket
    await _run(socket, command, env=env, stdin=is_true(request.query.get("stdin")))
    return socket


async def _run(socket: web.WebSocketResponse, command: list[str], *, env: dict[str, str], stdin: bool) -> None:
    program = shutil.which(command[0], path=env["PATH"])
    if program is None:
        text = f'exec: "{command[0]}": executable file not found in $PATH: unknown'
        await _end(socket, _failure(f"Internal error occurred: error executing command in container: {text}"))
        return
    process = await asyncio.create_subprocess_exec(
        program,
        *command[1:],
        env=env,
        stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    reading = asyncio.create_task(_read(socket, process))
    try:
        await asyncio.gather(
            _pump(socket, _STDOUT, process.stdout), _pump(socket, _STDERR, process.stderr), _until_end(process, reading)
        )
        await _end(socket, _status(await process.wait()))
    finally:
        reading.cancel()
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _until_end(process: asyncio.subprocess.Process, reading: asyncio.Task[None]) -> None:
    """The command ends by itself, or with the client."""
    ending = asyncio.create_task(process.wait())
    await asyncio.wait([ending, reading], return_when=asyncio.FIRST_COMPLETED)
    if not ending.done():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    await ending


async def _read(socket: web.WebSocketResponse, process: asyncio.subprocess.Process) -> None:
    """What the client sends, until it goes away."""
    async for message in socket:
        if message.type not in (WSMsgType.BINARY, WSMsgType.TEXT):
            break
        data = message.data if isinstance(message.data, bytes) else message.data.encode()
        if process.stdin is None or not data:
            continue
        with contextlib.suppress(ConnectionError, RuntimeError):
            if data[0] == _STDIN:
                process.stdin.write(data[1:])
                await process.stdin.drain()
            elif data[0] == _CLOSE and data[1:2] == bytes([_STDIN]):
                process.stdin.close()


async def _pump(socket: web.WebSocketResponse, channel: int, stream: asyncio.StreamReader | None) -> None:
    while stream is not None and (data := await stream.read(32 * 1024)):
        with contextlib.suppress(ConnectionError):
            await socket.send_bytes(bytes([channel]) + data)


async def _end(socket: web.WebSocketResponse, status: Json) -> None:
    with contextlib.suppress(ConnectionError):
        await socket.send_bytes(bytes([_ERROR]) + _encode(status))
        await socket.close()


def _status(code: int) -> Json:
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    shown = code if code > 0 else 128 - code
    text = f"command terminated with non-zero exit code: exit status {shown}"
    return _failure(text, reason="NonZeroExitCode", causes=[{"reason": "ExitCode", "message": str(shown)}])


def _failure(message: str, *, reason: str = "InternalError", causes: list[Json] | None = None) -> Json:
    details = {"causes": causes or [{"message": message}]}
    return {"metadata": {}, "status": "Failure", "message": message, "reason": reason, "details": details}


def _container(pod: Json, asked: str | None) -> Json:
    containers = pod["spec"]["containers"]
    found = (
        next((container for container in containers if container["name"] == asked), None) if asked else containers[0]
    )
    if found is None:
        raise bad_request(f"container {asked} is not valid for pod {pod['metadata']['name']}")
    return dict(found)
