"""NodePorts: no two pods of a node may hold the same host port.

0.0.0.0 is every address of the node, so it clashes with each of them.

Source: kubernetes v1.36 pkg/scheduler/framework/plugins/nodeports/node_ports.go and
staging/src/k8s.io/kube-scheduler/framework/types.go (HostPortInfo)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.scheduling.accounting.podinfo import ANY_ADDRESS
from moorage.scheduling.verdict import NodeVerdict, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.accounting.podinfo import HostPort, PodInfo
    from moorage.scheduling.ask import Ask
    from moorage.scheduling.plugin import Prepared
    from moorage.scheduling.state import State

NAME = "NodePorts"
REASON = "node(s) didn't have free ports for the requested pod ports"


def prepare(ask: Ask, _: State) -> Prepared:
    wanted = ask.info.extra.host_ports
    if not wanted:
        return None
    refusal = refuse(NAME, REASON)

    def check(node: NodeInfo, *_: Sequence[PodInfo]) -> NodeVerdict | None:
        for pod in node.special.values():
            for used in pod.extra.host_ports:
                if any(clash(port, used) for port in wanted):
                    return refusal
        return None

    return check


def clash(one: HostPort, other: HostPort) -> bool:
    """Whether two pods can't hold these ports on one node."""
    return one[1:] == other[1:] and (one[0] == other[0] or ANY_ADDRESS in (one[0], other[0]))
