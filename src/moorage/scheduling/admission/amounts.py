"""Amounts as the API server sums and writes them in its sentences.

Source: kubernetes v1.36 apimachinery pkg/api/resource/quantity.go (CanonicalizeBytes) and suffix.go
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.errors import InvalidQuantity
from moorage.objects import Identity, Pod, Unreadable, decode
from moorage.quantity import NANO, parse_nanos
from moorage.scheduling.accounting.aggregate import Nanos, exact_requests

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_BINARY = (("Ei", 60), ("Pi", 50), ("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10))
_DECIMAL = (("E", 18), ("P", 15), ("T", 12), ("G", 9), ("M", 6), ("k", 3), ("", 0), ("m", -3), ("u", -6), ("n", -9))


def nanos_of(amounts: Mapping[str, Any] | None, *, of: Identity, at: str) -> Nanos:
    """Exact amounts by name. Raises `Unreadable` naming the object and the field."""
    nanos = {}
    for name, amount in (amounts or {}).items():
        try:
            nanos[name] = parse_nanos(amount)
        except InvalidQuantity as error:
            raise Unreadable(of, f"{at}.{name}: {error}") from error
    return nanos


def text_of(resource: str, nanos: int) -> str:
    """The canonical form: decimal suffixes; for memory and storage binary ones too, whichever says it in fewer letters.

    Upstream keeps to the suffixes of the first amount of a sum, which is nearly always the same.
    """
    decimal = decimal_text(nanos)
    if nanos % NANO == 0 and any(part in resource for part in ("memory", "storage", "hugepages-")):
        return min(binary_text(nanos // NANO), decimal, key=len)
    return decimal


def binary_text(units: int) -> str:
    for suffix, bits in _BINARY:
        if units and units % (1 << bits) == 0:
            return f"{units >> bits}{suffix}"
    return str(units)


def decimal_text(nanos: int) -> str:
    for suffix, power in _DECIMAL:
        step = 10 ** (power + 9)
        if nanos and nanos % step == 0:
            return f"{nanos // step}{suffix}"
    return "0"


def list_of(amounts: Nanos, names: Iterable[str]) -> str:
    """`cpu=2,memory=3Gi`, as quota sentences have it."""
    return ",".join(f"{name}={text_of(name, amounts.get(name, 0))}" for name in sorted(names))


def requests_of(pod: dict[str, Any], *, overhead: bool = True) -> Nanos:
    """The pod's effective requests, exact."""
    spec = pod["spec"] if overhead else {**pod["spec"], "overhead": None}
    return exact_requests(decode(Pod, {**pod, "spec": spec, "status": None}))


def limits_of(pod: dict[str, Any], *, overhead: bool = True) -> Nanos:
    """The pod's effective limits: the rule of requests applied to limits, overhead only on what is limited."""
    spec = dict(pod["spec"])
    for field in ("containers", "initContainers"):
        spec[field] = [_limits_as_requests(container) for container in spec.get(field) or ()]
    if spec.get("resources"):
        spec["resources"] = {"requests": spec["resources"].get("limits")}
    extra = spec.pop("overhead", None)
    total = exact_requests(decode(Pod, {**pod, "spec": spec, "status": None}))
    if overhead:
        for name, amount in nanos_of(extra, of=identity_of(pod), at="spec.overhead").items():
            if total.get(name):
                total[name] += amount
    return total


def _limits_as_requests(container: dict[str, Any]) -> dict[str, Any]:
    return {**container, "resources": {"requests": (container.get("resources") or {}).get("limits")}}


def identity_of(pod: dict[str, Any]) -> Identity:
    meta = pod.get("metadata") or {}
    return Identity("Pod", meta.get("namespace"), meta.get("name"), meta.get("uid"))
