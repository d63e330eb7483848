"""HTTP to one API server: `get` for a whole answer, `stream` for one that goes on, `write` for the one object of ours.

What can go wrong comes out as `moorage.kube.errors`, so that callers decide by class and never by text. Credentials
are asked for before each request, since service account tokens and those of exec plugins change while a watch lives.
"""

import asyncio
import contextlib
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, Self

import aiohttp

from moorage import __version__
from moorage.kube.credentials import Anonymous, Credentials
from moorage.kube.errors import Unreachable, cut, error_of
from moorage.kube.insistence import first_answer
from moorage.texts import later

_CONNECT_WITHIN = 2.0
# Requests of one kind follow each other within milliseconds. A connection that has lain idle for longer may be dead
# without anyone having said so.
_IDLE_FOR = 1.0
# The name of an API server may move to another address at any time.
_NAMES_KEPT_FOR = 1
_LARGEST_FAILURE = 64 * 1024
_GZIP = zlib.MAX_WBITS | 16
# What a connection raises when it breaks; ValueError covers addresses and headers that can't be spelled.
_BROKEN = (aiohttp.ClientError, OSError, ValueError, zlib.error)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where an API server is and how it is spoken to."""

    server: str
    credentials: Credentials = field(default_factory=Anonymous)
    tls: ssl.SSLContext | None = None
    server_name: str | None = None
    proxy: str | None = None
    namespace: str = "default"


class Chunks:
    """The body of a stream: each `read` gives what has arrived, and b"" at its end."""

    def __init__(self, server: str, answer: aiohttp.ClientResponse) -> None:
        self._server = server
        self._answer = answer
        self._wait: asyncio.Timeout | None = None

    async def read(self, *, within: float) -> bytes:
        """What has arrived, waiting for it at most so many seconds (`TimeoutError` after that)."""
        try:
            async with asyncio.timeout(within) as self._wait:
                return await self._answer.content.readany()
        except TimeoutError:
            raise
        except _BROKEN as error:
            raise _unreachable(self._server, error) from error
        finally:
            self._wait = None

    def hurry(self, *, within: float) -> None:
        """Let a `read` that waits now wait so many seconds longer at most."""
        due = asyncio.get_running_loop().time() + within
        if self._wait is not None and not self._wait.expired() and due < (self._wait.when() or 0.0):
            self._wait.reschedule(due)


class Client:
    """A client of one API server. Made outside a running loop or inside one; used inside one; closed when done."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._session: aiohttp.ClientSession | None = None

    @property
    def server(self) -> str:
        """The address that this client speaks to."""
        return self.endpoint.server

    @property
    def namespace(self) -> str:
        """The namespace that the configuration names."""
        return self.endpoint.namespace

    async def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        within: float = 60,
        probe: Mapping[str, str] | None = None,
    ) -> bytes:
        """The whole body of an answer, which has to be there within so many seconds.

        While there is silence it is asked for again beside that, see `insistence`. Where the answer is a costly one,
        `probe` is the query of a cheap one, which has to be answered before.
        """

        async def whole(hear: Callable[[], None]) -> bytes:
            async with await self._open(path, params, headers) as answer:
                parts = []
                async for part in answer.content.iter_any():
                    hear()
                    parts.append(part)
            return _unpacked(b"".join(parts), answer)

        async def after_probe(hear: Callable[[], None]) -> bytes:
            async with await self._open(path, probe, headers) as answer:
                await answer.read()
            hear()
            return await whole(hear)

        try:
            async with asyncio.timeout(within):
                headers = await self._headers(compress=True)
                return await first_answer(whole, again=after_probe if probe is not None else None, passing=_BROKEN)
        except TimeoutError:
            raise _silent(self.server, within) from None
        except _BROKEN as error:
            raise _unreachable(self.server, error) from error

    @asynccontextmanager
    async def stream(
        self, path: str, params: Mapping[str, str] | None = None, *, within: float = 10
    ) -> AsyncIterator[Chunks]:
        """The chunks of an answer as they come. Its headers have to be there in so many seconds; its body may last.

        While there is silence it is asked for again beside that, see `insistence`.
        """

        async def opened(_hear: Callable[[], None]) -> aiohttp.ClientResponse:
            return await self._open(path, params, headers)

        try:
            async with asyncio.timeout(within):
                headers = await self._headers(compress=False)
                answer = await first_answer(opened, discard=aiohttp.ClientResponse.close, passing=_BROKEN)
        except TimeoutError:
            raise _silent(self.server, within) from None
        except _BROKEN as error:
            raise _unreachable(self.server, error) from error
        async with answer:
            yield Chunks(self.server, answer)

    async def write(
        self, method: Literal["POST", "PATCH"], path: str, body: bytes, *, kind: str, within: float = 10
    ) -> bytes:
        """Send one change, with a body of this media type, and return the object as it is then.

        `moorage.kube.kept` alone calls this. Nothing is asked twice: whether a change that got no answer was made, is
        not known.
        """
        return await self._send(method, path, body, kind=kind, within=within)

    async def review(self, path: str, body: bytes, *, within: float = 10) -> bytes:
        """What the server says of a review (`TokenReview` and the like), which is created to be answered and is not
        kept.
        """
        return await self._send("POST", path, body, kind="application/json", within=within)

    async def dated(self, path: str, *, within: float = 10) -> tuple[bytes, str]:
        """The body of a short answer, and the server's time as its `Date` header has it; empty without one."""
        try:
            async with asyncio.timeout(within):
                headers = await self._headers(compress=False)
                async with await self._open(path, None, headers) as answer:
                    return await answer.read(), answer.headers.get("Date", "")
        except TimeoutError:
            raise _silent(self.server, within) from None
        except _BROKEN as error:
            raise _unreachable(self.server, error) from error

    async def _send(self, method: str, path: str, body: bytes, *, kind: str, within: float) -> bytes:
        try:
            async with asyncio.timeout(within):
                headers = {**await self._headers(compress=False), "Content-Type": kind}
                async with await self._request(method, path, headers=headers, data=body) as answer:
                    return await answer.read()
        except TimeoutError:
            raise _silent(self.server, within) from None
        except _BROKEN as error:
            raise _unreachable(self.server, error) from error

    async def close(self) -> None:
        """Give back the connections. The client can be used again afterwards."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _headers(self, *, compress: bool) -> dict[str, str]:
        headers = {
            "Accept": "application/json",
            # Watches are never compressed before 1.37, and a compressor would only hold lines back.
            "Accept-Encoding": "gzip" if compress else "identity",
        }
        authorization = await self.endpoint.credentials.authorization()
        if authorization:
            headers["Authorization"] = authorization
        return headers

    async def _open(
        self, path: str, params: Mapping[str, str] | None, headers: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        return await self._request("GET", path, params=params, headers=headers)

    async def _request(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> aiohttp.ClientResponse:
        compress = headers["Accept-Encoding"] == "gzip"
        answer = await self._running().request(
            method,
            self.server + path,
            params=params,
            headers=headers,
            data=data,
            server_hostname=self.endpoint.server_name,
            proxy=self.endpoint.proxy,
            allow_redirects=False,
            # A page is unpacked in one go, which takes less time than aiohttp's many steps.
            auto_decompress=not compress,
        )
        if answer.status not in (200, 201):
            async with answer:
                body = await answer.content.read(_LARGEST_FAILURE)
                if compress and answer.headers.get("Content-Encoding"):
                    with contextlib.suppress(zlib.error):
                        body = zlib.decompressobj(_GZIP).decompress(body, _LARGEST_FAILURE)
                raise error_of(answer.status, body, retry_after=answer.headers.get("Retry-After"))
        return answer

    def _running(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=self.endpoint.tls or True,
                    limit=0,
                    keepalive_timeout=_IDLE_FOR,
                    ttl_dns_cache=_NAMES_KEPT_FOR,
                    # The same whatever else is installed: aiohttp would take aiodns, which has a cache of its own.
                    resolver=aiohttp.ThreadedResolver(),
                ),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_WITHIN),
                headers={"User-Agent": f"moorage/{__version__}"},
                cookie_jar=aiohttp.DummyCookieJar(),
                read_bufsize=2**18,
            )
        return self._session


def _unpacked(body: bytes, answer: aiohttp.ClientResponse) -> bytes:
    """The body as it was before it was compressed; `zlib.error` where it does not come out whole."""
    packed = answer.headers.get("Content-Encoding", "identity") != "identity"
    return zlib.decompress(body, _GZIP) if packed else body


def _unreachable(server: str, error: Exception) -> Unreachable:
    """The message reaches pages, where addresses have no place; the hint is for whoever runs the program."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        message = later("the Kubernetes API server can't be reached: its certificate is not trusted")
    else:
        message = later("the Kubernetes API server can't be reached")
    return Unreachable(message, hint=cut(f"{server}: {str(error) or type(error).__name__}"))


def _silent(server: str, within: float) -> Unreachable:
    words = later("the Kubernetes API server did not answer within {seconds} s", seconds=f"{within:g}")
    return Unreachable(words, hint=server)
