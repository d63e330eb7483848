"""The real Karpenter beside a private control plane, with the provider that makes Node objects where others rent machines.

Its nodes come with Karpenter's labels and with a taint that says that they are not ready. What a kubelet and a driver
would do to them, a thread here does after known times: ready, then its devices, then the startup taint goes.
"""

import contextlib
import json
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import yaml

from rig.api import Api, Obj, Refused
from rig.controlplane import ControlPlane
from rig.ports import free_ports
from rig.processes import Program, until

GPU = "nvidia.com/gpu"
POOL = "karpenter.sh/nodepool"
KIND = "node.kubernetes.io/instance-type"
ZONE = "topology.kubernetes.io/zone"
CAPACITY_TYPE = "karpenter.sh/capacity-type"
STARTING = "cloud.example/starting"
NOT_READY = "node.kubernetes.io/not-ready"
# When a machine took the last step that it has taken.
STEPPED = "cloud.example/stepped"
# What Karpenter's provider keeps back on each machine.
_RESERVED = {"cpu": 100, "memory": 10}


class Kind:
    """A kind of machine that the cloud sells: CPU, GiB of memory, GPUs, and where and how it sells it."""

    def __init__(
        self, name: str, cpu: int, memory: int, *, gpus: int = 0, zones: Sequence[str] = ("z1",), spot: bool = False
    ) -> None:
        self.name, self.cpu, self.memory, self.gpus = name, cpu, memory, gpus
        self.zones, self.ways = zones, ("on-demand", "spot") if spot else ("on-demand",)

    @property
    def capacity(self) -> dict[str, str]:
        amounts = {"cpu": str(self.cpu), "memory": f"{self.memory}Gi", "pods": "110", "ephemeral-storage": "20Gi"}
        return amounts | ({GPU: str(self.gpus)} if self.gpus else {})

    @property
    def allocatable(self) -> dict[str, str]:
        cpu, memory = self.cpu * 1000 - _RESERVED["cpu"], self.memory * 1024 - _RESERVED["memory"]
        return self.capacity | {"cpu": f"{cpu}m", "memory": f"{memory}Mi"}

    def sold(self) -> Obj:
        """As the provider's file has it."""

        def needs(key: str, value: str) -> Obj:
            return {"key": key, "operator": "In", "values": [value]}

        offerings = [
            {
                "Price": self.cpu * (0.05 if way == "spot" else 0.1) + self.gpus,
                "Available": True,
                "Requirements": [needs(CAPACITY_TYPE, way), needs(ZONE, zone)],
            }
            for zone in self.zones
            for way in self.ways
        ]
        fixed = {"architecture": "amd64", "operatingSystems": ["linux"]}
        return {"name": self.name, **fixed, "resources": self.capacity, "offerings": offerings}


