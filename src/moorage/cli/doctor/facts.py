"""What the checks need from the cluster, read once; each part is there or `Unknown`."""

import asyncio
import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from moorage.cli.doctor.cluster import Cluster, Node, read_cluster
from moorage.cli.doctor.findings import Unknown
from moorage.cli.doctor.hub import Hub
from moorage.cli.doctor.kept import Kept, read_kept
from moorage.cli.doctor.live import Live, ask_service
from moorage.cli.doctor.policies import NAME_LABEL
from moorage.cli.doctor.reading import Json, Reader, at, mapping, rows, text
from moorage.cli.doctor.rights import Answered, ask_rights
from moorage.cli.doctor.settings import read_settings
from moorage.cli.doctor.values import Values

VARIABLE = "MOORAGE_SERVICE_TOKEN"
_NAME = "moorage"
_SERVICE = f"http://{_NAME}.{_NAME}:8000"


@dataclass(frozen=True, slots=True)
class Service:
    """The service that the hub asks, as the cluster has it."""

    url: str
    namespace: str
    name: str
    port: int | None
    there: Json | Unknown | None = None
    slices: list[Json] | Unknown = field(default_factory=list)
    policies: list[Json] | Unknown = field(default_factory=list)
    hub_policies: list[Json] | Unknown = field(default_factory=list)
    # Labels of both namespaces, None where they can't be read, and the pods of Prometheus.
    namespace_labels: Json | None = None
    hub_namespace: Json | None = None
    prometheus: list[Json] | Unknown = field(default_factory=list)
    deployment: Json | Unknown | None = None
    binding: Json | Unknown | None = None
    kept: Kept = field(default_factory=Kept)
    settings: dict[str, str] | Unknown | None = None


@dataclass(frozen=True, slots=True)
class Tokens:
    """The hub's token and the lines that the service knows; nothing of either is ever shown."""

    hub_secret: str  # namespace/name
    service_secret: str
    hub: str | Unknown | None = field(repr=False, default=None)
    service: str | Unknown | None = field(repr=False, default=None)
    in_values: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    hub: Hub
    pods: list[Json] | Unknown  # the hub's
    values: Values | Unknown
    pull_secrets: dict[str, str | Unknown | None]  # name: type of the Secret
    classes: list[Json] | Unknown
    claim: Json | Unknown | None
    zones: set[str] | Unknown
    service: Service
    tokens: Tokens
    rights: list[Answered] = field(default_factory=list)
    cluster: Cluster = field(default_factory=Cluster)
    live: Live = field(default_factory=Live)


async def read_facts(reader: Reader, hub: Hub, *, server: str | None = None, token: str | None = None) -> Facts:
    """Everything, with the service itself asked at `server` if it is given, with `token` or otherwise the hub's."""
    release = hub.release
    values = release if isinstance(release, Unknown) else Values(release)
    labels = {"component": "hub", **({"release": hub.name} if hub.name else {})}
    service, pods, secrets, classes, claim = await asyncio.gather(
        _service(reader, values, namespace=hub.namespace),
        reader.list("pods", namespace=hub.namespace, selector=labels),
        _pull_secrets(reader, values, namespace=hub.namespace),
        reader.list("storageclasses"),
        _claim(reader, values, namespace=hub.namespace),
    )
    cluster = await read_cluster(reader, hub, service.settings)
    tokens = await _tokens(reader, values, hub=hub, service=service)
    rights = await ask_rights(reader, service.deployment, service.settings, hub.deployment)
    zones = _zones(cluster.nodes)
    live = await ask_service(server, service.url, token or tokens.hub)
    return Facts(hub, pods, values, secrets, classes, claim, zones, service, tokens, rights, cluster, live)


