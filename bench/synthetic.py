"""A cluster that isn't there: pods and nodes as an API server writes them, made page by page so that nothing large is ever held.

A third are notebooks as KubeSpawner makes them, the rest services; each about 9 KB of JSON, of which managedFields are more than a third.
"""

from collections.abc import Iterator
from typing import Any

import msgspec

NODES = 5_000
PODS = 150_000
_SIZES = [
    ("250m", "256Mi"),
    ("500m", "1Gi"),
    ("1", "2Gi"),
    ("1500m", "3Gi"),
    ("100m", "128Mi"),
    ("2", "8Gi"),
    ("50m", "64Mi"),
]


def node(number: int) -> dict[str, Any]:
    name = f"node-{number:05d}"
    gpus = (0, 0, 0, 1, 4, 8)[number % 6]
    amounts = {
        "cpu": "64",
        "ephemeral-storage": "953Gi",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "memory": "263847280Ki",
        "pods": "110",
    }
    if gpus:
        amounts["nvidia.com/gpu"] = str(gpus)
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": f"type-{number % 8}",
        "topology.kubernetes.io/region": "north",
        "topology.kubernetes.io/zone": f"north-{number % 3}",
    }
    if gpus:
        labels |= {
            "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB",
            "nvidia.com/gpu.memory": "81920",
            "nvidia.com/gpu.count": str(gpus),
        }
        labels |= {f"feature.node.kubernetes.io/cpu-{index}": "true" for index in range(40)}
    conditions = [
        {
            "type": kind,
            "status": status,
            "reason": f"Kubelet{kind}",
            "message": f"kubelet says {kind}",
            "lastHeartbeatTime": "2026-11-24T08:00:00Z",
            "lastTransitionTime": "2026-11-20T08:00:00Z",
        }
        for kind, status in (
            ("MemoryPressure", "False"),
            ("DiskPressure", "False"),
            ("PIDPressure", "False"),
            ("Ready", "True"),
        )
    ]
    return {
        "metadata": {
            "name": name,
            "uid": f"node-uid-{number:08d}",
            "resourceVersion": str(1000 + number),
            "labels": labels,
            "annotations": {"node.alpha.kubernetes.io/ttl": "0"},
            "managedFields": MANAGED_NODE,
        },
        "spec": {"podCIDR": f"10.{number // 250}.{number % 250}.0/24"},
        "status": {
            "capacity": amounts,
            "allocatable": {**amounts, "cpu": "63500m", "memory": "255458672Ki"},
            "conditions": conditions,
            "images": [
                {
                    "names": [
                        f"registry.example/team-{index}/image@sha256:{index:064x}",
                        f"registry.example/team-{index}/image:v{index}",
                    ],
                    "sizeBytes": 10**8 + index,
                }
                for index in range(50)
            ],
            "nodeInfo": {"architecture": "amd64", "kubeletVersion": "v1.36.3", "operatingSystem": "linux"},
        },
    }


def pod(number: int, *, nodes: int = NODES) -> dict[str, Any]:
    """One pod. What differs between pods of a kind can be filled in as text, see `pages`."""
    return _notebook(number, nodes) if number % 3 == 0 else _service(number, nodes)


