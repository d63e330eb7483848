"""SchedulingGates: a pod with gates is not even tried.

Source: kubernetes v1.36 pkg/scheduler/framework/plugins/schedulinggates/scheduling_gates.go
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.scheduling.verdict import NodeVerdict, refuse

if TYPE_CHECKING:
    from moorage.scheduling.ask import Ask
    from moorage.scheduling.state import State

NAME = "SchedulingGates"
REASON = "waiting for scheduling gates: [{gates}]"


def prepare(ask: Ask, _: State) -> NodeVerdict | None:
    gates = ask.pod.spec.scheduling_gates
    if not gates:
        return None
    return refuse(NAME, REASON.format(gates=" ".join(gate.name for gate in gates)), unresolvable=True)
