"""`moorage nodes`"""

import asyncio
from collections.abc import Callable
from typing import Any

import click
from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from moorage.cli.machines import machines_table
from moorage.cli.options import output_option, source_options
from moorage.cli.queues import queues_table
from moorage.cli.show import console, cores, safe, size, structured, table
from moorage.cli.sources.source import Origin, opened
from moorage.scheduling.words.amounts import is_card, resource_words

Draw = Callable[[list[dict[str, Any]]], RenderableType]


@click.command(help="What is free on each node right now, out of what pods can use there.")
@click.option("-w", "--watch", is_flag=True, help="Keep running and show every change.")
@click.option("--cards", is_flag=True, help="Show one line per GPU instead: state, memory, utilization, and warnings.")
@output_option
@source_options
def nodes(*, origin: Origin, output: str, watch: bool, cards: bool) -> None:
    draw = _cards_table if cards else _table
    asyncio.run(_follow(origin, output=output, draw=draw) if watch else _once(origin, output=output, draw=draw))


async def _once(origin: Origin, *, output: str, draw: Draw) -> None:
    async with opened(origin) as source:
        found = await source.nodes()
        whole = output == "table" and draw is _table
        coming = await source.machines() if whole else []
        queues = queues_table(await source.queues()) if whole else None
    if output == "table":
        console().print(draw(found))
        if coming:
            console().print("", machines_table(coming), sep="\n")
        if queues is not None:
            console().print("", queues, sep="\n")
    else:
        structured(found, output=output)


async def _follow(origin: Origin, *, output: str, draw: Draw) -> None:
    async with opened(origin) as source:
        if output == "table" and console().is_terminal:
            with Live(console=console(), auto_refresh=False) as live:
                async for found in source.watch():
                    live.update(draw(found), refresh=True)
            return
        async for found in source.watch():
            if output == "table":
                console().print(draw(found))
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
            f"{cores(free['cpu_millicores'])}/{cores(whole['cpu_millicores'])}{_more(node, 'cpu_millicores', cores)}",
            f"{size(free['memory_bytes'])}/{size(whole['memory_bytes'])}{_more(node, 'memory_bytes', size)}",
            Text("\n").join(map(safe, _units(node))),
            safe(_cards(node)),
            safe(_state(node), style="" if node["schedulable"] else "yellow"),
        )
    if not found:
        made.add_row(safe("The cluster has no nodes."))
    return made


def _more(node: dict[str, Any], what: str, words: Callable[[int], str]) -> str:
    """What the scheduler would make of it for a person's server, on a line of its own."""
    amount = (node.get("evictable") or {}).get(what)
    return f"\n+{words(amount)} after eviction" if amount else ""


def _units(node: dict[str, Any]) -> list[str]:
    """Free and usable GPU units, a line for each maker where there are cards of several; `?` is what only the scheduler
    can tell.
    """
    kinds = [unit for unit in node.get("gpu_units") or [] if unit["allocatable"] != 0 or unit["capacity"] != 0]
    if len([unit for unit in kinds if is_card(unit["resource"])]) > 1:
        names = (resource_words(unit["resource"], by_maker=True).removesuffix(" GPU") for unit in kinds)
        shares = (_share(unit["available"], unit["allocatable"]) for unit in kinds)
        return [f"{share} {name}" for share, name in zip(shares, names, strict=True)]
    free, whole, there = (node[block]["gpu"] for block in ("available", "allocatable", "capacity"))
    return ["-" if whole == 0 and there == 0 else _share(free, whole)]


def _share(*amounts: int | None) -> str:
    return "/".join("?" if amount is None else str(amount) for amount in amounts)


def _cards_table(found: list[dict[str, Any]]) -> Group:
    """Each card a row; what is odd about cards stands below, each sentence once for a node, and so do pools of cards
    that several nodes reach, each once.
    """
    made = table(
        ("NODE", {"overflow": "fold", "min_width": 8, "ratio": None}),
        ("#", {"justify": "right", "no_wrap": True}),
        ("MODEL", {"overflow": "fold"}),
        ("STATE", {"overflow": "fold"}),
        ("MEMORY USED", {"overflow": "fold"}),
        ("BUSY", {"justify": "right", "no_wrap": True}),
    )
    notes: dict[tuple[str, str], list[str]] = {}
    for node in found:
        for card in node.get("gpu_details") or []:
            index, busy = str(card.get("index", "")), card.get("utilization")
            made.add_row(
                safe(node["name"]),
                index,
                safe(card["model"]),
                safe(_standing(card)),
                safe(_memory(card)),
                "unknown" if busy is None else f"{busy}%",
            )
            for sentence in [*(card.get("notes") or []), *map(str, card.get("disagreements") or [])]:
                notes.setdefault((node["name"], sentence), []).append(index)
    if not made.row_count:
        made.add_row(safe("No known GPU on any node."))
    below = [safe(f"{node} {', '.join(f'#{i}' for i in cards)}: {said}") for (node, said), cards in notes.items()]
    below += [
        safe(f"{node['name']}: {units['resource']}: {units['unknown']}")
        for node in found
        for units in node.get("gpu_units") or []
        if units.get("unknown")
    ]
    return Group(made, *below, *map(safe, network_pools(found)))


def network_pools(found: list[dict[str, Any]]) -> list[str]:
    """A sentence for each pool of cards that no node has for itself."""
    reached: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for node in found:
        for units in node.get("gpu_claims") or []:
            if units.get("network"):
                reached.setdefault((units["resource"], units["pool"]), []).append(units)
    return [_network_pool(name, units) for name, units in sorted(reached.items())]


def _network_pool(name: tuple[str, str], told: list[dict[str, Any]]) -> str:
    driver, pool = name
    models = ", ".join(f"{count} x {model}" for model, count in (told[0].get("models") or {}).items())
    free = [units["available"] for units in told if units["available"] is not None]
    left = f"{max(free)} of {told[0]['allocatable']} free" if free else "unknown how many are free"
    return f"Network pool {pool} ({driver}): {models}, {left}, reached by {len(told)} node{'s' * (len(told) != 1)}"


def _standing(card: dict[str, Any]) -> str:
    """The card's state, and who holds it as far as that is told."""
    state = str(card.get("state_text") or card.get("state") or "")
    told = [card.get("holder"), *(one.get("holder") for one in card.get("slices") or ())]
    names = list(dict.fromkeys(name for one in told if one for name in str(one).split(", ")))
    return f"{state}{' by ' if state == 'held' else ', by '}{', '.join(names)}" if names else state


def _memory(card: dict[str, Any]) -> str:
    used, total, age = card.get("memory_used"), card.get("memory_total"), card.get("age_seconds")
    text = "unknown" if used == "Unknown" else str(used)
    if total not in (None, "Unknown"):
        text += f" of {total}"
    return text if age is None else f"{text}, {age:.0f} s ago"


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
    if node.get("preparing"):
        words.append(str(node["preparing"]["text"]))
    taints = [
        t
        for t in node.get("taints") or []
        if not (t.get("passes") or str(t.get("key", "")).startswith("node.kubernetes.io/"))
    ]
    if taints:
        words.append("tainted")
    if node.get("unreadable_pods"):
        words.append(f"{node['unreadable_pods']} unreadable pods")
    if not words and not node["schedulable"]:
        words.append("takes no pods")
    return ", ".join(words) or "ready"
