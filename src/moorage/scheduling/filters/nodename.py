"""NodeName: a pod that names its node goes nowhere else.

Source: kubernetes v1.36 pkg/scheduler/framework/plugins/nodename/node_name.go
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.scheduling.verdict import NodeVerdict, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.accounting.podinfo import PodInfo
    from moorage.scheduling.ask import Ask
    from moorage.scheduling.plugin import Prepared
    from moorage.scheduling.state import State

NAME = "NodeName"
REASON = "node(s) didn't match the requested node name"


def prepare(ask: Ask, _: State) -> Prepared:
    wanted = ask.pod.spec.node_name
    if not wanted:
        return None
    refusal = refuse(NAME, REASON, unresolvable=True)

    def check(node: NodeInfo, *_: Sequence[PodInfo]) -> NodeVerdict | None:
        return None if node.name == wanted else refusal

    return check
