"""`moorage nodes`"""

import asyncio
from typing import Any

import click
from rich.live import Live
from rich.table import Table

from moorage.cli.options import output_option, source_options
from moorage.cli.show import console, cores, safe, size, structured, table
from moorage.cli.source import Origin, opened


@click.command(help="What is free on each node now, of what a pod could ever get there.")
@click.option("-w", "--watch", is_flag=True, help="Go on and show every change.")
@output_option
@source_options
def nodes(*, origin: Origin, output: str, watch: bool) -> None:
    asyncio.run(_follow(origin, output=output) if watch else _once(origin, output=output))


async def _once(origin: Origin, *, output: str) -> None:
    async with opened(origin) as source:
        found = await source.nodes()
    if output == "table":
        console().print(_table(found))
    else:
        structured(found, output=output)


async def _follow(origin: Origin, *, output: str) -> None:
    async with opened(origin) as source:
        if output == "table" and console().is_terminal:
            with Live(console=console(), auto_refresh=False) as live:
                async for found in source.watch():
                    live.update(_table(found), refresh=True)
            return
        async for found in source.watch():
            if output == "table":
                console().print(_table(found))
                click.echo()
            else:
                structured(found, output=output)


def _table(found: list[dict[str, Any]]) -> Table:
    made = table(
        ("NODE", {"overflow": "fold", "min_width": 8, "ratio": None}),
        ("FREE CPU", {"justify": "right", "no_wrap": True}),
        ("MEMORY", {"justify": "right", "no_wrap": True}),
        ("GPU", {"justify": "right", "no_wrap": True}),
        ("CARDS", {"overflow": "fold"}),
        ("STATE", {"overflow": "fold"}),
    )
    for node in found:
        free, whole = node["available"], node["allocatable"]
        made.add_row(
            safe(node["name"]),
            f"{cores(free['cpu_millicores'])}/{cores(whole['cpu_millicores'])}",
            f"{size(free['memory_bytes'])}/{size(whole['memory_bytes'])}",
            f"{free['gpu']}/{whole['gpu']}" if whole["gpu"] or node["capacity"]["gpu"] else "-",
            safe(_cards(node)),
            safe(_state(node), style="" if node["schedulable"] else "yellow"),
        )
    if not found:
        made.add_row(safe("The cluster has no nodes."))
    return made


def _cards(node: dict[str, Any]) -> str:
    groups: dict[str, int] = {}
    for card in node.get("gpu_details", []):
        groups[card["model"]] = groups.get(card["model"], 0) + 1
    return ", ".join(f"{count} x {model}" if count > 1 else model for model, count in groups.items())


def _state(node: dict[str, Any]) -> str:
    words = []
    if node.get("ready") is False:
        words.append("NotReady")
    if node.get("cordoned"):
        words.append("cordoned")
    taints = [t for t in node.get("taints") or [] if not str(t.get("key", "")).startswith("node.kubernetes.io/")]
    if taints:
        words.append("tainted")
    if node.get("unreadable_pods"):
        words.append(f"{node['unreadable_pods']} unreadable pods")
    if not words and not node["schedulable"]:
        words.append("takes no pods")
    return ", ".join(words) or "ready"
