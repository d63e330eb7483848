"""Sums of whole units by resource: what a node has, and what its pods count together.

Source: kubernetes v1.36 pkg/scheduler/framework/types.go (Resource)
"""

from __future__ import annotations

from sys import intern
from typing import TYPE_CHECKING

from moorage.errors import InvalidQuantity
from moorage.objects import Amount, Amounts, Identity, Node, Unreadable
from moorage.quantity import NANO, ceil_div, parse_nanos
from moorage.scheduling.accounting.names import is_scalar

if TYPE_CHECKING:
    from moorage.scheduling.accounting.requests import Requests


class Totals:
    """Sums of whole units by resource. They may go below zero: nothing is clamped."""

    __slots__ = ("cpu_milli", "ephemeral_storage", "memory", "pods", "scalars")

    def __init__(self) -> None:
        self.cpu_milli = 0
        self.memory = 0
        self.ephemeral_storage = 0
        self.pods = 0
        self.scalars: dict[str, int] = {}

    def copy(self) -> Totals:
        """The same beside this one."""
        copy = Totals()
        copy.cpu_milli, copy.memory = self.cpu_milli, self.memory
        copy.ephemeral_storage, copy.pods = self.ephemeral_storage, self.pods
        copy.scalars = dict(self.scalars)
        return copy

    def add(self, requests: Requests) -> None:
        """Count one pod's requests."""
        self.cpu_milli += requests.cpu_milli
        self.memory += requests.memory
        self.ephemeral_storage += requests.ephemeral_storage
        self.pods += 1
        if requests.scalars:
            self._add_scalars(requests.scalars, sign=1)

    def subtract(self, requests: Requests) -> None:
        """Take one pod's requests back."""
        self.cpu_milli -= requests.cpu_milli
        self.memory -= requests.memory
        self.ephemeral_storage -= requests.ephemeral_storage
        self.pods -= 1
        if requests.scalars:
            self._add_scalars(requests.scalars, sign=-1)

    def _add_scalars(self, amounts: dict[str, int], *, sign: int) -> None:
        scalars = self.scalars
        for name, amount in amounts.items():
            left = scalars.get(name, 0) + sign * amount
            if left:
                scalars[name] = left
            else:
                scalars.pop(name, None)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Totals) and self.as_tuple() == other.as_tuple()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Totals{self.as_tuple()}"

    def as_tuple(self) -> tuple[int, int, int, int, dict[str, int]]:
        return self.cpu_milli, self.memory, self.ephemeral_storage, self.pods, self.scalars


_SHARED = 10_000
_shared: dict[tuple[tuple[str, Amount], ...], Totals] = {}


def read_totals(amounts: Amounts | None, *, node: Node, at: str) -> Totals:
    """A node's capacity or allocatable in whole units; nodes of one make share it, so nobody may change it.

    Raises `Unreadable`, naming the node and the field, where an amount is garbage.
    """
    known = _shared.get(key := tuple(amounts.items()) if amounts else ())
    if known is None:
        if len(_shared) >= _SHARED:
            _shared.clear()
        known = _shared[key] = _read_totals(amounts or {}, node=node, at=at)
    return known


def _read_totals(amounts: Amounts, *, node: Node, at: str) -> Totals:
    totals = Totals()
    for name, amount in amounts.items():
        try:
            nanos = parse_nanos(amount)
        except InvalidQuantity as error:
            identity = Identity("Node", None, node.metadata.name, node.metadata.uid)
            raise Unreadable(identity, f"status.{at}.{name}: {error}") from error
        if name == "cpu":
            totals.cpu_milli = ceil_div(nanos, 10**6)
        elif name == "memory":
            totals.memory = ceil_div(nanos, NANO)
        elif name == "ephemeral-storage":
            totals.ephemeral_storage = ceil_div(nanos, NANO)
        elif name == "pods":
            totals.pods = ceil_div(nanos, NANO)
        elif is_scalar(name):
            totals.scalars[intern(name)] = ceil_div(nanos, NANO)
    return totals
