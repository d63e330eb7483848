"""Claims and their classes, as several plugins read them.

Source: kubernetes v1.36 component-helpers storage/volume/helpers.go and storage/ephemeral/ephemeral.go
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moorage.objects import PersistentVolume, PersistentVolumeClaim, Volume
    from moorage.scheduling.ask import Ask

WAIT = "WaitForFirstConsumer"
NO_PROVISIONER = "kubernetes.io/no-provisioner"
BIND_COMPLETED = "pv.kubernetes.io/bind-completed"
SELECTED_NODE = "volume.kubernetes.io/selected-node"
_CLASS = "volume.beta.kubernetes.io/storage-class"


def class_of(item: PersistentVolume | PersistentVolumeClaim) -> str:
    """The storage class of a volume or a claim; the annotation that came first still wins."""
    named = (item.metadata.annotations or {}).get(_CLASS)
    return named if named is not None else ((item.spec.storage_class_name if item.spec else None) or "")


def claim_name(volume: Volume, pod_name: str) -> str | None:
    """The claim that a pod's volume stands for, if it stands for one."""
    if volume.persistent_volume_claim is not None:
        return volume.persistent_volume_claim.claim_name
    return f"{pod_name}-{volume.name}" if volume.ephemeral is not None else None


def is_made_for(claim: PersistentVolumeClaim, ask: Ask) -> bool:
    """Whether an ephemeral volume's claim belongs to this pod and not to one of the same name."""
    owners = claim.metadata.owner_references or ()
    return any(owner.controller and owner.uid == (ask.pod.metadata.uid or "") for owner in owners)
