"""A running moorage service as a source."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import msgspec

from moorage.cli.asked import Refused
from moorage.cli.show import Currency, trouble_of
from moorage.errors import MoorageError

WITHIN = 15
# Between two tries to follow a service that went away.
AGAIN = 1.0


@contextlib.asynccontextmanager
async def remote(url: str, *, token: str | None) -> AsyncIterator["Remote"]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    # A snapshot of thousands of nodes is one long line of the stream.
    async with aiohttp.ClientSession(headers=headers, read_bufsize=2**21) as session:
        yield Remote(url.rstrip("/"), session)


class Remote:
    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url = url
        self._session = session

    async def nodes(self) -> list[dict[str, Any]]:
        nodes: list[dict[str, Any]] = await self._ask("GET", "/cluster/resources", shape=list[dict[str, Any]])
        return nodes

    async def machines(self) -> list[dict[str, Any]]:
        try:
            machines: list[dict[str, Any]] = await self._ask("GET", "/cluster/machines", shape=list[dict[str, Any]])
        except Refused:  # an older service does not know them
            return []
        return machines

    async def queues(self) -> dict[str, Any]:
        try:
            queues: dict[str, Any] = await self._ask("GET", "/cluster/queues", shape=dict[str, Any])
        except Refused:  # an older service does not know them
            return {"kueue": "absent", "reason": None, "queues": []}
        return queues

    async def fit(self, request: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = await self._ask("POST", "/cluster/fit", shape=dict[str, Any], body=request)
        return answer

    async def images(self) -> list[dict[str, Any]]:
        images: list[dict[str, Any]] = await self._ask("GET", "/images/jupyter", shape=list[dict[str, Any]])
        return images

    async def watch(self) -> AsyncIterator[list[dict[str, Any]]]:
        """Goes on when the service goes away, as it does with each new version of it."""
        currency, shown = Currency(), False
        while True:
            try:
                async for nodes in self._stream(currency):
                    shown = True
                    yield nodes
                trouble = "the service ended the stream"
            except Refused:
                raise
            except MoorageError as exc:
                if not shown:
                    raise
                trouble = str(exc)
            currency.tell(trouble)
            await asyncio.sleep(AGAIN)

    async def _stream(self, currency: Currency) -> AsyncIterator[list[dict[str, Any]]]:
        nodes: dict[str, dict[str, Any]] = {}
        async with self._open(
            "GET", "/cluster/stream", timeout=aiohttp.ClientTimeout(sock_connect=5, sock_read=10)
        ) as r:
            async for event, data in _events(r.content):
                status = data["status"] if event == "snapshot" else data if event == "status" else None
                if status is not None:
                    currency.tell(trouble_of(stale=status["stale"], reason=status["reason"]))
                if event == "snapshot":
                    nodes = {node["name"]: node for node in data["nodes"]}
                elif event == "nodes":
                    nodes.update((node["name"], node) for node in data["changed"])
                    for name in data["removed"]:
                        nodes.pop(name, None)
                else:
                    continue
                yield [nodes[name] for name in sorted(nodes)]

    async def _ask(self, method: str, path: str, *, shape: Any, body: Any = None) -> Any:
        async with self._open(method, path, body=body, timeout=aiohttp.ClientTimeout(total=WITHIN)) as response:
            data = await response.read()
        try:
            return msgspec.json.decode(data, type=shape)
        except msgspec.MsgspecError as exc:
            raise MoorageError(
                f"what answers at {self._url} is not moorage", hint="--server is the address of `moorage serve`"
            ) from exc

    @contextlib.asynccontextmanager
    async def _open(
        self, method: str, path: str, *, timeout: aiohttp.ClientTimeout, body: Any = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        data = msgspec.json.encode(body) if body is not None else None
        try:
            async with self._session.request(
                method, f"{self._url}/api/v1{path}", data=data, headers=headers, timeout=timeout
            ) as response:
                if response.status != 200:
                    raise _error(await response.read(), status=response.status)
                yield response
        except TimeoutError as exc:
            raise MoorageError(f"{self._url} did not answer in time", hint="is `moorage serve` running there?") from exc
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise MoorageError(f"{self._url} can't be reached", hint="is `moorage serve` running there?") from exc


async def _events(content: aiohttp.StreamReader) -> AsyncIterator[tuple[str, Any]]:
    event, data = "message", bytearray()
    pending = bytearray()
    async for chunk in content.iter_any():
        pending += chunk
        if b"\n" not in chunk:
            continue
        *lines, rest = pending.split(b"\n")
        pending = bytearray(rest)
        for line in lines:
            if line.startswith(b"event: "):
                event = line[7:].decode()
            elif line.startswith(b"data: "):
                data += line[6:]
            elif not line and data:
                yield event, msgspec.json.decode(data)
                event, data = "message", bytearray()


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""
    hint: str = ""


class _ErrorAnswer(msgspec.Struct):
    error: _Error


def _error(data: bytes, *, status: int) -> MoorageError:
    try:
        error = msgspec.json.decode(data, type=_ErrorAnswer).error
    except msgspec.MsgspecError:
        return MoorageError(f"the server answered {status}", hint="--server is the address of `moorage serve`")
    kind = Refused if 400 <= status < 500 else MoorageError
    return kind(error.message.rstrip("."), hint=error.hint or None)
