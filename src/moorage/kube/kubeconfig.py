"""Kubeconfig files, as kubectl reads them: one or several merged, relative paths relative to the file that names them.

Read here rather than by a client library, since that library brings every model of the Kubernetes API into memory. It
is still asked for the two old `auth-provider` kinds (gcp, oidc), which almost nobody has any more.
"""

import base64
import binascii
import os
import ssl
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from moorage.kube.client import Endpoint
from moorage.kube.credentials import (
    Anonymous,
    Borrowed,
    Credentials,
    ExecPlugin,
    Password,
    Token,
    TokenFile,
    load_client_certificate,
)
from moorage.kube.errors import NoConnection


class AuthProvider(Protocol):
    """Gives the header for a kubeconfig's old `auth-provider`, or None."""

    def __call__(self, kubeconfig: str, *, context: str) -> Awaitable[str | None]: ...


@dataclass(frozen=True, slots=True)
class _Entry:
    """One named cluster, user or context, and the folder that its relative paths start from."""

    value: dict[str, Any]
    folder: Path

    def path(self, key: str) -> Path | None:
        name = self.value.get(key)
        return self.folder / Path(name).expanduser() if isinstance(name, str) and name else None

    def data(self, key: str) -> bytes | None:
        """The bytes of `<key>-data`, or of the file that `<key>` names. The data wins, as in client-go."""
        text = self.value.get(f"{key}-data")
        if isinstance(text, str) and text:
            try:
                return base64.b64decode(text, validate=False)
            except (binascii.Error, ValueError) as error:
                raise NoConnection(f"{key}-data in the kubeconfig is not base64") from error
        path = self.path(key)
        if path is None:
            return None
        try:
            return path.read_bytes()
        except OSError as error:
            raise NoConnection(f"{path}, named by the kubeconfig, can't be read: {error.strerror}") from error


def default_files() -> list[Path]:
    """Where kubectl would look: `$KUBECONFIG`, a list of files, or `~/.kube/config`."""
    named = os.environ.get("KUBECONFIG", "")
    if named:
        return [Path(part) for part in named.split(os.pathsep) if part]
    return [Path.home() / ".kube" / "config"]


def endpoint_of(files: Sequence[Path], *, context: str | None = None, provider: AuthProvider) -> Endpoint:
    """The server and credentials of a context, by default the current one; `provider` knows the old kinds."""
    merged = _merge(files)
    named = str(context or merged.current or "")
    shown = ", ".join(str(file) for file in files)
    if not named:
        raise NoConnection(f"{shown} has no current context", hint="choose one with --context")
    if named not in merged.contexts:
        known = ", ".join(sorted(merged.contexts)) or "none"
        raise NoConnection(f"{shown} has no context {named!r}", hint=f"it has: {known}")
    chosen = merged.contexts[named].value
    cluster = merged.clusters.get(str(chosen.get("cluster")))
    if cluster is None or not isinstance(cluster.value.get("server"), str):
        raise NoConnection(f"the context {named!r} names a cluster without a server")
    user = merged.users.get(str(chosen.get("user")), _Entry({}, Path()))
    server = cluster.value["server"].rstrip("/")
    tls = _tls(cluster, user) if urlsplit(server).scheme == "https" else None
    return Endpoint(
        server=server,
        credentials=_credentials(
            user, cluster=cluster, tls=tls, borrowed=Borrowed(partial(provider, str(files[0]), context=named))
        ),
        tls=tls,
        server_name=cluster.value.get("tls-server-name"),
        proxy=cluster.value.get("proxy-url"),
        namespace=chosen.get("namespace") or "default",
    )


@dataclass(slots=True)
class _Merged:
    clusters: dict[str, _Entry]
    users: dict[str, _Entry]
    contexts: dict[str, _Entry]
    current: str | None = None


def _merge(files: Sequence[Path]) -> _Merged:
    import yaml

    merged = _Merged({}, {}, {})
    found = False
    for file in files:
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise NoConnection(f"the kubeconfig {file} can't be read: {error}") from error
        if not isinstance(content, dict):
            raise NoConnection(f"{file} is not a kubeconfig")
        found = True
        # The first file to name a thing wins, as in client-go.
        for plural, singular, into in (
            ("clusters", "cluster", merged.clusters),
            ("users", "user", merged.users),
            ("contexts", "context", merged.contexts),
        ):
            items = content.get(plural)
            for item in items if isinstance(items, list) else ():
                if isinstance(item, dict) and isinstance(item.get(singular), dict):
                    into.setdefault(str(item.get("name")), _Entry(item[singular], file.absolute().parent))
        merged.current = merged.current or content.get("current-context")
    if not found:
        raise NoConnection(f"found no kubeconfig at {', '.join(str(file) for file in files)}")
    return merged


def _tls(cluster: _Entry, user: _Entry) -> ssl.SSLContext:
    try:
        authority = cluster.data("certificate-authority")
        tls = ssl.create_default_context(cadata=authority.decode("ascii") if authority else None)
        # Clusters' own authorities often lack the key usage extension that Python 3.13 began to insist on.
        tls.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
        if cluster.value.get("insecure-skip-tls-verify"):
            tls.check_hostname = False
            tls.verify_mode = ssl.CERT_NONE
        certificate, key = user.data("client-certificate"), user.data("client-key")
        if certificate and key:
            load_client_certificate(tls, certificate, key)
    except (ssl.SSLError, UnicodeDecodeError) as error:
        raise NoConnection(f"a certificate or key of the kubeconfig can't be used: {error}") from error
    return tls


def _credentials(user: _Entry, *, cluster: _Entry, tls: ssl.SSLContext | None, borrowed: Borrowed) -> Credentials:
    value = user.value
    # tokenFile wins over token, as in client-go.
    token_file = user.path("tokenFile")
    if token_file is not None:
        return TokenFile(token_file)
    if value.get("token"):
        return Token(str(value["token"]))
    if value.get("username"):
        return Password(str(value["username"]), str(value.get("password") or ""))
    if isinstance(value.get("exec"), dict):
        return _plugin(user, cluster=cluster, tls=tls)
    if isinstance(value.get("auth-provider"), dict):
        return borrowed
    return Anonymous()


def _plugin(user: _Entry, *, cluster: _Entry, tls: ssl.SSLContext | None) -> ExecPlugin:
    settings = user.value["exec"]
    command = str(settings.get("command") or "")
    if not command:
        raise NoConnection("the kubeconfig's exec section names no command")
    if os.sep in command and not Path(command).is_absolute():
        command = str(user.folder / command)
    about = None
    if settings.get("provideClusterInfo"):
        authority = cluster.data("certificate-authority")
        about = {
            "server": cluster.value["server"],
            "certificate-authority-data": base64.b64encode(authority).decode() if authority else None,
            "insecure-skip-tls-verify": bool(cluster.value.get("insecure-skip-tls-verify")),
        }
    return ExecPlugin(
        [command, *(str(argument) for argument in settings.get("args") or [])],
        api_version=str(settings.get("apiVersion") or "client.authentication.k8s.io/v1"),
        env={str(item["name"]): str(item["value"]) for item in settings.get("env") or [] if isinstance(item, dict)},
        cluster=about,
        tls=tls,
        hint=settings.get("installHint"),
    )
