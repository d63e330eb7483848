"""Cards that HAMi registers in annotations of the node, and who has a part of them."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import msgspec

from moorage.gpus.facts import CardFact, Holder
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moorage.gpus.sources.base import OnChange
    from moorage.gpus.view import NodeView

REGISTER = "hami.io/node-nvidia-register"


class Hami:
    """The node's own annotation; it arrives with the store."""

    name = "hami"
    activity = False

    async def run(self, on_change: OnChange) -> None:
        del on_change
        await asyncio.Event().wait()

    def problem(self, node: NodeView) -> str | None:
        del node
        return None

    def facts(self, node: NodeView) -> Sequence[CardFact]:
        text = node.annotations.get(REGISTER)
        if not text:
            return ()
        holders: dict[str, list[Holder]] = {}
        for holder, allocated in node.allocations:
            for uuid in _allocated(allocated):
                holders.setdefault(uuid, []).append(holder)
        return [
            msgspec.structs.replace(fact, holders=tuple(holders[fact.uuid])) if fact.uuid in holders else fact
            for fact in parse(text)
        ]


def parse(text: str) -> list[CardFact]:
    """The cards of one annotation, in its old form (`UUID,split,MiB,cores,type,numa,health:`) or as JSON."""
    entries = _json(text) if text.lstrip().startswith("[") else _colons(text)
    facts = []
    for entry in entries:
        uuid = entry.get("id")
        if not isinstance(uuid, str) or not uuid.strip():
            continue
        model = entry.get("type")
        healthy = entry.get("health")
        facts.append(
            CardFact(
                source="hami",
                uuid=uuid.strip(),
                index=_whole(entry.get("index")),
                model=_model(model),
                memory_total=_whole(entry.get("devmem")) or None,
                slots=_whole(entry.get("count")) or None,
                health=None if healthy not in (True, False) else "healthy" if healthy else "unhealthy",
                problem=later("HAMi reports the card as unhealthy") if healthy is False else None,
            )
        )
    return facts


def _allocated(text: str) -> list[str]:
    """The cards of a pod: `UUID,NVIDIA,MiB,cores:` for each, `;` after each container."""
    return [
        uuid
        for container in text.split(";")
        for piece in container.split(":")
        if (uuid := piece.split(",")[0].strip()) and "," in piece
    ]


def _json(text: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _colons(text: str) -> list[dict[str, Any]]:
    found = []
    for piece in text.split(":"):
        fields = piece.split(",")
        if len(fields) < 7:
            continue
        found.append(
            {
                "id": fields[0],
                "count": fields[1],
                "devmem": fields[2],
                "type": ",".join(fields[4:-2]),
                "health": {"true": True, "false": False}.get(fields[-1].strip().lower()),
            }
        )
    return found


def _model(text: Any) -> str | None:
    """HAMi writes `NVIDIA-NVIDIA GeForce RTX 4090` or `NVIDIA-Tesla T4`."""
    if not isinstance(text, str) or not text.strip():
        return None
    plain = text.strip()
    rest = plain.removeprefix("NVIDIA-")
    return rest or plain


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if 0 <= value < 10**9 else None
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value.strip()) <= 9:
        return int(value.strip())
    return None
