"""Effective requests: what one pod counts on its node.

Sidecars add up, plain init containers only raise the peak, pod-level values replace the sum, overhead comes on top, and
a pod that is being resized counts the largest of what it asks, was allocated and has. Amounts stay exact until the one
rounding at the end, once for each pod.

Most pods repeat the resources of many others, so answers are kept under the raw JSON that they were computed from.

Source: kubernetes v1.36 component-helpers resource/helpers.go (PodRequests, AggregateContainerRequests) and
pkg/scheduler/framework/types.go (Resource.Add); from v1.37 the maxima of a resize are taken of whole-pod sums.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import Raw

from moorage.errors import InvalidQuantity
from moorage.objects import (
    UNREADABLE,
    Amounts,
    ContainerStatus,
    CountedContainer,
    CountedPod,
    CountedStatus,
    Identity,
    Pod,
    PodCondition,
    PodStatus,
    Resources,
    Unreadable,
    decode,
)
from moorage.quantity import NANO, ceil_div, parse_nanos

Version = tuple[int, int]
Nanos = dict[str, int]
SERVER_VERSION: Version = (1, 36)
MAX_OF_SUMS: Version = (1, 37)

_MILLI = 10**6
_KEPT = 100_000


class Requests(msgspec.Struct, frozen=True, gc=False):
    """Whole units of each resource: cpu in thousandths, the rest as the scheduler counts them."""

    cpu_milli: int = 0
    memory: int = 0
    ephemeral_storage: int = 0
    scalars: dict[str, int] = {}


NOTHING = Requests()
_known: dict[tuple[Any, ...], Requests] = {}
_conditions = msgspec.json.Decoder(list[PodCondition] | None)
_RESIZE_PENDING = b"PodResizePending"


def effective_requests(pod: dict[str, Any] | Pod, *, server_version: Version = SERVER_VERSION) -> Requests:
    """What this pod, as the API server stores it, counts on its node.

    Raises `InvalidObject` naming the pod and the field that can't be read.
    """
    return pod_requests(pod if isinstance(pod, Pod) else decode(Pod, pod), server_version=server_version)


def pod_requests(
    pod: Pod | CountedPod, *, with_status: bool = True, server_version: Version = SERVER_VERSION
) -> Requests:
    """As `effective_requests`; a pod that still asks for a place is measured `with_status=False`, by its spec alone."""
    spec = pod.spec
    key: list[Any] = [bytes(container.resources) for container in spec.containers or ()]
    if spec.init_containers:
        for container in spec.init_containers:
            key += (container.restart_policy, bytes(container.resources))
    if spec.resources or spec.overhead:
        key += (None, bytes(spec.resources), bytes(spec.overhead))
    if with_status and (status := pod.status) is not None:
        told = len(key)
        for states in (status.container_statuses, status.init_container_statuses):
            for state in states or ():
                if state.resources:
                    key += (state.name, bytes(state.resources), bytes(state.allocated_resources))
        if len(key) > told or status.resources:
            key += (1, server_version >= MAX_OF_SUMS, _is_infeasible(status))
            key += [container.name for container in spec.containers or ()]
            if spec.init_containers:
                key += (2, *[container.name for container in spec.init_containers])
            if status.resources:
                key += (3, bytes(status.resources), bytes(status.allocated_resources))
    known = _known.get(found := tuple(key))
    if known is None:
        known = _compute(pod, with_status=with_status, server_version=server_version)
        if len(_known) >= _KEPT:
            _known.clear()
        _known[found] = known
    return known


def _is_infeasible(status: PodStatus | CountedStatus) -> bool:
    conditions = status.conditions
    if isinstance(conditions, Raw):
        # Hardly any pod is being resized, so the conditions of the others are not worth decoding.
        if _RESIZE_PENDING not in bytes(conditions):
            return False
        conditions = _conditions.decode(conditions)
    return any(c.type == "PodResizePending" and c.reason == "Infeasible" for c in conditions or ())


# --- the rule ---------------------------------------------------------------------------------------------------


def _compute(pod: Pod | CountedPod, *, with_status: bool, server_version: Version) -> Requests:
    reader = _Reader(pod)
    status = pod.status if with_status else None
    states = (
        {s.name: s for s in (*(status.container_statuses or ()), *(status.init_container_statuses or ()))}
        if status
        else {}
    )
    infeasible = status is not None and _is_infeasible(status)
    if server_version >= MAX_OF_SUMS:
        total = _largest_of_sums(reader, states=states, infeasible=infeasible)
    else:

        def counted(container: CountedContainer, at: str) -> Nanos:
            asked = reader.requests(container.resources, at=at)
            state = states.get(container.name)
            if state is None or not state.resources or not _is_set(state.resources):
                return asked
            if at.startswith("spec.initContainers") and container.restart_policy != "Always":
                return asked
            actual = reader.requests(state.resources, at=f"status of container {container.name!r}: resources")
            allocated = reader.amounts(
                state.allocated_resources, at=f"status of container {container.name!r}: allocatedResources"
            )
            return _largest(actual, allocated) if infeasible else _largest(asked, actual, allocated)

        total = _sum(reader, counted)
    _apply_pod_level(total, reader, status=status, infeasible=infeasible)
    for name, amount in reader.amounts(pod.spec.overhead, at="spec.overhead").items():
        total[name] = total.get(name, 0) + amount
    return rounded(total)


def _sum(reader: _Reader, counted: Any) -> Nanos:
    """Containers and sidecars together, or the peak while the init containers run one after another."""
    spec = reader.pod.spec
    total: Nanos = {}
    for index, container in enumerate(spec.containers or ()):
        _add(total, counted(container, f"spec.containers[{index}].resources"))
    peak: Nanos = {}
    sidecars: Nanos = {}
    for index, container in enumerate(spec.init_containers or ()):
        needs = counted(container, f"spec.initContainers[{index}].resources")
        if container.restart_policy == "Always":
            _add(total, needs)
            _add(sidecars, needs)
            needs = sidecars
        else:
            needs = dict(needs)
            _add(needs, sidecars)
        _raise_to(peak, needs)
    _raise_to(total, peak)
    return total


def _largest_of_sums(reader: _Reader, *, states: dict[str, ContainerStatus], infeasible: bool) -> Nanos:
    """From v1.37: asked, allocated and actual amounts are each summed over the pod before they are compared."""

    def asked(container: CountedContainer, at: str) -> Nanos:
        return reader.requests(container.resources, at=at)

    def allocated(container: CountedContainer, at: str) -> Nanos:
        state = states.get(container.name)
        if state is None or not _is_set(state.allocated_resources):
            return asked(container, at)
        return reader.amounts(
            state.allocated_resources, at=f"status of container {container.name!r}: allocatedResources"
        )

    def actual(container: CountedContainer, at: str) -> Nanos:
        state = states.get(container.name)
        if state is None or not _is_set(state.resources):
            return allocated(container, at)
        return reader.requests(state.resources, at=f"status of container {container.name!r}: resources")

    sums = [_sum(reader, allocated), _sum(reader, actual)]
    if not infeasible:
        sums.append(_sum(reader, asked))
    return _largest(*sums)


def _apply_pod_level(
    total: Nanos, reader: _Reader, *, status: PodStatus | CountedStatus | None, infeasible: bool
) -> None:
    """The pod's own cpu, memory and huge pages stand in place of its containers' sum, even where they are smaller."""
    asked = reader.requests(reader.pod.spec.resources, at="spec.resources")
    names = [name for name in asked if name in ("cpu", "memory") or name.startswith("hugepages-")]
    if not names:
        return
    if status is not None and _is_set(status.resources):
        actual = reader.requests(status.resources, at="status.resources")
        allocated = reader.amounts(status.allocated_resources, at="status.allocatedResources")
        seen = _largest(actual, allocated)
        asked = seen if infeasible else _largest(asked, seen)
    for name in names:
        total[name] = asked.get(name, 0)


def rounded(total: Nanos) -> Requests:
    """Whole units, rounded up once; names that the scheduler does not count are dropped."""
    return Requests(
        cpu_milli=ceil_div(total.get("cpu", 0), _MILLI),
        memory=ceil_div(total.get("memory", 0), NANO),
        ephemeral_storage=ceil_div(total.get("ephemeral-storage", 0), NANO),
        scalars={name: ceil_div(amount, NANO) for name, amount in total.items() if is_scalar(name)},
    )


# --- names ------------------------------------------------------------------------------------------------------

_QUALIFIED = re.compile(
    r"(?P<domain>[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)/"
    r"(?P<name>([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])",
    re.ASCII,
)
_scalars: dict[str, bool] = {"cpu": False, "memory": False, "ephemeral-storage": False, "pods": False}


def is_scalar(name: str) -> bool:
    """Whether the scheduler counts this resource in units of its own (extended resources, huge pages, volumes)."""
    known = _scalars.get(name)
    if known is None:
        known = is_extended(name) or name.startswith(("hugepages-", "attachable-volumes-")) or "kubernetes.io/" in name
        if len(_scalars) < _KEPT:
            _scalars[name] = known
    return known


def is_extended(name: str) -> bool:
    """A device plugin's or an administrator's resource, such as `nvidia.com/gpu`."""
    if "/" not in name or "kubernetes.io/" in name or name.startswith("requests.") or len(name) > 317:
        return False
    # Upstream asks that `requests.<name>` be a valid name too, since quota uses it.
    found = _QUALIFIED.fullmatch("requests." + name)
    return found is not None and len(found["domain"]) <= 253 and len(found["name"]) <= 63


# --- arithmetic on amounts --------------------------------------------------------------------------------------


def _add(total: Nanos, more: Nanos) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount


def _raise_to(total: Nanos, peak: Nanos) -> None:
    for name, amount in peak.items():
        if name not in total or amount > total[name]:
            total[name] = amount


def _largest(*lists: Nanos) -> Nanos:
    total: Nanos = {}
    for amounts in lists:
        _raise_to(total, amounts)
    return total


# --- reading raw parts ------------------------------------------------------------------------------------------


def _is_set(raw: Raw) -> bool:
    return bool(raw) and bytes(raw) != b"null"


_resources = msgspec.json.Decoder(Resources | None)
_amounts = msgspec.json.Decoder(Amounts | None)


class _Reader:
    """Reads the raw amounts of one pod and names the pod and the field where they are wrong."""

    def __init__(self, pod: Pod | CountedPod) -> None:
        self.pod = pod

    def requests(self, raw: Raw, *, at: str) -> Nanos:
        resources = self._read(_resources, raw, at=at)
        return self._nanos(resources.requests if resources else None, at=f"{at}.requests")

    def amounts(self, raw: Raw, *, at: str) -> Nanos:
        return self._nanos(self._read(_amounts, raw, at=at), at=at)

    def _read(self, decoder: msgspec.json.Decoder[Any], raw: Raw, *, at: str) -> Any:
        if not raw:
            return None
        try:
            return decoder.decode(raw)
        except UNREADABLE as error:
            raise self._unreadable(at, error) from error

    def _nanos(self, amounts: Amounts | None, *, at: str) -> Nanos:
        nanos = {}
        for name, amount in (amounts or {}).items():
            try:
                nanos[name] = parse_nanos(amount)
            except InvalidQuantity as error:
                raise self._unreadable(f"{at}.{name}", error) from error
        return nanos

    def _unreadable(self, at: str, error: Exception) -> Unreadable:
        meta = self.pod.metadata
        identity = Identity("Pod", meta.namespace, meta.name, meta.uid, self.pod.spec.node_name)
        return Unreadable(identity, f"{at}: {error}")
