"""Whether a node gives a pod the amounts that were changed while it runs, as its kubelet decides.

Source: kubernetes v1.36 pkg/kubelet/allocation/allocation_manager.go (canResizePod)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.errors import InvalidObject
from moorage.scheduling.accounting.requests import Requests, effective_requests
from moorage.simulator.rules.podstatus import with_condition
from moorage.simulator.store.resources import NODES, PODS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moorage.simulator.api.objects import Api

Json = dict[str, Any]

_PENDING = "PodResizePending"
_ENDED = ("Succeeded", "Failed")


def decided(api: Api, pod: Json, *, had: Sequence[Json]) -> tuple[Json, bool]:
    """The pod's status after a look at what its containers ask for, where they `had` so much before; and whether they
    wait for it.
    """
    status: Json = dict(pod.get("status") or {})
    conditions = list(status.get("conditions") or ())
    if (why := _refusal(api, pod) if _amounts(pod["spec"]["containers"]) != _amounts(had) else None) is not None:
        reason, message = why
        conditions = with_condition(conditions, _PENDING, holds=True, reason=reason, message=message)
        return {**status, "conditions": conditions}, True
    amounts = _amounts(pod["spec"]["containers"])
    told = [
        {**each, "resources": amounts[each["name"]], "allocatedResources": amounts[each["name"]].get("requests") or {}}
        if "running" in (each.get("state") or {})
        else each
        for each in status.get("containerStatuses") or ()
    ]
    conditions = [each for each in conditions if each.get("type") != _PENDING]
    return {**status, "conditions": conditions, "containerStatuses": told}, False


def _amounts(containers: Sequence[Json]) -> dict[str, Json]:
    return {each["name"]: each.get("resources") or {} for each in containers}


def _refusal(api: Api, pod: Json) -> tuple[str, str] | None:
    """Why the node does not give the pod what it asks for now: the condition's reason and message."""
    node = api.find(NODES, None, pod["spec"].get("nodeName") or "")
    if node is None:
        return None
    # By its spec alone: the scheduler leaves out what a pod asks for in vain.
    asked = effective_requests({"metadata": pod["metadata"], "spec": pod["spec"]})
    there = _requests((node.get("status") or {}).get("allocatable") or {})
    pairs = (("cpu", asked.cpu_milli, there.cpu_milli), ("memory", asked.memory, there.memory))
    for name, amount, most in pairs:
        if amount > most:
            return "Infeasible", f"Node didn't have enough capacity: {name}, requested: {amount}, capacity: {most}"
    others = [_allocated(other) for other in api.all(PODS) if _counts(other, pod)]
    used = {"cpu": sum(each.cpu_milli for each in others), "memory": sum(each.memory for each in others)}
    for name, amount, most in pairs:
        if used[name] + amount > most:
            what = f"{name}, requested: {amount}, used: {used[name]}, capacity: {most}"
            return "Deferred", f"Node didn't have enough resource: {what}"
    return None


def _counts(other: Json, pod: Json) -> bool:
    return (
        (other.get("spec") or {}).get("nodeName") == pod["spec"]["nodeName"]
        and other["metadata"]["uid"] != pod["metadata"]["uid"]
        and (other.get("status") or {}).get("phase") not in _ENDED
    )


def _requests(amounts: Mapping[str, str]) -> Requests:
    kept = {name: amount for name, amount in amounts.items() if name in ("cpu", "memory")}
    return effective_requests({"metadata": {"name": "node"}, "spec": {"containers": [_asking("c", kept)]}})


def _asking(name: str, requests: Mapping[str, Any]) -> Json:
    return {"name": name, "resources": {"requests": dict(requests)}}


def _allocated(pod: Json) -> Requests:
    """What the kubelet has set aside, which is less than the pod asks for while a resize waits."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    told = {each.get("name"): each.get("allocatedResources") for each in statuses}
    spec = dict(pod["spec"])
    spec["containers"] = [
        {**each, "resources": {"requests": told[each["name"]]}} if told.get(each.get("name")) else each
        for each in spec.get("containers") or ()
    ]
    try:
        return effective_requests({"metadata": pod["metadata"], "spec": spec})
    except InvalidObject:
        return Requests()  # test data that nobody can read
