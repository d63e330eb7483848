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
    DeviceClass,
    Namespace,
    Object,
    PersistentVolume,
    PersistentVolumeClaim,
    ResourceClaim,
    ResourceClaimTemplate,
    ResourceSlice,
    StorageClass,
    VolumeAttachment,
)
from moorage.scheduling import filters
from moorage.scheduling.accounting.names import is_extended
from moorage.scheduling.claims.migration import driver_of
from moorage.scheduling.devicenames import SINCE
from moorage.scheduling.devices.inventory import IMPLICIT
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moorage.scheduling.ask import Ask
    from moorage.scheduling.state import State

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
_DEVICES: _Kinds = frozenset({ResourceSlice, ResourceClaim, DeviceClass})


def left_out(ask: Ask, cluster: State) -> tuple[frozenset[str], tuple[str, ...]]:
    """The plugins that can't be asked about this pod, and sentences that say what is undecided for it."""
    unknown = cluster.unknown_kinds
    skipped: set[str] = set()
    told = _devices(ask, cluster, skipped) + _outdated(ask, cluster)
    if not unknown:
        return frozenset(skipped), tuple(told)
    if _mounts_volumes(ask):
        skipped.update(name for name, needed in _NEEDED.items() if needed & unknown)
        missing = unknown & (_ALSO_READ | {PersistentVolumeClaim})
        if missing:
            told.append(
                later("The pod's volumes were not fully checked: {kinds} can't be read.", kinds=_listed(missing))
            )
    if Namespace in unknown and _selects_namespaces(ask):
        skipped.add(filters.interpodaffinity.NAME)
        told.append(later("The pod's affinity to other pods was not checked: namespaces can't be read."))
    return frozenset(skipped), tuple(told)


def _devices(ask: Ask, cluster: State, skipped: set[str]) -> list[str]:
    """What is undecided about the pod's devices. A kind of which one object can't be read is not known either."""
    claims = ask.pod.spec.resource_claims or ()
    scalars = [name for name, amount in ask.info.requests.scalars.items() if amount and _may_have_a_class(name)]
    if not claims and not scalars:
        return []
    if cluster.server_version < SINCE:
        skipped.add(filters.dynamicresources.NAME)
        words = later("The pod claims devices, which is checked only for Kubernetes 1.36 and newer.")
        return [words] if claims else []
    needed = _DEVICES
    if any(claim.resource_claim_template_name is not None for claim in claims):
        needed |= {ResourceClaimTemplate}
    broken = {kind for kind, _ in cluster.unreadable_objects}
    missing = {kind for kind in needed if kind in cluster.unknown_kinds or kind.KIND in broken}
    if not missing:
        return []
    skipped.add(filters.dynamicresources.NAME)
    if claims or filters.dynamicresources.classes_behind(ask, cluster):
        return [
            later("The devices that the pod claims were not checked: {kinds} can't be read.", kinds=_listed(missing))
        ]
    if DeviceClass in missing:
        return [
            later(
                "{resources} may come from a device class, but {kinds} can't be read.",
                resources=", ".join(scalars),
                kinds=_listed({DeviceClass}),
            )
        ]
    return []


def _outdated(ask: Ask, cluster: State) -> list[str]:
    """Whether the verdict rests on objects that may have changed since the right to read them was taken away."""
    former = cluster.former_kinds
    if not former:
        return []
    read: set[type[Object]] = set()
    if _mounts_volumes(ask):
        read |= _ALSO_READ | {PersistentVolumeClaim}
    if _selects_namespaces(ask):
        read.add(Namespace)
    if ask.pod.spec.resource_claims or filters.dynamicresources.classes_behind(ask, cluster):
        read |= _DEVICES | {ResourceClaimTemplate}
    old = read & former.keys()
    if not old:
        return []
    since = min(former[kind] for kind in old)
    return [
        later(
            "Uses {kinds} as of {time} UTC: the right to read them was taken away since.",
            kinds=_listed(old),
            time=f"{since:%Y-%m-%d %H:%M}",
        )
    ]


def _may_have_a_class(name: str) -> bool:
    return is_extended(name) or name.startswith(IMPLICIT)


def _mounts_volumes(ask: Ask) -> bool:
    return any(
        volume.persistent_volume_claim is not None or volume.ephemeral is not None or driver_of(volume) is not None
        for volume in ask.volumes
    )


def _selects_namespaces(ask: Ask) -> bool:
    return any(term.namespace_selector is not None for term in (*ask.affinity_terms, *ask.anti_affinity_terms))


def _listed(kinds: Iterable[type[Object]]) -> str:
    return ", ".join(sorted(kind.PLURAL for kind in kinds))
