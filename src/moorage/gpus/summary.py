"""A node's cards in one sentence, and how many cards one pod could still get there: four free cards on four nodes
start no pod of four.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from moorage.gpus.units import family

if TYPE_CHECKING:
    from collections.abc import Sequence


def summarize(
    entries: Sequence[dict[str, Any]], units: Sequence[dict[str, Any]], *, extra: frozenset[str] = frozenset()
) -> dict[str, Any] | None:
    """The summary of one node's `gpu_details` and units; None where it has no cards."""
    if not entries:
        return None
    # Cards that many nodes reach are none of its own. Where a device plugin offers all cards, the devices of a driver
    # beside it are the same ones.
    units = [unit for unit in units if not unit.get("network")]
    claimable = any(entry["resource"] is None for entry in entries)
    counted = [unit for unit in units if (claimable if "pool" in unit else _is_unit(unit["resource"], extra=extra))]
    capacity = sum(unit["capacity"] for unit in counted)
    available = sum(unit["available"] or 0 for unit in counted)
    models = Counter(entry["model"] for entry in entries)
    return {
        "cards": len(entries),
        "available_cards": sum(entry["available"] for entry in entries),
        "units": {"capacity": capacity, "available": available},
        "models": dict(models),
        "text": _sentence(entries, models, capacity=capacity, available=available),
    }


def _is_unit(resource: str, *, extra: frozenset[str]) -> bool:
    kind = family(resource, extra=extra)
    return kind is not None and kind.kind != "amount"


def _sentence(entries: Sequence[dict[str, Any]], models: Counter[str], *, capacity: int, available: int) -> str:
    names = ", ".join(name if count == 1 else f"{count} x {name}" for name, count in models.items())
    if not capacity:
        return f"{names}: not offered to pods"
    if any(entry["slices"] for entry in entries):
        what = "slices"
    elif any(entry["slots"] for entry in entries):
        what = "slots"
    elif len(entries) == capacity and "Unknown GPU" not in models:
        what = "cards" if capacity > 1 else "card"
    else:
        what = "units"
    return f"{names}: {available} of {capacity} {what} can be scheduled now"
