"""`moorage fit`"""

import asyncio
import sys
from typing import Any

import click
from rich.console import Console

from moorage.cli.asked import Asked, Refused, pods_of
from moorage.cli.options import output_option, source_options
from moorage.cli.show import console, safe, structured, table
from moorage.cli.source import Origin, opened
from moorage.errors import InvalidObject, MoorageError
from moorage.scheduling.words import amount_words

# More rows than this help nobody; -o json has all of them.
MOST_ROWS = 40
MOST_HELD = 3
MOST_NAMED = 5


@click.command(
    help="Whether a pod fits, where, and what would fit instead. Exit status: 0 it fits, 1 it fits nowhere (of several "
    "pods: one of them), 2 neither could be found out."
)
@click.option("--cpu", metavar="CORES", help="CPU, such as 4 or 500m.")
@click.option("--memory", metavar="SIZE", help="Memory, such as 16Gi.")
@click.option("--gpu", type=click.IntRange(0), metavar="COUNT", help="GPU units.")
@click.option("--gpu-resource", metavar="NAME", help="Their resource name, where there are several.")
@click.option("--node", metavar="NAME", help="On this node only.")
@click.option("--image", metavar="NAME", help="This image of the catalogue, or any reference.")
@click.option("--namespace", metavar="NAME", help="Namespace of the pod.")
@click.option(
    "--pod",
    "pod_file",
    metavar="FILE",
    help="Ask for these very pods: YAML or JSON, - for standard input. Pods, what makes pods (Deployment, StatefulSet, "
    "Job, CronJob …), or several of them.",
)
@output_option
@source_options
def fit(*, origin: Origin, output: str, pod_file: str | None, **wish: Any) -> None:
    asked = {name: value for name, value in wish.items() if value is not None}
    if pod_file is not None:
        sys.exit(_answer_pods(origin, _pods(origin, pod_file, options=asked), output=output))
    if not asked:
        raise click.UsageError("Say what to fit: --cpu, --memory, --gpu and so on, or --pod FILE.")
    answer = asyncio.run(_ask(origin, {"ask": asked}))
    if output == "table":
        _print(answer, console(), node=wish.get("node"))
    else:
        structured(answer, output=output)
    sys.exit(0 if _has_place(answer) else 1)


def _answer_pods(origin: Origin, pods: list[Asked], *, output: str) -> int:
    """Each pod with its answer; the exit status of all of them."""
    answers, refused = asyncio.run(_ask_each(origin, pods))
    if output == "table":
        for number, (pod, answer) in enumerate(answers):
            _head(pod, console(), first=number == 0, several=len(pods) > 1)
            _print(answer, console(), node=None)
    else:
        shown = [{"asked": pod.shown(), **answer} for pod, answer in answers]
        structured(shown if len(pods) > 1 else shown[0], output=output)
    return 2 if refused else int(not all(_has_place(answer) for _, answer in answers))


def _has_place(answer: dict[str, Any]) -> bool:
    return answer["fits"] and any(map(_fits, answer["nodes"].values()))


def _fits(verdict: dict[str, Any]) -> bool:
    """Whether the pod would have a place there, and its images run on it."""
    return verdict["fits"] and not verdict.get("image_problem")


def _pods(origin: Origin, file: str, *, options: dict[str, Any]) -> list[Asked]:
    """What the file asks for; what else it holds is said on standard error."""
    if options.keys() - {"namespace"}:
        raise click.UsageError("A pod says by itself what it asks for: leave out the options beside --pod.")
    if file == "-" and "-" in origin.dumps:
        raise click.UsageError("Only one of --pod and --from can be standard input.")
    from moorage.cluster.dumps import read_file, shown_name

    pods, others = pods_of(read_file(file), namespace=options.get("namespace"))
    if not pods:
        raise MoorageError(
            f"there is no pod in {shown_name(file)}", hint="it is the YAML or JSON of pods, or of what makes pods"
        )
    if others:
        more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
        click.echo(f"moorage: left out, since no pod is in it: {safe(', '.join(others[:MOST_NAMED]))}{more}", err=True)
    return pods


async def _ask_each(origin: Origin, pods: list[Asked]) -> tuple[list[tuple[Asked, dict[str, Any]]], bool]:
    """The answers, and whether one was refused: it is said on standard error, and hides no other."""
    answers, refused = [], False
    async with opened(origin) as source:
        for pod in pods:
            try:
                answers.append((pod, await source.fit({"pod": pod.pod})))
            except (InvalidObject, Refused) as exc:
                if len(pods) == 1:
                    raise
                refused = True
                click.echo(f"moorage: {safe(pod.title)}: {safe(exc)}", err=True)
    return answers, refused


def _head(pod: Asked, out: Console, *, first: bool, several: bool) -> None:
    if not first:
        out.print()
    if several or pod.kind != "Pod":
        out.print(safe(pod.title, style="bold"))
    for note in pod.notes:
        out.print(safe(note))


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
    return f"{name} ({held.get('text') or amount_words(held['resource'], held['amount'])})"


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
