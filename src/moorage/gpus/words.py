"""Plain words about cards: sizes, ages and what a number on the page means for the person who wants to start
something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.gpus.allocation import APPLICATION_XIDS, Standing
from moorage.texts import later

if TYPE_CHECKING:
    from moorage.gpus.merge import Card

# A desktop or a driver's own contexts stay below this; from here on it is worth a word.
WORTH_A_WORD = 100  # MiB
_IDLE_WORTH_A_WORD = 600  # seconds


def gigabytes(mebibytes: int) -> str:
    """`24`, `9.5` or `0.6`, as people say the size of a card."""
    amount = mebibytes / 1024
    return f"{amount:.0f}" if amount >= 9.95 else f"{amount:.1f}".removesuffix(".0")


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h`, `2 d`."""
    whole = int(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 2 * 3600:
        return f"{whole // 60} min"
    if whole < 48 * 3600:
        return f"{whole // 3600} h"
    return f"{whole // 86400} d"


def notes(card: Card, standing: Standing, *, sharing: str | None, idle: int | None) -> list[str]:
    """What the card does, as a hint beside its standing. None of it changes what the scheduler gives."""
    found: list[str] = []
    used, total, free = card.memory_used, card.memory_total, card.memory_free
    state, busy = standing.state, card.utilization
    unified = card.memory_kind == "unified"
    if unified:
        found.append(_unified(total, free))
    elif used is not None and used >= WORTH_A_WORD and state in ("free", "unknown"):
        found += _memory(state, used, total, processes=card.processes)
    if standing.slots > 1 and not card.parts and state in ("free", "shared", "held", "unknown"):
        found.append(_shared(standing, sharing, total=None if unified else total, free=None if unified else free))
    if card.parts or card.mig:
        found.append(
            later("split into MIG slices; each is requested by itself, and the card has no utilization of its own")
        )
    if state in ("held", "shared"):
        if idle is not None and idle >= _IDLE_WORTH_A_WORD:
            found.append(later("held, but idle for {time}", time=duration(idle)))
        if busy == 0 and used and total and used * 20 >= total * 17:
            found.append(later("memory is nearly full while nothing runs (model servers reserve it when they start)"))
    if busy == 100 and used == 0:
        found.append(later("reads 100 % with no memory in use (some cards do so while nothing runs)"))
    if card.xid and card.xid not in APPLICATION_XIDS and state != "out_of_service":
        found.append(later("the driver's last error was Xid {xid}", xid=card.xid))
    if card.problem and card.problem not in standing.text:
        found.append(card.problem)
    if "holder" in card.why:
        found.append(card.why["holder"])
    return found


def _memory(state: str, used: int, total: int | None, *, processes: int | None) -> list[str]:
    much = total is not None and used * 2 >= total
    if state == "free":
        if processes == 0 and used >= 1024:
            words = later("free, but {used} GB were not released by a program that has ended", used=gigabytes(used))
            return [words]
        if much and total is not None:
            words = later(
                "free to schedule, but {used} of {total} GB are in use outside Kubernetes",
                used=gigabytes(used),
                total=gigabytes(total),
            )
            return [words]
        return [later("free; {used} GB used outside the cluster", used=gigabytes(used))]
    if state == "unknown" and much and total is not None:
        used_of = {"used": gigabytes(used), "total": gigabytes(total)}
        return [later("{used} of {total} GB are in use; unknown by whom", **used_of)]
    return []


def _unified(total: int | None, free: int | None) -> str:
    shares = (
        later("shares {total} GB with the system", total=gigabytes(total))
        if total is not None
        else later("shares its memory with the system")
    )
    available = [] if free is None else [later("{free} GB available", free=gigabytes(free))]
    return "; ".join([shares, *available, later("what runs on the card also counts as memory of its pod")])


def _shared(standing: Standing, sharing: str | None, *, total: int | None, free: int | None) -> str:
    slots = standing.slots
    parts = [
        later("{slots} slots on one {total} GB card", slots=slots, total=gigabytes(total))
        if total is not None
        else later("{slots} slots on one card", slots=slots),
        later("memory is shared (MPS limits each to 1/{slots} of it)", slots=slots)
        if sharing == "mps"
        else later("memory is shared"),
    ]
    if free is not None:
        parts.append(later("{free} GB free now", free=gigabytes(free)))
    return "; ".join([*parts, later("two slots may be the same card")])
