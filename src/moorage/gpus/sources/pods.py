"""Where the pods of exporters and agents run: found by label over all namespaces (or in one), never by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from moorage.errors import MoorageError
from moorage.kube.errors import Forbidden
from moorage.texts import later

if TYPE_CHECKING:
    from moorage.kube.client import Client


class FoundPod(msgspec.Struct, frozen=True, kw_only=True):
    """A running pod on a node."""

    node: str
    namespace: str
    name: str
    uid: str
    ip: str
    containers: tuple[str, ...] = ()
    incarnation: str = ""  # changes when its containers are started anew


class _Container(msgspec.Struct):
    name: str = ""


class _ContainerStatus(msgspec.Struct, rename="camel"):
    name: str = ""
    ready: bool = False
    container_id: str | None = msgspec.field(default=None, name="containerID")


class _Spec(msgspec.Struct, rename="camel"):
    node_name: str | None = None
    containers: list[_Container] | None = None


class _Status(msgspec.Struct, rename="camel"):
    phase: str | None = None
    pod_ip: str | None = msgspec.field(default=None, name="podIP")
    container_statuses: list[_ContainerStatus] | None = None


class _Meta(msgspec.Struct, rename="camel"):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    deletion_timestamp: str | None = None


class _Pod(msgspec.Struct):
    metadata: _Meta = msgspec.field(default_factory=_Meta)
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


class _List(msgspec.Struct):
    items: list[msgspec.Raw] | None = None


_list = msgspec.json.Decoder(_List)
_pod = msgspec.json.Decoder(_Pod)


class PodFinder:
    """Lists the pods of some label selectors; a few requests now and then, however many nodes there are."""

    def __init__(self, client: Client, selectors: tuple[str, ...], *, namespace: str | None = None) -> None:
        self._client = client
        self._selectors = selectors
        self._path = f"/api/v1/namespaces/{namespace}/pods" if namespace else "/api/v1/pods"
        self._namespace = namespace

    async def find(self, *, within: float = 10.0) -> tuple[dict[str, list[FoundPod]], str | None]:
        """Running pods by node, in the selectors' order; and why some may be missing."""
        found: dict[str, list[FoundPod]] = {}
        for selector in self._selectors:
            try:
                body = await self._client.get(
                    self._path, {"labelSelector": selector, "resourceVersion": "0"}, within=within
                )
            except Forbidden:
                if self._namespace:
                    return found, later("not allowed to list pods in namespace {namespace}", namespace=self._namespace)
                return found, later("not allowed to list pods cluster-wide")
            except MoorageError as error:
                return found, error.message
            for pod in _read(body):
                if all(pod.uid != other.uid for other in found.get(pod.node, ())):
                    found.setdefault(pod.node, []).append(pod)
        return found, None


def _read(body: bytes) -> list[FoundPod]:
    try:
        items = _list.decode(body).items or []
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return []
    found = []
    for item in items:
        try:
            pod = _pod.decode(item)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            continue
        meta, status = pod.metadata, pod.status
        if meta.deletion_timestamp or status.phase != "Running" or not pod.spec.node_name:
            continue
        statuses = status.container_statuses or []
        if statuses and not any(one.ready for one in statuses):
            continue
        found.append(
            FoundPod(
                node=pod.spec.node_name,
                namespace=meta.namespace,
                name=meta.name,
                uid=meta.uid or f"{meta.namespace}/{meta.name}",
                ip=status.pod_ip or "",
                containers=tuple(one.name for one in pod.spec.containers or ()),
                incarnation=",".join(sorted(one.container_id or "" for one in statuses)),
            )
        )
    return found
