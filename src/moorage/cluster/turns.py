"""Long work on a loop that has others to serve: it goes in turns, and the cluster stands still for it meanwhile."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from moorage.scheduling.steps import Steps

T = TypeVar("T")

# Seconds that one turn may last before the others have theirs.
BUDGET = 0.005


class Turns:
    """How long the present turn of a task has lasted."""

    def __init__(self, *, budget: float = BUDGET, clock: Callable[[], float] = time.perf_counter) -> None:
        self._budget, self._clock = budget, clock
        self._until = clock() + budget

    async def next(self) -> None:
        """All others have a turn, if this one has lasted long enough."""
        if self._clock() >= self._until:
            await asyncio.sleep(0)
            self._until = self._clock() + self._budget

    async def all(self, steps: Steps[T]) -> T:
        """Every step of a work, in as many turns as it takes; what it comes to."""
        while True:
            try:
                next(steps)
            except StopIteration as done:
                value: T = done.value
                return value
            await self.next()


class Stillness:
    """Keeps the cluster as it is while a verdict on it is found in turns.

    One verdict is found after the other, and changes that waited come in between: there are never so many verdicts that
    the cluster stands still for good.
    """

    def __init__(self) -> None:
        self._one = asyncio.Lock()
        self._moving = asyncio.Event()
        self._moving.set()

    async def change(self) -> None:
        """Returns when the cluster may be changed: at once, and until the caller waits for anything else."""
        await self._moving.wait()

    @asynccontextmanager
    async def keep(self) -> AsyncIterator[None]:
        """Nothing changes within this block."""
        async with self._one:
            self._moving.clear()
            try:
                yield
            finally:
                self._moving.set()
                # Who waited with a change was woken by that, and is before us in the queue of the loop.
                await asyncio.sleep(0)
