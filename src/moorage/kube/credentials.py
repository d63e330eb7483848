"""How a request proves who asks: nothing, a token, a token file, a name and password, or a plugin that is run.

Each kind answers with the value of the `Authorization` header, read afresh where it can change while we run.
"""

import asyncio
import base64
import json
import os
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from moorage.kube.errors import NoConnection, cut
from moorage.texts import later

# The kubelet replaces a service account's token when 80 % of its life is over, which is minutes before it ends.
_REREAD_AFTER = 60.0
_PLUGIN_WITHIN = 60.0
_EXPIRES_EARLY = 60.0


class Credentials(Protocol):
    """Something that knows the `Authorization` header of the next request."""

    async def authorization(self) -> str | None:
        """The header's value, or None where the connection itself proves who asks."""
        ...


class Anonymous:
    """No header: plain HTTP to a simulator or to `kubectl proxy`, or a client certificate."""

    async def authorization(self) -> str | None:
        return None


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token that stays as it is."""

    token: str = field(repr=False)

    async def authorization(self) -> str | None:
        return f"Bearer {self.token}"


@dataclass(frozen=True, slots=True)
class Password:
    """HTTP basic authentication, as some proxies in front of an API server ask for it."""

    user: str
    password: str = field(repr=False)

    async def authorization(self) -> str | None:
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


class TokenFile:
    """A bearer token in a file that is replaced from time to time."""

    def __init__(self, path: str | os.PathLike[str], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = Path(path)
        self._clock = clock
        self._token = ""
        self._read_at = float("-inf")

    async def authorization(self) -> str | None:
        if self._clock() - self._read_at >= _REREAD_AFTER:
            try:
                self._token = self._path.read_text(encoding="utf-8").strip()
            except OSError as error:
                # The last token is worth a try: the file is swapped by renaming, and a volume may be away for a moment.
                if not self._token:
                    words = later("the token file {path} can't be read: {error}", path=self._path, error=error.strerror)
                    raise NoConnection(words) from error
            self._read_at = self._clock()
        return f"Bearer {self._token}"


class ExecPlugin:
    """A command of the kubeconfig that prints an `ExecCredential`: a token, or a client certificate with its key."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        api_version: str,
        env: Mapping[str, str],
        cluster: dict[str, Any] | None = None,
        tls: ssl.SSLContext | None = None,
        hint: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._command = list(command)
        self._api_version = api_version
        self._env = dict(env)
        self._cluster = cluster
        self._tls = tls
        self._hint = hint
        self._clock = clock
        self._header: str | None = None
        self._valid_until = float("-inf")
        self._running = asyncio.Lock()

    async def authorization(self) -> str | None:
        async with self._running:
            if self._clock() >= self._valid_until:
                self._take(await self._run())
        return self._header

    async def _run(self) -> dict[str, Any]:
        spec: dict[str, Any] = {"interactive": False}
        if self._cluster is not None:
            spec["cluster"] = self._cluster
        info = {"apiVersion": self._api_version, "kind": "ExecCredential", "spec": spec}
        env = {**os.environ, **self._env, "KUBERNETES_EXEC_INFO": json.dumps(info)}
        name = repr(self._command[0])
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                env=env,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            raise NoConnection(
                later("the log-in command {name} can't be run: {error}", name=name, error=error.strerror),
                hint=self._hint,
            ) from error
        try:
            async with asyncio.timeout(_PLUGIN_WITHIN):
                out, err = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            words = later(
                "the log-in command {name} did not finish within {seconds} s", name=name, seconds=f"{_PLUGIN_WITHIN:g}"
            )
            raise NoConnection(words) from None
        if process.returncode != 0:
            told = cut(err.decode("utf-8", "replace").strip())
            words = later(
                "the log-in command {name} failed ({status}): {told}", name=name, status=process.returncode, told=told
            )
            raise NoConnection(words, hint=self._hint)
        try:
            status = json.loads(out)["status"]
        except (ValueError, KeyError, TypeError) as error:
            raise NoConnection(later("the log-in command {name} printed no ExecCredential", name=name)) from error
        if not isinstance(status, dict):
            raise NoConnection(later("the log-in command {name} printed an ExecCredential without status", name=name))
        return status

    def _take(self, status: dict[str, Any]) -> None:
        token = status.get("token")
        self._header = f"Bearer {token}" if token else None
        if status.get("clientCertificateData") and status.get("clientKeyData") and self._tls is not None:
            load_client_certificate(
                self._tls, status["clientCertificateData"].encode(), status["clientKeyData"].encode()
            )
        ends = status.get("expirationTimestamp")
        self._valid_until = float("inf")
        if isinstance(ends, str):
            self._valid_until = datetime.fromisoformat(ends).timestamp() - _EXPIRES_EARLY


class Borrowed:
    """Credentials that another library refreshes for us: asked again once a minute."""

    def __init__(
        self, load: Callable[[], Awaitable[str | None]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._load = load
        self._clock = clock
        self._header: str | None = None
        self._read_at = float("-inf")

    async def authorization(self) -> str | None:
        if self._clock() - self._read_at >= _REREAD_AFTER:
            self._header = await self._load()
            self._read_at = self._clock()
        return self._header


def load_client_certificate(tls: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Give a context a certificate that is not in a file.

    The ssl module reads files only, so one lives for the length of this call.
    """
    with tempfile.TemporaryDirectory(prefix="moorage-") as folder:
        path = Path(folder) / "client.pem"
        path.touch(mode=0o600)
        path.write_bytes(certificate + b"\n" + key)
        tls.load_cert_chain(path)
