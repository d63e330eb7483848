"""Ask, and while there is silence ask again beside it: the first that answers wins.

A connection can be taken by something that will never answer, and a request on it would wait for as long as it may. A
slow server, on the other hand, must be waited for. So the first try stays, and a second one is made beside it and
renewed every few moments: once the server is well, the next of those finds out.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")
# A try is given a function that it calls whenever it has heard something.
Try = Callable[[Callable[[], None]], Awaitable[T]]

_AGAIN_AFTER = 1.5
# A server that answers quick questions and is slow at this one is busy, not dead.
_LONGEST = 15.0


async def first_answer(
    first: Try[T],
    *,
    again: Try[T] | None = None,
    discard: Callable[[T], None] = lambda _: None,
    passing: type[Exception] | tuple[type[Exception], ...] = OSError,
    pause: float = _AGAIN_AFTER,
) -> T:
    """What the first try that answers gives, or what it raises.

    `again` is the second try, by default the same as the first. Errors of the kinds `passing` say nothing about the
    answer: they end a try, and count only where there is no other. `discard` gets an answer that came too late.
    """
    race = _Race(first, again or first, discard=discard, passing=passing, pause=pause)
    try:
        return await race.run()
    finally:
        await race.end()


class _Race(Generic[T]):
    def __init__(
        self,
        first: Try[T],
        again: Try[T],
        *,
        discard: Callable[[T], None],
        passing: type[Exception] | tuple[type[Exception], ...],
        pause: float,
    ) -> None:
        self._again = again
        self._discard = discard
        self._passing = passing
        self._pause = pause
        self._clock = asyncio.get_running_loop().time
        self._heard = self._clock()
        self._won: asyncio.Task[T] | None = None
        self._patient = self._begin(first)
        self._second: asyncio.Task[T] | None = None
        self._second_spoke = False
        self._over: list[asyncio.Task[T]] = []

    async def run(self) -> T:
        while True:
            tries = [self._patient] if self._second is None else [self._patient, self._second]
            left = self._heard + self._pause - self._clock()
            done, _ = await asyncio.wait(tries, timeout=max(left, 0.0), return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                if not isinstance(task.exception(), self._passing):
                    self._won = task
                    return task.result()
                self._give_up(task)
            if self._clock() >= self._heard + self._pause:
                self._renew()

    async def end(self) -> None:
        """Cancel what still runs."""
        tasks = [
            task for task in (*self._over, self._patient, self._second) if task is not None and task is not self._won
        ]
        for task in tasks:
            task.cancel()
            task.add_done_callback(self._throw_away)
        try:
            if not all(task.done() for task in tasks):
                await asyncio.wait(tasks)
        except asyncio.CancelledError:
            if self._won is not None:
                self._throw_away(self._won)
            raise

    def _throw_away(self, task: asyncio.Task[T]) -> None:
        if not task.cancelled() and task.exception() is None:
            self._discard(task.result())

    def _give_up(self, task: asyncio.Task[T]) -> None:
        """A try has found no way to an answer. Raises what it found where it was the only one."""
        if task is self._second:
            self._second = None
        elif self._second is None:
            task.result()
        else:
            self._patient, self._second = self._second, None

    def _renew(self) -> None:
        """Make a second try in the place of the one before."""
        if self._second is not None:
            self._second.cancel()
            self._over.append(self._second)
            if self._second_spoke:
                self._pause = min(self._pause * 2, _LONGEST)
        self._heard = self._clock()
        self._second_spoke = False
        self._second = self._begin(self._again, second=True)

    def _begin(self, ask: Try[T], *, second: bool = False) -> asyncio.Task[T]:
        def hear() -> None:
            self._heard = self._clock()
            self._second_spoke = self._second_spoke or second

        async def run() -> T:
            return await ask(hear)

        return asyncio.create_task(run())
