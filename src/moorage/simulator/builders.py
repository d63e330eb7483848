"""Plain Kubernetes objects in one line, for scenarios and tests.

node("n1", cpu="16", memory="64Gi", gpu=1)
pod("p", on="n1", cpu="2", memory="3Gi", gpu=1)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Json = dict[str, Any]


def node(
    name: str,
    *,
    cpu: str | int = "4",
    memory: str | int = "16Gi",
    pods: str | int = 110,
    gpu: int | None = None,
    ephemeral_storage: str = "100Gi",
    extended: Mapping[str, str | int] | None = None,
    allocatable: Mapping[str, str | int] | None = None,
    labels: Mapping[str, str] | None = None,
    taints: Iterable[Mapping[str, str]] = (),
    unschedulable: bool = False,
    ready: bool = True,
    annotations: Mapping[str, str] | None = None,
) -> Json:
    """A node with this capacity; `allocatable` overrides single amounts of it."""
    capacity = {
        "cpu": str(cpu),
        "memory": str(memory),
        "ephemeral-storage": ephemeral_storage,
        "pods": str(pods),
    }
    if gpu is not None:
        capacity["nvidia.com/gpu"] = str(gpu)
    capacity |= {resource: str(amount) for resource, amount in (extended or {}).items()}
    spec: Json = {}
    held = [dict(taint) for taint in taints]
    if unschedulable:
        spec["unschedulable"] = True
        held.append({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"})
    if not ready:
        held.append({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"})
    if held:
        spec["taints"] = held
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name if len(name) <= 63 else name[:63].rstrip("-."),
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/os": "linux",
                **(labels or {}),
            },
            **({"annotations": dict(annotations)} if annotations else {}),
        },
        "spec": spec,
        "status": {
            "capacity": capacity,
            "allocatable": {**capacity, **{key: str(value) for key, value in (allocatable or {}).items()}},
            "conditions": [_condition("Ready", holds=ready)],
            "nodeInfo": {"architecture": "amd64", "operatingSystem": "linux", "kubeletVersion": "v1.36.3"},
        },
    }


def _condition(kind: str, *, holds: bool) -> Json:
    return {
        "type": kind,
        "status": "True" if holds else "False",
        "reason": "KubeletReady" if holds else "KubeletNotReady",
        "message": "the simulator's kubelet is posting ready status" if holds else "the node was said to be not ready",
    }


def pod(
    name: str,
    *,
    on: str | None = None,
    cpu: str | int | None = None,
    memory: str | int | None = None,
    gpu: int | None = None,
    namespace: str = "default",
    requests: Mapping[str, str | int] | None = None,
    limits: Mapping[str, str | int] | None = None,
    phase: str | None = None,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    image: str = "registry.example/app:1",
    command: Iterable[str] | None = None,
    args: Iterable[str] | None = None,
    env: Mapping[str, str] | None = None,
    node_selector: Mapping[str, str] | None = None,
    tolerations: Iterable[Mapping[str, Any]] = (),
    priority: int | None = None,
    **spec: Any,
) -> Json:
    """A pod of one container.

    `cpu` and `memory` are requests, `gpu` is limit and request; other keywords go into `spec`, in its own spelling.
    """
    asked: Json = {"cpu": cpu, "memory": memory, **(requests or {})}
    bound: Json = dict(limits or {})
    if gpu is not None:
        asked["nvidia.com/gpu"] = bound["nvidia.com/gpu"] = gpu
    container: Json = {
        "name": "main",
        "image": image,
        "resources": _amounts(requests=asked, limits=bound),
    }
    if command is not None:
        container["command"] = list(command)
    if args is not None:
        container["args"] = list(args)
    if env:
        container["env"] = [{"name": key, "value": value} for key, value in env.items()]
    body: Json = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels or {})},
        "spec": {"containers": [container], **spec},
        "status": {"phase": phase or ("Running" if on else "Pending")},
    }
    if annotations:
        body["metadata"]["annotations"] = dict(annotations)
    if on is not None:
        body["spec"]["nodeName"] = on
    if node_selector:
        body["spec"]["nodeSelector"] = dict(node_selector)
    if tolerations:
        body["spec"]["tolerations"] = [dict(toleration) for toleration in tolerations]
    if priority is not None:
        body["spec"]["priority"] = priority
    return body


def _amounts(**lists: Mapping[str, Any]) -> Json:
    shown = {}
    for name, amounts in lists.items():
        given = {key: str(value) for key, value in amounts.items() if value is not None}
        if given:
            shown[name] = given
    return shown


def namespace(name: str, *, labels: Mapping[str, str] | None = None) -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels or {})}}


def cluster_queue(
    name: str,
    quotas: Mapping[str, Mapping[str, str | int]],
    *,
    used: Mapping[str, Mapping[str, str | int]] | None = None,
    **spec: Any,
) -> Json:
    """A ClusterQueue of Kueue with these quotas by flavor and resource, and what of them is reserved."""
    flavors = [
        {"name": flavor, "resources": [{"name": what, "nominalQuota": str(most)} for what, most in amounts.items()]}
        for flavor, amounts in quotas.items()
    ]
    covered = sorted({resource for amounts in quotas.values() for resource in amounts})
    reserved = [
        {"name": flavor, "resources": [{"name": what, "total": str(total)} for what, total in amounts.items()]}
        for flavor, amounts in (used or {}).items()
    ]
    return {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "ClusterQueue",
        "metadata": {"name": name},
        "spec": {
            "namespaceSelector": {},
            "resourceGroups": [{"coveredResources": covered, "flavors": flavors}] if flavors else [],
            **spec,
        },
        "status": {"flavorsReservation": reserved},
    }


def local_queue(name: str, *, cluster_queue: str, namespace: str = "default", **spec: Any) -> Json:
    """A LocalQueue of Kueue: the way of one namespace to a ClusterQueue."""
    return {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "LocalQueue",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"clusterQueue": cluster_queue, **spec},
    }


def workload(
    name: str,
    *,
    queue: str,
    namespace: str = "default",
    pod_uid: str | None = None,
    priority: int = 0,
    conditions: Iterable[Mapping[str, str]] = (),
    **spec: Any,
) -> Json:
    """A Workload of Kueue, which stands for the pod of this uid."""
    owner = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": pod_uid, "controller": True}
    return {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "Workload",
        "metadata": {"name": name, "namespace": namespace, **({"ownerReferences": [owner]} if pod_uid else {})},
        "spec": {"queueName": queue, "priority": priority, "podSets": [], **spec},
        "status": {"conditions": [dict(condition) for condition in conditions]},
    }


def workload_priority_class(name: str, value: int) -> Json:
    """A priority of Kueue's, which counts in queues alone."""
    version, kind = "kueue.x-k8s.io/v1beta2", "WorkloadPriorityClass"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name}, "value": value}