def node_pool(
    name: str,
    *requirements: tuple[str, ...],
    labels: Mapping[str, str] | None = None,
    taints: Sequence[Obj] = (),
    startup: Sequence[Obj] = (),
    limits: Mapping[str, str] | None = None,
    weight: int | None = None,
    node_class: str = "default",
) -> Obj:
    """A pool; each requirement is a key, an operator and values. Nothing that it adds goes by itself."""
    template = {
        "metadata": {"labels": dict(labels or {})},
        "spec": {
            "requirements": [{"key": key, "operator": how, "values": list(v)} for key, how, *v in requirements],
            "taints": list(taints),
            "startupTaints": list(startup),
            "nodeClassRef": {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": node_class},
            "expireAfter": "Never",
        },
    }
    spec: Obj = {
        "template": template,
        "disruption": {"consolidationPolicy": "WhenEmpty", "consolidateAfter": "Never"},
        **({"limits": dict(limits)} if limits else {}),
        **({"weight": weight} if weight else {}),
    }
    return {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": name}, "spec": spec}


class Machines:
    """What happens on the machines themselves, in seconds from the moment when their node is there."""

    def __init__(self, api: Api, kinds: Sequence[Kind], *, ready_after: float, devices_after: float) -> None:
        self.ready_after, self.devices_after = ready_after, devices_after
        self._api = api
        self._kinds = {kind.name: kind for kind in kinds}
        self._seen: dict[str, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="machines", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(15)
        self._api.close()

    def _run(self) -> None:
        while not self._ended.wait(0.1):
            # Karpenter may have written meanwhile: the next turn sees what is there then.
            with contextlib.suppress(OSError, Refused):
                for node in self._api.list("Node"):
                    if str(node["spec"].get("providerID", "")).startswith("kwok://"):
                        self._turn(node)

    def _turn(self, node: Obj) -> None:
        name, kind = node["metadata"]["name"], self._kinds[node["metadata"]["labels"][KIND]]
        since = time.monotonic() - self._seen.setdefault(name, time.monotonic())
        status = node["status"]
        if status["capacity"].get("cpu") != kind.capacity["cpu"]:
            devices = {GPU: None} if kind.gpus else {}
            amounts = {"capacity": kind.capacity | devices, "allocatable": kind.allocatable | devices}
            self._api.patch("Node", name, {"status": amounts}, part="status")
        elif since >= self.ready_after and not status.get("conditions"):
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            ready = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastTransitionTime": now}
            self._api.patch("Node", name, {"status": {"conditions": [ready]}}, part="status")
        elif since >= self.ready_after and self._untainted(node, NOT_READY):
            return
        elif since >= self.ready_after + self.devices_after:
            if kind.gpus and status["allocatable"].get(GPU) != kind.allocatable[GPU]:
                amounts = {which: {GPU: str(kind.gpus)} for which in ("capacity", "allocatable")}
                self._api.patch("Node", name, {"status": amounts}, part="status")
            else:
                self._untainted(node, STARTING)

    def _untainted(self, node: Obj, key: str) -> bool:
        """Whether there was such a taint to take away."""
        taints = node["spec"].get("taints") or []
        left = [taint for taint in taints if taint["key"] != key]
        if left == taints:
            return False
        now = datetime.now(UTC).isoformat()
        metadata = {"resourceVersion": node["metadata"]["resourceVersion"], "annotations": {STEPPED: now}}
        self._api.patch("Node", node["metadata"]["name"], {"metadata": metadata, "spec": {"taints": left}})
        return True


def definitions(programs: Path) -> list[Obj]:
    return [yaml.safe_load(path.read_text()) for path in sorted((programs.parent / "karpenter-crds").glob("*.yaml"))]


def install(cluster: ControlPlane) -> None:
    """The definitions of its kinds, served."""
    for made in definitions(cluster.programs):
        cluster.admin.apply(made)
    for kind in ("NodePool", "NodeClaim", "KWOKNodeClass"):
        until(lambda kind=kind: _is_served(cluster.admin, kind), within=20, what=f"{kind} is served")


def _is_served(api: Api, kind: str) -> bool:
    try:
        api.list(kind)
    except Refused:
        return False
    return True


@contextlib.contextmanager
def karpenter(
    cluster: ControlPlane, kinds: Sequence[Kind], *, ready_after: float, devices_after: float
) -> Iterator[Machines]:
    """Karpenter and its machines for the time of a `with`; its definitions are installed before."""
    metrics, probes = free_ports(2)
    sold = cluster.folder / "kinds.json"
    sold.write_text(json.dumps([kind.sold() for kind in kinds]))
    cluster.admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "karpenter"}})
    cluster.admin.apply(
        {"apiVersion": "karpenter.kwok.sh/v1alpha1", "kind": "KWOKNodeClass", "metadata": {"name": "default"}}
    )
    program = Program(
        cluster.programs / "karpenter",
        log=cluster.folder / "karpenter.log",
        env={
            "KUBECONFIG": str(cluster.kubeconfig_of("admin")),
            "SYSTEM_NAMESPACE": "karpenter",
            "KARPENTER_SERVICE": "karpenter",
            "KUBERNETES_MIN_VERSION": "1.19.0-0",
            "DISABLE_LEADER_ELECTION": "true",
            "METRICS_PORT": str(metrics),
            "HEALTH_PROBE_PORT": str(probes),
            "INSTANCE_TYPES_FILE_PATH": str(sold),
            "BATCH_IDLE_DURATION": "200ms",
            "BATCH_MAX_DURATION": "1s",
        },
    )

    def is_ready() -> bool:
        program.check()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{probes}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    machines = Machines(
        cluster.admin.acting_as(cluster.admin.token), kinds, ready_after=ready_after, devices_after=devices_after
    )
    try:
        program.start()
        until(is_ready, within=30, what="Karpenter is ready")
        machines.start()
        yield machines
    finally:
        machines.stop()
        program.kill()