def _managed(size: int) -> list[dict[str, Any]]:
    fields = {
        f"f:field-{index:03d}": {"f:name": {}, ".": {}, f'k:{{"type":"{index}"}}': {"f:status": {}}}
        for index in range(size // 75)
    }
    return [
        {
            "manager": "kubelet",
            "operation": "Update",
            "apiVersion": "v1",
            "time": "2026-11-24T08:00:00Z",
            "fieldsType": "FieldsV1",
            "fieldsV1": fields,
            "subresource": "status",
        }
    ]


MANAGED_POD, MANAGED_NODE = _managed(3450), _managed(1500)


def _meta(number: int, *, name: str, namespace: str, labels: dict[str, str]) -> dict[str, Any]:
    return {
        "name": name,
        "generateName": name.rsplit("-", 1)[0] + "-",
        "namespace": namespace,
        "uid": f"{number:08x}-5b1c-4e6a-9d53-{number:012x}",
        "resourceVersion": str(20_000_000 + number),
        "creationTimestamp": "2026-11-23T08:00:00Z",
        "labels": labels,
        "annotations": {"cni.example/networkStatus": "[" + "x" * 200 + "]", "checksum/config": f"{number % 97:064x}"},
        "ownerReferences": [
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "name": name.rsplit("-", 1)[0],
                "uid": f"{number % 5000:08x}-0000",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
        "managedFields": MANAGED_POD,
    }


def _status(number: int, containers: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "phase": "Running",
        "conditions": [
            {
                "type": kind,
                "status": "True",
                "lastProbeTime": None,
                "lastTransitionTime": "2026-11-23T08:00:05Z",
                "observedGeneration": 1,
            }
            for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
        ],
        "hostIP": f"10.0.{number % 250}.{number % 199}",
        "podIP": f"10.{number % 200}.{number % 250}.{number % 199}",
        "podIPs": [{"ip": f"10.{number % 200}.{number % 250}.{number % 199}"}],
        "startTime": "2026-11-23T08:00:01Z",
        "qosClass": "Burstable",
        "containerStatuses": [
            {
                "name": c["name"],
                "image": c["image"],
                "imageID": f"registry.example/image@sha256:{number:064x}",
                "containerID": f"containerd://{number:064x}",
                "ready": True,
                "started": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": "2026-11-23T08:00:04Z"}},
                "lastState": {},
                "resources": c["resources"],
                "allocatedResources": c["resources"]["requests"],
                "volumeMounts": [{**m, "recursiveReadOnly": "Disabled"} for m in c["volumeMounts"]],
            }
            for c in containers
        ],
    }


def _mounts(count: int) -> list[dict[str, Any]]:
    return [
        {"name": f"volume-{index}", "mountPath": f"/mnt/volume-{index}", "readOnly": True} for index in range(count)
    ]


def _spec(number: int, nodes: int, containers: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "nodeName": f"node-{number % nodes:05d}",
        "containers": containers,
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "default",
        "securityContext": {"fsGroup": 100},
        "schedulerName": "default-scheduler",
        "tolerations": [
            {
                "key": "node.kubernetes.io/not-ready",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": 300,
            },
            {
                "key": "node.kubernetes.io/unreachable",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": 300,
            },
        ],
        "priority": 0,
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        **more,
    }


def _notebook(number: int, nodes: int) -> dict[str, Any]:
    cpu, memory = _SIZES[number % len(_SIZES)]
    user = f"user-{number:06d}"
    resources = {"limits": {"memory": memory}, "requests": {"cpu": cpu, "memory": memory}}
    if number % 30 == 0:
        resources["limits"]["nvidia.com/gpu"] = resources["requests"]["nvidia.com/gpu"] = "1"
    container = {
        "name": "notebook",
        "image": f"registry.example/lab/notebook:{number % 5}",
        "args": ["jupyterhub-singleuser"],
        "env": [
            {"name": f"JUPYTERHUB_SETTING_{index}", "value": f"https://hub.example/hub/user/{user}/setting/{index}"}
            for index in range(24)
        ],
        "ports": [{"name": "notebook-port", "containerPort": 8888, "protocol": "TCP"}],
        "resources": resources,
        "volumeMounts": _mounts(3),
    }
    labels = {"app": "jupyterhub", "component": "singleuser-server", "hub.jupyter.org/username": user, "release": "hub"}
    volumes = [
        {"name": "volume-0", "persistentVolumeClaim": {"claimName": f"claim-{user}"}},
        {"name": "volume-1", "emptyDir": {}},
    ]
    return {
        "metadata": _meta(number, name=f"jupyter-{user}", namespace="jupyter", labels=labels),
        "spec": _spec(number, nodes, [container], volumes=volumes),
        "status": _status(number, [container]),
    }


def _service(number: int, nodes: int) -> dict[str, Any]:
    containers = []
    for index, role in enumerate(("app", "proxy")):
        cpu, memory = _SIZES[(number + index) % len(_SIZES)]
        containers.append(
            {
                "name": role,
                "image": f"registry.example/team-{number % 300}/{role}:v{number % 7}",
                "env": [{"name": f"SETTING_{setting}", "value": f"value-{setting}"} for setting in range(6)],
                "resources": {"limits": {"memory": memory}, "requests": {"cpu": cpu, "memory": memory}},
                "volumeMounts": _mounts(3),
                "livenessProbe": {
                    "httpGet": {"path": "/healthz", "port": 8080},
                    "periodSeconds": 10,
                    "timeoutSeconds": 1,
                },
            }
        )
    app = f"service-{number % 5000:04d}"
    labels = {
        "app.kubernetes.io/name": app,
        "app.kubernetes.io/instance": f"{app}-prod",
        "pod-template-hash": f"{number % 5000:010x}",
    }
    return {
        "metadata": _meta(number, name=f"{app}-{number:08x}", namespace=f"team-{number % 300}", labels=labels),
        "spec": _spec(number, nodes, containers, volumes=[{"name": "volume-0", "configMap": {"name": app}}]),
        "status": _status(number, containers),
    }


def encoded(item: dict[str, Any]) -> bytes:
    return msgspec.json.encode(item)


def pages(make: Any, count: int, *, size: int, kind: str) -> Iterator[bytes]:
    """The pages of a list, each made when it is asked for."""
    for start in range(0, count, size):
        token = str(start + size) if start + size < count else ""
        yield page(make, start, min(start + size, count), token=token, kind=kind)


def page(make: Any, start: int, end: int, *, token: str, kind: str) -> bytes:
    meta = encoded({"resourceVersion": "30000000", **({"continue": token} if token else {})})
    items = b",".join(encoded(make(number)) for number in range(start, end))
    return b'{"kind":"%sList","apiVersion":"v1","metadata":%s,"items":[%s]}' % (kind.encode(), meta, items)
