"""The status of a pod as the kubelet writes it: conditions, container states, phases."""

from __future__ import annotations

import hashlib
from typing import Any

from moorage.simulator.store.metadata import now

Json = dict[str, Any]


def waiting(reason: str, message: str = "") -> Json:
    return {"waiting": {"reason": reason, **({"message": message} if message else {})}}


def running(since: str) -> Json:
    return {"running": {"startedAt": since}}


def terminated(code: int, *, started: str, container_id: str, reason: str = "") -> Json:
    return {
        "terminated": {
            "exitCode": code,
            "reason": reason or ("Completed" if code == 0 else "Error"),
            "startedAt": started,
            "finishedAt": now(),
            "containerID": container_id,
        }
    }


def container_id(uid: str, name: str, restarts: int) -> str:
    digest = hashlib.sha256(f"{uid}/{name}/{restarts}".encode()).hexdigest()
    return f"containerd://{digest}"


def container_status(
    container: Json,
    state: Json,
    *,
    ready: bool,
    restarts: int = 0,
    last: Json | None = None,
    identity: str = "",
    devices: list[tuple[str, list[str]]] | None = None,
) -> Json:
    """One entry of `containerStatuses`, with the resources as they were granted and the devices that it holds."""
    status: Json = {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": "",
        "state": state,
        "lastState": last or {},
        "ready": ready,
        "restartCount": restarts,
        "started": "running" in state,
    }
    if identity:
        status["containerID"] = identity
        status["imageID"] = "sha256:" + hashlib.sha256(str(container.get("image")).encode()).hexdigest()
    resources = container.get("resources") or {}
    if "running" in state:
        if resources.get("requests"):
            status["allocatedResources"] = resources["requests"]
        status["resources"] = resources
        if devices:
            status["allocatedResourcesStatus"] = [
                {"name": name, "resources": [{"resourceID": held, "health": "Healthy"} for held in ids]}
                for name, ids in devices
            ]
    return status


def with_condition(
    conditions: list[Json], kind: str, *, holds: bool, reason: str = "", message: str = ""
) -> list[Json]:
    """The list with this condition set; its time of transition changes only when its status does."""
    status = "True" if holds else "False"
    old = next((held for held in conditions if held.get("type") == kind), None)
    changed = now() if old is None or old.get("status") != status else old.get("lastTransitionTime")
    condition: Json = {"type": kind, "status": status, "lastProbeTime": None, "lastTransitionTime": changed}
    if reason:
        condition["reason"] = reason
    if message:
        condition["message"] = message
    return [*(held for held in conditions if held.get("type") != kind), condition]


def pod_status(
    pod: Json,
    containers: list[Json],
    *,
    phase: str,
    address: str | None,
    host: str | None,
    init: list[Json] | None = None,
) -> Json:
    """The whole status: what the kubelet knows over what the scheduler wrote."""
    status: Json = dict(pod.get("status") or {})
    conditions = list(status.get("conditions") or ())
    ready = phase == "Running" and bool(containers) and all(held["ready"] for held in containers)
    reason, message = "", ""
    if not ready and phase == "Succeeded":
        reason = "PodCompleted"
    elif not ready:
        names = " ".join(held["name"] for held in containers if not held["ready"])
        reason, message = "ContainersNotReady", f"containers with unready status: [{names}]"
    conditions = with_condition(conditions, "PodReadyToStartContainers", holds=phase in ("Pending", "Running"))
    conditions = with_condition(conditions, "Initialized", holds=True)
    conditions = with_condition(conditions, "Ready", holds=ready, reason=reason, message=message)
    conditions = with_condition(conditions, "ContainersReady", holds=ready, reason=reason, message=message)
    conditions = with_condition(conditions, "PodScheduled", holds=True)
    status |= {"phase": phase, "conditions": conditions, "containerStatuses": containers}
    if init:
        status["initContainerStatuses"] = init
    status.setdefault("startTime", now())
    if host:
        status |= {"hostIP": host, "hostIPs": [{"ip": host}]}
    if address:
        status |= {"podIP": address, "podIPs": [{"ip": address}]}
    return status
