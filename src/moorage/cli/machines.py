"""Machines that are not there yet, in tables and sentences."""

from typing import Any

from rich.table import Table

from moorage.cli.show import cores, safe, size, table
from moorage.cluster.answers.machines import duration

MOST = 20
_STATES = {
    "on_its_way": "on its way",
    "can_be_added": "can be added",
    "at_maximum": "at its maximum",
    "backing_off": "the cloud refuses for now",
    "unknown": "unknown",
}


def machines_table(machines: list[dict[str, Any]]) -> Table:
    """What may come, a row for each."""
    made = table(
        ("MACHINE", {"overflow": "fold", "min_width": 8}),
        ("CPU", {"justify": "right", "no_wrap": True}),
        ("MEMORY", {"justify": "right", "no_wrap": True}),
        ("GPU", {"overflow": "fold"}),
        ("STATE", {"overflow": "fold"}),
    )
    for machine in machines[:MOST]:
        whole = machine["allocatable"]
        made.add_row(
            safe(machine_name(machine)),
            cores(whole["cpu_millicores"]) if whole else "?",
            size(whole["memory_bytes"]) if whole else "?",
            safe(_gpu(machine)),
            safe(machine_state(machine), style="" if machine["state"] in ("on_its_way", "can_be_added") else "yellow"),
        )
    return made


def machine_name(machine: dict[str, Any]) -> str:
    """The pool, and the kind where it is known."""
    return f"{machine['pool']} ({machine['kind']})" if machine["kind"] else str(machine["pool"])


def _gpu(machine: dict[str, Any]) -> str:
    gpu = machine["gpu"]
    if gpu is None:
        return "?" if machine["allocatable"] is None else "-"
    return f"{gpu['count']} x {gpu['model'] or 'GPU'}"


def machine_state(machine: dict[str, Any]) -> str:
    """`can be added (2 more), about 4 min`, or why not."""
    text = _STATES.get(machine["state"], str(machine["state"]))
    if machine["state"] == "can_be_added" and machine["left"] is not None:
        text += f" ({machine['left']} more)"
    if machine["about_seconds"] is not None:
        text += f", about {duration(machine['about_seconds'])}"
    return f"{text}: {machine['why']}" if machine["why"] else text
