"""Random clusters for the differential asks: nodes unlike each other, pods of every state, claims and volumes of both binding modes.

A scene is a list of plain objects, made from a seed alone, so that any of them can be made again. Every name carries the scene's number:
nothing that a component still remembers of the last scene can be taken for a part of this one.
"""

import random
from dataclasses import dataclass, field

from rig.api import Obj
from rig.resize import Resize

ZONES = ("zone-a", "zone-b", "zone-c")
NAMESPACES = {"asks": {"team": "asks"}, "others": {"team": "others"}}
GPU_NAMES = ("nvidia.com/gpu", "nvidia.com/gpu.shared", "nvidia.com/mig-1g.5gb", "amd.com/gpu")
# Name, value, preemption: an ask must never evict a part of the scene.
PRIORITIES = (("patient", 5000), ("urgent", 10_000))
# What pods in the middle of a resize were given, in sizes that decide whether others fit beside them.
GIVEN = {
    "cpu": ["100m", "1500m", "3", "7", "40"],
    "memory": ["500M", "4Gi", "7Gi", "20Gi", "90Gi"],
    "nvidia.com/gpu": ["1", "2"],
    "ephemeral-storage": ["1Gi", "60Gi"],
}
RUNTIME_OVERHEAD = {"cpu": "250m", "memory": "130Mi"}


@dataclass
class Scene:
    """What stands in the cluster, in the order in which it is to be created."""

    number: int
    nodes: list[Obj] = field(default_factory=list)
    classes: list[Obj] = field(default_factory=list)
    volumes: list[Obj] = field(default_factory=list)
    claims: list[Obj] = field(default_factory=list)
    pods: list[Obj] = field(default_factory=list)
    csinodes: list[Obj] = field(default_factory=list)
    drivers: list[Obj] = field(default_factory=list)
    attachments: list[Obj] = field(default_factory=list)
    # Pods that are changed after their creation.
    terminating: set[str] = field(default_factory=set)
    terminal: dict[str, str] = field(default_factory=dict)
    nominated: dict[str, str] = field(default_factory=dict)
    resized: dict[str, Obj] = field(default_factory=dict)

    def named(self, what: str) -> str:
        return f"s{self.number}-{what}"

    @property
    def driver(self) -> str:
        return f"disks{self.number}.moorage.test"


def scene(seed: int, *, number: int) -> Scene:
    made = Scene(number=number)
    chance = random.Random(seed)
    for index in range(chance.randint(2, 9)):
        _node(made, chance, index)
    _storage(made, chance)
    _driver(made, chance)
    for index in range(chance.randint(0, 4 * len(made.nodes))):
        _pod(made, chance, index)
    return made


def standing_objects() -> list[Obj]:
    """What all scenes share and none changes."""
    namespaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        for name, labels in NAMESPACES.items()
    ]
    priorities = [
        {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": name},
            "value": value,
            "preemptionPolicy": "Never",
        }
        for name, value in PRIORITIES
    ]
    runtime = {
        "apiVersion": "node.k8s.io/v1",
        "kind": "RuntimeClass",
        "metadata": {"name": "boxed"},
        "handler": "boxed",
        "overhead": {"podFixed": RUNTIME_OVERHEAD},
    }
    return [*namespaces, *priorities, runtime]


# -- nodes ---------------------------------------------------------------------------------------------------------------


