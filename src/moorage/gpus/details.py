"""A card as the API tells it: the seed's fields first, then who says so, how old it is and what it means."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from moorage.gpus.allocation import Standing
from moorage.gpus.merge import STALE_AFTER, Card
from moorage.gpus.words import notes
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moorage.cluster.answers.held import HolderPolicy
    from moorage.gpus.facts import Holder

UNKNOWN_MODEL = "Unknown GPU"
_WHY = ("model", "memory_total", "memory_used", "memory_free", "utilization")


def detail(
    card: Card,
    standing: Standing,
    *,
    slices: list[dict[str, Any]] | None,
    resource: str | None,
    policy: HolderPolicy,
    sharing: str | None,
    idle: int | None,
    why_no_activity: str,
    now: float,
) -> dict[str, Any]:
    """One entry of `gpu_details`."""
    age = None if card.taken_at is None else max(0, int(now - card.taken_at))
    unknown = dict(card.why)
    if card.missing and card.problem:
        why_no_activity = card.problem
    for field in _WHY:
        if getattr(card, field) is None and field not in unknown:
            unknown[field] = later("no source tells") if field in ("model", "memory_total") else why_no_activity
    holders = shown(card.holders, policy=policy)
    why_no_holder = unknown.pop("holder", None) or later("no source says which pod holds which card")
    if standing.state in ("held", "shared") and not holders:
        unknown["holder"] = later("names are hidden") if card.holders else why_no_holder
    return {
        "index": card.index,
        "model": card.model or UNKNOWN_MODEL,
        "memory_total": mebibytes(card.memory_total),
        "memory_used": mebibytes(card.memory_used),
        "memory_free": mebibytes(card.memory_free),
        "utilization": card.utilization,
        "available": standing.available,
        "uuid": card.uuid,
        "pci": card.pci,
        "resource": resource,
        "state": standing.state,
        "state_text": standing.text,
        "slots": {"total": standing.slots, "held": standing.held} if standing.slots > 1 else None,
        "slices": slices,
        "left": None if card.left is None else list(card.left),
        "holder": ", ".join(holders) or None,
        "idle_seconds": idle,
        "memory_kind": card.memory_kind,
        "temperature": card.temperature,
        "source": card.activity_source or card.sources.get("model") or "node",
        "age_seconds": age,
        "taken_at": None if card.taken_at is None else timestamp(card.taken_at),
        "stale": age is not None and age > STALE_AFTER,
        "sources": card.sources,
        "unknown": unknown,
        "notes": notes(card, standing, sharing=sharing, idle=idle),
        "disagreements": list(card.disagreements),
    }


def with_names(entry: dict[str, Any], card: Card) -> dict[str, Any]:
    """The entry for who may see which pods hold the card and its slices."""
    named = {**entry, "holder": _names(card.holders), "unknown": dict(entry["unknown"])}
    if card.holders:
        named["unknown"].pop("holder", None)
    if entry["slices"] is not None:
        named["slices"] = [
            {**one, "holder": _names(part.holders)} for one, part in zip(entry["slices"], card.parts, strict=True)
        ]
    return named


def _names(holders: tuple[Holder, ...]) -> str | None:
    return ", ".join(shown(holders, policy="pod")) or None


def shown(holders: tuple[Holder, ...], *, policy: HolderPolicy) -> list[str]:
    """The holders' names as far as this policy lets them be seen."""
    if policy == "hidden":
        return []
    if policy == "namespace":
        return list(dict.fromkeys(holder.namespace for holder in holders))
    return [f"{holder.namespace}/{holder.pod}" for holder in holders]


def mebibytes(amount: int | None) -> str:
    return "Unknown" if amount is None else f"{amount} MiB"


@lru_cache(maxsize=1024)
def timestamp(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def slice_details(card: Card, standing: Sequence[Standing], *, policy: HolderPolicy) -> list[dict[str, Any]] | None:
    if not card.parts:
        return None
    found = []
    for number, part in enumerate(card.parts):
        state = standing[number] if number < len(standing) else Standing(state="unknown", text=later("unknown"))
        found.append(
            {
                "profile": part.profile,
                "uuid": part.uuid,
                "instance": part.instance,
                "memory_total": mebibytes(part.memory_total),
                "memory_used": mebibytes(part.memory_used),
                "memory_free": mebibytes(part.memory_free),
                "utilization": part.utilization,
                "state": state.state,
                "state_text": state.text,
                "available": state.available,
                "holder": ", ".join(shown(part.holders, policy=policy)) or None,
            }
        )
    return found
