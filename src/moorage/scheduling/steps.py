"""Work in steps: whoever has others waiting lets them go on between two of them.

Between its steps the cluster that a work reads must stay as it is.
"""

from __future__ import annotations

from collections.abc import Generator
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")
Steps = Generator[None, None, T]

# Nodes of one step: a plain one takes some microseconds, one whose devices are looked at for the first time takes 200.
_NODES = 16


def at_once(steps: Steps[T]) -> T:
    """All steps one after the other; what the work comes to."""
    while True:
        try:
            next(steps)
        except StopIteration as done:
            value: T = done.value
            return value


def in_parts(items: Iterable[T]) -> Iterator[list[T]]:
    """So many of them as make a step."""
    left = iter(items)
    while part := list(islice(left, _NODES)):
        yield part
