"""Claims and volumes: what the volume controllers and a provisioner do, as far as a notebook's home needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.scheduling.volumes import BIND_COMPLETED
from moorage.simulator.store.resources import BY_PLURAL

if TYPE_CHECKING:
    from moorage.simulator.api.objects import Api

Json = dict[str, Any]

CLAIMS = BY_PLURAL["persistentvolumeclaims"]
VOLUMES = BY_PLURAL["persistentvolumes"]
CLASSES = BY_PLURAL["storageclasses"]


def bind_claims(api: Api, pod: Json) -> None:
    """Give every unbound claim of a pod that was placed a volume of its own."""
    namespace = pod["metadata"]["namespace"]
    for volume in pod["spec"].get("volumes") or ():
        name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        claim = api.find(CLAIMS, namespace, name) if name else None
        if claim is not None and not claim["spec"].get("volumeName"):
            provision(api, claim)


def bind_at_once(api: Api, claim: Json) -> None:
    """A claim of a class that doesn't wait for a pod gets its volume as soon as it is there."""
    spec = claim["spec"]
    kind = api.find(CLASSES, None, spec.get("storageClassName") or "")
    if kind is None or spec.get("volumeName") or claim["metadata"].get("deletionTimestamp"):
        return
    waits = kind.get("volumeBindingMode") == "WaitForFirstConsumer"
    if not waits and kind.get("provisioner") != "kubernetes.io/no-provisioner":
        provision(api, claim)


def provision(api: Api, claim: Json) -> None:
    """Make a volume for this claim and bind the two."""
    metadata, spec = claim["metadata"], claim["spec"]
    name = f"pvc-{metadata['uid']}"
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage", "1Gi")
    volume: Json = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": storage},
            "accessModes": spec.get("accessModes") or ["ReadWriteOnce"],
            "storageClassName": spec.get("storageClassName") or "",
            "persistentVolumeReclaimPolicy": "Delete",
            "hostPath": {"path": f"/simulated/{name}"},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
        },
        "status": {"phase": "Bound"},
    }
    api.create(VOLUMES, None, volume, trusted=True)

    def bound(body: Json) -> Json:
        body["metadata"]["annotations"] = {**(metadata.get("annotations") or {}), BIND_COMPLETED: "yes"}
        body["spec"] = {**body["spec"], "volumeName": name}
        body["status"] = {
            "phase": "Bound",
            "accessModes": volume["spec"]["accessModes"],
            "capacity": {"storage": storage},
        }
        return body

    api.update(CLAIMS, metadata["namespace"], metadata["name"], bound, trusted=True)
