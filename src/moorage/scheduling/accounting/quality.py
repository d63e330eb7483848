"""A pod's quality of service: Guaranteed, Burstable or BestEffort.

cpu and memory alone count, and an amount of nothing is no amount. Amounts of the pod itself stand in place of its
containers'.
Source: kubernetes v1.36 pkg/apis/core/v1/helper/qos/qos.go (ComputePodQOS)
"""

from __future__ import annotations

from typing import Any

from moorage.errors import InvalidQuantity
from moorage.quantity import parse_nanos

Json = dict[str, Any]


def quality_of(spec: Json) -> str:
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    asked = [_counted(held.get("resources")) for held in containers if isinstance(held, dict)]
    if spec.get("resources") is not None:
        asked = [_counted(spec["resources"])]
    if not any(requests or limits for requests, limits in asked):
        return "BestEffort"
    if all(len(limits) == 2 and requests == limits for requests, limits in asked):
        return "Guaranteed"
    return "Burstable"


def _counted(resources: Any) -> tuple[dict[str, int], dict[str, int]]:
    """Requests and limits of cpu and memory above zero; what can't be read counts nothing."""
    found: list[dict[str, int]] = []
    for section in ("requests", "limits"):
        amounts = resources.get(section) if isinstance(resources, dict) else None
        held: dict[str, int] = {}
        for name in ("cpu", "memory"):
            try:
                nanos = parse_nanos(amounts.get(name)) if isinstance(amounts, dict) else 0
            except InvalidQuantity:
                continue
            if nanos > 0:
                held[name] = nanos
        found.append(held)
    return found[0], found[1]
