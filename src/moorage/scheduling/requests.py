"""Effective requests: what one pod counts on its node.

Sidecars add up, plain init containers only raise the peak, pod-level values replace the sum, overhead comes on top, and
a pod that is being resized counts the largest of what it asks, was allocated and has. Amounts stay exact until the one
rounding at the end, once for each pod.

Most pods repeat the resources of many others, so answers are kept under the raw JSON that they were computed from.

Source: kubernetes v1.36 component-helpers resource/helpers.go (PodRequests, AggregateContainerRequests) and
pkg/scheduler/framework/types.go (Resource.Add); from v1.37 the maxima of a resize are taken of whole-pod sums.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw

from moorage.errors import InvalidQuantity
from moorage.objects import (
    EMPTY,
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
from moorage.scheduling.names import is_scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

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


class _Repeated(msgspec.Struct, gc=False, eq=False):
    """One container's `resources` as many pods repeat it, and how `allocatedResources` repeats its requests."""

    nanos: Nanos
    requests: Requests
    allocated: Raw


_repeated: dict[bytes, _Repeated] = {}
_together: dict[tuple[_Repeated, ...], Requests] = {}
_known: dict[tuple[Any, ...], Requests] = {}
_conditions = msgspec.json.Decoder(list[PodCondition] | None)
_RESIZE_PENDING = b"PodResizePending"


def effective_requests(pod: dict[str, Any] | Pod | CountedPod, *, server_version: Version = SERVER_VERSION) -> Requests:
    """What this pod, as the API server stores it, counts on its node.

    Raises `InvalidObject` naming the pod and the field that can't be read.
    """
    typed = pod if isinstance(pod, Pod | CountedPod) else decode(Pod, pod)
    return pod_requests(typed, server_version=server_version)


def pod_requests(
    pod: Pod | CountedPod, *, with_status: bool = True, server_version: Version = SERVER_VERSION
) -> Requests:
    """As `effective_requests`; a pod that still asks for a place is measured `with_status=False`, by its spec alone."""
    spec, status = pod.spec, pod.status if with_status else None
    if not spec.init_containers and spec.overhead is EMPTY and spec.resources is EMPTY:
        plain = _of_repeated(pod, status)
        if plain is not None:
            return plain
    key: list[Any] = [bytes(container.resources) for container in spec.containers or ()]
    for container in spec.init_containers or ():
        key += (container.restart_policy, bytes(container.resources))
    key += (None, bytes(spec.resources), bytes(spec.overhead))
    if status is not None:
        key += (
            server_version >= MAX_OF_SUMS,
            _is_infeasible(pod),
            _names(spec.containers),
            _names(spec.init_containers),
        )
        key += (bytes(status.resources), bytes(status.allocated_resources))
        for states in (status.container_statuses, status.init_container_statuses):
            for state in states or ():
                if state.resources:
                    key += (state.name, bytes(state.resources), bytes(state.allocated_resources))
    known = _known.get(found := tuple(key))
    if known is None:
        known = rounded(exact_requests(pod, with_status=with_status, server_version=server_version))
        if len(_known) >= _KEPT:
            _known.clear()
        _known[found] = known
    return known


def _names(containers: Sequence[CountedContainer] | None) -> tuple[str, ...]:
    return tuple([container.name for container in containers or ()])


def _of_repeated(pod: Pod | CountedPod, status: PodStatus | CountedStatus | None) -> Requests | None:
    """The answer for most pods: containers only, whose status repeats their spec to the letter. None for any other."""
    parts: list[_Repeated] = []
    containers = pod.spec.containers or ()
    for container in containers:
        raw = bytes(container.resources)
        part = _repeated.get(raw) or _repeat(raw, pod)
        if part is None:
            return None
        parts.append(part)
    if status is not None:
        if status.resources is not EMPTY:
            return None
        for place, state in enumerate(status.container_statuses or ()):
            if state.resources is EMPTY:
                continue
            if place >= len(parts) or containers[place].name != state.name:
                named = [index for index, container in enumerate(containers) if container.name == state.name]
                if not named:
                    continue
                place = named[0]  # noqa: PLW2901 - the statuses' order is by name, and most often the spec's too
            if state.resources != containers[place].resources:
                return None
            if state.allocated_resources is not EMPTY and state.allocated_resources != parts[place].allocated:
                return None
    if len(parts) == 1:
        return parts[0].requests
    together = _together.get(found := tuple(parts))
    if together is None:
        total: Nanos = {}
        for part in parts:
            _add(total, part.nanos)
        if len(_together) >= _KEPT:
            _together.clear()
        together = _together[found] = rounded(total)
    return together


def _repeat(raw: bytes, pod: Pod | CountedPod) -> _Repeated | None:
    try:
        nanos = _Reader(pod).requests(Raw(raw), at="resources")
        requests = (_raw_requests.decode(raw) if raw else None) or _RawRequests()
    except (Unreadable, *UNREADABLE):
        return None  # the long way round tells which field is wrong
    if len(_repeated) >= _KEPT:
        _repeated.clear()
    part = _repeated[raw] = _Repeated(nanos, rounded(nanos), Raw(bytes(requests.requests)))
    return part


def _is_infeasible(pod: Pod | CountedPod) -> bool:
    conditions = pod.status.conditions if pod.status else None
    if isinstance(conditions, Raw):
        # Hardly any pod is being resized, so the conditions of the others are not worth decoding.
        if _RESIZE_PENDING not in bytes(conditions):
            return False
        try:
            conditions = _conditions.decode(conditions)
        except UNREADABLE as error:
            raise _unreadable(pod, f"status.conditions: {error}") from error
    return any(c.type == "PodResizePending" and c.reason == "Infeasible" for c in conditions or ())


# --- the rule ---------------------------------------------------------------------------------------------------


def exact_requests(
    pod: Pod | CountedPod, *, with_status: bool = False, server_version: Version = SERVER_VERSION
) -> Nanos:
    """The effective requests before they are rounded, under every name that the pod gives."""
    reader = _Reader(pod)
    status = pod.status if with_status else None
    states = (
        {s.name: s for s in (*(status.container_statuses or ()), *(status.init_container_statuses or ()))}
        if status
        else {}
    )
    infeasible = status is not None and _is_infeasible(pod)
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
    return total


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
        cpu_milli=_units(total.get("cpu", 0), _MILLI),
        memory=_units(total.get("memory", 0), NANO),
        ephemeral_storage=_units(total.get("ephemeral-storage", 0), NANO),
        scalars={name: _units(amount, NANO) for name, amount in total.items() if is_scalar(name)},
    )


def _units(nanos: int, step: int) -> int:
    """Upstream keeps an int64 and lets it overflow silently; the nearest int64 does less harm."""
    return max(-(2**63), min(ceil_div(nanos, step), 2**63 - 1))


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


class _RawRequests(msgspec.Struct, gc=False):
    requests: Raw = EMPTY


_raw_requests = msgspec.json.Decoder(_RawRequests | None)


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
        return _unreadable(self.pod, f"{at}: {error}")


def _unreadable(pod: Pod | CountedPod, complaint: str) -> Unreadable:
    meta = pod.metadata
    return Unreadable(Identity("Pod", meta.namespace, meta.name, meta.uid, pod.spec.node_name), complaint)
