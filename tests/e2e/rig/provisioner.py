"""A provisioner of disks: the part of a storage driver that makes a volume for a claim, in one zone, when asked to.

The volume controller asks by an annotation on the claim; a class that waits for its first consumer asks for the zone of
the node that the scheduler has selected, any other for one that the class allows.
"""

import contextlib
import threading
from collections.abc import Iterator

from rig.api import Api, Obj, Refused

DRIVER = "disk.example"
ZONE = "topology.kubernetes.io/zone"
ASKED = "volume.kubernetes.io/storage-provisioner"
SELECTED = "volume.kubernetes.io/selected-node"


def volume_for(claim: Obj, *, zones: list[str]) -> Obj:
    metadata, spec = claim["metadata"], claim["spec"]
    name = f"pvc-{metadata['uid']}"
    within = [{"matchExpressions": [{"key": ZONE, "operator": "In", "values": zones[:1]}]}]
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": {"pv.kubernetes.io/provisioned-by": DRIVER}},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "storageClassName": spec["storageClassName"],
            "persistentVolumeReclaimPolicy": "Delete",
            "csi": {"driver": DRIVER, "volumeHandle": name},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                **{key: metadata[key] for key in ("namespace", "name", "uid")},
            },
            **({"nodeAffinity": {"required": {"nodeSelectorTerms": within}}} if zones else {}),
        },
    }


def step(api: Api) -> None:
    """Make what is asked for now."""
    classes = {one["metadata"]["name"]: one for one in api.list("StorageClass")}
    for claim in api.list("PersistentVolumeClaim"):
        notes = claim["metadata"].get("annotations") or {}
        kind = classes.get(claim["spec"].get("storageClassName") or "")
        if claim["spec"].get("volumeName") or notes.get(ASKED) != DRIVER or kind is None:
            continue
        if SELECTED in notes:
            node = api.find("Node", notes[SELECTED])
            zones = [node["metadata"]["labels"][ZONE]] if node else []
        else:
            terms = kind.get("allowedTopologies") or ()
            zones = [zone for term in terms for each in term["matchLabelExpressions"] for zone in each["values"]]
        with contextlib.suppress(Refused):  # made already, or nobody wants it any more
            api.create(volume_for(claim, zones=zones))


@contextlib.contextmanager
def provisioner(api: Api) -> Iterator[None]:
    """One that works for the time of a `with`, over a connection of its own."""
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(0.1):
            with contextlib.suppress(Refused, OSError):
                step(api)

    thread = threading.Thread(target=work, name="provisioner", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(10)
        api.close()
