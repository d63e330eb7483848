"""A node as the scheduler sees it: what it can give, and the sum of what its pods count.

A pod is kept as a digest of all that later steps need. There may be 150,000 of them, so what pods share (requests,
labels, names of nodes and namespaces) is kept once, and what few pods have sits in `extra`. Adding and removing a pod
cost the same on an empty and on a full node.

Source: kubernetes v1.36 pkg/scheduler/framework/types.go (NodeInfo, PodInfo) and pkg/scheduler/util/utils.go.
"""

from __future__ import annotations

from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace

from moorage.errors import InvalidQuantity
from moorage.objects import (
    UNREADABLE,
    Amounts,
    ContainerImage,
    CountedContainer,
    CountedPod,
    Identity,
    Node,
    Pod,
    PodAffinityTerm,
    PodAnnotations,
    Taint,
    Unreadable,
    Volume,
    decode,
)
from moorage.quantity import NANO, ceil_div, parse_nanos
from moorage.scheduling.names import is_scalar
from moorage.scheduling.requests import SERVER_VERSION, Requests, Version, pod_requests

if TYPE_CHECKING:
    from collections.abc import Sequence

HostPort = tuple[str, str, int]
Device = tuple[str, str, str, str]
Labels = dict[str, str]
TERMINAL = ("Succeeded", "Failed")
DEFAULT_SCHEDULER = "default-scheduler"

_SHARED = 200_000
_shared_labels: dict[bytes, bytes] = {b"": b"", b"null": b""}
_labels = msgspec.json.Decoder(dict[str, str | None])


class PodExtra(msgspec.Struct, gc=False, frozen=True):
    """What only some pods have."""

    nominated_node_name: str | None = None
    host_ports: tuple[HostPort, ...] = ()
    claims: tuple[str, ...] = ()
    ephemeral_claims: tuple[str, ...] = ()
    disks: tuple[Volume, ...] = ()
    anti_affinity: tuple[PodAffinityTerm, ...] = ()
    devices: tuple[Device, ...] = ()
    resource_claims: bool = False
    annotations: PodAnnotations | None = None


NO_EXTRA = PodExtra()
_NO_ANNOTATIONS = PodAnnotations()


class PodInfo(msgspec.Struct, gc=False, frozen=True):
    """One pod, digested. `devices` of its extra are (container, resource, device id, health)."""

    uid: str
    namespace: str
    name: str
    node_name: str | None
    priority: int
    requests: Requests
    raw_labels: bytes
    phase: str
    terminating: bool
    extra: PodExtra

    @property
    def labels(self) -> Labels:
        return read_labels(self.raw_labels)

    @property
    def terminal(self) -> bool:
        return self.phase in TERMINAL

    @property
    def nominated_node_name(self) -> str | None:
        return self.extra.nominated_node_name


def digest(pod: Pod | CountedPod | dict[str, Any], *, server_version: Version = SERVER_VERSION) -> PodInfo:
    """All that the later steps need of a pod.

    Raises `Unreadable`, naming the pod and the field, where a quantity or a label is garbage.
    """
    if isinstance(pod, dict):
        pod = decode(Pod, pod)
    meta, spec, status = pod.metadata, pod.spec, pod.status
    raw = bytes(meta.labels)
    labels = _shared_labels.get(raw)
    if labels is None:
        labels = _check_labels(raw, pod)
    namespace = intern(meta.namespace or "default")
    node_name = spec.node_name
    return PodInfo(
        meta.uid or f"{namespace}/{meta.name}",
        namespace,
        meta.name,
        intern(node_name) if node_name else None,
        spec.priority or 0,
        pod_requests(pod, server_version=server_version),
        labels,
        intern((status.phase if status is not None else None) or ""),
        meta.deletion_timestamp is not None,
        _extra(pod),
    )


