"""NodeUnschedulable: a cordoned node takes only pods that tolerate its cordon.

Source: kubernetes v1.36 pkg/scheduler/framework/plugins/nodeunschedulable/node_unschedulable.go
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.objects import Taint
from moorage.scheduling.filters.tainttoleration import tolerates
from moorage.scheduling.verdict import NodeVerdict, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.accounting.podinfo import PodInfo
    from moorage.scheduling.ask import Ask
    from moorage.scheduling.plugin import Prepared
    from moorage.scheduling.state import State

NAME = "NodeUnschedulable"
REASON = "node(s) were unschedulable"
_CORDON = Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule")


def prepare(ask: Ask, _: State) -> Prepared:
    if any(tolerates(toleration, _CORDON) for toleration in ask.tolerations):
        return None
    refusal = refuse(NAME, REASON, unresolvable=True)

    def check(node: NodeInfo, *_: Sequence[PodInfo]) -> NodeVerdict | None:
        return refusal if node.unschedulable else None

    return check
