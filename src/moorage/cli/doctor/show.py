"""Findings as a list that stays readable in 80 columns, and as JSON."""

from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from moorage.cli.doctor.findings import Finding, State
from moorage.cli.show import safe

_MARKS = {
    State.OK: ("✓", "green"),
    State.ATTENTION: ("!", "yellow"),
    State.FAILED: ("✗", "bold red"),
    State.UNKNOWN: ("?", "cyan"),
}
# For terminals that can't spell the marks.
_PLAIN = {"✓": "+", "✗": "x", "→": "->"}


def as_json(found: list[Finding], *, hub: str, namespace: str) -> dict[str, Any]:
    return {
        "release": hub or None,
        "namespace": namespace,
        "findings": [
            {"subject": one.subject, "state": str(one.state), "says": one.says, "next": one.next} for one in found
        ],
    }


def as_text(found: list[Finding], *, hub: str, namespace: str, console: Console) -> Group:
    def spelled(text: str) -> str:
        return _PLAIN.get(text, text) if console.options.ascii_only else text

    made = Table.grid(padding=(0, 1, 0, 0))
    made.add_column(no_wrap=True)
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    told: set[str] = set()
    for one in found:
        mark, style = _MARKS[one.state]
        again = one.state is State.UNKNOWN and one.says in told
        told.add(one.says)
        says = safe("Unknown for the same reason." if again else one.says)
        if one.next and not again:
            says.append(f"\n{spelled('→')} ").append_text(safe(one.next))
        made.add_row(Text(spelled(mark), style=style), safe(one.subject, style="bold"), says)
    return Group(
        safe(f"Release {hub} in the namespace {namespace}" if hub else f"Namespace {namespace}", style="bold"),
        "",
        made,
        "",
        safe(_sum(found)),
    )


def _sum(found: list[Finding]) -> str:
    counts = {state: sum(one.state is state for one in found) for state in State}
    parts = [
        f"{counts[state]} {words}"
        for state, words in ((State.FAILED, "wrong"), (State.ATTENTION, "to look at"), (State.UNKNOWN, "unknown"))
        if counts[state]
    ]
    return f"{', '.join(parts)}; {counts[State.OK]} fine." if parts else "All is well."
