"""Claims and volumes: what the volume controllers and a provisioner do, as far as a notebook's home needs it.

A claim that waits for its first consumer is bound when its pod is placed, any other as soon as something can be bound
to it: a free volume, or one that its class's provisioner makes. What is made is reached from within the class's
topologies alone, as a real disk is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.errors import InvalidObject
from moorage.objects import PersistentVolumeClaim, StorageClass, decode
from moorage.scheduling.claims import newclaims
from moorage.scheduling.claims.matching import candidates
from moorage.scheduling.claims.migration import Reach
from moorage.scheduling.volumes import BIND_COMPLETED, class_of
from moorage.simulator.store.resources import BY_PLURAL

if TYPE_CHECKING:
    from moorage.objects import NodeSelector, PersistentVolume
    from moorage.scheduling.state import State
    from moorage.simulator.api.objects import Api

Json = dict[str, Any]

CLAIMS = BY_PLURAL["persistentvolumeclaims"]
VOLUMES = BY_PLURAL["persistentvolumes"]
CLASSES = BY_PLURAL["storageclasses"]
# What may let a claim be bound.
FOR_CLAIMS = (CLAIMS, VOLUMES, CLASSES)


def bind_claims(api: Api, pod: Json, *, node: str, cluster: State) -> None:
    """Give every unbound claim of a pod that was placed a volume."""
    namespace, labels = pod["metadata"]["namespace"], cluster.nodes[node].labels
    for volume in pod["spec"].get("volumes") or ():
        name = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        stored = api.find(CLAIMS, namespace, name) if name else None
        if stored is None or stored["spec"].get("volumeName"):
            continue
        claim = decode(PersistentVolumeClaim, stored)
        free = [one for one in candidates(claim, cluster) if Reach(one.volume).includes(labels)]
        if free:
            best = min(free, key=lambda one: (not one.promised, one.size))
            _bind(api, stored, best.volume.metadata.name)
        else:
            kind = cluster.get(StorageClass, class_of(claim))
            keys = {
                one.key
                for term in (kind and kind.allowed_topologies) or ()
                for one in term.match_label_expressions or ()
            }
            _provision(api, stored, [{key: [labels[key]] for key in keys if key in labels}] if keys else [])


def bind_at_once(api: Api, *, cluster: State) -> bool:
    """Give every claim that doesn't wait for a pod a volume, if there is one for it; whether any got one."""
    taken: set[str] = set()
    for stored in list(api.all(CLAIMS)):
        if (stored.get("spec") or {}).get("volumeName") or stored["metadata"].get("deletionTimestamp"):
            continue
        try:
            volume = newclaims.foresee(decode(PersistentVolumeClaim, stored), cluster).volume
        except InvalidObject:
            continue  # test data that nobody can read
        # The cluster hears of what is bound here only afterwards.
        if volume is None or volume.metadata.name in taken:
            continue
        taken.add(volume.metadata.name)
        if api.find(VOLUMES, None, volume.metadata.name) is not None:
            _bind(api, stored, volume.metadata.name)
        else:
            _provision(api, stored, _topologies(volume))
    return bool(taken)


def _topologies(volume: PersistentVolume) -> list[dict[str, list[str]]]:
    affinity = volume.spec.node_affinity if volume.spec else None
    required: NodeSelector | None = affinity.required if affinity else None
    return [
        {one.key: list(one.values or ()) for one in term.match_expressions or ()}
        for term in (required.node_selector_terms if required else None) or ()
    ]


def _provision(api: Api, claim: Json, topologies: list[dict[str, list[str]]]) -> None:
    """Make a volume for this claim, reached from the first of these topologies, and bind the two."""
    metadata, spec = claim["metadata"], claim["spec"]
    name = f"pvc-{metadata['uid']}"
    affinity: Json = {}
    if topologies:
        wanted = [{"key": key, "operator": "In", "values": values[:1]} for key, values in sorted(topologies[0].items())]
        affinity = {"nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": wanted}]}}}
    volume: Json = {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": ((spec.get("resources") or {}).get("requests") or {}).get("storage", "1Gi")},
            "accessModes": spec.get("accessModes") or ["ReadWriteOnce"],
            "storageClassName": spec.get("storageClassName") or "",
            "persistentVolumeReclaimPolicy": "Delete",
            "hostPath": {"path": f"/simulated/{name}"},
            **affinity,
        },
        "status": {"phase": "Available"},
    }
    api.create(VOLUMES, None, volume, trusted=True)
    _bind(api, claim, name)


def _bind(api: Api, claim: Json, volume_name: str) -> None:
    metadata = claim["metadata"]
    holder = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "resourceVersion": metadata["resourceVersion"]}
    holder |= {key: metadata[key] for key in ("namespace", "name", "uid")}

    def held(body: Json) -> Json:
        body["spec"] = {**body["spec"], "claimRef": holder}
        body["status"] = {"phase": "Bound"}
        return body

    volume = api.update(VOLUMES, None, volume_name, held, trusted=True).body

    def bound(body: Json) -> Json:
        body["metadata"]["annotations"] = {**(metadata.get("annotations") or {}), BIND_COMPLETED: "yes"}
        body["spec"] = {**body["spec"], "volumeName": volume_name}
        given = volume["spec"]
        body["status"] = {"phase": "Bound", "accessModes": given.get("accessModes"), "capacity": given.get("capacity")}
        return body

    api.update(CLAIMS, metadata["namespace"], metadata["name"], bound, trusted=True)
