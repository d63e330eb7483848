"""VolumeBinding: the pod's claims must be bound to volumes that the node reaches, or be able to become so there.

An unbound claim of a class that waits for its first consumer takes the smallest free volume that matches, or is
provisioned where the class's topologies and the driver's capacity allow it. Bound volumes of in-tree kinds are seen as
the CSI driver sees them that took over on the node (`migration`).

Source: kubernetes v1.36 pkg/scheduler/framework/plugins/volumebinding/volume_binding.go and binder.go
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.objects import (
    CSIDriver,
    CSINode,
    CSIStorageCapacity,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
)
from moorage.quantity import NANO, ceil_div
from moorage.scheduling.claims.matching import candidates
from moorage.scheduling.claims.migration import Reach, Untranslatable
from moorage.scheduling.selectors import InvalidSelector, compile_labels
from moorage.scheduling.verdict import NodeVerdict, refuse
from moorage.scheduling.volumes import (
    BIND_COMPLETED,
    NO_PROVISIONER,
    SELECTED_NODE,
    WAIT,
    claim_name,
    class_of,
    is_made_for,
    nanos,
    size_of,
    spec_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moorage.objects import TopologyTerm
    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.accounting.podinfo import PodInfo
    from moorage.scheduling.ask import Ask
    from moorage.scheduling.plugin import Prepared
    from moorage.scheduling.state import State

NAME = "VolumeBinding"
REASON_AFFINITY = "node(s) didn't match PersistentVolume's node affinity"
REASON_NO_VOLUMES = "node(s) didn't find available persistent volumes to bind"
REASON_NO_SPACE = "node(s) did not have enough free storage"
REASON_VOLUME_GONE = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
REASON_UNTRANSLATABLE = "could not translate pv: {problem}"
REASON_UNBOUND = "pod has unbound immediate PersistentVolumeClaims"
REASON_NO_CLAIM = 'persistentvolumeclaim "{claim}" not found'
REASON_LOST = 'persistentvolumeclaim "{claim}" bound to non-existent persistentvolume "{volume}"'
REASON_DELETED = 'persistentvolumeclaim "{claim}" is being deleted'
REASON_EPHEMERAL = 'waiting for ephemeral volume controller to create the persistentvolumeclaim "{claim}"'
REASON_NOT_OWNER = "PVC {namespace}/{claim} was not created for pod {namespace}/{pod} (pod is not owner)"


def prepare(ask: Ask, cluster: State) -> Prepared:
    claims: list[PersistentVolumeClaim] = []
    for volume in ask.volumes:
        name = claim_name(volume, ask.name)
        if name is None:
            continue
        claim = cluster.get(PersistentVolumeClaim, name, namespace=ask.namespace)
        wrong = _wrong(claim, name, ask, is_ephemeral=volume.persistent_volume_claim is None)
        if wrong is not None or claim is None:
            return refuse(NAME, wrong or "", unresolvable=True)
        claims.append(claim)
    if not claims:
        return None
    bound: list[PersistentVolumeClaim] = []
    waiting: list[PersistentVolumeClaim] = []
    for claim in claims:
        volume_name = spec_of(claim).volume_name
        if volume_name and BIND_COMPLETED in (claim.metadata.annotations or {}):
            bound.append(claim)
        elif not volume_name and _waits(claim, cluster):
            waiting.append(claim)
        else:
            never = cluster.never_bound.get((ask.namespace, claim.metadata.name))
            return refuse(NAME, never or REASON_UNBOUND, unresolvable=True)
    binder = _Binder(cluster, bound, waiting)

    def check(node: NodeInfo, *_: Sequence[PodInfo]) -> NodeVerdict | None:
        reasons = binder.reasons(node)
        return refuse(NAME, *sorted(reasons), unresolvable=True) if reasons else None

    return check


def _wrong(claim: PersistentVolumeClaim | None, name: str, ask: Ask, *, is_ephemeral: bool) -> str | None:
    """Why no node can take a pod with this claim."""
    if claim is None:
        return (REASON_EPHEMERAL if is_ephemeral else REASON_NO_CLAIM).format(claim=name)
    if claim.status is not None and claim.status.phase == "Lost":
        return REASON_LOST.format(claim=name, volume=spec_of(claim).volume_name or "")
    if claim.metadata.deletion_timestamp is not None:
        return REASON_DELETED.format(claim=name)
    if is_ephemeral and not is_made_for(claim, ask):
        return REASON_NOT_OWNER.format(namespace=ask.namespace, claim=name, pod=ask.name)
    return None


def _waits(claim: PersistentVolumeClaim, cluster: State) -> bool:
    storage_class = cluster.get(StorageClass, class_of(claim))
    return storage_class is not None and storage_class.volume_binding_mode == WAIT


class _Binder:
    """Finds volumes for one pod's claims, node by node."""

    def __init__(
        self, cluster: State, bound: list[PersistentVolumeClaim], waiting: list[PersistentVolumeClaim]
    ) -> None:
        self.cluster = cluster
        volumes = [cluster.get(PersistentVolume, spec_of(claim).volume_name or "") for claim in bound]
        self.bound = [Reach(volume) if volume is not None else None for volume in volumes]
        self.in_tree = any(reach is not None and reach.is_in_tree for reach in self.bound)
        self.decided = [claim for claim in waiting if SELECTED_NODE in (claim.metadata.annotations or {})]
        open_claims = [claim for claim in waiting if SELECTED_NODE not in (claim.metadata.annotations or {})]
        self.claims = sorted(open_claims, key=size_of)
        self.candidates = {
            claim.metadata.name: [(found, Reach(found.volume)) for found in candidates(claim, cluster)]
            for claim in self.claims
        }

    def reasons(self, node: NodeInfo) -> list[str]:
        reasons = []
        csi_node = self.cluster.get(CSINode, node.name) if self.in_tree else None
        for reach in self.bound:
            if reach is None:
                reasons.append(REASON_VOLUME_GONE)
                break
            try:
                reached = reach.includes(node.labels, csi_node=csi_node)
            except Untranslatable as problem:
                # Upstream gives up on the whole pod with these words.
                return [REASON_UNTRANSLATABLE.format(problem=problem)]
            if not reached:
                reasons.append(REASON_AFFINITY)
                break
        reason = self._bind(node)
        return reasons if reason is None else [*reasons, reason]

    def _bind(self, node: NodeInfo) -> str | None:
        """Why the waiting claims can't be bound on this node."""
        for claim in self.decided:
            if (claim.metadata.annotations or {})[SELECTED_NODE] != node.name:
                return REASON_NO_VOLUMES
        to_provision = list(self.decided)
        taken: set[str] = set()
        for claim in self.claims:
            chosen = self._choose(claim, node, taken)
            if chosen is None:
                to_provision.append(claim)
            else:
                taken.add(chosen)
        for claim in to_provision:
            reason = self._cannot_provision(claim, node)
            if reason is not None:
                return reason
        return None

    def _choose(self, claim: PersistentVolumeClaim, node: NodeInfo, taken: set[str]) -> str | None:
        best: tuple[int, str] | None = None
        for found, reach in self.candidates[claim.metadata.name]:
            name = found.volume.metadata.name
            if name in taken:
                continue
            reachable = reach.includes(node.labels)
            if found.promised:
                return name if reachable else None
            if reachable and (best is None or found.size < best[0]):
                best = (found.size, name)
        return best[1] if best else None

    def _cannot_provision(self, claim: PersistentVolumeClaim, node: NodeInfo) -> str | None:
        storage_class = self.cluster.get(StorageClass, class_of(claim))
        if storage_class is None or (storage_class.provisioner or "") in ("", NO_PROVISIONER):
            return REASON_NO_VOLUMES
        if not _is_allowed(storage_class.allowed_topologies, node):
            return REASON_NO_VOLUMES
        return None if self._has_space(claim, storage_class, node) else REASON_NO_SPACE

    def _has_space(self, claim: PersistentVolumeClaim, storage_class: StorageClass, node: NodeInfo) -> bool:
        resources = spec_of(claim).resources
        if resources is None or "storage" not in (resources.requests or {}):
            return True
        driver = self.cluster.get(CSIDriver, storage_class.provisioner or "")
        if driver is None or driver.spec is None or not driver.spec.storage_capacity:
            return True
        asked = ceil_div(size_of(claim), NANO)
        return any(
            capacity.storage_class_name == storage_class.metadata.name
            and _limit(capacity) >= asked
            and _selects(capacity, node)
            for capacity in self.cluster.all(CSIStorageCapacity)
        )


def _is_allowed(topologies: list[TopologyTerm] | None, node: NodeInfo) -> bool:
    if not topologies:
        return True
    return any(
        all(
            node.labels.get(e.key, "") in (e.values or ()) and e.key in node.labels
            for e in term.match_label_expressions
        )
        for term in topologies
        if term.match_label_expressions
    )


def _limit(capacity: CSIStorageCapacity) -> int:
    limit = capacity.maximum_volume_size if capacity.maximum_volume_size is not None else capacity.capacity
    return -1 if limit is None else ceil_div(nanos(limit), NANO)


def _selects(capacity: CSIStorageCapacity, node: NodeInfo) -> bool:
    try:
        return compile_labels(capacity.node_topology).matches(node.labels)
    except InvalidSelector:
        return False
