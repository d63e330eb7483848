"""`nvidia-smi` by exec in a pod that has the driver: the last resort, off unless switched on.

In a namespace of privileged pods this right is root on every GPU node, so it is asked for in one namespace only and
never cluster-wide. A driver that hangs leaves `nvidia-smi` in a state in which it can't be killed: a node where a call
has not ended gets no second one, however long that takes.
"""

from __future__ import annotations

import asyncio
import logging
import shlex
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from moorage.gpus.sources import http, smi
from moorage.gpus.sources.pods import FoundPod, PodFinder
from moorage.gpus.sources.sweep import NoAnswer, Pace, Sweep
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moorage.gpus.facts import CardFact
    from moorage.gpus.sources.base import OnChange
    from moorage.kube.client import Client, Endpoint

log = logging.getLogger(__name__)

# Where the driver's tool is. The device plugin is looked for first: it is on every GPU node.
SELECTORS = (
    "app=nvidia-device-plugin-daemonset",
    "app.kubernetes.io/name=nvidia-device-plugin",
    "name=nvidia-device-plugin-ds",
    "app=nvidia-dcgm-exporter",
    "app.kubernetes.io/name=dcgm-exporter",
    "app=nvidia-driver-daemonset",
    "app.kubernetes.io/component=nvidia-driver",
)
# Pods of the operator have several containers; only these have the driver.
CONTAINERS = (
    "nvidia-device-plugin",
    "nvidia-device-plugin-ctr",
    "nvidia-dcgm-exporter",
    "dcgm-exporter",
    "nvidia-driver-ctr",
)
PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")

_STDOUT, _STDERR, _ERROR, _CLOSE = 1, 2, 3, 255
_LARGEST = 1 << 20
_UNKNOWN_END_REST = 600.0


class Finished(msgspec.Struct, kw_only=True):
    """How one exec ended. `known` is false where the connection broke, and the program may still be running."""

    stdout: str = ""
    stderr: str = ""
    code: int | None = None
    message: str = ""
    known: bool = False


class _Cause(msgspec.Struct):
    reason: str | None = None
    message: str | None = None


class _Details(msgspec.Struct):
    causes: list[_Cause] | None = None


class _Status(msgspec.Struct):
    status: str | None = None
    message: str | None = None
    reason: str | None = None
    details: _Details | None = None


_status = msgspec.json.Decoder(_Status)


class Exec(Sweep[FoundPod]):
    """Runs `nvidia-smi` on each GPU node, in a pod of one namespace."""

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        selectors: Sequence[str] = SELECTORS,
        command: str = "nvidia-smi",
        pace: Pace | None = None,
    ) -> None:
        super().__init__("exec", pace=pace or Pace(every=30.0, at_once=32, doubtful_at_once=8))
        self._endpoint = client.endpoint
        self._namespace = namespace
        self._finder = PodFinder(client, tuple(selectors), namespace=namespace)
        self._command = tuple(shlex.split(command)) or ("nvidia-smi",)
        self._known: dict[str, FoundPod] = {}
        self._search_problem: str | None = None
        self._searched_at: float | None = None
        self._session: aiohttp.ClientSession | None = None
        self._fields: dict[str, tuple[str, ...]] = {}
        # Calls that have not ended, by node; and containers in which one was lost while it hung.
        self._hanging: dict[str, asyncio.Task[Finished]] = {}
        self._poisoned: dict[str, str] = {}
        self._resting: dict[str, float] = {}

    async def targets(self) -> tuple[Mapping[str, FoundPod], str | None]:
        now = self.clock()
        if self._searched_at is None or now - self._searched_at >= self.pace.search_every:
            found, self._search_problem = await self._finder.find()
            if found or self._search_problem is None:
                self._known = {node: pods[0] for node, pods in found.items()}
            self._searched_at = now
        return self._known, self._search_problem

    async def ask(self, node: str, target: FoundPod) -> Sequence[CardFact]:
        if node in self._hanging:
            raise NoAnswer(later("nvidia-smi hangs; waiting for it to end before running it again"))
        if self._poisoned.get(node) == _identity(target):
            raise NoAnswer(later("nvidia-smi hung when the connection was lost; waiting for its container to restart"))
        if self._resting.get(node, 0.0) > self.clock():
            raise NoAnswer(later("the connection was lost while nvidia-smi was running; trying again in a few minutes"))
        self._poisoned.pop(node, None)
        self._resting.pop(node, None)
        fields = self._fields.get(node, smi.FIELDS)
        output = await self._query(node, target, fields)
        if output.unknown_field is not None and fields != smi.OLD_FIELDS:
            self._fields[node] = smi.OLD_FIELDS
            output = await self._query(node, target, smi.OLD_FIELDS)
        if not output.cards:
            raise NoAnswer(output.failure or "; ".join(output.problems[:2]) or later("nvidia-smi said nothing"))
        if any(card.mig for card in output.cards):
            listed = await self._run(node, target, ("-L",))
            return smi.with_list(output.cards, smi.parse_list(listed.stdout).cards)
        return output.cards

    async def close(self) -> None:
        for task in self._hanging.values():
            task.cancel()
        await asyncio.gather(*self._hanging.values(), return_exceptions=True)
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _query(self, node: str, target: FoundPod, fields: tuple[str, ...]) -> smi.Output:
        done = await self._run(node, target, (f"--query-gpu={','.join(fields)}", "--format=csv,noheader"))
        output = smi.parse_csv(done.stdout, fields=fields, taken_at=self.clock())
        if not output.cards and output.failure is None:
            # Exec's own failures (no such program, no such container) come beside the program's words.
            output.failure = (done.stderr.strip() or done.message)[:200] or None
        return output

    async def _run(self, node: str, target: FoundPod, arguments: Sequence[str]) -> Finished:
        """One call. At the deadline the caller is let go, but the call is followed until its end is known."""
        task = asyncio.create_task(self._exec(target, arguments), name=f"exec {node}")
        self._hanging[node] = task
        asked_at = asyncio.get_running_loop().time()
        task.add_done_callback(lambda done: self._ended(node, target, done, asked_at=asked_at))
        done = await asyncio.shield(task)
        if not done.known:
            raise NoAnswer(done.message or later("the connection was lost"))
        return done

    def _ended(self, node: str, target: FoundPod, task: asyncio.Task[Finished], *, asked_at: float) -> None:
        if self._hanging.get(node) is task:
            del self._hanging[node]
        if task.cancelled():
            return
        error = task.exception()
        if error is None and task.result().known:
            return
        if error is not None and not isinstance(error, _LostConnection):
            return
        # Its end is not known. One that was late already hangs; one that was cut off early has most likely ended.
        if asyncio.get_running_loop().time() - asked_at >= self.pace.deadline:
            self._poisoned[node] = _identity(target)
        else:
            self._resting[node] = self.clock() + _UNKNOWN_END_REST

    async def _exec(self, target: FoundPod, arguments: Sequence[str]) -> Finished:
        container = next((name for name in CONTAINERS if name in target.containers), None)
        container = container or (target.containers[0] if target.containers else None)
        query = [("command", word) for word in (*self._command, *arguments)]
        query += [("stdout", "true"), ("stderr", "true")]
        if container:
            query.append(("container", container))
        return await run_in_pod(
            self._running(), self._endpoint, namespace=target.namespace, pod=target.name, query=query
        )

    def _running(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._endpoint.tls or True, limit=0),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=2.0),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return self._session

    async def run(self, on_change: OnChange) -> None:
        log.warning("nvidia-smi is run by exec in namespace %s: that right is root on the nodes", self._namespace)
        await super().run(on_change)


