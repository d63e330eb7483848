"""What a kubelet may still refuse when the scheduler has placed a pod.

The API tells of no node which policy its kubelet has for CPUs and devices, nor how they lie, so it can only be said
which pods such a policy concerns: those that get whole CPUs for themselves, and containers with several devices.
Source: kubernetes v1.36 pkg/kubelet/cm/cpumanager/policy_static.go (guaranteedCPUs) and
devicemanager/topology_hints.go (GetTopologyHints)
"""

from __future__ import annotations

from typing import Any

from moorage.errors import InvalidQuantity
from moorage.quantity import NANO, parse_nanos
from moorage.scheduling.accounting.names import is_extended
from moorage.scheduling.accounting.quality import quality_of
from moorage.texts import later

Json = dict[str, Any]
ALIGNED = later(
    "A kubelet that hands out whole CPUs or aligns devices (CPU and topology manager) may still reject the pod after "
    "it is scheduled. The API does not say which nodes do this."
)


def may_turn_away(pod: Json) -> str | None:
    """The sentence for a pod that a kubelet may refuse for how its CPUs and devices lie; None for all others."""
    spec = pod["spec"]
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    resources = [container.get("resources") or {} for container in containers]
    if any(_devices(held.get("limits") or {}) > 1 for held in resources):
        return ALIGNED
    if any(_is_whole((held.get("requests") or {}).get("cpu")) for held in resources):
        return ALIGNED if quality_of(spec) == "Guaranteed" else None
    return None


def _devices(limits: Json) -> int:
    return sum(_nanos(amount) // NANO for name, amount in limits.items() if is_extended(name))


def _is_whole(cpu: Any) -> bool:
    nanos = _nanos(cpu)
    return nanos > 0 and nanos % NANO == 0


def _nanos(amount: Any) -> int:
    try:
        return parse_nanos(amount)
    except InvalidQuantity:
        return 0
