"""A believable cluster: six nodes unlike each other, pods of others on them, and some of those come and go.

| node | what it is |
| --- | --- |
| vilanova1 | 16 CPU, 64 Gi, one RTX 4090; nobody comes or goes there, so a demonstration can count on it |
| ribes1 | 32 CPU, 128 Gi, no card |
| cubelles1 | 4 × T4, each shared by four (time slicing): 16 slots |
| garraf1 | A100 cut into MIG slices, mixed profiles |
| canyelles1 | cordoned for maintenance |
| olivella1 | tainted: for the render farm only |
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from moorage.simulator.builders import namespace, node, pod
from moorage.simulator.controllers.keeper import NO_PROCESS
from moorage.simulator.store.metadata import now

if TYPE_CHECKING:
    from collections.abc import Mapping


Json = dict[str, Any]

NAMESPACES = ("jupyter", "research", "teaching", "render", "gpu-operator")
_NOTEBOOK_IMAGES = {
    "quay.io/jupyter/minimal-notebook:2026-11-02": 1_620_000_000,
    "quay.io/jupyter/scipy-notebook:2026-11-02": 4_210_000_000,
    "quay.io/jupyter/pytorch-notebook:cuda12-2026-11-02": 11_800_000_000,
}
_FAKE = {NO_PROCESS: "none"}


def has_image(image: str) -> bool:
    """Every image can be had but those that are called `missing`."""
    name = image.rsplit("/", 1)[-1].split("@", 1)[0]
    return "missing" not in name.split(":")


def objects() -> list[Json]:
    """Everything that is there at the beginning."""
    return [
        *(namespace(name, labels={"kubernetes.io/metadata.name": name}) for name in NAMESPACES),
        *_classes(),
        *_nodes(),
        *_system_pods(),
        *_pods_of_others(),
        *_leases(),
    ]


def _leases() -> list[Json]:
    return [
        {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": body["metadata"]["name"], "namespace": "kube-node-lease"},
            "spec": {"holderIdentity": body["metadata"]["name"], "leaseDurationSeconds": 40, "renewTime": _micro()},
        }
        for body in _nodes()
    ]


def _micro() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _other(name: str, *, on: str, days: int = 9, **asked: Any) -> Json:
    """A pod of someone else, bound some days ago; the kubelet says that it runs."""
    body = pod(name, on=on, phase="Pending", annotations=_FAKE, **asked)
    body["metadata"]["creationTimestamp"] = _ago(days)
    return body


def _ago(days: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _classes() -> list[Json]:
    return [
        {
            "apiVersion": "storage.k8s.io/v1",
            "kind": "StorageClass",
            "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
            "provisioner": "simulator.moorage/volumes",
            "volumeBindingMode": "WaitForFirstConsumer",
        },
        *(
            {
                "apiVersion": "scheduling.k8s.io/v1",
                "kind": "PriorityClass",
                "metadata": {"name": name},
                "value": value,
                "description": description,
            }
            for name, value, description in (
                (
                    "system-cluster-critical",
                    2_000_000_000,
                    "Used for system critical pods that must run in the cluster.",
                ),
                ("system-node-critical", 2_000_001_000, "Used for system critical pods that must not be moved."),
            )
        ),
    ]


def _nodes() -> list[Json]:
    zone = {"topology.kubernetes.io/region": "garraf", "topology.kubernetes.io/zone": "garraf-a"}
    other_zone = {**zone, "topology.kubernetes.io/zone": "garraf-b"}
    bodies = [
        node("vilanova1", cpu=16, memory="64Gi", gpu=1, labels={**zone, **_cards("NVIDIA-GeForce-RTX-4090", 1, 24576)}),
        node(
            "ribes1",
            cpu=32,
            memory="131836928Ki",
            allocatable={"cpu": "31500m", "memory": "128691200Ki"},
            labels=other_zone,
        ),
        node(
            "cubelles1",
            cpu=24,
            memory="96Gi",
            gpu=16,
            allocatable={"cpu": "23500m", "memory": "94Gi"},
            labels={
                **zone,
                **_cards("Tesla-T4-SHARED", 4, 15360, family="turing"),
                "nvidia.com/gpu.replicas": "4",
                "nvidia.com/gpu.sharing-strategy": "time-slicing",
            },
        ),
        node(
            "garraf1",
            cpu=64,
            memory="512Gi",
            gpu=0,
            extended={"nvidia.com/mig-1g.5gb": 4, "nvidia.com/mig-3g.20gb": 1},
            allocatable={"cpu": "63500m", "memory": "508Gi"},
            labels={
                **other_zone,
                **_cards("NVIDIA-A100-SXM4-40GB", 1, 40960, family="ampere"),
                "nvidia.com/mig.capable": "true",
                "nvidia.com/mig.strategy": "mixed",
                "nvidia.com/mig.config": "custom",
                "nvidia.com/mig.config.state": "success",
                **_slices("1g.5gb", 4, 4864),
                **_slices("3g.20gb", 1, 20096),
            },
        ),
        node("canyelles1", cpu=8, memory="32Gi", unschedulable=True, labels=zone),
        node(
            "olivella1",
            cpu=48,
            memory="256Gi",
            gpu=2,
            labels={**other_zone, **_cards("NVIDIA-L40S", 2, 46068), "farm": "render"},
            taints=[{"key": "farm", "value": "render", "effect": "NoSchedule"}],
        ),
    ]
    for number, body in enumerate(bodies, start=1):
        _furnish(body, address=f"127.7.7.{number}")
    return bodies


def _cards(product: str, count: int, memory: int, *, family: str = "ada-lovelace") -> dict[str, str]:
    """Labels as GPU feature discovery writes them."""
    return {
        "nvidia.com/gpu.present": "true",
        "nvidia.com/gpu.product": product,
        "nvidia.com/gpu.memory": str(memory),
        "nvidia.com/gpu.count": str(count),
        "nvidia.com/gpu.family": family,
        "nvidia.com/gpu.replicas": "1",
        "nvidia.com/gpu.sharing-strategy": "none",
        "nvidia.com/mig.capable": "false",
    }


def _slices(profile: str, count: int, memory: int) -> dict[str, str]:
    prefix = f"nvidia.com/mig-{profile}"
    return {
        f"{prefix}.count": str(count),
        f"{prefix}.memory": str(memory),
        f"{prefix}.product": f"NVIDIA-A100-SXM4-40GB-MIG-{profile}",
        f"{prefix}.replicas": "1",
    }


def _furnish(body: Json, *, address: str) -> None:
    """What a kubelet reports beside the amounts."""
    moment, status = now(), body["status"]
    body["metadata"]["creationTimestamp"] = since = _ago(90)
    healthy = (
        ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    )
    status["conditions"] = [
        *({"type": kind, "status": "False", "reason": why, "message": text} for kind, why, text in healthy),
        *status["conditions"],
    ]
    for condition in status["conditions"]:
        condition |= {"lastHeartbeatTime": moment, "lastTransitionTime": since}
    status["addresses"] = [
        {"type": "InternalIP", "address": address},
        {"type": "Hostname", "address": body["metadata"]["name"]},
    ]
    status["nodeInfo"] |= {
        "machineID": "",
        "systemUUID": "",
        "bootID": "",
        "kernelVersion": "6.12.0-moorage",
        "osImage": "Simulated GNU/Linux",
        "containerRuntimeVersion": "containerd://2.1.4",
        "kubeProxyVersion": "",
    }
    status["images"] = [{"names": [name], "sizeBytes": size} for name, size in _NOTEBOOK_IMAGES.items()]


def _system_pods() -> list[Json]:
    bodies = []
    for body in _nodes():
        name, tolerate_all = body["metadata"]["name"], [{"operator": "Exists"}]
        bodies.append(_other(f"kube-proxy-{name}", on=name, days=90, namespace="kube-system", tolerations=tolerate_all))
        if "nvidia.com/gpu.present" in body["metadata"]["labels"]:
            labels = {"app": "nvidia-device-plugin-daemonset"}
            bodies.append(
                _other(
                    f"nvidia-device-plugin-{name}",
                    on=name,
                    days=90,
                    namespace="gpu-operator",
                    labels=labels,
                    tolerations=tolerate_all,
                )
            )
    bodies.append(_other("coredns-0", on="ribes1", cpu="100m", memory="70Mi", namespace="kube-system"))
    bodies.append(_other("coredns-1", on="garraf1", cpu="100m", memory="70Mi", namespace="kube-system"))
    return bodies


def _pods_of_others() -> list[Json]:
    """Pods that stay; on vilanova1 they ask for 4.5 CPU and 10 Gi together."""
    rows: tuple[tuple[str, str, str, str, str, Mapping[str, int]], ...] = (
        ("postgres-0", "research", "vilanova1", "2", "6Gi", {}),
        ("mlflow-0", "research", "vilanova1", "2500m", "4Gi", {}),
        ("spark-driver", "research", "ribes1", "4", "16Gi", {}),
        ("spark-exec-1", "research", "ribes1", "6", "24Gi", {}),
        ("course-db", "teaching", "ribes1", "1500m", "6Gi", {}),
        ("inference-a", "teaching", "cubelles1", "2", "8Gi", {"nvidia.com/gpu": 1}),
        ("inference-b", "teaching", "cubelles1", "2", "8Gi", {"nvidia.com/gpu": 2}),
        ("train-small", "research", "garraf1", "8", "64Gi", {"nvidia.com/mig-3g.20gb": 1}),
        ("train-tiny", "research", "garraf1", "4", "16Gi", {"nvidia.com/mig-1g.5gb": 1}),
        ("renderer-0", "render", "olivella1", "16", "96Gi", {"nvidia.com/gpu": 1}),
    )
    return [
        _other(
            name,
            on=where,
            namespace=space,
            cpu=cpu,
            memory=memory,
            requests=cards,
            limits=cards,
            tolerations=[{"key": "farm", "operator": "Exists"}] if space == "render" else (),
        )
        for name, space, where, cpu, memory, cards in rows
    ]