def _node(made: Scene, chance: random.Random, index: int) -> None:
    name = made.named(f"n{index}")
    labels = {
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": chance.choice(["amd64", "amd64", "arm64"]),
        "cores": str(chance.choice([4, 8, 64])),
    }
    if chance.random() < 0.95:
        labels["kubernetes.io/hostname"] = chance.choice([name, name, name + ".lan"])
    if chance.random() < 0.85:
        labels["topology.kubernetes.io/zone"] = chance.choice(ZONES)
    if chance.random() < 0.5:
        labels["pool"] = chance.choice(["cpu", "gpu"])
    capacity = {
        "cpu": labels["cores"],
        "memory": f"{chance.choice([8, 32, 128])}Gi",
        "ephemeral-storage": "100Gi",
        "pods": str(chance.choice([2, 4, 110, 110])),
    }
    for gpu in chance.sample(GPU_NAMES, chance.choice([0, 0, 1, 1, 2])):
        capacity[gpu] = str(chance.choice([1, 2, 4, 8]))
    if chance.random() < 0.1:
        capacity["hugepages-2Mi"] = "512Mi"
    allocatable = dict(capacity)
    if chance.random() < 0.6:
        allocatable["cpu"] = f"{int(capacity['cpu']) * 1000 - chance.randint(1, 500)}m"
        allocatable["memory"] = f"{int(capacity['memory'][:-2]) * 1024 - chance.randint(1, 900)}Mi"
    for gpu in GPU_NAMES:
        if gpu in allocatable and chance.random() < 0.2:
            allocatable[gpu] = str(int(allocatable[gpu]) - 1)
    spec: Obj = {}
    taints = _taints(chance)
    if chance.random() < 0.12:
        spec["unschedulable"] = True
        if chance.random() < 0.5:
            taints.append({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"})
    if taints:
        spec["taints"] = taints
    ready = chance.random() < 0.93
    made.nodes.append(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels},
            "spec": spec,
            "status": {
                "capacity": capacity,
                "allocatable": allocatable,
                "conditions": [
                    {
                        "type": "Ready",
                        "status": "True" if ready else "False",
                        "reason": "KubeletReady" if ready else "KubeletNotReady",
                    }
                ],
            },
        }
    )


def _taints(chance: random.Random) -> list[Obj]:
    choices: list[Obj] = [
        {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"},
        {"key": "dedicated", "value": chance.choice(["lab", "course"]), "effect": "NoSchedule"},
        {"key": "dedicated", "value": "lab", "effect": "NoExecute"},
        {"key": "slow", "effect": "PreferNoSchedule"},
        {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"},
        {"key": "node.kubernetes.io/memory-pressure", "effect": "NoSchedule"},
    ]
    return chance.sample(choices, chance.choice([0, 0, 0, 1, 1, 2]))


# -- storage -------------------------------------------------------------------------------------------------------------


def _class(name: str, provisioner: str, mode: str, zones: list[str] | None = None) -> Obj:
    made: Obj = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": provisioner,
        "volumeBindingMode": mode,
    }
    if zones:
        made["allowedTopologies"] = [
            {"matchLabelExpressions": [{"key": "topology.kubernetes.io/zone", "values": zones}]}
        ]
    return made


def _volume(made: Scene, chance: random.Random, name: str, storage_class: str, claim: str | None) -> Obj:
    spec: Obj = {
        "capacity": {"storage": f"{chance.choice([1, 5, 20])}Gi"},
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": storage_class,
        "persistentVolumeReclaimPolicy": "Retain",
    }
    labels: dict[str, str] = {}
    where = chance.choice(["node", "zone", "zone label", "anywhere", "anywhere"])
    if where == "node":
        spec["nodeAffinity"] = _only("kubernetes.io/hostname", [chance.choice(made.nodes)["metadata"]["name"]])
    if where == "zone":
        spec["nodeAffinity"] = _only("topology.kubernetes.io/zone", chance.sample(ZONES, 2))
    if where == "zone label":
        labels["topology.kubernetes.io/zone"] = chance.choice([*ZONES, "zone-a__zone-b"])
    if chance.random() < 0.6:
        spec["csi"] = {"driver": made.driver, "volumeHandle": name}
    else:
        spec["hostPath"] = {"path": "/nowhere"}
    if claim:
        spec["claimRef"] = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": "asks", "name": claim}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name, "labels": labels}, "spec": spec}


def _only(key: str, values: list[str]) -> Obj:
    return {
        "required": {"nodeSelectorTerms": [{"matchExpressions": [{"key": key, "operator": "In", "values": values}]}]}
    }


def _claim(
    name: str, storage_class: str, *, mode: str = "ReadWriteOnce", volume: str | None = None, size: str = "1Gi"
) -> Obj:
    spec: Obj = {"accessModes": [mode], "storageClassName": storage_class, "resources": {"requests": {"storage": size}}}
    if volume:
        spec["volumeName"] = volume
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name, "namespace": "asks"},
        "spec": spec,
    }


