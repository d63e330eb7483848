"""What is found in a hub's pod, and who answers from there."""

import asyncio
import contextlib
import importlib
import json
import os
import re
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from moorage import clock
from moorage.cli.doctor import apart

# Where Zero to JupyterHub puts the release's values.
VALUES = Path("/usr/local/etc/jupyterhub/secret/values.yaml")
# What JupyterHub and KubeSpawner do in the namespace of people's servers, and what is optional.
NEEDED = (
    *((verb, "pods", "") for verb in ("get", "list", "watch", "create", "delete")),
    ("list", "events", ""),
    ("watch", "events", ""),
    ("create", "persistentvolumeclaims", ""),
)
OPTIONAL = (("patch", "pods/resize", ""), ("get", "pods", "metrics.k8s.io"))

_PACKAGES = ("jupyterhub", "jupyterhub-kubespawner", "kubernetes-asyncio", "aiohttp")
_URL = re.compile(r"""\bservice_url["']?\s*[:=]\s*\\?["']?(https?://[^\s"'\\]+)""")
_BUILD = re.compile(r'^moorage_build_info\{version="([^"]+)"\}', re.MULTILINE)
_WITHIN = aiohttp.ClientTimeout(total=15, connect=4)
_API_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Service:
    """The service as the hub reaches it. `trouble` is what kept it from being reached, of the kind `how`; `status` is
    that of its answer.
    """

    url: str
    by: str
    has_token: bool
    how: str = ""
    trouble: str = ""
    status: int = 0
    version: str = ""
    stale: bool = False
    behind: float | None = None


@dataclass(frozen=True, slots=True)
class Cluster:
    """The API server as KubeSpawner reaches it; `denied` are rights that the hub lacks, as (verb, kind, group)."""

    trouble: str = ""
    version: str = ""
    behind: float | None = None
    namespace: str = ""
    denied: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """`versions` are those of packages, None where one is missing; `broken` why the spawner can't be loaded."""

    versions: dict[str, str | None]
    where: str
    broken: str
    service: Service
    cluster: Cluster = field(default_factory=Cluster)


async def look(*, server: str | None) -> Seen:
    service, cluster = await asyncio.gather(_service(*_address(server)), _cluster())
    return Seen({name: _version(name) for name in _PACKAGES}, _where(), _loads(), service, cluster)


def _version(package: str) -> str | None:
    with contextlib.suppress(metadata.PackageNotFoundError):
        return metadata.version(package)
    return None


def _where() -> str:
    return str(Path(importlib.import_module("moorage").__file__ or "").parent)


def _loads() -> str:
    """Why the spawner can't be imported, or nothing."""
    try:
        importlib.import_module("moorage.hub.spawner")
    except Exception as error:  # whatever it is, the hub would end with it
        return f"{type(error).__name__}: {error}".splitlines()[0][:300]
    return ""


def _address(server: str | None) -> tuple[str, str]:
    """Where the service is, and who says so. The hub's configuration is a program: what it sets is read as text from
    the chart's values, or given by hand.
    """
    if server:
        return server, "--server"
    if given := os.environ.get("MOORAGE_SERVICE_URL"):
        return given, "MOORAGE_SERVICE_URL"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if found := _URL.findall(VALUES.read_text()):
            return found[-1], "the hub's values"
    return "http://moorage:8000", "default"


async def _service(url: str, by: str) -> Service:
    token = os.environ.get("MOORAGE_SERVICE_TOKEN", "").strip()
    url = url.rstrip("/")

    def unreached(how: str, trouble: str) -> Service:
        return Service(url, by, bool(token), how, trouble)

    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        return unreached("address", str(error))
    try:
        await asyncio.get_running_loop().getaddrinfo(host, port)
    except (OSError, UnicodeError):
        return unreached("name", host)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        async with aiohttp.ClientSession(headers=headers, timeout=_WITHIN) as session:
            return await _answers(session, Service(url, by, bool(token)))
    except TimeoutError:
        return unreached("silence", f"{host}:{port}")
    except aiohttp.ClientConnectorError as error:
        how = "refused" if isinstance(error.os_error, ConnectionRefusedError) else "connection"
        return unreached(how, str(error.os_error.strerror or error))
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return unreached("answer", str(error) or type(error).__name__)


async def _answers(session: aiohttp.ClientSession, asked: Service) -> Service:
    before = clock.now()
    async with session.get(f"{asked.url}/api/v1/cluster/resources", allow_redirects=False) as answer:
        behind = apart.behind(answer.headers.get("Date"), before=before, after=clock.now())
        body = await answer.content.read(65536) if answer.status != 200 else b""
        status, stale = answer.status, answer.headers.get("Moorage-Stale") == "true"
    async with session.get(f"{asked.url}/metrics", allow_redirects=False) as answer:
        found = _BUILD.search(await answer.text()) if answer.status == 200 else None
    return Service(
        asked.url, asked.by, asked.has_token, "", _why(body), status, found[1] if found else "", stale, behind
    )


def _why(body: bytes) -> str:
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return str(json.loads(body)["error"]["message"])[:300]
    return ""


async def _cluster() -> Cluster:
    try:
        clients = importlib.import_module("kubespawner.clients")
        clients.load_config()
    except Exception as error:  # no KubeSpawner, no service account, a kubeconfig that is none
        return Cluster(f"there is no way to it: {error}".splitlines()[0][:300])
    where = os.environ.get("POD_NAMESPACE") or _own_namespace()
    before = clock.now()
    try:
        async with asyncio.timeout(_API_SECONDS):
            told, _, headers = await clients.shared_client("VersionApi").get_code_with_http_info()
            behind = apart.behind(headers.get("Date"), before=before, after=clock.now())
            rights = clients.shared_client("AuthorizationV1Api")
            asked = [one for one in (*NEEDED, *OPTIONAL) if not await _may(rights, one, where)]
    except TimeoutError:
        return Cluster(f"it gave no answer within {_API_SECONDS} seconds")
    except Exception as error:  # of as many kinds as the packages below have
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        return Cluster(f"{reason}".splitlines()[0][:300])
    return Cluster("", str(told.git_version), behind, where, tuple(asked))


async def _may(rights: Any, right: tuple[str, str, str], namespace: str) -> bool:
    verb, kind, group = right
    resource, _, sub = kind.partition("/")
    attributes = {"namespace": namespace, "verb": verb, "group": group, "resource": resource, "subresource": sub}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
    }
    return bool((await rights.create_self_subject_access_review(review)).status.allowed)


def _own_namespace() -> str:
    with contextlib.suppress(OSError):
        return Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace").read_text().strip()
    return "default"
