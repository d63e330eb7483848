"""Find the cluster: an address, a kubeconfig, or the service account of the pod that we run in.

The first that applies: a server that was named; a kubeconfig that was named; the service account
(`KUBERNETES_SERVICE_HOST` and its token file); `$KUBECONFIG` or `~/.kube/config`. Out comes a `Client` that has not
spoken to anyone yet.
"""

import os
import ssl
from pathlib import Path
from urllib.parse import urlsplit

from moorage.kube.client import Client, Endpoint
from moorage.kube.credentials import Anonymous, Credentials, Token, TokenFile
from moorage.kube.errors import NoConnection
from moorage.kube.kubeconfig import default_files, endpoint_of

__all__ = ["Client", "Endpoint", "connect"]

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


async def connect(
    *,
    kubeconfig: str | os.PathLike[str] | None = None,
    context: str | None = None,
    server: str | None = None,
    token: str | None = None,
    token_file: str | os.PathLike[str] | None = None,
    certificate_authority: str | os.PathLike[str] | None = None,
) -> Client:
    """A client of the cluster that was named, or of the one that this process belongs to.

    Raises `NoConnection` where there is none; an API server that does not answer shows with the first request.
    """
    if server:
        return Client(_named(server, token=token, token_file=token_file, authority=certificate_authority))
    if kubeconfig:
        return Client(endpoint_of(_files(kubeconfig), context=context, provider=legacy_authorization))
    if context is None and os.environ.get("KUBERNETES_SERVICE_HOST") and (SERVICE_ACCOUNT / "token").exists():
        return Client(_service_account(SERVICE_ACCOUNT))
    files = default_files()
    if any(file.exists() for file in files):
        return Client(endpoint_of(files, context=context, provider=legacy_authorization))
    raise NoConnection(
        "no cluster to connect to: no kubeconfig and no service account",
        hint="name one with --kubeconfig FILE or --server URL",
    )


def _files(named: str | os.PathLike[str]) -> list[Path]:
    return [Path(part).expanduser() for part in os.fspath(named).split(os.pathsep) if part]


def _named(
    server: str,
    *,
    token: str | None,
    token_file: str | os.PathLike[str] | None,
    authority: str | os.PathLike[str] | None,
) -> Endpoint:
    address = server.rstrip("/")
    scheme = urlsplit(address).scheme
    if scheme not in ("http", "https"):
        raise NoConnection(
            f"{server!r} is not the address of an API server", hint="use an address such as https://host:6443"
        )
    credentials: Credentials = Anonymous()
    if token_file:
        credentials = TokenFile(token_file)
    elif token:
        credentials = Token(token)
    return Endpoint(server=address, credentials=credentials, tls=_trusting(authority) if scheme == "https" else None)


def _service_account(folder: Path) -> Endpoint:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT") or "443"
    bracketed = f"[{host}]" if ":" in host else host
    namespace = folder / "namespace"
    return Endpoint(
        server=f"https://{bracketed}:{port}",
        credentials=TokenFile(folder / "token"),
        tls=_trusting(folder / "ca.crt"),
        namespace=namespace.read_text(encoding="utf-8").strip() if namespace.exists() else "default",
    )


def _trusting(authority: str | os.PathLike[str] | None) -> ssl.SSLContext:
    try:
        tls = ssl.create_default_context(cafile=authority)
    except (OSError, ssl.SSLError) as error:
        raise NoConnection(f"the certificate authority {authority} can't be used: {error}") from error
    # Clusters' own authorities often lack the key usage extension that Python 3.13 began to insist on.
    tls.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)
    return tls


async def legacy_authorization(kubeconfig: str, *, context: str) -> str | None:
    """The header for a kubeconfig's old `auth-provider`, which kubernetes_asyncio knows how to refresh."""
    try:
        from kubernetes_asyncio.client import Configuration
        from kubernetes_asyncio.config import load_kube_config
        from kubernetes_asyncio.config.config_exception import ConfigException
    except ImportError as error:
        raise NoConnection("this kubeconfig's auth-provider needs the package kubernetes-asyncio") from error
    configuration = Configuration()
    try:
        await load_kube_config(
            config_file=kubeconfig, context=context, client_configuration=configuration, persist_config=False
        )
    except ConfigException as error:
        raise NoConnection(f"the kubeconfig's auth-provider failed: {error}") from error
    header: str | None = await configuration.get_api_key_with_prefix("BearerToken")
    return header
