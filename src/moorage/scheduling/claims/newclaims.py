"""Claims that are created just before the pod: what has become of each by the time that the scheduler sees the pod.

    as sent ─► with the default class ─► waits for the pod | bound to a volume that is there | bound to one that is made
                                                           | never bound, and why

A class that waits for its first consumer leaves all to the scheduler. Any other claim is bound before: to the smallest
free volume of the fewest access modes, or to one that its class's provisioner makes somewhere in the class's
topologies. Of several volumes that the controller may choose each is possible, and so is each node that reaches one.

Source: kubernetes v1.36 plugin/pkg/admission/storage/storageclass/setdefault/admission.go,
pkg/controller/volume/persistentvolume/pv_controller.go (syncUnboundClaim, provisionClaimOperation, also for the texts)
and index.go (findBestMatchForClaim)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec.structs import replace

from moorage.errors import InvalidQuantity
from moorage.objects import (
    CSISource,
    Identity,
    NodeSelector,
    NodeSelectorTerm,
    ObjectMeta,
    ObjectReference,
    PersistentVolume,
    PersistentVolumeClaim,
    Requirement,
    StorageClass,
    Unreadable,
    VolumeNodeAffinity,
    VolumeSpec,
    decode,
)
from moorage.quantity import parse_nanos
from moorage.scheduling.claims.matching import candidates
from moorage.scheduling.claims.migration import DRIVERS
from moorage.scheduling.volumes import (
    BIND_COMPLETED,
    CLASS,
    NO_PROVISIONER,
    WAIT,
    class_of,
    default_class,
    spec_of,
)

if TYPE_CHECKING:
    from moorage.objects import TopologyTerm
    from moorage.scheduling.state import State

REASON_NO_CLASS = "no persistent volumes available for this claim and no storage class is set"
REASON_CLASS_NOT_FOUND = 'storageclass.storage.k8s.io "{name}" not found'
REASON_NO_PROVISIONER = f"no volume plugin matched name: {NO_PROVISIONER}"
REASON_NOT_THERE = 'volume "{volume}" is not available for the claim'


class Foreseen(NamedTuple):
    """A claim as it will be. `volume` is what it will be bound to; `never` says why it will not be."""

    claim: PersistentVolumeClaim
    volume: PersistentVolume | None = None
    never: str | None = None


def read(item: Any, *, namespace: str) -> PersistentVolumeClaim:
    """A claim as a client would send it. Raises `Unreadable` where the API server would not take it for one."""
    kind = item.get("kind") if isinstance(item, dict) else None
    claim = item if isinstance(item, PersistentVolumeClaim) else decode(PersistentVolumeClaim, item)
    meta = claim.metadata
    identity = Identity(PersistentVolumeClaim.KIND, meta.namespace, meta.name)
    if kind not in (None, "", PersistentVolumeClaim.KIND):
        raise Unreadable(identity, "it is another kind of object")
    if not meta.name:
        raise Unreadable(identity, "metadata.name: a claim needs a name")
    resources = spec_of(claim).resources
    for name, amount in ((resources.requests if resources else None) or {}).items():
        try:
            parse_nanos(amount)
        except InvalidQuantity as error:
            raise Unreadable(identity, f"spec.resources.requests.{name[:40]}: {error.message}") from error
    fresh = replace(meta, namespace=meta.namespace or namespace, uid=None, deletion_timestamp=None)
    return replace(claim, metadata=fresh, status=None)


def of_volumes(pod: dict[str, Any]) -> list[dict[str, Any]]:
    """The claims that a controller makes for the ephemeral volumes of a pod as soon as that is created.

    Source: kubernetes v1.36 pkg/controller/volume/ephemeral/controller.go (handleVolume)
    """
    found = []
    meta = _dict(pod.get("metadata"))
    owner = {"kind": "Pod", "name": meta.get("name") or "", "uid": meta.get("uid") or "", "controller": True}
    volumes = _dict(pod.get("spec")).get("volumes")
    for volume in map(_dict, volumes if isinstance(volumes, list) else ()):
        template = _dict(volume.get("ephemeral")).get("volumeClaimTemplate")
        if isinstance(template, dict):
            name = f"{meta.get('name') or ''}-{volume.get('name')}"
            marks = {**_dict(template.get("metadata")), "name": name, "ownerReferences": [owner]}
            found.append({"metadata": marks, "spec": template.get("spec")})
    return found


def foresee(claim: PersistentVolumeClaim, cluster: State) -> Foreseen:
    """What becomes of a claim that `cluster` does not have yet."""
    claim = _with_class(claim, cluster)
    name = class_of(claim)
    kind = cluster.get(StorageClass, name) if name else None
    wanted = spec_of(claim).volume_name
    if kind is not None and kind.volume_binding_mode == WAIT and not wanted:
        return Foreseen(claim)
    there = _there(claim, cluster)
    if there is not None:
        return _bound(claim, there)
    if wanted:
        return Foreseen(claim, never=REASON_NOT_THERE.format(volume=wanted))
    if kind is None:
        never = REASON_CLASS_NOT_FOUND.format(name=name) if name else REASON_NO_CLASS
        return Foreseen(claim, never=never)
    if (kind.provisioner or NO_PROVISIONER) == NO_PROVISIONER:
        return Foreseen(claim, never=REASON_NO_PROVISIONER)
    return _bound(claim, _made(claim, kind))


def _with_class(claim: PersistentVolumeClaim, cluster: State) -> PersistentVolumeClaim:
    spec = spec_of(claim)
    if spec.storage_class_name is not None or CLASS in (claim.metadata.annotations or {}):
        return claim
    usual = default_class(cluster.all(StorageClass))
    return claim if usual is None else replace(claim, spec=replace(spec, storage_class_name=usual.metadata.name))


def _there(claim: PersistentVolumeClaim, cluster: State) -> PersistentVolume | None:
    """The volume that the controller would take of those that are there; several of them as one that any may be."""
    named = spec_of(claim).volume_name
    found = [one for one in candidates(claim, cluster) if not named or one.volume.metadata.name == named]
    ranks = [(not one.promised, len(_spec(one.volume).access_modes or ()), one.size) for one in found]
    first = min(ranks, default=None)
    best = [one.volume for one, rank in zip(found, ranks, strict=True) if rank == first]
    return _either(best) if best else None


def _either(volumes: list[PersistentVolume]) -> PersistentVolume:
    first = volumes[0]
    selectors = [affinity.required if (affinity := _spec(volume).node_affinity) else None for volume in volumes]
    if len(volumes) == 1:
        return first
    terms = tuple(term for selector in selectors if selector for term in selector.node_selector_terms or ())
    anywhere = None in selectors
    affinity = None if anywhere else VolumeNodeAffinity(required=NodeSelector(node_selector_terms=terms))
    # Which zone it will be in is as open as which of them it will be.
    return replace(
        first, metadata=replace(first.metadata, labels=None), spec=replace(_spec(first), node_affinity=affinity)
    )


def _made(claim: PersistentVolumeClaim, kind: StorageClass) -> PersistentVolume:
    meta, provisioner = claim.metadata, kind.provisioner or ""
    name = f"pvc-{meta.namespace}-{meta.name}"
    driver = DRIVERS[provisioner].name if provisioner in DRIVERS else provisioner
    spec = VolumeSpec(
        storage_class_name=kind.metadata.name,
        access_modes=spec_of(claim).access_modes,
        node_affinity=_reach(kind.allowed_topologies),
        csi=CSISource(driver=driver, volume_handle=name),
    )
    return PersistentVolume(metadata=ObjectMeta(name=name), spec=spec)


def _reach(topologies: list[TopologyTerm] | None) -> VolumeNodeAffinity | None:
    if not topologies:
        return None
    terms = tuple(
        NodeSelectorTerm(
            match_expressions=tuple(
                Requirement(key=one.key, operator="In", values=tuple(one.values or ()))
                for one in term.match_label_expressions
            )
        )
        for term in topologies
        if term.match_label_expressions
    )
    return VolumeNodeAffinity(required=NodeSelector(node_selector_terms=terms))


def _bound(claim: PersistentVolumeClaim, volume: PersistentVolume) -> Foreseen:
    meta = claim.metadata
    annotations = {**(meta.annotations or {}), BIND_COMPLETED: "yes"}
    name = volume.metadata.name
    holder = ObjectReference(namespace=meta.namespace, name=meta.name, uid=meta.uid)
    return Foreseen(
        replace(
            claim,
            metadata=replace(meta, annotations=annotations),
            spec=replace(spec_of(claim), volume_name=name),
        ),
        replace(volume, spec=replace(_spec(volume), claim_ref=holder)),
    )


def _spec(volume: PersistentVolume) -> VolumeSpec:
    return volume.spec or VolumeSpec()


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