def _check_labels(raw: bytes, pod: Pod | CountedPod) -> bytes:
    try:
        _labels.decode(raw)
    except UNREADABLE as error:
        meta = pod.metadata
        identity = Identity("Pod", meta.namespace, meta.name, meta.uid, pod.spec.node_name)
        raise Unreadable(identity, f"metadata.labels: {error}") from error
    if len(_shared_labels) >= _SHARED:
        _shared_labels.clear()
        _shared_labels.update({b"": b"", b"null": b""})
    _shared_labels[raw] = raw
    return raw


@lru_cache(maxsize=8192)
def read_labels(raw: bytes) -> Labels:
    """The labels of a pod; the same text gives the same dict, which nobody may change."""
    return {name: value or "" for name, value in _labels.decode(raw).items()} if raw else {}


def _extra(pod: Pod | CountedPod) -> PodExtra:
    """What is extra of a pod: for most nothing or a claim, told as cheaply as can be."""
    spec, status, annotations = pod.spec, pod.status, pod.metadata.annotations
    if spec.init_containers or spec.affinity is not None or spec.resource_claims:
        return _read_extra(pod)
    if annotations is not None and annotations != _NO_ANNOTATIONS:
        return _read_extra(pod)
    if status is not None:
        if status.nominated_node_name:
            return _read_extra(pod)
        for state in status.container_statuses or ():
            if state.allocated_resources_status is not None:
                return _read_extra(pod)
    for container in spec.containers or ():
        for port in container.ports or ():
            if port.host_port:
                return _read_extra(pod)
    claims: tuple[str, ...] = ()
    for volume in spec.volumes or ():
        if volume.persistent_volume_claim is not None:
            claims = (*claims, volume.persistent_volume_claim.claim_name)
        elif volume.ephemeral is not None or is_disk(volume):
            return _read_extra(pod)
    return PodExtra(claims=claims) if claims else NO_EXTRA


def _read_extra(pod: Pod | CountedPod) -> PodExtra:
    spec, status, annotations = pod.spec, pod.status, pod.metadata.annotations
    nominated = status.nominated_node_name if status else None
    if spec.node_name or (spec.scheduler_name or DEFAULT_SCHEDULER) != DEFAULT_SCHEDULER:
        nominated = None
    claims: list[str] = []
    ephemeral: list[str] = []
    disks: list[Volume] = []
    for volume in spec.volumes or ():
        if volume.persistent_volume_claim is not None:
            claims.append(volume.persistent_volume_claim.claim_name)
        elif volume.ephemeral is not None:
            ephemeral.append(f"{pod.metadata.name}-{volume.name}")
        elif is_disk(volume):
            disks.append(volume)
    anti = spec.affinity.pod_anti_affinity if spec.affinity else None
    extra = PodExtra(
        nominated_node_name=nominated or None,
        host_ports=_host_ports(spec.containers, spec.init_containers),
        claims=tuple(claims),
        ephemeral_claims=tuple(ephemeral),
        disks=tuple(disks),
        anti_affinity=tuple(anti.required or ()) if anti else (),
        devices=_devices(pod),
        resource_claims=bool(spec.resource_claims),
        annotations=annotations if annotations != _NO_ANNOTATIONS else None,
    )
    return NO_EXTRA if extra == NO_EXTRA else extra


def _devices(pod: Pod | CountedPod) -> tuple[Device, ...]:
    """(container, resource, device id, health) of the devices that the kubelet gave."""
    return tuple(
        (intern(state.name), intern(kind.name), unit.resource_id, intern(unit.health or ""))
        for state in ((pod.status.container_statuses or ()) if pod.status else ())
        for kind in state.allocated_resources_status or ()
        for unit in kind.resources or ()
    )


def is_disk(volume: Volume) -> bool:
    """A disk named in the pod itself, which may clash with another pod's or count towards a driver's limit."""
    return (
        volume.gce_persistent_disk
        or volume.aws_elastic_block_store
        or volume.iscsi
        or volume.rbd
        or volume.azure_disk
        or volume.cinder
        or volume.vsphere_volume
        or volume.portworx_volume
    ) is not None


