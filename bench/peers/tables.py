"""The tables of docs/peers.md."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from answers import COLUMNS

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from tools import Row

_PART = re.compile(r"(<!-- bench-peers: measured -->\n).*?(<!-- end of measured -->)", re.DOTALL)


@dataclass(frozen=True)
class Facts:
    """What the figures were measured on."""

    day: date
    kubernetes: str
    machine: str
    nodes: int
    pods: int
    runs: int
    # Whether others had the processors before this began.
    busy: bool
    left_out: tuple[str, ...]


def text(rows: list[Row], *, facts: Facts, names: dict[str, str]) -> str:
    """Markdown: the figures, and who counts what otherwise."""
    head = (
        f"Measured on {facts.day.isoformat()}: {facts.nodes} nodes and {facts.pods:,} pods on Kubernetes {facts.kubernetes},"
        f" everything on one machine with {facts.machine}; "
        + (f"medians of {facts.runs} runs." if facts.runs > 1 else "one run.")
    )
    busy = ("Others used the machine meanwhile, so times are longer than on a quiet one; processor times hardly are.",)
    parts = [
        " ".join((head, *(busy if facts.busy else ()), *facts.left_out)),
        _figures(rows, of=len(names)),
        _differences(rows, names),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _figures(rows: list[Row], *, of: int) -> str:
    columns = (
        "",
        "version",
        "time",
        "processor time",
        "the API server's",
        "bytes from it",
        "memory",
        *(f"{name} wrong" for name in COLUMNS),
    )
    lines = [_line(columns), _line(["---"] * 2 + ["---:"] * (len(columns) - 2))]
    for row in rows:
        wrong = ["not told" if nodes is None else f"{len(nodes)} of {of}" for nodes in row.wrong.values()]
        lines.append(
            _line(
                (
                    row.tool,
                    row.version,
                    _time(row.seconds),
                    _time(row.cpu),
                    _time(row.server_cpu),
                    _size(row.came),
                    f"{row.peak_mb:.0f} MB",
                    *wrong,
                )
            )
        )
    return "\n".join(lines)


def _differences(rows: list[Row], names: dict[str, str]) -> str:
    """For each node that somebody has wrong, who has it right, and what each tells otherwise."""
    others = [row for row in rows if any(row.wrong.values())]
    if not others:
        return ""
    columns = ("on a node with …", *(row.tool for row in others))
    lines = [_line(columns), _line(["---"] * len(columns))]
    for node, what in names.items():
        cells = []
        for row in others:
            wrong = [name for name, nodes in row.wrong.items() if nodes and node in nodes]
            cells.append(" and ".join(filter(None, (", ".join(wrong[:-1]), *wrong[-1:]))) or "✓")
        if set(cells) != {"✓"}:
            lines.append(_line((what, *cells)))
    return "What each of them has wrong:\n\n" + "\n".join(lines)


def _line(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _time(seconds: float) -> str:
    # Processor time is told in hundredths of a second.
    if seconds < 0.005:
        return f"{seconds * 1000:,.1f} ms" if seconds else "< 10 ms"
    return f"{seconds:,.2f} s"


def _size(count: int) -> str:
    return "nothing" if count < 1000 else f"{count / 1e6:,.1f} MB"


def write(path: Path, part: str) -> None:
    """Put the part in its place on the page."""
    before = path.read_text()
    after, found = _PART.subn(lambda match: match[1] + "\n" + part + "\n" + match[2], before)
    if found != 1:
        raise SystemExit(f"{path.name} has no place for the tables.")
    path.write_text(after)
