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
    CountedContainer,
    CountedPod,
    CountedStatus,
    Pod,
    PodStatus,
    decode,
)
from moorage.quantity import NANO, ceil_div
from moorage.scheduling.accounting.aggregate import (
    MAX_OF_SUMS,
    SERVER_VERSION,
    Nanos,
    Version,
    exact_requests,
    is_infeasible,
    is_set,
)
from moorage.scheduling.accounting.names import is_scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

_MILLI = 10**6
# Bytes of answers that are kept, and of JSON beyond which one is not: whoever may ask must not fill the memory.
_KEPT, _LONGEST = 32 << 20, 4096
# What an answer takes beside its key.
_EACH = 400
_BETWEEN, _STATUS, _OF_SUMS = b"\0", Raw(b"\1"), Raw(b"\2")


class Requests(msgspec.Struct, frozen=True, gc=False):
    """Whole units of each resource: cpu in thousandths, the rest as the scheduler counts them."""

    cpu_milli: int = 0
    memory: int = 0
    ephemeral_storage: int = 0
    scalars: dict[str, int] = {}


class _Answers(dict[Any, Requests]):
    """What was answered before, by all that it depends on."""

    size = 0

    def keep(self, key: Any, requests: Requests, *, size: int) -> None:
        if size > _LONGEST:
            return
        if self.size + size + _EACH > _KEPT:
            self.clear()
            self.size = 0
        self[key] = requests
        self.size += size + _EACH


_plain, _known = _Answers(), _Answers()


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
    of_sums = server_version >= MAX_OF_SUMS
    plain = _plain_key(pod, status, of_sums=of_sums)
    if plain is not None:
        known = _plain.get(plain)
        if known is None:
            known = rounded(exact_requests(pod, with_status=with_status, server_version=server_version))
            _plain.keep(plain, known, size=len(plain))
        return known
    key: list[Any] = [bytes(container.resources) for container in spec.containers or ()]
    for container in spec.init_containers or ():
        key += (container.restart_policy, bytes(container.resources))
    key += (None, bytes(spec.resources), bytes(spec.overhead))
    if status is not None:
        key += (
            of_sums,
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
        _known.keep(found, known, size=sum(len(part) for part in found if isinstance(part, bytes)))
    return known


def _names(containers: Sequence[CountedContainer] | None) -> tuple[str, ...]:
    return tuple([container.name for container in containers or ()])


def _plain_key(pod: Pod | CountedPod, status: PodStatus | CountedStatus | None, *, of_sums: bool) -> bytes | None:
    """All that the answer depends on for most pods: containers only, whose status repeats their spec to the letter.

    None for any other pod. The parts are put together with bytes that JSON can't have.
    """
    spec = pod.spec
    if spec.init_containers or spec.overhead is not EMPTY or spec.resources is not EMPTY:
        return None
    containers = spec.containers or ()
    parts = [container.resources for container in containers]
    if status is None:
        return _BETWEEN.join(parts)
    if status.resources is not EMPTY or status.allocated_resources is not EMPTY or status.init_container_statuses:
        return None
    states = status.container_statuses or ()
    if len(states) != len(containers) and (states or of_sums):
        return None
    parts.append(_OF_SUMS if of_sums else _STATUS)
    for container, state in zip(containers, states, strict=False):
        if state.name != container.name:
            # The kubelet sorts statuses by name.
            found = next((other for other in states if other.name == container.name), None)
            if found is None:
                return None
            state = found  # noqa: PLW2901
        if state.resources == container.resources:
            parts.append(state.allocated_resources)
        elif state.resources is EMPTY and not of_sums:
            parts.append(EMPTY)
        else:
            return None
    if of_sums:
        allocated = [is_set(part) for part in parts[len(containers) + 1 :]]
        if any(allocated) and not all(allocated):
            return None  # whether the resize can be had at all counts too
    return _BETWEEN.join(parts)


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
