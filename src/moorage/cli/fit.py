"""`moorage fit`"""

import asyncio
import sys
from typing import Any

import click
from rich.console import Console

from moorage.cli.asked import Asked, Refused, pods_of
from moorage.cli.machines import machine_name, machine_state
from moorage.cli.options import output_option, source_options
from moorage.cli.show import console, safe, structured, table
from moorage.cli.sources.source import Origin, opened
from moorage.errors import InvalidObject, MoorageError
from moorage.scheduling.words.amounts import amount_words

# More rows than this help nobody; -o json has all of them.
MOST_ROWS = 40
MOST_HELD = 3
MOST_NAMED = 5
MOST_MACHINES = 10
_COMING = {"on_its_way": "Fits on a machine that is on its way.", "new_machine": "Would fit on a new machine."}


@click.command(
    help="Whether a pod fits, where, and what would fit instead. Exit status: 0 if it has a place, evictions included, "
    "1 if it (or one of several pods) has none, 2 if that could not be determined."
)
@click.option("--cpu", metavar="CORES", help="CPU, such as 4 or 500m.")
@click.option("--memory", metavar="SIZE", help="Memory, such as 16Gi.")
@click.option("--gpu", type=click.IntRange(0), metavar="COUNT", help="GPU units.")
@click.option("--gpu-resource", metavar="NAME", help="Resource name of the GPUs, if there are several kinds.")
@click.option("--node", metavar="NAME", help="Only this node.")
@click.option("--image", metavar="NAME", help="Image from the catalogue, or any reference.")
@click.option("--namespace", metavar="NAME", help="Namespace of the pod.")
@click.option(
    "--pod",
    "pod_file",
    metavar="FILE",
    help="YAML or JSON file with pods, or with what creates them (Deployment, StatefulSet, Job, CronJob …), and with "
    "PersistentVolumeClaims to create before; - reads standard input.",
)
@output_option
@source_options
def fit(*, origin: Origin, output: str, pod_file: str | None, **wish: Any) -> None:
    asked = {name: value for name, value in wish.items() if value is not None}
    if pod_file is not None:
        sys.exit(_answer_pods(origin, _pods(origin, pod_file, options=asked), output=output))
    if not asked:
        raise click.UsageError("Say what should fit: use --cpu, --memory, --gpu and so on, or --pod FILE.")
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
    """Whether the pod has a place, evictions included."""
    return answer.get("answer") in ("now", "after_eviction")


def _fits(verdict: dict[str, Any]) -> bool:
    """Whether the pod would have a place there, and its images run on it."""
    return verdict["fits"] and not verdict.get("image_problem")


def _pods(origin: Origin, file: str, *, options: dict[str, Any]) -> list[Asked]:
    """What the file asks for; what else it holds is said on standard error."""
    if options.keys() - {"namespace"}:
        raise click.UsageError("The pod already says what it needs: leave out the options other than --pod.")
    if file == "-" and "-" in origin.dumps:
        raise click.UsageError("Only one of --pod and --from can read standard input.")
    from moorage.cluster.dumps import read_file, shown_name

    pods, others = pods_of(read_file(file), namespace=options.get("namespace"))
    if not pods:
        raise MoorageError(
            f"there is no pod in {shown_name(file)}",
            hint="use YAML or JSON with a pod, or with something that creates pods, such as a Deployment",
        )
    if others:
        more = f" and {len(others) - MOST_NAMED} more" if len(others) > MOST_NAMED else ""
        click.echo(
            f"moorage: ignored, since they contain no pod: {safe(', '.join(others[:MOST_NAMED]))}{more}", err=True
        )
    return pods


async def _ask_each(origin: Origin, pods: list[Asked]) -> tuple[list[tuple[Asked, dict[str, Any]]], bool]:
    """The answers, and whether one was refused: it is said on standard error, and hides no other."""
    answers, refused = [], False
    async with opened(origin) as source:
        for pod in pods:
            try:
                answers.append((pod, await source.fit(pod.request)))
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
        out.print(safe(f"The API server would reject it: {refusal['text']}", style="bold red"))
    if fitting:
        out.print(safe(f"Fits on {len(fitting)} of {len(nodes)} nodes.", style="bold green"))
    elif answer.get("answer") == "after_eviction":
        out.print(safe("Fits after an eviction.", style="bold green"), safe(answer["answer_text"]))
    elif answer["prefilter"] is not None:
        out.print(safe("Does not fit on any node:", style="bold red"))
        for reason in answer["prefilter"]["reasons"]:
            out.print(safe(f"  {reason['text'] or reason['message']}"))
    elif answer.get("answer") in _COMING:
        out.print(safe(_COMING[answer["answer"]], style="bold yellow"), safe(answer["answer_text"]))
    else:
        out.print(safe(f"Does not fit on any node ({len(nodes)} checked).", style="bold red"))
        if node and node not in nodes:
            out.print(safe(f"The cluster has no node named {node}."))
    if nodes:
        out.print(_table(nodes))
    if len(nodes) > MOST_ROWS:
        out.print(safe(f"… and {len(nodes) - MOST_ROWS} more; use -o json to see all."))
    for machine in answer.get("machines", [])[:MOST_MACHINES]:
        out.print(safe(f"{machine_name(machine)}: {_on_machine(machine)}"))
    for sentence in [] if fitting or _has_place(answer) else answer["would_work"].get("sentences", []):
        # Of a smaller ask the sentence itself says that it is one.
        out.print(safe(sentence if answer["would_work"].get("closest") else f"What would work: {sentence}"))
    for name, held in [] if fitting else list(answer.get("held_by", {}).items())[:MOST_HELD]:
        out.print(safe(f"Held on {name} by {', '.join(_holders(held))}"))
    for sentence in answer.get("warnings", []):
        out.print(safe(f"Note: {sentence}"))
    for sentence in answer["undecided"]:
        out.print(safe(f"Undecided: {sentence}"))


def _on_machine(machine: dict[str, Any]) -> str:
    """What the pod would find on a machine that is not there yet."""
    problem = machine.get("image_problem")
    reasons = [*([problem] if problem else []), *machine["reasons"]]
    why = "; ".join(reason["text"] or reason["message"] for reason in reasons)
    fits = {True: "fits", False: f"does not fit: {why}", None: "not known whether it fits"}[machine["fits"]]
    return f"{fits}; {machine_state(machine)}"


def _holders(held: list[dict[str, Any]]) -> list[str]:
    """Each holder once, with all that it holds."""
    amounts: dict[str, list[str]] = {}
    for one in held:
        name = "/".join(filter(None, (one["namespace"], one["pod"])))
        amounts.setdefault(name, []).append(one.get("text") or amount_words(one["resource"], one["amount"]))
    return [f"{name} ({', '.join(told)})" for name, told in amounts.items()]


def _shown(verdict: dict[str, Any]) -> str:
    if _fits(verdict):
        return "yes"
    evict = verdict.get("evict")
    return f"evicts {evict['count']}" if evict else "no"


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
        made.add_row(safe(name), safe(_shown(verdict)), safe(why))
    return made
