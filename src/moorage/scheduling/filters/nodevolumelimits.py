"""NodeVolumeLimits: a storage driver attaches only so many volumes to one node.

Counted are the distinct volumes of the node's pods and of its VolumeAttachments, in-tree kinds under the CSI driver
that took over from them. A node without CSINode, or a driver without a count, has no limit.

Source: kubernetes v1.36 pkg/scheduler/framework/plugins/nodevolumelimits/csi.go and utils.go
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from moorage.objects import CSINode, PersistentVolume, PersistentVolumeClaim, StorageClass, Volume, VolumeSpec
from moorage.scheduling.claims.migration import DRIVERS, Untranslatable, driver_of, handle_of
from moorage.scheduling.verdict import NodeVerdict, refuse
from moorage.scheduling.volumes import claim_name, class_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.accounting.podinfo import PodInfo
    from moorage.scheduling.ask import Ask
    from moorage.scheduling.plugin import Prepared
    from moorage.scheduling.state import State

NAME = "NodeVolumeLimits"
REASON = "node(s) exceed max volume count"

# The driver and its id of a volume, as far as they can be known.
Handle = tuple[str, str]


def prepare(ask: Ask, cluster: State) -> Prepared:
    if not any(claim_name(volume, ask.name) is not None or driver_of(volume) is not None for volume in ask.volumes):
        return None
    refusal = refuse(NAME, REASON)

    def check(node: NodeInfo, *_: Sequence[PodInfo]) -> NodeVerdict | None:
        limits = _limits(cluster.get(CSINode, node.name))
        if not limits:
            return None
        new = _of_pod(ask.info, cluster)
        if not any(driver in limits for driver, _ in new):
            return None
        held: set[Handle] = set()
        for pod in node.special.values():
            held |= _of_pod(pod, cluster)
        # A volume that is attached already but that no pod here mounts counts once for itself and once more if asked.
        there = Counter(driver for driver, _ in held | _of_attachments(node, cluster))
        more = Counter(driver for driver, _ in new - held)
        return refusal if any(there[d] + count > limits[d] for d, count in more.items() if d in limits) else None

    return check


def _limits(csi_node: CSINode | None) -> dict[str, int]:
    drivers = (csi_node.spec.drivers if csi_node and csi_node.spec else None) or ()
    return {d.name: d.allocatable.count for d in drivers if d.allocatable and d.allocatable.count is not None}


def _of_pod(pod: PodInfo, cluster: State) -> set[Handle]:
    handles = set()
    for name in (*pod.extra.claims, *pod.extra.ephemeral_claims):
        claim = cluster.get(PersistentVolumeClaim, name, namespace=pod.namespace)
        if claim is not None and (handle := _of_claim(claim, cluster)) is not None:
            handles.add(handle)
    for disk in pod.extra.disks:
        if (handle := _in_tree(disk)) is not None:
            handles.add(handle)
    return handles


def _of_claim(claim: PersistentVolumeClaim, cluster: State) -> Handle | None:
    volume = cluster.get(PersistentVolume, (claim.spec.volume_name if claim.spec else None) or "")
    if volume is not None:
        return _of_volume(volume)
    storage_class = cluster.get(StorageClass, class_of(claim))
    if storage_class is None or not storage_class.provisioner:
        return None
    # An unbound claim has no volume id yet, but it is one volume for all pods that mount it.
    migrated = DRIVERS.get(storage_class.provisioner)
    driver = migrated.name if migrated is not None else storage_class.provisioner
    return driver, f"unbound {claim.metadata.namespace or ''}/{claim.metadata.name}"


def _of_volume(volume: PersistentVolume) -> Handle | None:
    spec = volume.spec
    if spec is None:
        return None
    if spec.csi is not None:
        return (spec.csi.driver, spec.csi.volume_handle) if spec.csi.driver and spec.csi.volume_handle else None
    found = _in_tree(spec, labels=volume.metadata.labels)
    return found if found is not None and found[1] else None


def _in_tree(source: Volume | VolumeSpec, *, labels: Mapping[str, str | None] | None = None) -> Handle | None:
    driver = driver_of(source)
    if driver is None:
        return None
    try:
        return driver.name, handle_of(source, labels=labels)
    except Untranslatable:
        return None


def _of_attachments(node: NodeInfo, cluster: State) -> set[Handle]:
    handles = set()
    for attachment in cluster.attachments_on(node.name):
        spec = attachment.spec
        name = spec.source.persistent_volume_name if spec and spec.source else None
        volume = cluster.get(PersistentVolume, name or "")
        if spec is not None and spec.attacher and volume is not None and volume.spec and volume.spec.csi:
            handles.add((spec.attacher, volume.spec.csi.volume_handle))
    return handles
