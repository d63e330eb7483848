"""A node as pages get it, made once for all of them: the stream's JSON, and the option of the form's Node field."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

from moorage.hub.amounts import ANY_MAKER, cpu_words, memory_words, short_resource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moorage.hub.view.facts import NodeFacts


def encoded(node: NodeFacts) -> NodeFacts:
    """With what pages get."""
    object.__setattr__(node, "option", _option(node))
    has_cards = any(units.allocatable for units in node.gpus)
    object.__setattr__(node, "option_by_maker", _option(node, by_maker=True) if has_cards else node.option)
    object.__setattr__(node, "page", _page(node, names=False))
    object.__setattr__(node, "named_page", _page(node, names=True) if node.holders else node.page)
    return node


def _kept(amount: int | None) -> dict[str, int]:
    return {"evictable": amount} if amount else {}


def _page(node: NodeFacts, *, names: bool) -> bytes:
    page: dict[str, Any] = {
        "name": node.name,
        "cpu": {
            "available": node.available.cpu,
            "allocatable": node.allocatable.cpu,
            **_kept(node.evictable.cpu),
            # A limit may be all that the machine has.
            **({} if node.capacity.cpu == node.allocatable.cpu else {"capacity": node.capacity.cpu}),
        },
        "memory": {
            "available": node.available.memory,
            "allocatable": node.allocatable.memory,
            **_kept(node.evictable.memory),
        },
        "gpus": [units.as_json() for units in node.gpus],
        "cards": node.cards.words(names=names),
        "closed": node.closed,
        "pickable": node.closed is None and bool(node.selector),
        "taints": [taint.words() for taint in node.keeps_off],
        "os": node.os,
        "arch": node.arch,
    }
    if node.preparing:
        page["preparing"] = node.preparing
    if node.machine is not None:
        page |= {"title": node.machine.title, "machine": node.machine.words}
    return json.dumps(page, ensure_ascii=True, separators=(",", ":")).encode()


def _option(node: NodeFacts, *, by_maker: bool = False) -> str:
    closed = " disabled" if node.closed or not node.selector else ""
    return f'<option value="{escape(node.name)}"{closed}>{escape(node_words(node, by_maker=by_maker))}</option>'


def closed_option(name: str, reason: str) -> str:
    """The option of a node that can't be chosen."""
    return f'<option value="{escape(name)}" disabled>{escape(f"{name} ({reason})")}</option>'


def node_words(node: NodeFacts, *, by_maker: bool = False) -> str:
    """A node in the list: its name and what can be had on it now. `by_maker`: as where cards of several are offered."""
    among = ANY_MAKER if by_maker else [units.resource for units in node.gpus]
    if node.closed:
        return f"{node.title} ({node.closed})"
    if node.machine is not None:
        return _machine_words(node, by_maker=by_maker)
    if node.hostname is None:
        return f"{node.name} (can't be chosen: no hostname label)"
    parts = _amount_words(node, among)
    free = f"{', '.join(parts)} free" if parts else "free: unknown"
    return f"{node.name} ({free}; {node.preparing})" if node.preparing else f"{node.name} ({free})"


def _machine_words(node: NodeFacts, *, by_maker: bool) -> str:
    among = ANY_MAKER if by_maker else [units.resource for units in node.gpus]
    size = ", ".join(_amount_words(node, among)) or "size unknown"
    words = node.machine.words if node.machine is not None else ""
    return f"{node.title} ({size}; {words})"


def _amount_words(node: NodeFacts, among: Sequence[str]) -> list[str]:
    parts = []
    if node.available.cpu is not None:
        parts.append(f"{cpu_words(node.available.cpu)} CPU")
    if node.available.memory is not None:
        parts.append(memory_words(node.available.memory))
    parts.extend(
        f"{units.available} {short_resource(units.resource, among=among)}"
        for units in node.gpus
        if units.allocatable and units.available is not None
    )
    return parts
