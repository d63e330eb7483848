"""What a kubelet does to the pods of an installation, as far as a deployment can tell: a thread that begins and ends what runs
in them (rig/pods.py), says that they are ready, and provisions claims. An image whose name has `broken` in it never
comes up.
"""

import base64
import contextlib
import threading
from pathlib import Path

from rig.api import Obj, Refused
from rig.controlplane import ControlPlane
from rig.objects import add_node, node
from rig.pods import Broken, Check, Hub, Pod, Server, Service
from rig.ports import free_ports
from rig.proxy import Wire

CLASS = "local"
PROVISIONER = "testbed/local"


class Kubelet:
    """Of every node. `service_port` and `hub_port` lead to the newest service and hub, as a Service and an ingress would."""

    def __init__(self, cluster: ControlPlane, *, folder: Path) -> None:
        self.folder = folder
        self.hub_port, self._hub_api_port, self._proxy_api_port = free_ports(3)
        self.runs_hubs = True
        self._cluster = cluster
        self._api = cluster.admin.acting_as(cluster.admin.token)
        self._pods: dict[str, Pod] = {}
        self._ways = Wire(9)
        self._addresses = iter(range(2, 250))
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kubelet", daemon=True)

    @property
    def service_port(self) -> int:
        return self._ways.port

    def start(self) -> "Kubelet":
        self._ways.start()
        add_node(self._api, node("berth-1", cpu="8", memory="16Gi"))
        # A card that nobody has labelled.
        add_node(self._api, node("berth-2", cpu="8", memory="16Gi", gpu=1))
        metadata = {"name": CLASS, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
        binding = {"provisioner": PROVISIONER, "volumeBindingMode": "WaitForFirstConsumer"}
        made = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": metadata, **binding}
        self._api.create(made)
        self._thread.start()
        return self

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(30)
        for pod in self._pods.values():
            pod.end()
        self._ways.stop()
        self._api.close()

    def _run(self) -> None:
        while not self._ended.wait(0.2):
            # The API server may be slow or say 409: the next turn sees what is there then.
            with contextlib.suppress(OSError, Refused):
                self._turn()

    def _turn(self) -> None:
        found = {made["metadata"]["uid"]: made for made in self._api.list("Pod")}
        for uid in set(self._pods) - set(found):
            self._pods.pop(uid).end()
        for uid, made in found.items():
            if made["metadata"].get("deletionTimestamp"):
                self._end(made)
            elif uid not in self._pods and made["spec"].get("nodeName"):
                self._pods[uid] = self._begin(made)
        for uid, pod in self._pods.items():
            if not pod.told and pod.ready():
                self._tell(found[uid], pod)
        self._provision()

    def _begin(self, made: Obj) -> Pod:
        component = made["metadata"].get("labels", {}).get("component")
        kind = {"hub": Hub if self.runs_hubs else Pod, "singleuser-server": Server}.get(component, Pod)
        if made["metadata"].get("labels", {}).get("app.kubernetes.io/component") == "service":
            kind = Service
        if made["metadata"].get("annotations", {}).get("helm.sh/hook") == "test":
            kind = Check
        if "broken" in str(made["spec"]["containers"]):
            kind = Broken
        return kind(self, made)

    def _end(self, made: Obj) -> None:
        if pod := self._pods.pop(made["metadata"]["uid"], None):
            pod.end()
        self._api.delete("Pod", made["metadata"]["name"], namespace=made["metadata"]["namespace"], grace=0)

    def _tell(self, made: Obj, pod: Pod) -> None:
        containers = [
            {
                "name": each["name"],
                "image": each["image"],
                "imageID": "",
                "ready": True,
                "started": True,
                "restartCount": 0,
            }
            | {"state": {"running": {}} if pod.phase == "Running" else {"terminated": {"exitCode": 0}}}
            for each in made["spec"]["containers"]
        ]
        ready = [
            {"type": name, "status": "True"} for name in ("Ready", "ContainersReady", "PodScheduled", "Initialized")
        ]
        status = {"phase": pod.phase, "podIP": pod.address, "podIPs": [{"ip": pod.address}], "conditions": ready}
        metadata = made["metadata"]
        self._api.patch(
            *("Pod", metadata["name"], {"status": {**status, "containerStatuses": containers}}),
            namespace=metadata["namespace"],
            part="status",
        )
        pod.told = True
        if isinstance(pod, Service):
            self._ways.target = ("127.0.0.1", pod.port)

    def _provision(self) -> None:
        for claim in self._api.list("PersistentVolumeClaim"):
            metadata = claim["metadata"]
            chosen = metadata.get("annotations", {}).get("volume.kubernetes.io/selected-node")
            if claim["spec"].get("volumeName") or not chosen or metadata.get("deletionTimestamp"):
                continue
            name = f"pvc-{metadata['uid']}"
            reference = {"kind": "PersistentVolumeClaim", "apiVersion": "v1", "uid": metadata["uid"]}
            spec = {
                "capacity": claim["spec"]["resources"]["requests"],
                "accessModes": claim["spec"]["accessModes"],
                "storageClassName": CLASS,
                "hostPath": {"path": f"/nowhere/{name}"},
                "claimRef": {**reference, "name": metadata["name"], "namespace": metadata["namespace"]},
            }
            with contextlib.suppress(Refused):
                self._api.create(
                    {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}
                )
        for volume in self._api.list("PersistentVolume"):
            if volume.get("status", {}).get("phase") in ("Released", "Failed"):
                self._api.delete("PersistentVolume", volume["metadata"]["name"])

    # -- what pods ask for -------------------------------------------------------------------------------------------

    def address(self) -> str:
        """Of this machine alone, and of no other cluster on it."""
        return f"127.{self._cluster.port >> 8}.{self._cluster.port & 255}.{next(self._addresses)}"

    def ports(self) -> dict[str, int]:
        return {"proxy": self.hub_port, "hub": self._hub_api_port, "proxy_api": self._proxy_api_port}

    def kubeconfig(self, namespace: str, account: str, path: Path) -> Path:
        token = self._api.token_for(namespace, account, seconds=24 * 3600)
        return self._cluster.write_kubeconfig(path, token=token, namespace=namespace)

    def data(self, kind: str, namespace: str, name: str) -> dict[str, bytes]:
        """Of a ConfigMap or Secret; empty where there is none."""
        found = self._api.find(kind, name, namespace=namespace) or {}
        decode = base64.b64decode if kind == "Secret" else str.encode
        return {key: decode(text) for key, text in found.get("data", {}).items()}


@contextlib.contextmanager
def kubelet(cluster: ControlPlane, *, folder: Path):
    made = Kubelet(cluster, folder=folder)
    try:
        yield made.start()
    finally:
        made.stop()
