"""The cluster that verdicts are computed on: its state, and what may be asked of it."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, Self

from moorage.objects import PersistentVolumeClaim
from moorage.scheduling.alternatives.evictions import evictions
from moorage.scheduling.ask import Ask
from moorage.scheduling.claims import newclaims
from moorage.scheduling.fit import fit
from moorage.scheduling.state import KINDS, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moorage.objects import Pod
    from moorage.scheduling.alternatives.evictions import Evictions
    from moorage.scheduling.verdict import Verdict

__all__ = ["KINDS", "Cluster"]


class Cluster(State):
    """Nodes with their pods, and the other objects that decide where a pod may go."""

    def fit(
        self,
        pod: Pod | dict[str, Any],
        *,
        nodes: Iterable[str] | None = None,
        claims: Iterable[PersistentVolumeClaim | dict[str, Any]] = (),
    ) -> Verdict:
        """What the scheduler would answer for this very pod, on all nodes or on those named. `claims` are created
        before it; one that is there already stays as it is.

        Raises `InvalidObject` where the pod itself or a claim can't be read.
        """
        coming = list(claims)
        cluster = self.with_claims(coming, namespace=Ask(pod).namespace) if coming else self
        return fit(cluster, pod, nodes=nodes)

    def with_claims(
        self, claims: Iterable[PersistentVolumeClaim | dict[str, Any]], *, namespace: str = "default"
    ) -> Self:
        """The same cluster as if these claims had been created there and had had the time to be bound, beside the one
        that goes on. A claim without a namespace is in this one; one that is there already wins.

        It shares everything else and must not be updated. Raises `InvalidObject` where a claim can't be read.
        """
        other = copy(self)
        for item in claims:
            claim = newclaims.read(item, namespace=namespace)
            place = claim.metadata.namespace or "", claim.metadata.name
            if other.get(PersistentVolumeClaim, place[1], namespace=place[0]) is not None:
                continue
            found = newclaims.foresee(claim, other)
            other.put_beside(found.claim)
            if found.volume is not None:
                other.put_beside(found.volume)
            if found.never is not None:
                other.never_bound = {**other.never_bound, place: found.never}
        return other

    def evictions(self, pod: Pod | dict[str, Any]) -> Evictions:
        """What the scheduler could evict for this pod on each node that refuses it.

        Raises `InvalidObject` where the pod itself can't be read.
        """
        return evictions(self, pod)

    def without(self, uid: str) -> Self:
        """The same cluster as if this pod were not on its node, beside the one that goes on.

        It shares everything else and must not be updated. An unknown uid changes nothing.
        """
        pod = self.pods.get(uid)
        if pod is None or pod.node_name not in self.nodes:
            return self
        other = copy(self)
        other.pods, other.anti_affine = dict(self.pods), dict(self.anti_affine)
        other.daemons = self.daemons.copy()
        other.nodes, other.claim_users = dict(self.nodes), dict(self.claim_users)
        for claim in pod.extra.claims:
            users = self.claim_users[pod.namespace, claim]
            other.claim_users[pod.namespace, claim] = users if isinstance(users, str) else set(users)
        other.nodes[pod.node_name] = self.nodes[pod.node_name].with_pods([])
        other.remove_pod(uid)
        return other
