"""Plain nodes and pods, for tests that say what they need and no more."""

from rig.api import Api, Obj


def node(name: str, *, cpu: str = "8", memory: str = "32Gi", gpu: int = 0, labels: dict[str, str] | None = None) -> Obj:
    amounts = {"cpu": cpu, "memory": memory, "pods": "110", "ephemeral-storage": "100Gi"}
    if gpu:
        amounts["nvidia.com/gpu"] = str(gpu)
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                **(labels or {}),
            },
        },
        "status": {
            "capacity": amounts,
            "allocatable": amounts,
            "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady"}],
        },
    }


def pod(
    name: str, *, namespace: str = "default", on: str | None = None, cpu: str = "1", memory: str = "1Gi", gpu: int = 0
) -> Obj:
    resources: Obj = {"requests": {"cpu": cpu, "memory": memory}}
    if gpu:
        resources["limits"] = {"nvidia.com/gpu": str(gpu)}
    spec: Obj = {
        "containers": [{"name": "main", "image": "none", "resources": resources}],
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 0,
    }
    if on:
        spec["nodeName"] = on
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace}, "spec": spec}


def add_node(api: Api, made: Obj) -> None:
    """Admission taints a new node as not ready, and nobody here would ever find it ready."""
    api.create(made)
    api.patch("Node", made["metadata"]["name"], {"spec": {"taints": None}})
