"""The volumes that are there already and may be bound to a claim.

Source: kubernetes v1.36 component-helpers storage/volume/pv_helpers.go (FindMatchingVolume)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from moorage.scheduling.selectors import InvalidSelector, compile_labels
from moorage.scheduling.volumes import class_of, nanos, size_of, spec_of

if TYPE_CHECKING:
    from moorage.objects import (
        ClaimSpec,
        ObjectMeta,
        ObjectReference,
        PersistentVolume,
        PersistentVolumeClaim,
        VolumeSpec,
    )
    from moorage.scheduling.selectors import Selector
    from moorage.scheduling.state import State


class Candidate(NamedTuple):
    """A volume that may be bound to a claim; `promised` to this very one, or free. `size` is in nano-bytes."""

    volume: PersistentVolume
    promised: bool
    size: int


def candidates(claim: PersistentVolumeClaim, cluster: State) -> list[Candidate]:
    """The volumes that may be bound to this claim, on whatever node."""
    wanted, asked = spec_of(claim), size_of(claim)
    try:
        selector = compile_labels(wanted.selector) if wanted.selector is not None else None
    except InvalidSelector:
        return []
    found = []
    for volume in cluster.volumes_of_class(class_of(claim)):
        spec = volume.spec
        if spec is None:
            continue
        promised = spec.claim_ref
        if promised is not None and not _is_for(promised, claim.metadata):
            continue
        if volume.metadata.deletion_timestamp is not None:
            continue
        size = nanos((spec.capacity or {}).get("storage"))
        if size < asked or not _same_kind(wanted, spec):
            continue
        if promised is not None or _is_free(volume, wanted, selector):
            found.append(Candidate(volume, promised is not None, size))
    return found


def _is_for(promised: ObjectReference, claim: ObjectMeta) -> bool:
    """Whether a volume is promised to this very claim."""
    if promised.name != claim.name or (promised.namespace or "") != (claim.namespace or ""):
        return False
    return not promised.uid or promised.uid == claim.uid


def _same_kind(wanted: ClaimSpec, spec: VolumeSpec) -> bool:
    if (wanted.volume_mode or "Filesystem") != (spec.volume_mode or "Filesystem"):
        return False
    return (wanted.volume_attributes_class_name or "") == (spec.volume_attributes_class_name or "")


def _is_free(volume: PersistentVolume, wanted: ClaimSpec, selector: Selector | None) -> bool:
    if volume.status is None or volume.status.phase != "Available":
        return False
    labels = {key: value or "" for key, value in (volume.metadata.labels or {}).items()}
    if selector is not None and not selector.matches(labels):
        return False
    modes = (volume.spec.access_modes if volume.spec else None) or ()
    return all(mode in modes for mode in wanted.access_modes or ())