async def _service(reader: Reader, values: Values | Unknown, *, namespace: str) -> Service:
    url = (values.service_url if isinstance(values, Values) else None) or await _only_service(reader) or _SERVICE
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return Service("the hub's service_url", "", "", None)
    # Nothing else of an address is shown: it may carry a password.
    url = f"{parts.scheme}://{host}:{port}"
    name, _, rest = host.partition(".")
    where = rest.split(".")[0] or namespace
    # An address of another domain is no Service of this cluster.
    if not re.fullmatch(r"[a-z0-9-]+", name) or rest.partition(".")[2].split(".")[0] not in ("", "svc"):
        return Service(url, "", "", port)
    there, slices, policies, of_hub, deployment, binding = await asyncio.gather(
        reader.one("services", name, namespace=where),
        reader.list("endpointslices", namespace=where, selector={"kubernetes.io/service-name": name}),
        reader.list("networkpolicies", namespace=where),
        reader.list("networkpolicies", namespace=namespace),
        reader.one("deployments", name, namespace=where),
        reader.one("clusterrolebindings", _NAME),
    )
    spaces = await asyncio.gather(*(reader.one("namespaces", one) for one in (where, namespace)))
    prometheus = await reader.list("pods", selector={"app.kubernetes.io/name": "prometheus"})
    mine, theirs = (_labels(one) if isinstance(one, dict) else None for one in spaces)
    settings = await read_settings(reader, deployment)
    kept = await read_kept(reader, deployment, settings)
    network = (policies, of_hub, mine, theirs, prometheus)
    return Service(url, where, name, port, there, slices, *network, deployment, binding, kept, settings)


def _labels(namespace: Json) -> Json:
    """Its labels, of which the API server sets one to its name."""
    return {NAME_LABEL: text(namespace, "metadata.name"), **mapping(namespace, "metadata.labels")}


async def _only_service(reader: Reader) -> str | None:
    """Where the hub does not say it yet: the one Service of moorage's in the cluster."""
    found = await reader.list("services", selector={"app.kubernetes.io/name": _NAME})
    if isinstance(found, Unknown) or len(found) != 1:
        return None
    port = next((text(one, "port") for one in rows(found[0], "spec.ports")), "")
    return f"http://{text(found[0], 'metadata.name')}.{text(found[0], 'metadata.namespace')}:{port}" if port else None


async def _pull_secrets(reader: Reader, values: Values | Unknown, *, namespace: str) -> dict[str, str | Unknown | None]:
    found: dict[str, str | Unknown | None] = {}
    for name in values.pull_secrets if isinstance(values, Values) else ():
        secret = await reader.one("secrets", name, namespace=namespace)
        found[name] = text(secret, "type") if isinstance(secret, dict) else secret
    return found


async def _claim(reader: Reader, values: Values | Unknown, *, namespace: str) -> Json | Unknown | None:
    name = text(values.all, "singleuser.storage.static.pvcName") if isinstance(values, Values) else ""
    return await reader.one("persistentvolumeclaims", name, namespace=namespace) if name else None


def _zones(nodes: list[Node] | Unknown) -> set[str] | Unknown:
    if isinstance(nodes, Unknown):
        return nodes
    return {zone for node in nodes if (zone := node.labels.get("topology.kubernetes.io/zone"))}


async def _tokens(reader: Reader, values: Values | Unknown, *, hub: Hub, service: Service) -> Tokens:
    given = values.extra_env.get(VARIABLE) if isinstance(values, Values) else None
    asked = mapping(given, "valueFrom.secretKeyRef") if isinstance(given, dict) else {}
    name, key = text(asked, "name") or "moorage-hub", text(asked, "key") or "token"
    volumes = rows(service.deployment, "spec.template.spec.volumes")
    named = [text(volume, "secret.secretName") for volume in volumes if text(volume, "name") == "tokens"]
    told = (named or ["moorage-tokens"])[0]
    where = service.namespace or _NAME
    places = f"{hub.namespace}/{name}", f"{where}/{told}"
    if given is not None and not asked:
        literal = given if isinstance(given, str) else at(given, "value")
        if isinstance(literal, str):
            return Tokens(*places, literal, await _content(reader, told, "tokens", where), in_values=True)
    mine, theirs = await asyncio.gather(
        _content(reader, name, key, hub.namespace), _content(reader, told, "tokens", where)
    )
    return Tokens(*places, mine, theirs)


async def _content(reader: Reader, name: str, key: str, namespace: str) -> str | Unknown | None:
    secret = await reader.one("secrets", name, namespace=namespace)
    if secret is None or isinstance(secret, Unknown):
        return secret
    packed: Any = mapping(secret, "data").get(key)
    if not isinstance(packed, str):
        return Unknown(f"the Secret {namespace}/{name} has no key {key}")
    try:
        return base64.b64decode(packed, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return Unknown(f"the key {key} of the Secret {namespace}/{name} is no text in base64")
