"""A cluster whose machines come when they are called: its pools, what is asked of it, and what Karpenter says to that."""

from dataclasses import dataclass, field
from typing import Any

from rig.api import Api, Obj
from rig.karpenter import CAPACITY_TYPE, GPU, KIND, POOL, STARTING, ZONE, Kind, node_pool
from rig.objects import pod
from rig.processes import until
from rig.service import Service

ARCH, OS, HOST = "kubernetes.io/arch", "kubernetes.io/os", "kubernetes.io/hostname"
TEAM, BIG, CPUS = "example.com/team", "example.com/big", "karpenter.kwok.sh/instance-cpu"
KINDS = (
    Kind("gpu-16x", 16, 64, gpus=1, zones=("z1", "z2")),
    Kind("cpu-4x", 4, 16, zones=("z1", "z2"), spot=True),
    Kind("big-32x", 32, 128),
)
BIG_TAINT = {"key": BIG, "effect": "NoSchedule"}
POOLS = (
    node_pool(
        "gpus",
        (KIND, "In", "gpu-16x"),
        (ARCH, "In", "amd64"),
        labels={"k8s.amazonaws.com/accelerator": "nvidia-a10g"},
        taints=[{"key": GPU, "value": "present", "effect": "NoSchedule"}],
        startup=[{"key": STARTING, "effect": "NoSchedule"}],
        limits={GPU: "2"},
    ),
    node_pool(
        "cpus",
        (KIND, "In", "cpu-4x"),
        (CAPACITY_TYPE, "In", "on-demand", "spot"),
        (TEAM, "In", "audio", "vision"),
        limits={"cpu": "100"},
        weight=10,
    ),
    node_pool("bigs", (CPUS, "Gt", "16"), (GPU, "DoesNotExist"), taints=[BIG_TAINT], limits={"nodes": "1"}),
    node_pool("broken", node_class="missing", taints=[{"key": "example.com/broken", "effect": "NoSchedule"}]),
)


def notebook(name: str, *, cpu: str = "3", memory: str = "1Gi", gpu: int = 0, tolerates: str = "", **spec: Any) -> Obj:
    """A pod that fits on no node that is there, unless it asks for little; `tolerates` is a taint's key."""
    made = pod(name, cpu=cpu, memory=memory, gpu=gpu)
    made["metadata"]["labels"] = {"app": name}
    made["spec"] |= spec
    if tolerates:
        made["spec"]["tolerations"] = [{"key": tolerates, "operator": "Exists"}]
    return made


def _wants(*terms: tuple[tuple[str, ...], ...]) -> Obj:
    """Required node affinity: any of the terms, each of them all of its expressions."""
    chosen = [
        {"matchExpressions": [{"key": key, "operator": how, "values": list(values)} for key, how, *values in term]}
        for term in terms
    ]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": chosen}}}


def _beside(kind: str, label: str, key: str = HOST) -> Obj:
    term = {"labelSelector": {"matchLabels": {"app": label}}, "topologyKey": key}
    return {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def _spread(label: str, key: str) -> list[Obj]:
    how = {"maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
    return [{**how, "topologyKey": key, "labelSelector": {"matchLabels": {"app": label}}}]


def _containers(*cpus: str, **more: str) -> list[Obj]:
    requests = [{"cpu": cpu, "memory": "1Gi", **more} for cpu in cpus]
    return [
        {"name": f"c{n}", "image": "none", "resources": {"requests": each, "limits": more}}
        for n, each in enumerate(requests)
    ]


HOME = "home"


def home(zone: str) -> tuple[Obj, Obj, Obj]:
    """A person's volume, as a cloud's driver has made it in one zone, and the claim that has it."""
    term = {"matchExpressions": [{"key": ZONE, "operator": "In", "values": [zone]}]}
    size = {"storage": "1Gi"}
    volume = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": HOME},
        "spec": {
            "capacity": size,
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "disks",
            "csi": {"driver": "disk.example", "volumeHandle": HOME},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
        },
    }
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": HOME, "namespace": "default"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "storageClassName": "disks",
            "resources": {"requests": size},
            "volumeName": HOME,
        },
    }
    kind = {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "disks"},
        "provisioner": "disk.example",
    }
    return kind, volume, claim


