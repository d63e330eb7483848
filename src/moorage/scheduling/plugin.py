"""What each plugin of the scheduler is asked, and what it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from moorage.scheduling.verdict import NodeVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.accounting.podinfo import PodInfo
    from moorage.scheduling.ask import Ask
    from moorage.scheduling.state import State


class Check(Protocol):
    """Why a node can't have the pod, or None. `added` and `removed` are what makes this copy of the node differ from
    the cluster's own: pods that it was given, and pods that were taken from it.
    """

    def __call__(
        self, node: NodeInfo, added: Sequence[PodInfo] = (), removed: Sequence[PodInfo] = (), /
    ) -> NodeVerdict | None: ...


Prepared = Check | NodeVerdict | None


class Plugin(Protocol):
    """What `fit` needs of a module of `filters`."""

    NAME: str

    def prepare(self, ask: Ask, cluster: State, /) -> Prepared: ...
