"""VolumeRestrictions: a disk or a ReadWriteOncePod claim that another pod holds can't be had.

Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumerestrictions/volume_restrictions.go
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.objects import PersistentVolumeClaim, Volume
from moorage.scheduling.verdict import NodeVerdict, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.accounting.podinfo import PodInfo
    from moorage.scheduling.ask import Ask
    from moorage.scheduling.plugin import Prepared
    from moorage.scheduling.state import State

NAME = "VolumeRestrictions"
REASON_DISK = "node(s) had no available disk"
REASON_IN_USE = (
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod"
)
REASON_NOT_FOUND = 'persistentvolumeclaim "{claim}" not found'


def prepare(ask: Ask, cluster: State) -> Prepared:
    exclusive: set[str] = set()
    for volume in ask.volumes:
        if volume.persistent_volume_claim is None:
            continue
        name = volume.persistent_volume_claim.claim_name
        claim = cluster.get(PersistentVolumeClaim, name, namespace=ask.namespace)
        if claim is None:
            return refuse(NAME, REASON_NOT_FOUND.format(claim=name), unresolvable=True)
        if claim.spec is not None and "ReadWriteOncePod" in (claim.spec.access_modes or ()):
            exclusive.add(name)
    disks = [v for v in ask.volumes if v.gce_persistent_disk or v.aws_elastic_block_store or v.iscsi or v.rbd]
    in_use = sum(cluster.is_claim_used(ask.namespace, name) for name in exclusive)
    if not disks and not in_use:
        return None
    no_disk, taken = refuse(NAME, REASON_DISK), refuse(NAME, REASON_IN_USE)

    def users(pods: Sequence[PodInfo]) -> int:
        # Upstream compares the names of claims alone, in whatever namespace.
        return sum(name in exclusive for pod in pods for name in pod.extra.claims)

    def check(node: NodeInfo, added: Sequence[PodInfo] = (), removed: Sequence[PodInfo] = ()) -> NodeVerdict | None:
        if disks:
            for pod in node.special.values():
                if any(conflict(mine, theirs) for theirs in pod.extra.disks for mine in disks):
                    return no_disk
        if in_use + users(added) - users(removed) > 0:
            return taken
        return None

    return check


def conflict(mine: Volume, theirs: Volume) -> bool:
    """Whether one node can't mount both disks: the same disk, unless its kind allows sharing and both only read."""
    if mine.gce_persistent_disk and theirs.gce_persistent_disk:
        gce, other = mine.gce_persistent_disk, theirs.gce_persistent_disk
        if gce.pd_name == other.pd_name and not (gce.read_only and other.read_only):
            return True
    if mine.aws_elastic_block_store and mine.aws_elastic_block_store == theirs.aws_elastic_block_store:
        return True
    if mine.iscsi and theirs.iscsi:
        iscsi, target = mine.iscsi, theirs.iscsi
        if iscsi.iqn == target.iqn and not (iscsi.read_only and target.read_only):
            return True
    if mine.rbd and theirs.rbd:
        rbd, held = mine.rbd, theirs.rbd
        same = (rbd.pool or "rbd", rbd.image) == (held.pool or "rbd", held.image)
        if same and set(rbd.monitors or ()) & set(held.monitors or ()) and not (rbd.read_only and held.read_only):
            return True
    return False
