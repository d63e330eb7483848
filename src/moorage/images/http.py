"""HTTP to a registry: log-in, deadlines, one retry, and errors as sentences."""

import asyncio
import base64
import re
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from moorage.errors import MoorageError

# A page of 100 artifacts with their labels is some 500 KB.
LARGEST_ANSWER = 32 * 1024 * 1024
AT_ONCE = 4


class RegistryError(MoorageError):
    """The registry did not give what was asked."""

    def __init__(self, message: str, *, status: int | None = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


class Answer(msgspec.Struct, frozen=True):
    body: Any
    headers: Mapping[str, str]


class Registry:
    """One registry, with at most a few requests under way at once."""

    def __init__(
        self,
        url: str,
        *,
        username: str | None = None,
        password: Callable[[], str | None] = lambda: None,
        timeout: float = 10,
        ca_file: Path | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._username = username
        self._password = password
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._ca_file = ca_file
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._tokens: dict[str, str] = {}

    @property
    def host(self) -> str:
        return self.url.partition("://")[2] or self.url

    async def get(self, path: str, *, accept: str = "application/json", scope: str = "") -> Answer:
        """One JSON answer. A challenge for a bearer token is met once; `scope` names the token for later requests."""
        async with self._slots:
            status, headers, data = await self._once(path, accept=accept, scope=scope)
            if status == 401 and (challenge := headers.get("www-authenticate", "")).lower().startswith("bearer"):
                self._tokens[scope] = await self._fetch_token(challenge)
                status, headers, data = await self._once(path, accept=accept, scope=scope)
        if status in (401, 403):
            raise RegistryError(
                f"the registry rejected the log-in ({status})", status=status, hint="check the user and password"
            )
        if status != 200:
            raise RegistryError(f"the registry answered {status}", status=status)
        try:
            return Answer(msgspec.json.decode(data), headers)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise RegistryError("the registry's answer is not JSON", status=status) from exc

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _once(self, path: str, *, accept: str, scope: str) -> tuple[int, Mapping[str, str], bytes]:
        headers = {"Accept": accept}
        if scope in self._tokens:
            headers["Authorization"] = f"Bearer {self._tokens[scope]}"
        elif (basic := self._basic()) is not None:
            headers["Authorization"] = basic
        return await self._fetch(self.url + path, headers=headers)

    def _basic(self) -> str | None:
        password = self._password()
        if self._username is None or password is None:
            return None
        return "Basic " + base64.b64encode(f"{self._username}:{password}".encode()).decode()

    async def _fetch_token(self, challenge: str) -> str:
        """The distribution specification's dance: the registry names a realm that gives a token for what is asked."""
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        realm = fields.get("realm", "")
        # The realm gets our password: only where the connection is as safe as the registry's own.
        if not realm.startswith("https://") and not (realm.startswith("http://") and self.url.startswith("http://")):
            raise RegistryError("the registry names no secure log-in address")
        query = {name: fields[name] for name in ("service", "scope") if name in fields}
        basic = self._basic()
        headers = {"Authorization": basic} if basic is not None else {}
        status, _, data = await self._fetch(realm, headers=headers, params=query)
        if status != 200:
            raise RegistryError(f"the registry's log-in answered {status}", status=status)
        try:
            body = msgspec.json.decode(data)
            token = body.get("token") or body.get("access_token")
        except (msgspec.MsgspecError, AttributeError) as exc:
            raise RegistryError("the registry's log-in returned no token") from exc
        if not isinstance(token, str):
            raise RegistryError("the registry's log-in returned no token")
        return token

    async def _fetch(
        self, url: str, *, headers: dict[str, str], params: dict[str, str] | None = None
    ) -> tuple[int, Mapping[str, str], bytes]:
        from yarl import URL

        # Already encoded: a slash inside a repository's name is encoded twice, and must stay so.
        target = URL(url, encoded=True)
        if params:
            target = target.update_query(params)
        try:
            async with self._open().get(target, headers=headers, allow_redirects=True, max_redirects=3) as response:
                data = bytearray()
                async for chunk in response.content.iter_chunked(1 << 16):
                    data += chunk
                    if len(data) > LARGEST_ANSWER:
                        raise RegistryError("the registry's answer is too large")
                return response.status, response.headers, bytes(data)
        except TimeoutError as exc:
            raise RegistryError(f"the registry gave no answer in {self._timeout.total:g} s") from exc
        except aiohttp.ClientError as exc:
            raise RegistryError(f"the registry can't be reached ({type(exc).__name__})") from exc

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            context = ssl.create_default_context(cafile=self._ca_file) if self._ca_file is not None else True
            connector = aiohttp.TCPConnector(limit=AT_ONCE, ssl=context)
            self._session = aiohttp.ClientSession(
                timeout=self._timeout, connector=connector, headers={"User-Agent": "moorage"}
            )
        return self._session


def next_page(headers: Mapping[str, str]) -> str | None:
    """The path behind `Link: <…>; rel="next"` (RFC 8288), or None on the last page.

    Its host is left out: behind a proxy it may be one that can't be reached, and no other one may get our log-in.
    """
    for part in headers.get("link", "").split(","):
        target, _, parameters = part.strip().partition(">")
        if 'rel="next"' in parameters.replace(" ", "") and target.startswith("<"):
            parts = urlsplit(target[1:])
            return f"{parts.path}?{parts.query}"
    return None