class _LostConnection(NoAnswer):
    """The connection broke after the program had been started."""


def _identity(pod: FoundPod) -> str:
    return f"{pod.uid} {pod.incarnation}"


async def run_in_pod(
    session: aiohttp.ClientSession,
    endpoint: Endpoint,
    *,
    namespace: str,
    pod: str,
    query: Sequence[tuple[str, str]],
) -> Finished:
    """Run a program in a container over a websocket, until it ends. Raises `NoAnswer` where it could not be started."""
    headers = {}
    authorization = await endpoint.credentials.authorization()
    if authorization:
        headers["Authorization"] = authorization
    url = f"{endpoint.server}/api/v1/namespaces/{namespace}/pods/{pod}/exec"
    try:
        socket = await session.ws_connect(
            url,
            params=list(query),
            protocols=PROTOCOLS,
            headers=headers,
            proxy=endpoint.proxy,
            server_hostname=endpoint.server_name,
            max_msg_size=4 << 20,
            heartbeat=10.0,
        )
    except aiohttp.WSServerHandshakeError as error:
        raise NoAnswer(_refusal(error.status, namespace)) from error
    except http.BROKEN as error:
        raise NoAnswer(later("the API server: {why}", why=http.words(error, deadline=2))) from error
    async with socket:
        return await _read(socket)


async def _read(socket: aiohttp.ClientWebSocketResponse) -> Finished:
    texts: dict[int, bytearray] = {_STDOUT: bytearray(), _STDERR: bytearray(), _ERROR: bytearray()}
    async for message in socket:
        if message.type not in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT):
            break
        data = message.data if isinstance(message.data, bytes) else message.data.encode()
        if not data:
            continue
        text = texts.get(data[0])
        if text is not None and len(text) < _LARGEST:
            text += data[1:]
        if data[0] == _ERROR:
            break
    finished = _finished(bytes(texts[_ERROR]))
    finished.stdout = texts[_STDOUT].decode("utf-8", errors="replace")
    finished.stderr = texts[_STDERR].decode("utf-8", errors="replace")
    if not finished.known:
        raise _LostConnection(later("the connection was lost before nvidia-smi ended"))
    return finished


def _finished(data: bytes) -> Finished:
    """The last message of an exec: how the program ended, as a `v1.Status`."""
    if not data:
        return Finished()
    try:
        status = _status.decode(data)
    except (msgspec.MsgspecError, ValueError):
        return Finished(known=True, message=data.decode("utf-8", errors="replace")[:200])
    if status.status == "Success":
        return Finished(known=True, code=0)
    causes = (status.details.causes if status.details else None) or ()
    code = next((cause.message for cause in causes if cause.reason == "ExitCode" and cause.message), None)
    return Finished(
        known=True,
        code=int(code) if code and code.isascii() and code.isdigit() and len(code) < 6 else None,
        message=(status.message or "")[:200],
    )


def _refusal(status: int, namespace: str) -> str:
    if status in (401, 403):
        return later(
            "not allowed to exec in namespace {namespace}: grant get and create on pods/exec there",
            namespace=namespace,
        )
    return later("the API server answered {status}", status=status)
