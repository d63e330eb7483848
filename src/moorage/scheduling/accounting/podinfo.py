"""A pod, digested to what later steps need.

There may be 150,000 of them, so what pods share (requests, labels, names of nodes and namespaces) is kept once, and
what few pods have sits in `extra`.

Source: kubernetes v1.36 pkg/scheduler/framework/types.go (PodInfo) and pkg/scheduler/util/utils.go (GetHostPorts).
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, Any

import msgspec

from moorage.objects import (
    UNREADABLE,
    CountedContainer,
    CountedPod,
    Identity,
    Pod,
    PodAffinityTerm,
    PodAnnotations,
    Unreadable,
    Volume,
    decode,
)
from moorage.scheduling.accounting.aggregate import SERVER_VERSION, Version, condition
from moorage.scheduling.accounting.daemons import Daemon, daemon_of
from moorage.scheduling.accounting.requests import Requests, pod_requests

if TYPE_CHECKING:
    from collections.abc import Sequence

HostPort = tuple[str, str, int]
Device = tuple[str, str, str, str]
Labels = dict[str, str]
TERMINAL = ("Succeeded", "Failed")
DEFAULT_SCHEDULER = "default-scheduler"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# What the API server fills in where a pod says nothing.
_GRACE = 30
ANY_ADDRESS = "0.0.0.0"  # noqa: S104 # compared, never bound
_SHARED = 200_000
# Bytes of JSON beyond which nothing is shared: whoever may ask must not fill the memory.
_LONGEST = 4096
_shared_labels: dict[bytes, bytes] = {b"": b"", b"null": b""}
_labels = msgspec.json.Decoder(dict[str, str | None])
# What an API server writes has none of these.
_LONGER = (b" ", b"\n", b"\r", b"\t", b"\\", b":null")


class Wait(msgspec.Struct, gc=False, frozen=True):
    """What a pod without a node tells of its waiting: since when it is there, which gates hold it back, whose it is,
    and what that scheduler said last (None before its first word).
    """

    since: str | None = None
    gates: tuple[str, ...] = ()
    scheduler: str = DEFAULT_SCHEDULER
    reason: str | None = None
    message: str = ""


class PodExtra(msgspec.Struct, gc=False, frozen=True):
    """What only some pods have."""

    nominated_node_name: str | None = None
    # Of a pod that is nominated alone, and None where it is the default one.
    scheduler_name: str | None = None
    host_ports: tuple[HostPort, ...] = ()
    claims: tuple[str, ...] = ()
    ephemeral_claims: tuple[str, ...] = ()
    disks: tuple[Volume, ...] = ()
    anti_affinity: tuple[PodAffinityTerm, ...] = ()
    devices: tuple[Device, ...] = ()
    resource_claims: bool = False
    annotations: PodAnnotations | None = None
    preempted: bool = False
    wait: Wait | None = None
    # The seconds after its start when the kubelet ends it.
    deadline: int | None = None


NO_EXTRA = PodExtra()
_NO_ANNOTATIONS = PodAnnotations()


class PodInfo(msgspec.Struct, gc=False, frozen=True):
    """One pod, digested. `devices` of its extra are (container, resource, device id, health).

    `started` is in microseconds since 1970, None before the kubelet has taken the pod. `preempted` is whether it ends
    because the scheduler has evicted it.
    """

    uid: str
    namespace: str
    name: str
    node_name: str | None
    priority: int
    requests: Requests
    raw_labels: bytes
    phase: str
    terminating: bool
    started: int | None
    grace_seconds: int
    extra: PodExtra
    daemon: Daemon | None = None

    @property
    def labels(self) -> Labels:
        return read_labels(self.raw_labels)

    @property
    def terminal(self) -> bool:
        return self.phase in TERMINAL

    @property
    def nominated_node_name(self) -> str | None:
        return self.extra.nominated_node_name

    @property
    def ends_by(self) -> int | None:
        """When the kubelet has ended it at the latest, in microseconds since 1970; None where nothing says."""
        if self.started is None or self.extra.deadline is None:
            return None
        return self.started + (self.extra.deadline + self.grace_seconds) * 1_000_000

    @property
    def scheduler_name(self) -> str:
        """Whose pod this is, where it is nominated."""
        return self.extra.scheduler_name or DEFAULT_SCHEDULER


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
        _microseconds(status.start_time) if status is not None and status.start_time else None,
        _GRACE if spec.termination_grace_period_seconds is None else spec.termination_grace_period_seconds,
        _extra(pod),
        daemon_of(pod),
    )


@lru_cache(maxsize=8192)
def _microseconds(moment: str) -> int | None:
    """Pods of a set start together, and share one number. What no clock has written is no moment."""
    try:
        return int((datetime.fromisoformat(moment) - _EPOCH).total_seconds() * 1_000_000)
    except (ValueError, TypeError, OverflowError):
        return None


def _check_labels(raw: bytes, pod: Pod | CountedPod) -> bytes:
    """The labels in the shortest JSON, so that a label is in them as its bytes are."""
    try:
        labels = _labels.decode(raw)
    except UNREADABLE as error:
        meta = pod.metadata
        identity = Identity("Pod", meta.namespace, meta.name, meta.uid, pod.spec.node_name)
        raise Unreadable(identity, f"metadata.labels: {error}") from error
    shortest = raw
    if any(part in raw for part in _LONGER):
        shortest = msgspec.json.encode({name: value or "" for name, value in labels.items()})
    if len(raw) > _LONGEST:
        return shortest
    if len(_shared_labels) >= _SHARED:
        _shared_labels.clear()
        _shared_labels.update({b"": b"", b"null": b""})
    _shared_labels[raw] = shortest
    return shortest


def label_text(name: str, value: str) -> bytes:
    """How this label stands in the `raw_labels` of a pod that has it. It may stand in those of others, too."""
    return msgspec.json.encode({name: value})[1:-1]


def read_labels(raw: bytes) -> Labels:
    """The labels of a pod, as a dict that nobody may change."""
    return _remembered_labels(raw) if len(raw) <= _LONGEST else _read_labels(raw)


@lru_cache(maxsize=8192)
def _remembered_labels(raw: bytes) -> Labels:
    return _read_labels(raw)


def _read_labels(raw: bytes) -> Labels:
    return {name: value or "" for name, value in _labels.decode(raw).items()} if raw else {}


def _extra(pod: Pod | CountedPod) -> PodExtra:
    """What is extra of a pod: for most nothing or a claim, told as cheaply as can be."""
    spec, status, annotations = pod.spec, pod.status, pod.metadata.annotations
    if not spec.node_name:
        return _read_extra(pod)
    if spec.init_containers or spec.affinity is not None or spec.resource_claims:
        return _read_extra(pod)
    if annotations is not None and annotations != _NO_ANNOTATIONS:
        return _read_extra(pod)
    if spec.active_deadline_seconds is not None:
        return _read_extra(pod)
    if pod.metadata.deletion_timestamp is not None:
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
    claims: list[str] = []
    for volume in spec.volumes or ():
        if volume.persistent_volume_claim is not None:
            claims.append(volume.persistent_volume_claim.claim_name)
        elif volume.ephemeral is not None or is_disk(volume):
            return _read_extra(pod)
    return PodExtra(claims=tuple(claims)) if claims else NO_EXTRA


def _read_extra(pod: Pod | CountedPod) -> PodExtra:
    spec, status, annotations = pod.spec, pod.status, pod.metadata.annotations
    nominated = status.nominated_node_name if status else None
    if spec.node_name:
        nominated = None
    scheduler = (spec.scheduler_name or DEFAULT_SCHEDULER) if nominated else DEFAULT_SCHEDULER
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
        scheduler_name=intern(scheduler) if scheduler != DEFAULT_SCHEDULER else None,
        host_ports=_host_ports(spec.containers, spec.init_containers),
        claims=tuple(claims),
        ephemeral_claims=tuple(ephemeral),
        disks=tuple(disks),
        anti_affinity=_share_terms(anti.required) if anti and anti.required else (),
        devices=_devices(pod),
        resource_claims=bool(spec.resource_claims),
        annotations=annotations if annotations != _NO_ANNOTATIONS else None,
        preempted=pod.metadata.deletion_timestamp is not None and _is_preempted(pod),
        wait=None if spec.node_name else _wait(pod),
        deadline=spec.active_deadline_seconds,
    )
    return NO_EXTRA if extra == NO_EXTRA else extra


def _is_preempted(pod: Pod | CountedPod) -> bool:
    """As podTerminatingByPreemption in pkg/scheduler/framework/plugins/defaultpreemption/default_preemption.go."""
    target = condition(pod, "DisruptionTarget")
    return target is not None and (target.status, target.reason) == ("True", "PreemptionByScheduler")


def _wait(pod: Pod | CountedPod) -> Wait:
    said = condition(pod, "PodScheduled")
    refused = said is not None and said.status == "False"
    return Wait(
        pod.metadata.creation_timestamp,
        tuple(gate.name for gate in pod.spec.scheduling_gates or ()),
        intern(pod.spec.scheduler_name or DEFAULT_SCHEDULER),
        (said.reason or "") if said is not None and refused else None,
        (said.message or "") if said is not None and refused else "",
    )


_shared_terms: dict[bytes, tuple[PodAffinityTerm, ...]] = {}


def _share_terms(terms: Sequence[PodAffinityTerm]) -> tuple[PodAffinityTerm, ...]:
    """The replicas of a set tell the same terms: one copy is kept for them all."""
    raw = msgspec.json.encode(terms)
    if len(raw) > _LONGEST:
        return tuple(terms)
    shared = _shared_terms.get(raw)
    if shared is None:
        if len(_shared_terms) >= _SHARED:
            _shared_terms.clear()
        shared = _shared_terms[raw] = tuple(terms)
    return shared


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
                    (port.host_ip or ANY_ADDRESS, port.protocol or "TCP", port.host_port)
                    for port in container.ports
                    if port.host_port is not None and port.host_port > 0
                ]
    return tuple(ports)
