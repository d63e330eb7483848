"""How answers are shown: tables that stay readable in 80 columns, JSON, YAML.

What comes from the cluster never reaches the terminal raw.
"""

import json
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text


def structured(answer: Any, *, output: str) -> None:
    if output == "json":
        click.echo(json.dumps(answer, indent=1, ensure_ascii=False))
    else:
        import yaml

        click.echo(yaml.safe_dump(answer, sort_keys=False, allow_unicode=True), nl=False)


def console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)


class Currency:
    """Says on standard error when this output may be out of date, and when it is current again; each once."""

    def __init__(self) -> None:
        self._said: str | None = None

    def tell(self, trouble: str | None) -> None:
        """`trouble` is what keeps the picture from being current, or None."""
        if trouble == self._said:
            return
        self._said = trouble
        click.echo(
            f"moorage: {safe(trouble)}; this output may be out of date"
            if trouble is not None
            else "moorage: this output is up to date again",
            err=True,
        )


def trouble_of(*, stale: bool, reason: str | None) -> str | None:
    """What a status says against the picture."""
    return (reason or "the cluster can't be followed") if stale else None


def table(*columns: tuple[str, dict[str, Any]]) -> Table:
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title, options in columns:
        made.add_column(title, **options)
    return made


def safe(text: Any, *, style: str = "") -> Text:
    """Escape sequences in a name or a message must not steer the terminal."""
    return Text("".join(c if c.isprintable() else "�" for c in str(text)), style=style)


def size(count: int | None) -> str:
    """Bytes in binary units, downwards, so that nobody is promised what is not there."""
    if count is None:
        return "unknown"
    amount, unit = abs(count), "B"
    whole = float(amount)
    for unit in ("B", "Ki", "Mi", "Gi", "Ti", "Pi"):
        if whole < 1024 or unit == "Pi":
            break
        whole /= 1024
    text = f"{int(whole)}" if whole >= 100 or unit == "B" or whole == int(whole) else f"{int(whole * 10) / 10:g}"
    return f"{'-' if count < 0 else ''}{text}{unit if unit != 'B' or amount else ''}"


def cores(millicores: int) -> str:
    return f"{millicores / 1000:g}"
