"""What an answer leaves out while kinds of objects that it depends on are not known.

A service without the right to list claims must not say that a claim does not exist. The plugins that would read it are
left out, and the answer says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.objects import (
    CSIDriver,
    CSINode,
    CSIStorageCapacity,
    Namespace,
    Object,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
    VolumeAttachment,
)
from moorage.scheduling import filters

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moorage.scheduling.ask import Ask
    from moorage.scheduling.cluster import Cluster

_Kinds = frozenset[type[Object]]

# Without these a plugin would refuse what may well fit.
_NEEDED: dict[str, _Kinds] = {
    filters.volumerestrictions.NAME: frozenset({PersistentVolumeClaim}),
    filters.nodevolumelimits.NAME: frozenset({PersistentVolumeClaim}),
    filters.volumebinding.NAME: frozenset({PersistentVolumeClaim, PersistentVolume, StorageClass}),
    filters.volumezone.NAME: frozenset({PersistentVolumeClaim, PersistentVolume, StorageClass}),
}
# Without these the same plugins refuse too little, which is said as well.
_ALSO_READ: _Kinds = frozenset(
    {CSINode, VolumeAttachment, CSIDriver, CSIStorageCapacity, PersistentVolume, StorageClass}
)


def left_out(ask: Ask, cluster: Cluster) -> tuple[frozenset[str], tuple[str, ...]]:
    """The plugins that can't be asked about this pod, and sentences that say what is undecided for it."""
    unknown = cluster.unknown_kinds
    if not unknown:
        return frozenset(), ()
    skipped: set[str] = set()
    told: list[str] = []
    if any(volume.persistent_volume_claim is not None or volume.ephemeral is not None for volume in ask.volumes):
        skipped.update(name for name, needed in _NEEDED.items() if needed & unknown)
        missing = unknown & (_ALSO_READ | {PersistentVolumeClaim})
        if missing:
            told.append(f"The pod's volumes were not fully checked: {_listed(missing)} can't be read here.")
    if Namespace in unknown and _selects_namespaces(ask):
        skipped.add(filters.interpodaffinity.NAME)
        told.append("The pod's affinity to other pods was not checked: namespaces can't be read here.")
    return frozenset(skipped), tuple(told)


def _selects_namespaces(ask: Ask) -> bool:
    return any(term.namespace_selector is not None for term in (*ask.affinity_terms, *ask.anti_affinity_terms))


def _listed(kinds: Iterable[type[Object]]) -> str:
    return ", ".join(sorted(kind.PLURAL for kind in kinds))
