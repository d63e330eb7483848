"""Quantities as the API server stores them: rounded up to thousandths, in the canonical form of their family.

`1.5Gi` is stored as `1536Mi`, `0.5` as `500m`, `1000000` as `1M`; what has an exponent stays as it is.
Source: kubernetes v1.36 apimachinery pkg/api/resource/quantity.go, pkg/apis/core/v1/defaults.go
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moorage.errors import InvalidQuantity
from moorage.quantity import NANO, ceil_div, parse_nanos
from moorage.scheduling.admission.amounts import binary_text, decimal_text

if TYPE_CHECKING:
    from moorage.simulator.store.resources import Kind

Json = dict[str, Any]

_MILLI = 10**6
# Upstream keeps these spellings, since it takes a short cut for small whole numbers.
_KEPT = re.compile(r"[+-]?[0-9]*\.?[eE][+-]?[0-9]+|\+[0-9]+|0+[1-9][0-9]*|[0-9]+\.")


def canonical(amount: str | float) -> str:
    """The stored text; raises `InvalidQuantity` on what is none."""
    exact = parse_nanos(amount)
    nanos = ceil_div(exact, _MILLI) * _MILLI
    text = str(amount)
    if nanos == exact and _KEPT.fullmatch(text):
        return text
    if text.endswith("i") and nanos % NANO == 0 and abs(nanos) >= 1024 * NANO:
        return binary_text(nanos // NANO)
    return decimal_text(nanos)


def canonicalize(kind: Kind, body: Json) -> None:
    """Rewrite the amounts of an object that is about to be stored; what can't be read is left to validation."""
    spec, status = body.get("spec") or {}, body.get("status") or {}
    match kind.plural:
        case "pods":
            for holder in [spec, *(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
                _resources(holder.get("resources"))
            _amounts(spec, "overhead")
        case "nodes":
            _amounts(status, "capacity")
            _amounts(status, "allocatable")
        case "persistentvolumeclaims":
            _resources(spec.get("resources"))
        case "persistentvolumes":
            _amounts(spec, "capacity")
        case "resourcequotas":
            _amounts(spec, "hard")
        case "limitranges":
            for item in spec.get("limits") or ():
                for field in ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio"):
                    _amounts(item, field)
        case "runtimeclasses":
            _amounts(body.get("overhead") or {}, "podFixed")
        case _:
            pass


def _resources(resources: Any) -> None:
    if isinstance(resources, dict):
        for section in ("requests", "limits"):
            _amounts(resources, section)


def _amounts(holder: Json, field: str) -> None:
    amounts = holder.get(field)
    if not isinstance(amounts, dict):
        return
    try:
        holder[field] = {name: canonical(amount) for name, amount in amounts.items()}
    except InvalidQuantity:
        return
