"""VolumeZone: a bound volume's zone and region labels must name the node's.

A label may hold several zones, separated by `__`. A node without any zone or region label takes every volume.

Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumezone/volume_zone.go and
staging/src/k8s.io/cloud-provider/volume/helpers/zones.go
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.objects import PersistentVolume, PersistentVolumeClaim, StorageClass
from moorage.scheduling.verdict import NodeVerdict, refuse
from moorage.scheduling.volumes import class_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.accounting.podinfo import PodInfo
    from moorage.scheduling.ask import Ask
    from moorage.scheduling.plugin import Prepared
    from moorage.scheduling.state import State

NAME = "VolumeZone"
REASON = "node(s) had no available volume zone"
REASON_CLAIM_NAMELESS = "PersistentVolumeClaim had no name"
REASON_NO_CLASS = "PersistentVolumeClaim had no pv name and storageClass name"
REASON_VOLUME_NAMELESS = "PersistentVolume had no name"
REASON_NO_MODE = 'VolumeBindingMode not set for StorageClass "{name}"'
REASON_NO_CLAIM = 'persistentvolumeclaim "{name}" not found'
REASON_NO_VOLUME = 'persistentvolume "{name}" not found'
REASON_CLASS_NOT_FOUND = 'storageclass.storage.k8s.io "{name}" not found'

_GA = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
}
_KEYS = (*_GA, *_GA.values())


def prepare(ask: Ask, cluster: State) -> Prepared:
    wanted: list[tuple[str, set[str]]] = []
    for mount in ask.volumes:
        if mount.persistent_volume_claim is None:
            continue
        found = _volume(mount.persistent_volume_claim.claim_name, ask, cluster)
        if isinstance(found, NodeVerdict):
            return found
        if found is not None:
            wanted += _zones(found)
    if not wanted:
        return None
    refusal = refuse(NAME, REASON, unresolvable=True)

    def check(node: NodeInfo, *_: Sequence[PodInfo]) -> NodeVerdict | None:
        labels = node.labels
        if not any(key in labels for key in _KEYS):
            return None
        for key, zones in wanted:
            value = labels.get(key)
            if value is None:
                value = labels.get(_GA.get(key, key))
            if value is None or value not in zones:
                return refusal
        return None

    return check


def _volume(name: str, ask: Ask, cluster: State) -> PersistentVolume | NodeVerdict | None:
    """The volume that a claim is bound to, None while it may still be bound anywhere, or why the pod can't run."""
    if not name:
        return refuse(NAME, REASON_CLAIM_NAMELESS, unresolvable=True)
    claim = cluster.get(PersistentVolumeClaim, name, namespace=ask.namespace)
    if claim is None:
        return refuse(NAME, REASON_NO_CLAIM.format(name=name), unresolvable=True)
    bound_to = (claim.spec.volume_name if claim.spec else None) or ""
    if bound_to:
        volume = cluster.get(PersistentVolume, bound_to)
        return volume or refuse(NAME, REASON_NO_VOLUME.format(name=bound_to), unresolvable=True)
    class_name = class_of(claim)
    if not class_name:
        return refuse(NAME, REASON_NO_CLASS, unresolvable=True)
    storage_class = cluster.get(StorageClass, class_name)
    if storage_class is None:
        return refuse(NAME, REASON_CLASS_NOT_FOUND.format(name=class_name), unresolvable=True)
    if storage_class.volume_binding_mode is None:
        return refuse(NAME, REASON_NO_MODE.format(name=class_name), unresolvable=True)
    if storage_class.volume_binding_mode == "WaitForFirstConsumer":
        return None
    return refuse(NAME, REASON_VOLUME_NAMELESS, unresolvable=True)


def _zones(volume: PersistentVolume) -> list[tuple[str, set[str]]]:
    labels = volume.metadata.labels or {}
    zones = []
    for key in _KEYS:
        if key in labels:
            names = {part.strip() for part in (labels[key] or "").split("__")}
            # Upstream ignores a label in which one of the names is empty.
            if "" not in names:
                zones.append((key, names))
    return zones
