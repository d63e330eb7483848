"""Effective requests: what one pod counts on its node, in whole units.

Amounts stay exact until the one rounding at the end, once for each pod. Most pods repeat the resources of many others,
so answers are kept under the raw JSON that they were computed from.

Source: kubernetes v1.36 pkg/scheduler/framework/types.go (Resource.Add, calculatePodResource)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Raw

from moorage.objects import (
    EMPTY,
    UNREADABLE,
    CountedContainer,
    CountedPod,
    CountedStatus,
    Pod,
    PodStatus,
    Unreadable,
    decode,
)
from moorage.quantity import NANO, ceil_div
from moorage.scheduling.aggregate import (
    MAX_OF_SUMS,
    SERVER_VERSION,
    Nanos,
    Reader,
    Version,
    add,
    exact_requests,
    is_infeasible,
)
from moorage.scheduling.names import is_scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

_MILLI = 10**6
_KEPT = 100_000
# Bytes of JSON beyond which an answer is not kept: whoever may ask must not fill the memory.
_LONGEST = 4096


class Requests(msgspec.Struct, frozen=True, gc=False):
    """Whole units of each resource: cpu in thousandths, the rest as the scheduler counts them."""

    cpu_milli: int = 0
    memory: int = 0
    ephemeral_storage: int = 0
    scalars: dict[str, int] = {}


class _Repeated(msgspec.Struct, gc=False, eq=False):
    """One container's `resources` as many pods repeat it, and how `allocatedResources` repeats its requests."""

    nanos: Nanos
    requests: Requests
    allocated: Raw


_repeated: dict[bytes, _Repeated] = {}
_together: dict[tuple[_Repeated, ...], Requests] = {}
_known: dict[tuple[Any, ...], Requests] = {}


class _RawRequests(msgspec.Struct, gc=False):
    requests: Raw = EMPTY


_raw_requests = msgspec.json.Decoder(_RawRequests | None)


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
        plain = _of_repeated(pod, status, server_version=server_version)
        if plain is not None:
            return plain
    key: list[Any] = [bytes(container.resources) for container in spec.containers or ()]
    for container in spec.init_containers or ():
        key += (container.restart_policy, bytes(container.resources))
    key += (None, bytes(spec.resources), bytes(spec.overhead))
    if status is not None:
        key += (
            server_version >= MAX_OF_SUMS,
            is_infeasible(pod),
            _names(spec.containers),
            _names(spec.init_containers),
        )
        key += (bytes(status.resources), bytes(status.allocated_resources))
        for states in (status.container_statuses, status.init_container_statuses):
            for state in states or ():
                if state.resources or state.allocated_resources:
                    key += (state.name, bytes(state.resources), bytes(state.allocated_resources))
    known = _known.get(found := tuple(key))
    if known is None:
        known = rounded(exact_requests(pod, with_status=with_status, server_version=server_version))
        if sum(len(part) for part in found if isinstance(part, bytes)) > _LONGEST:
            return known
        if len(_known) >= _KEPT:
            _known.clear()
        _known[found] = known
    return known


def _names(containers: Sequence[CountedContainer] | None) -> tuple[str, ...]:
    return tuple([container.name for container in containers or ()])


def _of_repeated(
    pod: Pod | CountedPod, status: PodStatus | CountedStatus | None, *, server_version: Version
) -> Requests | None:
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
        told = 0
        for place, state in enumerate(status.container_statuses or ()):
            if state.resources is EMPTY:
                if state.allocated_resources is not EMPTY:
                    return None
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
            told += 1
        if server_version >= MAX_OF_SUMS and told < len(parts) and is_infeasible(pod):
            return None
    if len(parts) == 1:
        return parts[0].requests
    together = _together.get(found := tuple(parts))
    if together is None:
        total: Nanos = {}
        for part in parts:
            add(total, part.nanos)
        if len(_together) >= _KEPT:
            _together.clear()
        together = _together[found] = rounded(total)
    return together


def _repeat(raw: bytes, pod: Pod | CountedPod) -> _Repeated | None:
    if len(raw) > _LONGEST:
        return None
    try:
        nanos = Reader(pod).requests(Raw(raw), at="resources")
        requests = (_raw_requests.decode(raw) if raw else None) or _RawRequests()
    except (Unreadable, *UNREADABLE):
        return None  # the long way round tells which field is wrong
    if len(_repeated) >= _KEPT:
        _repeated.clear()
    part = _repeated[raw] = _Repeated(nanos, rounded(nanos), Raw(bytes(requests.requests)))
    return part


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
