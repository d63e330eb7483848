"""A node as pages get it, made once for all of them: the stream's JSON, and the option of the form's Node field."""

from __future__ import annotations

import json
from html import escape
from typing import TYPE_CHECKING, Any

from moorage.hub.amounts import ANY_MAKER, cpu_words, memory_words, short_resource
from moorage.texts import again, current, t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moorage.hub.view.facts import NodeFacts


def encoded(node: NodeFacts) -> NodeFacts:
    """With what pages get."""
    option(node)  # what most forms need, while nobody waits for it
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
    if node.zone:
        page["zone"] = node.zone
    if node.preparing:
        page["preparing"] = node.preparing
    if node.machine is not None:
        page |= {"title": node.machine.title, "machine": node.machine.words}
    return json.dumps(page, ensure_ascii=True, separators=(",", ":")).encode()


def option(node: NodeFacts, *, by_maker: bool = False) -> str:
    """The option of the form's Node field, made once for all who read the same language. `by_maker`: as where cards of
    several makers are offered.
    """
    key = current(), by_maker and any(units.allocatable for units in node.gpus)
    if key not in node.options:
        node.options[key] = _option(node, by_maker=key[1])
    return node.options[key]


def _option(node: NodeFacts, *, by_maker: bool) -> str:
    closed = " disabled" if node.closed or not node.selector else ""
    return f'<option value="{escape(node.name)}"{closed}>{escape(node_words(node, by_maker=by_maker))}</option>'


def closed_option(name: str, reason: str) -> str:
    """The option of a node that can't be chosen."""
    return f'<option value="{escape(name)}" disabled>{escape(f"{name} ({again(reason)})")}</option>'


def node_words(node: NodeFacts, *, by_maker: bool = False) -> str:
    """A node in the list: its name and what can be had on it now. `by_maker`: as where cards of several are offered."""
    among = ANY_MAKER if by_maker else [units.resource for units in node.gpus]
    if node.closed:
        return f"{again(node.title)} ({again(node.closed)})"
    if node.machine is not None:
        return _machine_words(node, by_maker=by_maker)
    if node.hostname is None:
        return t("{name} (can't be chosen: no hostname label)", name=node.name)
    parts = _amount_words(node, among)
    free = t("{amounts} free", amounts=", ".join(parts)) if parts else t("free: unknown")
    return f"{node.name} ({free}; {again(node.preparing)})" if node.preparing else f"{node.name} ({free})"


def _machine_words(node: NodeFacts, *, by_maker: bool) -> str:
    among = ANY_MAKER if by_maker else [units.resource for units in node.gpus]
    size = ", ".join(_amount_words(node, among)) or t("size unknown")
    words = again(node.machine.words) if node.machine is not None else ""
    return f"{again(node.title)} ({size}; {words})"


def _amount_words(node: NodeFacts, among: Sequence[str]) -> list[str]:
    parts = []
    if node.available.cpu is not None:
        parts.append(t("{amount} CPU", amount=cpu_words(node.available.cpu)))
    if node.available.memory is not None:
        parts.append(memory_words(node.available.memory))
    parts.extend(
        f"{units.available} {short_resource(units.resource, among=among)}"
        for units in node.gpus
        if units.allocatable and units.available is not None
    )
    return parts
