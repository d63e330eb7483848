"""Claims and their classes, as several plugins read them.

Source: kubernetes v1.36 component-helpers storage/volume/helpers.go, storage/ephemeral/ephemeral.go and
pkg/volume/util/storageclass.go (GetDefaultClass)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.errors import InvalidQuantity
from moorage.objects import ClaimSpec
from moorage.quantity import parse_nanos

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moorage.objects import Amount, PersistentVolume, PersistentVolumeClaim, StorageClass, Volume
    from moorage.scheduling.ask import Ask

WAIT = "WaitForFirstConsumer"
NO_PROVISIONER = "kubernetes.io/no-provisioner"
BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
CLASS = "volume.beta.kubernetes.io/storage-class"
_DEFAULT = ("storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class")


def class_of(item: PersistentVolume | PersistentVolumeClaim) -> str:
    """The storage class of a volume or a claim; the annotation that came first still wins."""
    named = (item.metadata.annotations or {}).get(CLASS)
    return named if named is not None else ((item.spec.storage_class_name if item.spec else None) or "")


def default_class(classes: Iterable[StorageClass]) -> StorageClass | None:
    """The class of claims that name none: of those that are marked the newest, then the first by name."""
    marked = [
        item for item in classes if any((item.metadata.annotations or {}).get(mark) == "true" for mark in _DEFAULT)
    ]
    newest = max((item.metadata.creation_timestamp or "" for item in marked), default="")
    first = [item for item in marked if (item.metadata.creation_timestamp or "") == newest]
    return min(first, key=lambda item: item.metadata.name, default=None)


def claim_name(volume: Volume, pod_name: str) -> str | None:
    """The claim that a pod's volume stands for, if it stands for one."""
    if volume.persistent_volume_claim is not None:
        return volume.persistent_volume_claim.claim_name
    return f"{pod_name}-{volume.name}" if volume.ephemeral is not None else None


def is_made_for(claim: PersistentVolumeClaim, ask: Ask) -> bool:
    """Whether an ephemeral volume's claim belongs to this pod and not to one of the same name."""
    owners = claim.metadata.owner_references or ()
    return any(owner.controller and owner.uid == (ask.pod.metadata.uid or "") for owner in owners)


def spec_of(claim: PersistentVolumeClaim) -> ClaimSpec:
    return claim.spec or ClaimSpec()


def size_of(claim: PersistentVolumeClaim) -> int:
    """What a claim asks for, in nano-bytes; 0 where that can't be read."""
    resources = spec_of(claim).resources
    return nanos((resources.requests or {}).get("storage") if resources else None)


def nanos(amount: Amount) -> int:
    try:
        return parse_nanos(amount)
    except InvalidQuantity:
        return 0
