"""HTTP to one API server: `get` for a whole answer, `stream` for one that goes on.

Only reading: there is no method that writes. What can go wrong comes out as `moorage.kube.errors`, so that callers
decide by class and never by text. Credentials are asked for before each request, since service account tokens and those
of exec plugins change while a watch lives.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Self

import aiohttp

from moorage import __version__
from moorage.kube.credentials import Anonymous, Credentials
from moorage.kube.errors import Unreachable, cut, error_of

_CONNECT_WITHIN = 2.0
# Requests of one kind follow each other within milliseconds. A connection that has lain idle for longer may be dead
# without anyone having said so.
_IDLE_FOR = 1.0
_LARGEST_FAILURE = 64 * 1024
# What a connection raises when it breaks; ValueError covers addresses and headers that can't be spelled.
_BROKEN = (aiohttp.ClientError, OSError, ValueError)


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

    async def read(self, *, within: float) -> bytes:
        """What has arrived, waiting for it at most so many seconds (`TimeoutError` after that)."""
        try:
            async with asyncio.timeout(within):
                return await self._answer.content.readany()
        except TimeoutError:
            raise
        except _BROKEN as error:
            raise _unreachable(self._server, error) from error


class Client:
    """A reader of one API server. Made outside a running loop or inside one; used inside one; closed when done."""

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

    async def get(self, path: str, params: Mapping[str, str] | None = None, *, within: float = 60) -> bytes:
        """The whole body of an answer, which has to be there within so many seconds."""
        try:
            async with asyncio.timeout(within), self._open(path, params, compress=True) as answer:
                return await answer.read()
        except TimeoutError:
            raise _silent(self.server, within) from None
        except _BROKEN as error:
            raise _unreachable(self.server, error) from error

    @asynccontextmanager
    async def stream(
        self, path: str, params: Mapping[str, str] | None = None, *, within: float = 10
    ) -> AsyncIterator[Chunks]:
        """The chunks of an answer as they come. Its headers have to be there in so many seconds; its body may last."""
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(within):
                    answer = await stack.enter_async_context(self._open(path, params, compress=False))
            except TimeoutError:
                raise _silent(self.server, within) from None
            except _BROKEN as error:
                raise _unreachable(self.server, error) from error
            yield Chunks(self.server, answer)

    async def close(self) -> None:
        """Give back the connections. The client can be used again afterwards."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def _open(
        self, path: str, params: Mapping[str, str] | None, *, compress: bool
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {
            "Accept": "application/json",
            # Watches are never compressed before 1.37, and a compressor would only hold lines back.
            "Accept-Encoding": "gzip" if compress else "identity",
        }
        authorization = await self.endpoint.credentials.authorization()
        if authorization:
            headers["Authorization"] = authorization
        async with self._running().get(
            self.server + path,
            params=params,
            headers=headers,
            server_hostname=self.endpoint.server_name,
            proxy=self.endpoint.proxy,
            allow_redirects=False,
        ) as answer:
            if answer.status != 200:
                body = await answer.content.read(_LARGEST_FAILURE)
                raise error_of(answer.status, body, retry_after=answer.headers.get("Retry-After"))
            yield answer

    def _running(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self.endpoint.tls or True, limit=0, keepalive_timeout=_IDLE_FOR),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_WITHIN),
                headers={"User-Agent": f"moorage/{__version__}"},
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=True,
                read_bufsize=2**18,
            )
        return self._session


def _unreachable(server: str, error: Exception) -> Unreachable:
    """The message reaches pages, where addresses have no place; the hint is for whoever runs the program."""
    message = "the Kubernetes API server can't be reached"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        message += ": its certificate is not one that we trust"
    return Unreachable(message, hint=cut(f"{server}: {str(error) or type(error).__name__}"))


def _silent(server: str, within: float) -> Unreachable:
    return Unreachable(f"the Kubernetes API server did not answer within {within:g} s", hint=server)