def _storage(made: Scene, chance: random.Random) -> None:
    """Claims of the names bound-*, once-*, wait-*, make-*, now-* and going-*; an ask picks them by these."""
    plain, later, made_later, instant = (made.named(name) for name in ("plain", "later", "made", "instant"))
    made.classes += [
        _class(plain, "kubernetes.io/no-provisioner", "Immediate"),
        _class(later, "kubernetes.io/no-provisioner", "WaitForFirstConsumer"),
        _class(
            made_later, made.driver, "WaitForFirstConsumer", chance.choice([None, ["zone-a"], ["zone-b", "zone-c"]])
        ),
        _class(instant, "nobody.moorage.test", "Immediate"),
    ]
    for index in range(chance.randint(1, 4)):
        kind = chance.choice(["bound", "bound", "once"])
        claim, volume = made.named(f"{kind}-{index}"), made.named(f"v{index}")
        mode = "ReadWriteOncePod" if kind == "once" else "ReadWriteOnce"
        stored = _volume(made, chance, volume, plain, claim)
        stored["spec"]["accessModes"] = [mode]
        if kind == "once":
            # Only CSI drivers know this mode.
            stored["spec"].pop("hostPath", None)
            stored["spec"]["csi"] = {"driver": made.driver, "volumeHandle": volume}
        made.volumes.append(stored)
        made.claims.append(_claim(claim, plain, mode=mode, volume=volume))
    for index in range(chance.randint(0, 3)):
        made.volumes.append(_volume(made, chance, made.named(f"free{index}"), later, None))
    made.claims.append(_claim(made.named("wait-0"), later, size=chance.choice(["1Gi", "4Gi", "50Gi"])))
    made.claims.append(_claim(made.named("make-0"), made_later))
    made.claims.append(_claim(made.named("now-0"), instant))
    if chance.random() < 0.5:
        going = _claim(made.named("going-0"), instant)
        going["metadata"]["finalizers"] = ["moorage.test/held"]
        made.claims.append(going)
    for node in made.nodes:
        if chance.random() < 0.4:
            driver = {
                "name": made.driver,
                "nodeID": node["metadata"]["name"],
                "topologyKeys": [],
                "allocatable": {"count": chance.choice([0, 1, 2])},
            }
            made.csinodes.append(
                {
                    "apiVersion": "storage.k8s.io/v1",
                    "kind": "CSINode",
                    "metadata": {"name": node["metadata"]["name"]},
                    "spec": {"drivers": [driver]},
                }
            )


def _driver(made: Scene, chance: random.Random) -> None:
    """A driver that tells how much room it has, and volumes that are attached though no pod uses them."""
    if chance.random() < 0.5:
        made.drivers.append(
            {
                "apiVersion": "storage.k8s.io/v1",
                "kind": "CSIDriver",
                "metadata": {"name": made.driver},
                "spec": {"storageCapacity": chance.random() < 0.8},
            }
        )
        for zone in chance.sample(ZONES, chance.randint(0, 3)):
            made.drivers.append(
                {
                    "apiVersion": "storage.k8s.io/v1",
                    "kind": "CSIStorageCapacity",
                    "metadata": {"name": made.named(f"room-{zone}"), "namespace": "asks"},
                    "storageClassName": made.named("made"),
                    "capacity": chance.choice(["500Mi", "1Gi", "80Gi"]),
                    "nodeTopology": {"matchLabels": {"topology.kubernetes.io/zone": zone}},
                }
            )
    for volume in made.volumes:
        if "csi" in volume["spec"] and chance.random() < 0.3:
            name = volume["metadata"]["name"]
            made.attachments.append(
                {
                    "apiVersion": "storage.k8s.io/v1",
                    "kind": "VolumeAttachment",
                    "metadata": {"name": f"{name}-attached"},
                    "spec": {
                        "attacher": made.driver,
                        "nodeName": chance.choice(made.nodes)["metadata"]["name"],
                        "source": {"persistentVolumeName": name},
                    },
                }
            )


