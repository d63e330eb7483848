"""A pod's containers summed up as the scheduler sums them, exactly.

Sidecars add up, plain init containers only raise the peak, pod-level values replace the sum, overhead comes on top, and
a pod that is being resized counts the largest of what it asks, was allocated and has.

Source: kubernetes v1.36 component-helpers resource/helpers.go (PodRequests, AggregateContainerRequests), and v1.37.2 of
the same file, from which on the maxima of a resize are taken of whole-pod sums.
"""

from __future__ import annotations

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
)
from moorage.quantity import parse_nanos
from moorage.scheduling.accounting.names import is_pod_level

Version = tuple[int, int]
Nanos = dict[str, int]
SERVER_VERSION: Version = (1, 36)
MAX_OF_SUMS: Version = (1, 37)

_conditions = msgspec.json.Decoder(list[PodCondition] | None)


def exact_requests(
    pod: Pod | CountedPod, *, with_status: bool = False, server_version: Version = SERVER_VERSION
) -> Nanos:
    """The effective requests before they are rounded, under every name that the pod gives."""
    reader = Reader(pod)
    status = pod.status if with_status else None
    infeasible = status is not None and is_infeasible(pod)
    if server_version >= MAX_OF_SUMS:
        total = _largest_of_sums(reader, status=status, infeasible=infeasible)
    else:
        states = _states(status)

        def counted(container: CountedContainer, at: str) -> Nanos:
            asked = reader.requests(container.resources, at=at)
            state = states.get(container.name)
            if state is None or not state.resources or not is_set(state.resources):
                return asked
            if at.startswith("spec.initContainers") and container.restart_policy != "Always":
                return asked
            actual = reader.requests(state.resources, at=f"status of container {container.name!r}: resources")
            allocated = reader.amounts(
                state.allocated_resources, at=f"status of container {container.name!r}: allocatedResources"
            )
            return _largest(actual, allocated) if infeasible else _largest(asked, actual, allocated)

        total = _sum(reader, counted)
    _apply_pod_level(total, reader, status=status, infeasible=infeasible, server_version=server_version)
    for name, amount in reader.amounts(pod.spec.overhead, at="spec.overhead").items():
        total[name] = total.get(name, 0) + amount
    return total


def _sum(reader: Reader, counted: Any) -> Nanos:
    """Containers and sidecars together, or the peak while the init containers run one after another."""
    spec = reader.pod.spec
    total: Nanos = {}
    for index, container in enumerate(spec.containers or ()):
        add(total, counted(container, f"spec.containers[{index}].resources"))
    peak: Nanos = {}
    sidecars: Nanos = {}
    for index, container in enumerate(spec.init_containers or ()):
        needs = counted(container, f"spec.initContainers[{index}].resources")
        if container.restart_policy == "Always":
            add(total, needs)
            add(sidecars, needs)
            needs = sidecars
        else:
            needs = dict(needs)
            add(needs, sidecars)
        _raise_to(peak, needs)
    _raise_to(total, peak)
    return total


def _states(status: PodStatus | CountedStatus | None) -> dict[str, ContainerStatus]:
    if status is None:
        return {}
    return {s.name: s for s in (*(status.container_statuses or ()), *(status.init_container_statuses or ()))}


def _largest_of_sums(reader: Reader, *, status: PodStatus | CountedStatus | None, infeasible: bool) -> Nanos:
    """From v1.37: asked, allocated and actual amounts are each summed over the pod before they are compared.

    Where the pod's own status tells both of the latter, its word stands in place of its containers' sums. What can't be
    had (`Infeasible`) counts nothing, not even where the kubelet has not said yet what there is.
    """
    states = _states(status)

    def asked(container: CountedContainer, at: str) -> Nanos:
        return reader.requests(container.resources, at=at)

    def allocated(container: CountedContainer, at: str) -> Nanos:
        state = states.get(container.name)
        if state is None or not is_set(state.allocated_resources):
            return {} if infeasible else asked(container, at)
        return reader.amounts(
            state.allocated_resources, at=f"status of container {container.name!r}: allocatedResources"
        )

    def actual(container: CountedContainer, at: str) -> Nanos:
        state = states.get(container.name)
        if state is None:
            return allocated(container, at)
        told = reader.told(state.resources, at=f"status of container {container.name!r}: resources")
        return allocated(container, at) if told is None else told

    sums = [] if infeasible else [_sum(reader, asked)]
    if status is not None:
        whole = reader.told(status.resources, at="status.resources")
        if whole is not None and is_set(status.allocated_resources):
            sums += [reader.amounts(status.allocated_resources, at="status.allocatedResources"), whole]
        else:
            sums += [_sum(reader, allocated), _sum(reader, actual)]
    return _largest(*sums)


def _apply_pod_level(
    total: Nanos,
    reader: Reader,
    *,
    status: PodStatus | CountedStatus | None,
    infeasible: bool,
    server_version: Version,
) -> None:
    """The pod's own cpu, memory and huge pages stand in place of its containers' sum, even where they are smaller."""
    asked = reader.requests(reader.pod.spec.resources, at="spec.resources")
    names = [name for name in asked if is_pod_level(name)]
    if not names:
        return
    if status is not None and is_set(status.resources):
        actual = reader.requests(status.resources, at="status.resources")
        allocated = reader.amounts(status.allocated_resources, at="status.allocatedResources")
        seen = _largest(actual, allocated)
        asked = seen if infeasible else _largest(asked, seen)
        if server_version >= MAX_OF_SUMS:
            # Also names that only the status tells; and one that it doesn't tell stays what its containers sum up to.
            names = [name for name in asked if is_pod_level(name)]
    for name in names:
        total[name] = asked.get(name, 0)


def is_infeasible(pod: Pod | CountedPod) -> bool:
    pending = condition(pod, "PodResizePending")
    return pending is not None and pending.reason == "Infeasible"


def condition(pod: Pod | CountedPod, name: str) -> PodCondition | None:
    """The first condition of this type."""
    conditions = pod.status.conditions if pod.status else None
    if isinstance(conditions, Raw):
        # Hardly any pod has the one that is looked for, so the conditions of the others are not worth decoding.
        if name.encode() not in bytes(conditions):
            return None
        try:
            conditions = _conditions.decode(conditions)
        except UNREADABLE as error:
            raise _unreadable(pod, f"status.conditions: {error}") from error
    return next((each for each in conditions or () if each.type == name), None)


# --- arithmetic on amounts --------------------------------------------------------------------------------------


def add(total: Nanos, more: Nanos) -> None:
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


def is_set(raw: Raw) -> bool:
    return bool(raw) and bytes(raw) != b"null"


_resources = msgspec.json.Decoder(Resources | None)
_amounts = msgspec.json.Decoder(Amounts | None)


class Reader:
    """Reads the raw amounts of one pod and names the pod and the field where they are wrong."""

    def __init__(self, pod: Pod | CountedPod) -> None:
        self.pod = pod

    def requests(self, raw: Raw, *, at: str) -> Nanos:
        resources = self._read(_resources, raw, at=at)
        return self._nanos(resources.requests if resources else None, at=f"{at}.requests")

    def told(self, raw: Raw, *, at: str) -> Nanos | None:
        """As `requests`, and None where there are none, not even an empty list of them."""
        resources = self._read(_resources, raw, at=at)
        if resources is None or resources.requests is None:
            return None
        return self._nanos(resources.requests, at=f"{at}.requests")

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
