"""The cluster that verdicts are computed on: its state, and what may be asked of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
