"""NodeDeclaredFeatures: a node must declare the features of its kubelet that the pod needs.

On by default since v1.36; a kubelet older than that declares nothing. Two features decide where a new pod may go.

Source: kubernetes v1.36 pkg/scheduler/framework/plugins/nodedeclaredfeatures/nodedeclaredfeatures.go and
component-helpers v0.36 nodedeclaredfeatures/features (restartallcontainers, usernamespaceshostnetwork)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.scheduling.verdict import NodeVerdict, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moorage.objects import PodSpec
    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.accounting.podinfo import PodInfo
    from moorage.scheduling.ask import Ask
    from moorage.scheduling.plugin import Prepared
    from moorage.scheduling.state import State

NAME = "NodeDeclaredFeatures"
REASON = "node(s) didn't match Pod's required features"
_SINCE = (1, 36)


def prepare(ask: Ask, cluster: State) -> Prepared:
    needed = _needed(ask.pod.spec)
    if not needed or cluster.server_version < _SINCE:
        return None

    def check(node: NodeInfo, *_: Sequence[PodInfo]) -> NodeVerdict | None:
        status = node.node.status if node.node is not None else None
        declared = (status.declared_features if status is not None else None) or ()
        return None if needed.issubset(declared) else _REFUSED

    return check


_REFUSED = refuse(NAME, REASON, unresolvable=True)


def _needed(spec: PodSpec) -> set[str]:
    needed = set()
    containers = (*(spec.containers or ()), *(spec.init_containers or ()))
    rules = [rule for container in containers for rule in container.restart_policy_rules or ()]
    if any(rule.action == "RestartAllContainers" for rule in rules):
        needed.add("RestartAllContainersOnContainerExits")
    if spec.host_network and spec.host_users is False:
        needed.add("UserNamespacesHostNetworkSupport")
    return needed
