"""The pod of a server that runs, as the hub follows it: what it asks for, what is in force, and what a change of that
has come to.

Amounts are exact: thousandths of a core, bytes. What the pod does not say, or not in a way that can be read, is None.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from moorage.errors import InvalidQuantity
from moorage.hub.amounts import cpu_text, memory_text, read_count, read_cpu, read_memory

Json = dict[str, Any]

NAME = "notebook"
_CHANGED = ("cpu", "memory")


@dataclass(frozen=True, slots=True)
class Sizes:
    """What one container may use at most, and the CPU that is set aside for it."""

    cpu: int | None = None
    memory: int | None = None
    cpu_request: int | None = None
    memory_request: int | None = None


def of(spawner: Any) -> Json | None:
    """The pod of this server where it runs, or None."""
    reflector = spawner.pod_reflector
    pod = reflector.pods.get(f"{spawner.namespace}/{spawner.pod_name}") if reflector else None
    if not isinstance(pod, dict) or (pod.get("metadata") or {}).get("deletionTimestamp"):
        return None
    return pod if (pod.get("status") or {}).get("phase") == "Running" else None


def take(spawner: Any, pod: Json) -> None:
    """What the API server has just answered is newer than what the hub has followed so far."""
    reflector = spawner.pod_reflector
    if reflector:
        reflector.pods[f"{spawner.namespace}/{spawner.pod_name}"] = pod


def container(pod: Mapping[str, Any]) -> Json:
    """The server's own: what stands beside it is nobody's choice."""
    containers = (pod.get("spec") or {}).get("containers") or [{}]
    return next((each for each in containers if each.get("name") == NAME), containers[0])


def status(pod: Mapping[str, Any]) -> Json:
    """What the kubelet tells of that container; empty where it has told nothing yet."""
    told = (pod.get("status") or {}).get("containerStatuses") or ()
    name = container(pod).get("name")
    return next((each for each in told if each.get("name") == name), {})


def asked(pod: Mapping[str, Any]) -> Sizes:
    return _sizes(container(pod).get("resources"))


def in_force(pod: Mapping[str, Any]) -> Sizes:
    """What the kubelet has given; a kubelet that does not tell has given what was asked for."""
    return _sizes(status(pod).get("resources") or container(pod).get("resources"))


def gpus(pod: Mapping[str, Any], names: Any) -> dict[str, int]:
    """The resources among these that the container has, by name."""
    limits = (container(pod).get("resources") or {}).get("limits") or {}
    return {name: amount for name, value in limits.items() if names(name) and (amount := _read(read_count, value))}


def _sizes(resources: Any) -> Sizes:
    resources = resources if isinstance(resources, Mapping) else {}
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    return Sizes(
        cpu=_read(read_cpu, limits.get("cpu")),
        memory=_read(read_memory, limits.get("memory")),
        cpu_request=_read(read_cpu, requests.get("cpu")),
        memory_request=_read(read_memory, requests.get("memory")),
    )


def _read(read: Any, value: Any) -> int | None:
    with suppress(InvalidQuantity):
        return None if value is None else read(value)
    return None


def changed(pod: Mapping[str, Any], *, cpu: int | None, cpu_request: int | None, memory: int | None) -> Json:
    """The container's amounts with these in place of what it has; None changes nothing."""
    resources = copy.deepcopy(container(pod).get("resources") or {})
    limits, requests = resources.setdefault("limits", {}), resources.setdefault("requests", {})
    if cpu is not None:
        limits["cpu"] = cpu_text(cpu)
        # The API server takes a request that is not there for the limit.
        requests["cpu"] = cpu_text(cpu_request or cpu)
    if memory is not None:
        limits["memory"] = requests["memory"] = memory_text(memory)
    return resources


def restarts(pod: Mapping[str, Any], names: Any) -> list[str]:
    """Which of these amounts can't change without a restart of the container."""
    policies = container(pod).get("resizePolicy") or ()
    told = {each.get("resourceName"): each.get("restartPolicy") for each in policies}
    return [name for name in names if told.get(name) == "RestartContainer"]


def quality(spec: Mapping[str, Any], *, resources: Json | None = None) -> str:
    """The pod's quality of service, with these amounts for the server's own container where they are given.

    Source: kubernetes v1.36 pkg/apis/core/v1/helper/qos/qos.go (ComputePodQOS)
    """
    own = container({"spec": spec})
    every = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    counted = [
        _counted(resources if each is own and resources is not None else each.get("resources")) for each in every
    ]
    if spec.get("resources") is not None:
        counted = [_counted(spec["resources"])]
    if not any(requests or limits for requests, limits in counted):
        return "BestEffort"
    guaranteed = all(len(limits) == len(_CHANGED) and requests == limits for requests, limits in counted)
    return "Guaranteed" if guaranteed else "Burstable"


def _counted(resources: Any) -> tuple[dict[str, int], dict[str, int]]:
    sizes = _sizes(resources)
    requests = {"cpu": sizes.cpu_request, "memory": sizes.memory_request}
    limits = {"cpu": sizes.cpu, "memory": sizes.memory}
    return {k: v for k, v in requests.items() if v}, {k: v for k, v in limits.items() if v}


@dataclass(frozen=True, slots=True)
class Resize:
    """A change under way: `in_progress`, `deferred`, `infeasible` or `error`, and Kubernetes' own words on it."""

    state: str
    detail: str = ""


def resizing(pod: Mapping[str, Any]) -> Resize | None:
    """What has become of the last change; None where there is nothing left to do."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    held = {each.get("type"): each for each in conditions if each.get("status") == "True"}
    pending, going = held.get("PodResizePending"), held.get("PodResizeInProgress")
    if pending is not None:
        state = "infeasible" if pending.get("reason") == "Infeasible" else "deferred"
        return Resize(state, str(pending.get("message") or ""))
    if going is not None:
        state = "error" if going.get("reason") == "Error" else "in_progress"
        return Resize(state, str(going.get("message") or ""))
    return Resize("in_progress") if asked(pod) != in_force(pod) else None