def _host_ports(
    containers: Sequence[CountedContainer] | None,
    init_containers: Sequence[CountedContainer] | None,
) -> tuple[HostPort, ...]:
    ports: list[HostPort] = []
    for is_init, group in ((False, containers), (True, init_containers)):
        for container in group or ():
            if container.ports and (not is_init or container.restart_policy == "Always"):
                ports += [
                    (port.host_ip or "0.0.0.0", port.protocol or "TCP", port.host_port)
                    for port in container.ports
                    if port.host_port is not None and port.host_port > 0
                ]
    return tuple(ports)


class Totals:
    """Sums of whole units by resource. They may go below zero: nothing is clamped."""

    __slots__ = ("cpu_milli", "ephemeral_storage", "memory", "pods", "scalars")

    def __init__(self) -> None:
        self.cpu_milli = 0
        self.memory = 0
        self.ephemeral_storage = 0
        self.pods = 0
        self.scalars: dict[str, int] = {}

    def add(self, requests: Requests) -> None:
        """Count one pod's requests."""
        self.cpu_milli += requests.cpu_milli
        self.memory += requests.memory
        self.ephemeral_storage += requests.ephemeral_storage
        self.pods += 1
        if requests.scalars:
            self._add_scalars(requests.scalars, sign=1)

    def subtract(self, requests: Requests) -> None:
        """Take one pod's requests back."""
        self.cpu_milli -= requests.cpu_milli
        self.memory -= requests.memory
        self.ephemeral_storage -= requests.ephemeral_storage
        self.pods -= 1
        if requests.scalars:
            self._add_scalars(requests.scalars, sign=-1)

    def _add_scalars(self, amounts: dict[str, int], *, sign: int) -> None:
        scalars = self.scalars
        for name, amount in amounts.items():
            left = scalars.get(name, 0) + sign * amount
            if left:
                scalars[name] = left
            else:
                scalars.pop(name, None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Totals) and self.as_tuple() == other.as_tuple()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Totals{self.as_tuple()}"

    def as_tuple(self) -> tuple[int, int, int, int, dict[str, int]]:
        return self.cpu_milli, self.memory, self.ephemeral_storage, self.pods, self.scalars


_shared_names: dict[bytes, tuple[str, ...]] = {}
_image = msgspec.json.Decoder(ContainerImage)


def image_names(node: Node) -> tuple[tuple[str, ...], ...]:
    """The names of each image that is present on a node; one copy for all nodes that tell the same."""
    images = (node.status.images if node.status else None) or ()
    return tuple([_shared_names.get(raw) or _share_names(raw, node) for raw in map(bytes, images)])


def _share_names(raw: bytes, node: Node) -> tuple[str, ...]:
    try:
        names = tuple(map(intern, _image.decode(raw).names or ()))
    except UNREADABLE as error:
        identity = Identity("Node", None, node.metadata.name, node.metadata.uid)
        raise Unreadable(identity, f"status.images: {error}") from error
    if len(_shared_names) >= _SHARED:
        _shared_names.clear()
    _shared_names[raw] = names
    return names


def read_totals(amounts: Amounts | None, *, node: Node, at: str) -> Totals:
    """A node's capacity or allocatable in whole units."""
    totals = Totals()
    for name, amount in (amounts or {}).items():
        try:
            nanos = parse_nanos(amount)
        except InvalidQuantity as error:
            identity = Identity("Node", None, node.metadata.name, node.metadata.uid)
            raise Unreadable(identity, f"status.{at}.{name}: {error}") from error
        if name == "cpu":
            totals.cpu_milli = ceil_div(nanos, 10**6)
        elif name == "memory":
            totals.memory = ceil_div(nanos, NANO)
        elif name == "ephemeral-storage":
            totals.ephemeral_storage = ceil_div(nanos, NANO)
        elif name == "pods":
            totals.pods = ceil_div(nanos, NANO)
        elif is_scalar(name):
            totals.scalars[intern(name)] = ceil_div(nanos, NANO)
    return totals