# -- pods ----------------------------------------------------------------------------------------------------------------


def _pod(made: Scene, chance: random.Random, index: int) -> None:
    name = made.named(f"p{index}")
    node = chance.choice(made.nodes)
    namespace = chance.choice(list(NAMESPACES))
    requests = {
        "cpu": f"{chance.choice([100, 500, 1500, 4000])}m",
        "memory": chance.choice(["100Mi", "1Gi", "1500M", "6Gi"]),
    }
    gpus = [name for name in GPU_NAMES if name in node["status"]["allocatable"]]
    container: Obj = {"name": "main", "image": "none", "resources": {"requests": requests}}
    if gpus and chance.random() < 0.4:
        gpu = chance.choice(gpus)
        container["resources"] = {"requests": {**requests, gpu: "1"}, "limits": {gpu: "1"}}
    if chance.random() < 0.1:
        container["resources"] = {}
    if chance.random() < 0.2:
        container["ports"] = [
            {"containerPort": 80, "hostPort": chance.choice([8080, 9090]), "protocol": chance.choice(["TCP", "UDP"])}
        ]
    spec: Obj = {
        "containers": [container],
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 3600,
    }
    if chance.random() < 0.2:
        sidecar = {
            "name": "side",
            "image": "none",
            "restartPolicy": "Always",
            "resources": {"requests": {"cpu": "300m", "memory": "200Mi"}},
        }
        spec["initContainers"] = [sidecar, {"name": "first", "image": "none", "resources": {"requests": {"cpu": "2"}}}]
    if chance.random() < 0.15:
        spec["resources"] = {"requests": chance.choice([{"cpu": "5", "memory": "7Gi"}, {"memory": "8Gi"}])}
    if chance.random() < 0.2:
        spec["affinity"] = {"podAntiAffinity": _anti(chance)}
    if chance.random() < 0.4:
        claims = [
            claim["metadata"]["name"]
            for claim in made.claims
            if any(kind in claim["metadata"]["name"] for kind in ("-bound-", "-once-"))
        ]
        if claims and namespace == "asks":
            spec["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": chance.choice(claims)}}]
    pod: Obj = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app": chance.choice(["web", "notebook", "batch"])},
        },
        "spec": spec,
    }
    fate = chance.random()
    if fate < 0.08:
        _nominate(made, chance, pod, node["metadata"]["name"])
    else:
        spec["nodeName"] = node["metadata"]["name"]
        if fate < 0.2:
            made.terminating.add(name)
        elif fate < 0.3:
            made.terminal[name] = chance.choice(["Succeeded", "Failed"])
        if chance.random() < 0.4:
            made.resized[name] = Resize(chance, amounts=GIVEN).status(spec)
    made.pods.append(pod)


def _nominate(made: Scene, chance: random.Random, pod: Obj, node: str) -> None:
    """A pod that fits nowhere, yet has a node's room held for it; no event of the scene makes the scheduler try it again."""
    pod["spec"]["nodeSelector"] = {"nowhere": "to-be-found"}
    if chance.random() < 0.6:
        pod["spec"]["priorityClassName"] = chance.choice(PRIORITIES)[0]
    made.nominated[pod["metadata"]["name"]] = node


def _anti(chance: random.Random) -> Obj:
    term: Obj = {
        "labelSelector": {"matchLabels": {"app": chance.choice(["web", "notebook"])}},
        "topologyKey": chance.choice(["kubernetes.io/hostname", "topology.kubernetes.io/zone"]),
    }
    reach = chance.random()
    if reach < 0.3:
        term["namespaceSelector"] = {"matchLabels": {"team": chance.choice(["asks", "others"])}}
    elif reach < 0.5:
        term["namespaces"] = ["asks", "others"]
    return {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
