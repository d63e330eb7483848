"""Verdicts: what the scheduler would say of one pod on every node.

A verdict is a value. Nodes that are refused for the same reasons share one object, so that an answer for 5,000 nodes
costs little more than its dict.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec


class Shortage(msgspec.Struct, frozen=True, gc=False):
    """How much of a resource was asked and how much is there, in the resource's whole units (cpu in thousandths)."""

    resource: str
    asked: int
    free: int
    allocatable: int

    @property
    def short_by(self) -> int:
        return self.asked - self.free


class NodeVerdict(msgspec.Struct, frozen=True, gc=False):
    """One node's answer: it fits, or the first plugin that refuses says why, in upstream's exact words."""

    fits: bool
    plugin: str | None = None
    reasons: tuple[str, ...] = ()
    unresolvable: bool = False
    details: tuple[Shortage, ...] = ()


FITS = NodeVerdict(fits=True)
_LONGEST = 4096


def refuse(plugin: str, *reasons: str, unresolvable: bool = False) -> NodeVerdict:
    """A refusal; the same words give the same object. Unresolvable: removing other pods would not help."""
    make = _remembered if sum(map(len, reasons)) <= _LONGEST else _refusal
    return make(plugin, reasons, unresolvable=unresolvable)


@lru_cache(maxsize=1024)
def _remembered(plugin: str, reasons: tuple[str, ...], *, unresolvable: bool) -> NodeVerdict:
    return _refusal(plugin, reasons, unresolvable=unresolvable)


def _refusal(plugin: str, reasons: tuple[str, ...], *, unresolvable: bool) -> NodeVerdict:
    return NodeVerdict(fits=False, plugin=plugin, reasons=reasons, unresolvable=unresolvable)


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """The whole answer. Where `prefilter` is set the pod is refused everywhere and `nodes` is empty.

    `undecided` says in plain words what this answer can't take into account.
    """

    prefilter: NodeVerdict | None = None
    nodes: dict[str, NodeVerdict] = {}
    undecided: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether at least one node takes the pod."""
        return any(verdict.fits for verdict in self.nodes.values())

    @property
    def fitting(self) -> list[str]:
        """The names of the nodes that take the pod."""
        return [name for name, verdict in self.nodes.items() if verdict.fits]
