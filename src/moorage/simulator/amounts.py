"""Sums of Kubernetes amounts, and how the API server writes them in its sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.quantity import NANO, parse_nanos

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = dict[str, Any]
Amounts = dict[str, int]

_BINARY = (("Ei", 60), ("Pi", 50), ("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10))
_DECIMAL = (("E", 18), ("P", 15), ("T", 12), ("G", 9), ("M", 6), ("k", 3), ("", 0), ("m", -3), ("u", -6), ("n", -9))


def text_of(name: str, nanos: int) -> str:
    """The canonical form of a sum: binary suffixes for memory, storage and huge pages, decimal ones for the rest."""
    if nanos % NANO == 0 and any(part in name for part in ("memory", "storage", "hugepages-")):
        return binary_text(nanos // NANO)
    return decimal_text(nanos)


def binary_text(value: int) -> str:
    for suffix, bits in _BINARY:
        if value and value % (1 << bits) == 0:
            return f"{value >> bits}{suffix}"
    return str(value)


def decimal_text(nanos: int) -> str:
    for suffix, power in _DECIMAL:
        step = 10 ** (power + 9)
        if nanos and nanos % step == 0:
            return f"{nanos // step}{suffix}"
    return "0"


def nanos_of(amounts: Any) -> Amounts:
    return {name: parse_nanos(amount) for name, amount in (amounts or {}).items()}


def containers_of(pod: Json) -> list[Json]:
    return list((pod.get("spec") or {}).get("containers") or ())


def sums(pod: Json, section: str) -> Amounts:
    """What a pod's containers ask (`requests`) or may use (`limits`) together, init containers by their greatest."""
    spec = pod.get("spec") or {}
    total: Amounts = {}
    for container in containers_of(pod):
        _add(total, nanos_of((container.get("resources") or {}).get(section)))
    sidecars: Amounts = {}
    for container in spec.get("initContainers") or ():
        amounts = nanos_of((container.get("resources") or {}).get(section))
        if container.get("restartPolicy") == "Always":
            _add(total, amounts)
            _add(sidecars, amounts)
            continue
        for name, amount in amounts.items():
            total[name] = max(total.get(name, 0), amount + sidecars.get(name, 0))
    if section == "requests":
        _add(total, nanos_of(spec.get("overhead")))
    return total


def _add(total: Amounts, more: Amounts) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount


def list_of(amounts: Amounts, names: Iterable[str]) -> str:
    """`cpu=2,memory=3Gi`, as quota sentences have it."""
    return ",".join(f"{name}={text_of(name, amounts.get(name, 0))}" for name in sorted(names))
