"""TaintToleration: the pod must tolerate a node's taints.

Refuses on NoSchedule and NoExecute; PreferNoSchedule only scores. A node's conditions (not ready, pressure) act through
taints alone. The operators Lt and Gt of tolerations are behind a gate that is off, so they tolerate nothing.

Source: kubernetes v1.36 pkg/scheduler/framework/plugins/tainttoleration/taint_toleration.go and
staging/src/k8s.io/api/core/v1/toleration.go
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.scheduling.verdict import NodeVerdict, refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moorage.objects import Taint, Toleration
    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.accounting.podinfo import PodInfo
    from moorage.scheduling.ask import Ask
    from moorage.scheduling.plugin import Prepared
    from moorage.scheduling.state import State

NAME = "TaintToleration"
REASON = "node(s) had untolerated taint(s)"
# Up to v1.34.1 the reason named the taint.
REASON_NAMED = "node(s) had untolerated taint {{{taint}}}"


def tolerates(toleration: Toleration, taint: Taint) -> bool:
    """Whether this one toleration covers this one taint; an empty key or effect covers all of them."""
    if toleration.effect and toleration.effect != taint.effect:
        return False
    if toleration.key and toleration.key != taint.key:
        return False
    if toleration.operator in (None, "", "Equal"):
        return (toleration.value or "") == (taint.value or "")
    return toleration.operator == "Exists"


def untolerated(taints: Sequence[Taint], tolerations: Sequence[Toleration]) -> Taint | None:
    """The first of these taints that none of the tolerations covers."""
    for taint in taints:
        if not any(tolerates(toleration, taint) for toleration in tolerations):
            return taint
    return None


def taint_text(taint: Taint) -> str:
    """As kubectl has it: `key=value:effect`, or `key:effect` where there is no value."""
    return f"{taint.key}={taint.value}:{taint.effect}" if taint.value else f"{taint.key}:{taint.effect}"


def prepare(ask: Ask, _: State) -> Prepared:
    tolerations = ask.tolerations
    refusal = refuse(NAME, REASON, unresolvable=True)

    def check(node: NodeInfo, *_: Sequence[PodInfo]) -> NodeVerdict | None:
        taints = node.blocking_taints
        return refusal if taints and untolerated(taints, tolerations) else None

    return check
