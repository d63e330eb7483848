"""Nodes whose pods count otherwise than a plain sum of their containers' requests has it: one reason on each node.

What really counts there is not written here; the scheduler's own code says it of the pods as the API server keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Obj = dict[str, Any]
NAMESPACE = "awkward"
GPUS = ("nvidia.com/gpu", "nvidia.com/mig-1g.5gb", "amd.com/gpu")
AMOUNTS = {
    "cpu": "64",
    "memory": "256Gi",
    "pods": "110",
    "ephemeral-storage": "500Gi",
    "nvidia.com/gpu": "8",
    "nvidia.com/mig-1g.5gb": "7",
    "amd.com/gpu": "4",
}
RUNTIME = {
    "apiVersion": "node.k8s.io/v1",
    "kind": "RuntimeClass",
    "metadata": {"name": "sandboxed"},
    "handler": "sandboxed",
    "overhead": {"podFixed": {"cpu": "250m", "memory": "120Mi"}},
}


@dataclass
class Pod:
    """A pod, and what its kubelet says of it afterwards."""

    spec: Obj
    status: Obj = field(default_factory=dict)
    bound: bool = True
    deleted: bool = False


@dataclass
class Case:
    what: str
    pods: list[Pod]
    taints: list[Obj] = field(default_factory=list)


def container(cpu: str = "1", memory: str = "1Gi", *, name: str = "main", **more: Any) -> Obj:
    limits = more.pop("limits", {})
    extended = more.pop("extended", {})
    requests = {"cpu": cpu, "memory": memory, **extended}
    return {
        "name": name,
        "image": "none",
        "resources": {"requests": requests, "limits": {**extended, **limits}},
        **more,
    }


def sidecar(cpu: str, memory: str) -> Obj:
    return container(cpu, memory, name="sidecar", restartPolicy="Always")


def pod(*containers: Obj, init: tuple[Obj, ...] = (), status: Obj | None = None, **spec: Any) -> Pod:
    started = {"initContainers": list(init)} if init else {}
    return Pod({"containers": list(containers or (container(),)), **started, **spec}, status or {})


def resized(spec: tuple[str, str], actual: tuple[str, str] | None, *, pending: str | None = None) -> Pod:
    """A pod with a resize that its kubelet has not carried out yet, or can't."""
    state: Obj = {"name": "main", "image": "none", "imageID": "", "ready": True, "restartCount": 0}
    if actual is None:
        state["allocatedResources"] = {"cpu": "6", "memory": "12Gi"}
    else:
        has = dict(zip(("cpu", "memory"), actual, strict=True))
        state |= {"allocatedResources": has, "resources": {"requests": has}}
    conditions = [{"type": "PodResizePending", "status": "True", "reason": pending}] if pending else []
    return pod(container(*spec), status={"containerStatuses": [state], "conditions": conditions})


def cases() -> list[Case]:
    own = {"requests": {"cpu": "6", "memory": "12Gi"}}
    grown = {"requests": {"cpu": "9", "memory": "20Gi"}}
    return [
        Case("containers alone", [pod(container("1", "1Gi"), container("500m", "512Mi", name="other"))]),
        Case("a sidecar, then a larger init container",
             [pod(container("2", "2Gi"), init=(sidecar("1", "1Gi"), container("3", "3Gi", name="init")))]),
        Case("a larger init container, then a sidecar",
             [pod(container("2", "2Gi"), init=(container("3", "3Gi", name="init"), sidecar("1500m", "1536Mi")))]),
        Case("a sidecar alone", [pod(container("2", "2Gi"), init=(sidecar("1", "1Gi"),))]),
        Case("an init container larger than all others", [pod(container(), init=(container("8", "16Gi", name="init"),))]),
        Case("an init container with a GPU",
             [pod(container(), init=(container("1", "1Gi", name="init", extended={"nvidia.com/gpu": "2"}),))]),
        Case("overhead of a runtime class", [pod(runtimeClassName="sandboxed")]),
        Case("requests of the pod itself", [pod(container("2", "2Gi"), resources=own)]),
        Case("requests of the pod itself, beside a GPU",
             [pod(container("1", "1Gi", extended={"nvidia.com/gpu": "1"}), resources=own)]),
        Case("requests of the pod itself, being resized",
             [pod(container("2", "2Gi"), resources=own, status={"resources": grown, "allocatedResources": grown["requests"]})]),
        Case("a resize that shrinks", [resized(("1", "2Gi"), ("4", "8Gi"))]),
        Case("a resize that waits", [resized(("4", "8Gi"), ("1", "2Gi"), pending="Deferred")]),
        Case("a resize that can never be", [resized(("60", "200Gi"), ("2", "4Gi"), pending="Infeasible")]),
        Case("an allocation that is not in force", [resized(("2", "4Gi"), None)]),
        Case("pods that have ended",
             [pod(), pod(container("8", "16Gi"), status={"phase": "Succeeded"}),
              pod(container("8", "16Gi", extended={"nvidia.com/gpu": "1"}), status={"phase": "Failed"})]),
        Case("a pod that is ending", [pod(), Pod(pod(container("8", "16Gi")).spec, deleted=True)]),
        Case("a pod in the phase Unknown", [pod(container("4", "8Gi"), status={"phase": "Unknown"})]),
        Case("a pod put on its node without the scheduler, not started yet", [pod(container("4", "8Gi"), status={"phase": "Pending"})]),
        Case("a pod that waits for this node",
             [pod(), Pod(pod(container("8", "16Gi"), schedulingGates=[{"name": "example.org/gate"}]).spec, bound=False)]),
        Case("limits without requests",
             [pod({"name": "main", "image": "none", "resources": {"limits": {"cpu": "3", "memory": "3Gi"}}})]),
        Case("limits above requests", [pod(container("1", "1Gi", limits={"cpu": "8", "memory": "16Gi"}))]),
        Case("no requests", [pod({"name": "main", "image": "none"})]),
        Case("amounts in other notations",
             [pod(container("0.25", "1500M"), container("1e-1", "2e9", name="b"), container("333m", "1.5Gi", name="c"))]),
        Case("parts of a card, and another vendor's",
             [pod(container("1", "1Gi", extended={"nvidia.com/mig-1g.5gb": "3"})),
              pod(container("1", "1Gi", extended={"amd.com/gpu": "1"}))]),
        Case("a tainted node", [pod()], taints=[{"key": "example.org/team", "value": "a", "effect": "NoSchedule"}]),
    ]  # fmt: skip


def node_name(number: int) -> str:
    return f"awkward-{number:02}"
