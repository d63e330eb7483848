"""Findings as a list that stays readable in 80 columns."""

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from moorage.cli.doctor.findings import Finding, State, summed_up
from moorage.cli.show import safe

_MARKS = {
    State.OK: ("✓", "green"),
    State.NOTE: ("i", "blue"),
    State.ATTENTION: ("!", "yellow"),
    State.FAILED: ("✗", "bold red"),
    State.UNKNOWN: ("?", "cyan"),
    State.SKIPPED: ("–", "dim"),
}
# For terminals that can't spell the marks.
_PLAIN = {"✓": "+", "✗": "x", "→": "->", "–": "-"}


def show(found: list[Finding], *, hub: str, namespace: str, console: Console) -> None:
    """The table, the commands below it, and the sum. Commands are on a line of their own that only the terminal breaks,
    so that they can be copied.
    """
    title = f"Release {hub} in the namespace {namespace}" if hub else f"Namespace {namespace}"
    console.print(safe(title, style="bold"), "", _table(found, plain=console.options.ascii_only), "", sep="\n")
    for commands in dict.fromkeys(one.commands for one in found if one.commands):
        click.echo(", ".join(one.subject for one in found if one.commands == commands) + ":")
        click.echo("".join(f"  $ {safe(command)}\n" for command in commands))
    click.echo(summed_up(found))


def _table(found: list[Finding], *, plain: bool) -> Table:
    def spelled(text: str) -> str:
        return _PLAIN.get(text, text) if plain else text

    made = Table.grid(padding=(0, 1, 0, 0))
    made.add_column(no_wrap=True)
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    told: set[str] = set()
    for one in found:
        mark, style = _MARKS[one.state]
        again = one.state in (State.UNKNOWN, State.SKIPPED) and one.says in told
        says = safe("The same." if again else one.says)
        if one.why:
            says.append(" ").append_text(safe(one.why))
        if one.next and not again:
            says.append(f"\n{spelled('→')} ").append_text(safe("the same" if one.next in told else one.next))
            says.append(" (commands below)" if one.commands else "")
        told |= {one.says, one.next or ""}
        # Of `rights.nodes` the sentence names the right.
        made.add_row(Text(spelled(mark), style=style), safe(one.subject.partition(".")[0], style="bold"), says)
    return made
