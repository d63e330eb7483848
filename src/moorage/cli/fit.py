"""`moorage fit`"""

import asyncio
import sys
from typing import Any

import click
from rich.console import Console

from moorage.cli.options import output_option, source_options
from moorage.cli.show import console, safe, structured, table
from moorage.cli.source import Origin, opened
from moorage.scheduling.words import amount_words

# More rows than this help nobody; -o json has all of them.
MOST_ROWS = 40
MOST_HELD = 3


@click.command(
    help="Whether a pod fits, where, and what would fit instead. Exit status: 0 it fits, 1 it fits nowhere, 2 neither "
    "could be found out."
)
@click.option("--cpu", metavar="CORES", help="CPU, such as 4 or 500m.")
@click.option("--memory", metavar="SIZE", help="Memory, such as 16Gi.")
@click.option("--gpu", type=click.IntRange(0), metavar="COUNT", help="GPU units.")
@click.option("--gpu-resource", metavar="NAME", help="Their resource name, where there are several.")
@click.option("--node", metavar="NAME", help="On this node only.")
@click.option("--image", metavar="NAME", help="This image of the catalogue, or any reference.")
@click.option("--namespace", metavar="NAME", help="Namespace of the pod.")
@click.option("--pod", "pod_file", metavar="FILE", help="Ask for this very pod: YAML or JSON, - for standard input.")
@output_option
@source_options
def fit(*, origin: Origin, output: str, pod_file: str | None, **wish: Any) -> None:
    answer = asyncio.run(_ask(origin, _request(origin, pod_file=pod_file, wish=wish)))
    if output == "table":
        _print(answer, console(), node=wish.get("node"))
    else:
        structured(answer, output=output)
    sys.exit(0 if answer["fits"] and any(map(_fits, answer["nodes"].values())) else 1)


def _fits(verdict: dict[str, Any]) -> bool:
    """Whether the pod would have a place there, and its images run on it."""
    return verdict["fits"] and not verdict.get("image_problem")


def _request(origin: Origin, *, pod_file: str | None, wish: dict[str, Any]) -> dict[str, Any]:
    asked = {name: value for name, value in wish.items() if value is not None}
    if pod_file is None:
        if not asked:
            raise click.UsageError("Say what to fit: --cpu, --memory, --gpu and so on, or --pod FILE.")
        return {"ask": asked}
    if asked.keys() - {"namespace"}:
        raise click.UsageError("A pod says by itself what it asks for: leave out the options beside --pod.")
    if pod_file == "-" and "-" in origin.dumps:
        raise click.UsageError("Only one of --pod and --from can be standard input.")
    from moorage.cluster.dumps import read_file

    pod = read_file(pod_file)[0]
    if "namespace" in asked:
        pod = {**pod, "metadata": {**(pod.get("metadata") or {}), "namespace": asked["namespace"]}}
    return {"pod": pod}


async def _ask(origin: Origin, request: dict[str, Any]) -> dict[str, Any]:
    async with opened(origin) as source:
        return await source.fit(request)


def _print(answer: dict[str, Any], out: Console, *, node: str | None) -> None:
    nodes = answer["nodes"]
    fitting = [name for name, verdict in nodes.items() if _fits(verdict)]
    for refusal in answer["refusals"]:
        out.print(safe(f"The API server would refuse it: {refusal['text']}", style="bold red"))
    if fitting:
        out.print(safe(f"It fits on {len(fitting)} of {len(nodes)} nodes.", style="bold green"))
    elif answer["prefilter"] is not None:
        out.print(safe("It fits nowhere: every node is refused at once.", style="bold red"))
        for reason in answer["prefilter"]["reasons"]:
            out.print(safe(f"  {reason['text'] or reason['message']}"))
    else:
        out.print(safe(f"It fits on none of {len(nodes)} nodes.", style="bold red"))
        if node and node not in nodes:
            out.print(safe(f"The cluster has no node named {node}."))
    if nodes:
        out.print(_table(nodes))
    if len(nodes) > MOST_ROWS:
        out.print(safe(f"… and {len(nodes) - MOST_ROWS} more; -o json shows all."))
    for sentence in [] if fitting else answer["would_work"].get("sentences", []):
        out.print(safe(f"What would work: {sentence}"))
    for name, held in [] if fitting else list(answer.get("held_by", {}).items())[:MOST_HELD]:
        out.print(safe(f"Held on {name} by: {', '.join(map(_holder, held))}"))
    for sentence in answer["undecided"]:
        out.print(safe(f"Not decided here: {sentence}"))


def _holder(held: dict[str, Any]) -> str:
    name = "/".join(filter(None, (held["namespace"], held["pod"])))
    return f"{name} ({amount_words(held['resource'], held['amount'])})"


def _table(nodes: dict[str, Any]) -> Any:
    made = table(
        ("NODE", {"overflow": "fold", "min_width": 8}),
        ("FITS", {"no_wrap": True}),
        ("WHY", {"overflow": "fold"}),
    )
    # Where it fits first: that is what was asked.
    for name, verdict in sorted(nodes.items(), key=lambda item: not _fits(item[1]))[:MOST_ROWS]:
        problem = verdict.get("image_problem")
        reasons = [*([problem] if problem else []), *verdict["reasons"]]
        why = "; ".join(reason["text"] or reason["message"] for reason in reasons)
        made.add_row(safe(name), safe("yes" if _fits(verdict) else "no"), safe(why))
    return made
