"""Queues in front of the scheduler, as a table."""

from typing import Any

from rich.table import Table
from rich.text import Text

from moorage.cli.show import cores, safe, size, table
from moorage.scheduling.words.amounts import IN_BYTES, resource_words

MOST = 20


def queues_table(picture: dict[str, Any]) -> Table | None:
    """A row for each queue, or the reason why they can't be told; None where there is no Kueue."""
    if picture["kueue"] == "absent" or not (picture["queues"] or picture["reason"]):
        return None
    made = table(
        ("QUEUE", {"overflow": "fold", "min_width": 8}),
        ("LEFT OF ITS QUOTA", {"overflow": "fold"}),
        ("RUN", {"justify": "right", "no_wrap": True}),
        ("WAIT", {"justify": "right", "no_wrap": True}),
        ("STATE", {"overflow": "fold"}),
    )
    for queue in picture["queues"][:MOST]:
        made.add_row(
            safe(f"{queue['namespace']}/{queue['name']}"),
            Text("\n").join(map(safe, _lines(queue["resources"]) or ["-"])),
            str(queue["running"]),
            str(queue["pending"]),
            safe(queue["closed"] or "open", style="yellow" if queue["closed"] else ""),
        )
    if picture["reason"] and not picture["queues"]:
        made.add_row(safe("?"), safe(picture["reason"], style="yellow"))
    return made


def _lines(shares: list[dict[str, Any]]) -> list[str]:
    """One line for each flavor: `rtx4090: 1/4 GPU, 12/64 CPU`."""
    found: dict[str, list[str]] = {}
    for share in shares:
        found.setdefault(share["flavor"], []).append(_share(share))
    return [f"{flavor}: {', '.join(parts)}" for flavor, parts in found.items()]


def _share(share: dict[str, Any]) -> str:
    name, left, quota = share["resource"], share["left"], share["quota"]
    if left is None or quota is None:
        return f"? {resource_words(name)}"
    show = {"cpu": cores, **dict.fromkeys(IN_BYTES, size)}.get(name, str)
    what = "" if name in IN_BYTES else f" {resource_words(name)}"
    return f"{show(left)}/{show(quota)}{what}{' (and what others lend)' if share['borrows'] else ''}"
