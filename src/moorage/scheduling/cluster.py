"""The cluster that verdicts are computed on: its state, and what may be asked of it."""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any, Self

from moorage.scheduling.fit import fit
from moorage.scheduling.state import KINDS, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moorage.objects import Pod
    from moorage.scheduling.verdict import Verdict

__all__ = ["KINDS", "Cluster"]


class Cluster(State):
    """Nodes with their pods, and the other objects that decide where a pod may go."""

    def fit(self, pod: Pod | dict[str, Any], *, nodes: Iterable[str] | None = None) -> Verdict:
        """What the scheduler would answer for this very pod, on all nodes or on those named.

        Raises `InvalidObject` where the pod itself can't be read.
        """
        return fit(self, pod, nodes=nodes)

    def without(self, uid: str) -> Self:
        """The same cluster as if this pod were not on its node, beside the one that goes on.

        It shares everything else and must not be updated. An unknown uid changes nothing.
        """
        pod = self.pods.get(uid)
        if pod is None or pod.node_name not in self.nodes:
            return self
        other = copy(self)
        other.pods, other.anti_affine = dict(self.pods), dict(self.anti_affine)
        other.nodes, other.claim_users = dict(self.nodes), dict(self.claim_users)
        for claim in pod.extra.claims:
            users = self.claim_users[pod.namespace, claim]
            other.claim_users[pod.namespace, claim] = users if isinstance(users, str) else set(users)
        other.nodes[pod.node_name] = self.nodes[pod.node_name].with_pods([])
        other.remove_pod(uid)
        return other