def on_every_node() -> Obj:
    """A DaemonSet that tolerates everything."""
    labels = {"app": "agent"}
    template = notebook("agent", cpu="100m")
    template["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "100m"}}
    template["spec"]["tolerations"] = [{"operator": "Exists"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "agent", "namespace": "kube-system"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": template["spec"]},
        },
    }


# What each is about, and what is asked beside three CPUs.
ASKS: dict[str, Obj] = {
    "three CPUs": {},
    "all that a machine offers": {"cpu": "3800m"},
    "a thousandth more than a machine offers": {"cpu": "3801m"},
    "more CPUs than any has": {"cpu": "99"},
    "memory that fits": {"memory": "16374Mi"},
    "memory that does not": {"memory": "16375Mi"},
    "a GPU": {"gpu": 1, "tolerates": GPU},
    "a GPU and all CPUs of its machine": {"gpu": 1, "cpu": "15800m", "tolerates": GPU},
    "a GPU and more CPUs than its machine has": {"gpu": 1, "cpu": "15801m", "tolerates": GPU},
    "two GPUs": {"gpu": 2, "tolerates": GPU},
    "a GPU without tolerating the taint": {"gpu": 1},
    "a GPU in one zone": {"gpu": 1, "tolerates": GPU, "nodeSelector": {ZONE: "z1"}},
    "a GPU in another zone": {"gpu": 1, "tolerates": GPU, "nodeSelector": {ZONE: "z2"}},
    "a GPU, by the pool's label": {"gpu": 1, "tolerates": GPU, "nodeSelector": {POOL: "gpus"}},
    "what two pools could add": {"tolerates": GPU},
    "a GPU of a pool without": {"gpu": 1, "tolerates": GPU, "nodeSelector": {POOL: "cpus"}},
    "a big machine, of which there is one": {"cpu": "20", "tolerates": BIG},
    "a pool that is not ready": {"cpu": "20", "tolerates": "example.com/broken"},
    "a home in another zone": {"volumes": [{"name": "home", "persistentVolumeClaim": {"claimName": HOME}}]},
    "a zone": {"nodeSelector": {ZONE: "z2"}},
    "a zone that nobody sells": {"nodeSelector": {ZONE: "z9"}},
    "spot": {"nodeSelector": {CAPACITY_TYPE: "spot"}},
    "on demand": {"nodeSelector": {CAPACITY_TYPE: "on-demand"}},
    "reserved": {"nodeSelector": {CAPACITY_TYPE: "reserved"}},
    "a team of the pool": {"nodeSelector": {TEAM: "vision"}},
    "the pool's other team": {"nodeSelector": {TEAM: "audio"}},
    "a team that the pool does not have": {"nodeSelector": {TEAM: "texts"}},
    "a label that nobody has": {"nodeSelector": {"example.com/rack": "r1"}},
    "its architecture": {"nodeSelector": {ARCH: "amd64"}},
    "another architecture": {"nodeSelector": {ARCH: "arm64"}},
    "another operating system": {"nodeSelector": {OS: "windows"}},
    "a kind": {"nodeSelector": {KIND: "cpu-4x"}},
    "a kind that nobody sells": {"nodeSelector": {KIND: "cpu-64x"}},
    "a pool": {"nodeSelector": {POOL: "cpus"}},
    "a pool that is not there": {"nodeSelector": {POOL: "disks"}},
    "a host": {"nodeSelector": {HOST: "cpus-1"}},
    "not that zone": {"affinity": _wants(((ZONE, "NotIn", "z1"),))},
    "no kind at all": {"affinity": _wants(((KIND, "DoesNotExist"),))},
    "any team": {"affinity": _wants(((TEAM, "Exists"),))},
    "no team": {"affinity": _wants(((TEAM, "DoesNotExist"),))},
    "more than two CPUs by label": {"affinity": _wants(((CPUS, "Gt", "2"),))},
    "more than four CPUs by label": {"affinity": _wants(((CPUS, "Gt", "4"),))},
    "one of two zones": {"affinity": _wants(((ZONE, "In", "z9"),), ((ZONE, "In", "z1"),))},
    "two things at once": {"affinity": _wants(((ZONE, "In", "z1"), (CAPACITY_TYPE, "In", "spot")))},
    "two things that exclude each other": {"affinity": _wants(((ZONE, "In", "z1"), (ZONE, "NotIn", "z1")))},
    "away from the first": {"affinity": _beside("podAntiAffinity", "first-cpus")},
    "beside the first, where it is full": {"affinity": _beside("podAffinity", "first-cpus")},
    "beside somebody who is not there": {"affinity": _beside("podAffinity", "nobody")},
    "spread over hosts": {"topologySpreadConstraints": _spread("first-cpus", HOST)},
    "several containers": {"containers": _containers("2", "1800m")},
    "several containers, a thousandth too much": {"containers": _containers("2", "1801m")},
    "a first container that asks for more": {"initContainers": _containers("3800m")},
    "a first container that asks for too much": {"initContainers": _containers("3801m")},
    "room on the disk": {"containers": _containers("3", **{"ephemeral-storage": "20Gi"})},
    "more room than the disk has": {"containers": _containers("3", **{"ephemeral-storage": "21Gi"})},
    "a resource that nobody offers": {"containers": _containers("3", **{"example.com/fuse": "1"})},
}


@dataclass
class Said:
    """What became of a pod: the machine that Karpenter nominated, or why it did not; or the node that it is on."""

    claim: str | None = None
    refusal: str | None = None
    node: str | None = None


@dataclass
class Journal:
    """What was foretold, and what Karpenter said."""

    rows: list[tuple[str, str, str, str]] = field(default_factory=list)

    def note(self, about: str, told: Obj, said: Said) -> None:
        what = said.claim or said.node or "refused"
        self.rows.append((about, told["answer"], what, told["answer_text"]))

    def count(self, answer: str) -> int:
        return sum(1 for _, told, _, _ in self.rows if told == answer)

    def table(self) -> str:
        return "\n".join(f"{told:<12} {what:<14} {about}: {text}" for about, told, what, text in self.rows)


def said_of(api: Api, name: str, *, within: float = 30) -> Said:
    """The first word of Karpenter on a pod, or where the scheduler put it before there was any."""

    def found() -> Said | None:
        for event in api.list("Event", namespace="default", fieldSelector=f"involvedObject.name={name}"):
            if event.get("source", {}).get("component") != "karpenter":
                continue
            if event["reason"] == "Nominated":
                return Said(claim=event["message"].partition("nodeclaim/")[2].partition(",")[0])
            if event["reason"] == "FailedScheduling":
                return Said(refusal=event["message"])
        node = (api.find("Pod", name, namespace="default") or {"spec": {}})["spec"].get("nodeName")
        return Said(node=node) if node else None

    return until(found, within=within, what=f"somebody has said something about {name}")


def clear(api: Api, name: str, said: Said) -> None:
    """The pod goes, and so does a machine that was called for it and is nobody's else."""
    api.delete("Pod", name, namespace="default", grace=0)
    if said.claim is None:
        return
    claim = said.claim
    until(lambda: api.find("NodeClaim", claim), within=20, what="the machine was asked for")
    api.delete("NodeClaim", claim)

    def gone() -> bool:
        for node in api.list("Node", labelSelector=f"{HOST}={claim}"):
            api.delete("Node", node["metadata"]["name"])
        return api.find("NodeClaim", claim) is None

    until(gone, within=40, what="the machine is gone")


def machines(served: Service, **want: object) -> list[Obj]:
    """The service's machines that are so."""
    found = served.get("/api/v1/cluster/machines")
    return [each for each in found if all(each[key] == value for key, value in want.items())]


def pods_by_node(api: Api) -> dict[str, tuple[int, int, int]]:
    """CPU in thousandths, memory in MiB and GPUs of the pods on each node, counted anew from what the API server says."""
    sums = {node["metadata"]["name"]: [0, 0, 0] for node in api.list("Node")}
    for made in api.list("Pod"):
        here = sums.get(made["spec"].get("nodeName", ""))
        if here is None or made.get("status", {}).get("phase") in ("Succeeded", "Failed"):
            continue
        for container in made["spec"]["containers"]:
            asked = container["resources"].get("requests", {})
            here[0] += _milli(asked.get("cpu", "0"))
            here[1] += _mebi(asked.get("memory", "0"))
            here[2] += int(asked.get(GPU, "0"))
    return {name: (cpu, memory, gpus) for name, (cpu, memory, gpus) in sums.items()}


def told_by_node(nodes: dict[str, Obj]) -> dict[str, tuple[int, int, int]]:
    """The same as the service tells it."""
    told = {name: node["allocated"] for name, node in nodes.items()}
    return {
        name: (each["cpu_millicores"], each["memory_bytes"] // 2**20, each["gpu"]) for name, each in told.items()
    }  # fmt: skip


def _milli(text: str) -> int:
    return int(text[:-1]) if text.endswith("m") else int(text) * 1000


def _mebi(text: str) -> int:
    return int(text[:-2]) * {"Mi": 1, "Gi": 1024}[text[-2:]] if text[-1] == "i" else int(text)