class NodeInfo:
    """A node with its pods. `node` is None while pods name a node that the cluster doesn't know."""

    __slots__ = (
        "allocatable",
        "blocking_taints",
        "capacity",
        "images",
        "labels",
        "name",
        "node",
        "nominated",
        "pods",
        "requested",
        "special",
        "taints",
        "unreadable",
        "unschedulable",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.node: Node | None = None
        self.labels: Labels = {}
        self.taints: tuple[Taint, ...] = ()
        self.blocking_taints: tuple[Taint, ...] = ()
        self.unschedulable = False
        self.allocatable = Totals()
        self.capacity = Totals()
        self.images: tuple[tuple[str, ...], ...] = ()
        self.requested = Totals()
        self.pods: dict[str, PodInfo] = {}
        self.special: dict[str, PodInfo] = {}
        self.nominated: dict[str, PodInfo] = {}
        self.unreadable: dict[str, Unreadable] = {}

    @property
    def unreadable_pods(self) -> int:
        return len(self.unreadable)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known about this name any more."""
        return self.node is None and not (self.pods or self.nominated or self.unreadable)

    def set_node(self, node: Node) -> None:
        """Take over the node's own facts; its pods stay.

        Raises `Unreadable` where one of its amounts is garbage, and then changes nothing.
        """
        status, spec = node.status, node.spec
        allocatable = read_totals(status.allocatable if status else None, node=node, at="allocatable")
        capacity = read_totals(status.capacity if status else None, node=node, at="capacity")
        images = image_names(node)
        # The API server copies capacity where allocatable is absent.
        if status is not None and status.allocatable is None:
            allocatable = capacity
        self.allocatable, self.capacity = allocatable, capacity
        self.labels = {intern(name): intern(value or "") for name, value in (node.metadata.labels or {}).items()}
        self.unschedulable = bool(spec and spec.unschedulable)
        self.taints = (spec.taints or ()) if spec else ()
        self.blocking_taints = tuple(taint for taint in self.taints if taint.effect in ("NoSchedule", "NoExecute"))
        self.images = images
        # Nodes tell the same names of labels and images over and over: the shared ones above are enough.
        self.node = replace(
            node,
            metadata=replace(node.metadata, labels=self.labels),
            status=replace(status, images=None) if status is not None else None,
        )

    def forget_node(self) -> None:
        """The node is gone; pods that still name it stay counted until they go themselves."""
        self.node = None
        self.labels, self.taints, self.blocking_taints, self.unschedulable = {}, (), (), False
        self.allocatable, self.capacity, self.images = Totals(), Totals(), ()

    def add(self, pod: PodInfo) -> None:
        """Count a pod here; the same uid counts once."""
        uid, pods = pod.uid, self.pods
        former = pods.get(uid)
        pods[uid] = pod
        if pod.extra is not NO_EXTRA:
            self.special[uid] = pod
        elif former is not None:
            self.special.pop(uid, None)
        if former is None:
            self.requested.add(pod.requests)
        elif former.requests is not pod.requests:
            self.requested.subtract(former.requests)
            self.requested.add(pod.requests)

    def remove(self, uid: str) -> None:
        """Stop counting a pod; an unknown uid changes nothing."""
        pod = self.pods.pop(uid, None)
        if pod is not None:
            self.special.pop(uid, None)
            self.requested.subtract(pod.requests)

    def with_pods(self, extra: list[PodInfo]) -> NodeInfo:
        """A copy on which these pods run too."""
        copy = NodeInfo(self.name)
        for slot in NodeInfo.__slots__:
            setattr(copy, slot, getattr(self, slot))
        copy.pods, copy.special = dict(self.pods), dict(self.special)
        copy.requested = Totals()
        for slot in ("cpu_milli", "memory", "ephemeral_storage", "pods"):
            setattr(copy.requested, slot, getattr(self.requested, slot))
        copy.requested.scalars = dict(self.requested.scalars)
        for pod in extra:
            copy.add(pod)
        return copy
