"""A node as the cards see it: names, labels and whole numbers, taken out of the store's record in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from moorage.cluster.ledger import is_ready
from moorage.gpus.facts import Health, Holder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.accounting.podinfo import PodInfo

_HEALTH: dict[str, Health] = {"Healthy": "healthy", "Unhealthy": "unhealthy"}


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """A device that the kubelet gave to a container."""

    resource: str
    device: str
    holder: Holder
    health: Health | None = None


class NodeView(msgspec.Struct, frozen=True, kw_only=True):
    """What `cards` needs to know of a node and of the pods on it."""

    name: str
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str | None] = {}
    capacity: Mapping[str, int] = {}
    allocatable: Mapping[str, int] = {}
    requested: Mapping[str, int] = {}
    nominated: Mapping[str, int] = {}
    memory_bytes: int | None = None
    ready: bool = True
    schedulable: bool = True
    holdings: tuple[Holding, ...] = ()
    askers: tuple[tuple[Holder, Mapping[str, int]], ...] = ()  # pods that count, and what devices they ask for
    allocations: tuple[tuple[Holder, str], ...] = ()  # what HAMi wrote on the pods
    pods: frozenset[tuple[str, str]] | None = None  # (namespace, name) of those that count; None: not known
    pods_readable: bool = True

    @property
    def takes_pods(self) -> bool:
        return self.ready and self.schedulable


def view_of(node: NodeInfo, *, pods_readable: bool = True) -> NodeView | None:
    """What the store knows of a node, or None while it only knows pods that name it."""
    if node.node is None:
        return None
    holdings: list[Holding] = []
    allocations: list[tuple[Holder, str]] = []
    for pod in node.special.values():
        for device in pod.extra.devices:
            container, resource, name, health = device
            holder = Holder(namespace=pod.namespace, pod=pod.name, container=container)
            holdings.append(Holding(resource=resource, device=name, holder=holder, health=_HEALTH.get(health)))
        annotations = pod.extra.annotations
        if annotations is not None and annotations.hami_allocated:
            allocations.append((Holder(namespace=pod.namespace, pod=pod.name), annotations.hami_allocated))
    scalars = node.capacity.scalars
    has_devices = _has_devices(scalars)
    return NodeView(
        name=node.name,
        labels=node.labels,
        annotations=node.node.metadata.annotations or {},
        capacity=scalars,
        allocatable=node.allocatable.scalars,
        requested=node.requested.scalars,
        nominated=_sums(list(node.nominated.values())) if node.nominated else {},
        memory_bytes=node.capacity.memory or None,
        ready=is_ready(node),
        schedulable=not node.unschedulable,
        holdings=tuple(holdings),
        askers=_askers(node) if has_devices and not node.unreadable_pods else (),
        allocations=tuple(allocations),
        pods=frozenset((pod.namespace, pod.name) for pod in node.pods.values()) if has_devices else None,
        pods_readable=pods_readable,
    )


def _askers(node: NodeInfo) -> tuple[tuple[Holder, Mapping[str, int]], ...]:
    return tuple(
        (Holder(namespace=pod.namespace, pod=pod.name), pod.requests.scalars)
        for pod in node.pods.values()
        if pod.requests.scalars
    )


def _has_devices(scalars: Iterable[str]) -> bool:
    """Every node has page sizes; only nodes with more than these can have cards that someone holds."""
    return any(not name.startswith(("hugepages-", "attachable-volumes-")) for name in scalars)


def _sums(pods: Sequence[PodInfo]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for pod in pods:
        for resource, amount in pod.requests.scalars.items():
            sums[resource] = sums.get(resource, 0) + amount
    return sums
