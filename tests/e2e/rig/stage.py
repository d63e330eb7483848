"""Puts a scene on a real API server, lets one pod after the other ask for a place in it, and clears it away."""

from typing import Any

from rig.api import Api, Obj, Refused
from rig.processes import until
from rig.scenes import NAMESPACES, Scene, standing_objects
from rig.verdicts import Answer, answer_of

# What moorage reads, by the name under which `Cluster.from_objects` takes it.
READ = {
    "nodes": "Node",
    "pods": "Pod",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "persistentvolumes": "PersistentVolume",
    "storageclasses": "StorageClass",
    "csinodes": "CSINode",
    "namespaces": "Namespace",
    "volumeattachments": "VolumeAttachment",
    "csidrivers": "CSIDriver",
    "csistoragecapacities": "CSIStorageCapacity",
}
ANSWERS_WITHIN = 20
DEFAULT = "default-scheduler"


class Stage:
    def __init__(self, api: Api, *, schedulers: tuple[str, ...] = (DEFAULT,)) -> None:
        """`schedulers` are those that are asked, and so have to see a scene before."""
        self.api, self.schedulers = api, schedulers

    def prepare(self) -> None:
        for obj in standing_objects():
            self.api.apply(obj)
        for namespace in NAMESPACES:
            until(
                lambda namespace=namespace: self.api.find("ServiceAccount", "default", namespace=namespace),
                within=20,
                what=f"a service account in {namespace}",
            )

    # -- scenes ------------------------------------------------------------------------------------------------------

    def set(self, scene: Scene) -> None:
        for node in scene.nodes:
            self._node(node)
        for obj in (*scene.classes, *scene.drivers, *scene.csinodes, *scene.volumes, *scene.attachments, *scene.claims):
            self.api.create(obj)
        until(lambda: self._bound(scene), within=20, what="claims made for a volume are bound to it")
        for claim in scene.claims:
            if claim["metadata"].get("finalizers"):
                self.api.delete("PersistentVolumeClaim", claim["metadata"]["name"], namespace="asks")
        for pod in scene.pods:
            self._pod(scene, pod)
        self._settle(scene)

    def _node(self, node: Obj) -> None:
        """Admission taints a new node as not ready; the taints of the scene are put in their place."""
        self.api.create(node)
        self.api.patch("Node", node["metadata"]["name"], {"spec": {"taints": node["spec"].get("taints")}})

    def _bound(self, scene: Scene) -> bool:
        wanted = {claim["metadata"]["name"] for claim in scene.claims if claim["spec"].get("volumeName")}
        stored = self.api.list("PersistentVolumeClaim", namespace="asks")
        return wanted <= {claim["metadata"]["name"] for claim in stored if claim["status"].get("phase") == "Bound"}

    def _pod(self, scene: Scene, pod: Obj) -> None:
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        self.api.create(pod)
        if name in scene.resized:
            # No kubelet runs here, so what one would say can be said in its place.
            change = {"status": {"phase": "Running", **scene.resized[name]}}
            self.api.patch("Pod", name, change, namespace=namespace, part="status")
        if name in scene.terminal:
            self.api.patch("Pod", name, {"status": {"phase": scene.terminal[name]}}, namespace=namespace, part="status")
        if name in scene.terminating:
            # Nobody here ends the containers, so a bound pod stays terminating.
            self.api.delete("Pod", name, namespace=namespace)
        if name in scene.nominated:
            until(
                lambda: self._answer(name, namespace, []),
                within=ANSWERS_WITHIN,
                what=f"the scheduler has refused {name}",
            )
            change = {"status": {"nominatedNodeName": scene.nominated[name]}}
            self.api.patch("Pod", name, change, namespace=namespace, part="status")

    def _settle(self, scene: Scene) -> None:
        for scheduler in self.schedulers:
            self._seen(scene, scheduler)

    def _seen(self, scene: Scene, scheduler: str) -> None:
        """The scheduler follows each kind by itself: what was written last is there when a pod's refusal shows it."""
        probe = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": scene.named("probe"), "namespace": "asks"},
            "spec": {
                "schedulerName": scheduler,
                "nodeSelector": {"nowhere": "to-be-found"},
                "containers": [{"name": "c", "image": "none"}],
            },
        }
        count = f"0/{len(scene.nodes)} nodes are available"
        until(lambda: self.ask(probe).message.startswith(count), within=20, what="the scheduler sees the scene's nodes")

    def read(self) -> dict[str, list[Obj]]:
        return {name: self.api.list(kind) for name, kind in READ.items()}

    def clear(self) -> None:
        """Everything but what all scenes share."""
        for namespace in NAMESPACES:
            for kind in ("Pod", "PersistentVolumeClaim", "CSIStorageCapacity"):
                self._delete_all(kind, namespace)
        for kind in ("VolumeAttachment", "PersistentVolume", "CSIDriver", "CSINode", "StorageClass", "Node"):
            self._delete_all(kind, None)
        until(self._is_clear, within=30, what="the scene is cleared away")

    def _delete_all(self, kind: str, namespace: str | None) -> None:
        for obj in self.api.list(kind, namespace=namespace):
            name = obj["metadata"]["name"]
            if obj["metadata"].get("finalizers"):
                self._release(kind, name, namespace)
            self.api.delete(kind, name, namespace=namespace, grace=0)

    def _release(self, kind: str, name: str, namespace: str | None) -> None:
        try:
            self.api.patch(
                kind,
                name,
                {"metadata": {"finalizers": None}},
                namespace=namespace,
            )
        except Refused as refused:
            if refused.status != 404:
                raise

    def _is_clear(self) -> bool:
        left = [
            obj for kind in ("Pod", "PersistentVolumeClaim", "PersistentVolume", "Node") for obj in self.api.list(kind)
        ]
        for obj in left:
            if obj["metadata"].get("finalizers"):
                self._release(obj["kind"], obj["metadata"]["name"], obj["metadata"].get("namespace"))
        return not left

    # -- asks --------------------------------------------------------------------------------------------------------

    def stored_form(self, pod: Obj) -> Obj | None:
        """The pod as the API server would store it; None where it wouldn't."""
        try:
            return self.api.create(pod, dryRun="All")
        except Refused as refused:
            if refused.status in (403, 422):
                return None
            raise

    def ask(self, pod: Obj) -> Answer:
        """Created, answered by the scheduler, and gone again."""
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        claims = [
            v["persistentVolumeClaim"]["claimName"]
            for v in pod["spec"].get("volumes", [])
            if "persistentVolumeClaim" in v
        ]
        self.api.create(pod)
        try:
            return until(
                lambda: self._answer(name, namespace, claims),
                within=ANSWERS_WITHIN,
                what=f"the scheduler has answered {name}",
                every=0.004,
            )
        finally:
            self.api.delete("Pod", name, namespace=namespace, grace=0)

    def _answer(self, name: str, namespace: str, claims: list[str]) -> Answer | None:
        pod = self.api.get("Pod", name, namespace=namespace)
        found = [self.api.find("PersistentVolumeClaim", claim, namespace=namespace) for claim in claims]
        return answer_of(pod, claims=[claim for claim in found if claim])


def verdict_of(objects: dict[str, list[Obj]], pod: Obj, *, configured: Obj | None = None) -> Any:
    """`configured` is the configuration of a further scheduler."""
    from moorage import Cluster
    from moorage.scheduling.profiles import profiles

    cluster = Cluster.from_objects(**objects)
    cluster.profiles = {profile.name: profile for profile in profiles(configured)} if configured else {}
    return cluster.fit(pod)
