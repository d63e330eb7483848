"""Ask one thing of every node, over and over, so that a node that hangs delays no other.

Each node has a deadline of its own and is asked beside the others. A node that fails is asked less and less often, and
its last good answer is kept with its age. Nodes that failed last time wait for each other, never for those that
answer.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from moorage import clock
from moorage.gpus.details import timestamp
from moorage.gpus.merge import DROPPED_AFTER, STALE_AFTER
from moorage.gpus.sources.base import NOTHING, Known, OnChange, Told
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from moorage.gpus.facts import CardFact
    from moorage.gpus.sources.base import OnChange
    from moorage.gpus.view import NodeView

log = logging.getLogger(__name__)

Target = TypeVar("Target")

_LONGEST_REST = 300.0


class NoAnswer(Exception):
    """Why a node told nothing, in plain words."""


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how patiently nodes are asked, in seconds; and how many beside each other."""

    every: float = 15.0
    deadline: float = 4.0
    search_every: float = 30.0
    at_once: int = 256
    doubtful_at_once: int = 32


class Place(msgspec.Struct):
    """What is known of one node."""

    facts: Known = NOTHING
    answered_at: float | None = None
    failures: int = 0
    rests_until: float = 0.0
    problem: str | None = None
    asking: bool = False
    told: Told = msgspec.field(default_factory=Told)


class Sweep(ABC, Generic[Target]):
    """A source that asks nodes one by one."""

    activity = True

    def __init__(self, name: str, *, pace: Pace, clock: Callable[[], float] = clock.now) -> None:
        self.name = name
        self.pace = pace
        self.clock = clock
        self.places: dict[str, Place] = {}
        self._slots = asyncio.Semaphore(pace.at_once)
        self._doubtful_slots = asyncio.Semaphore(pace.doubtful_at_once)
        self._general_problem: str | None = later("no answer yet")
        self._asking: set[asyncio.Task[None]] = set()

    @abstractmethod
    async def targets(self) -> tuple[Mapping[str, Target], str | None]:
        """Whom to ask on which node, and why some may be missing."""

    @abstractmethod
    async def ask(self, node: str, target: Target) -> Sequence[CardFact]:
        """One node's cards. Raises `NoAnswer`; is cancelled at the deadline."""

    async def close(self) -> None:
        """Give back what the source holds open."""
        return

    def facts(self, node: NodeView) -> Sequence[CardFact]:
        place = self.places.get(node.name)
        if place is None or place.answered_at is None or self.clock() - place.answered_at > DROPPED_AFTER:
            return ()
        return place.facts

    def problem(self, node: NodeView) -> str | None:
        place = self.places.get(node.name)
        return place.problem if place is not None else self._general_problem

    async def run(self, on_change: OnChange) -> None:
        try:
            while True:
                await self.sweep(on_change)
                await asyncio.sleep(self.pace.every)
        finally:
            for task in self._asking:
                task.cancel()
            await asyncio.gather(*self._asking, return_exceptions=True)
            await self.close()

    async def sweep(self, on_change: OnChange) -> None:
        """Start to ask every node that is due. Answers come as they come; the sweep does not wait for them."""
        try:
            targets, problem = await self.targets()
        except NoAnswer as error:
            self._general_problem = str(error)
            return
        self._general_problem = problem or self._named(later("nothing found on this node"))
        now = self.clock()
        gone = [name for name in self.places if name not in targets] if problem is None else []
        for name in gone:
            del self.places[name]
        if gone:
            on_change(gone)
        self._tell_ages(on_change, now=now)
        for node, target in targets.items():
            place = self.places.setdefault(node, Place(problem=self._named(later("no answer yet"))))
            if not place.asking and now >= place.rests_until:
                place.asking = True
                task = asyncio.create_task(self._ask(node, target, place, on_change))
                self._asking.add(task)
                task.add_done_callback(self._asking.discard)

    async def settled(self) -> None:
        """Wait until nobody is being asked any more."""
        while self._asking:
            await asyncio.wait(set(self._asking))

    async def _ask(self, node: str, target: Target, place: Place, on_change: OnChange) -> None:
        slots = self._doubtful_slots if place.failures else self._slots
        news = True
        try:
            async with slots:
                try:
                    async with asyncio.timeout(self.pace.deadline):
                        facts = await self.ask(node, target)
                except TimeoutError:
                    raise NoAnswer(later("no answer within {seconds} s", seconds=f"{self.pace.deadline:g}")) from None
        except NoAnswer as error:
            self._failed(place, str(error))
        except Exception as error:
            log.exception("%s failed on node %s", self.name, node)
            self._failed(place, f"{type(error).__name__}")
        else:
            now = self.clock()
            place.facts, place.answered_at = Known.after(place.facts, facts), now
            news = place.told.is_news(place.facts, now=now) or place.failures > 0
            place.failures, place.problem, place.rests_until = 0, None, 0.0
        finally:
            place.asking = False
        if news:
            on_change([node])

    def _failed(self, place: Place, why: str) -> None:
        place.failures += 1
        now = self.clock()
        # Twice in a row may be chance; from then on the node gets longer and longer rests.
        rest = 0.0 if place.failures < 2 else min(self.pace.every * 2 ** min(place.failures - 1, 10), _LONGEST_REST)
        place.rests_until = now + rest
        if place.answered_at is None:
            place.problem = self._named(why)
        else:
            since = timestamp(place.answered_at)[11:16]
            place.problem = self._named(later("not answering since {time} UTC ({why})", time=since, why=why))

    def _named(self, words: str) -> str:
        return f"{self.name}: {words}"

    def _tell_ages(self, on_change: OnChange, *, now: float) -> None:
        """Nodes whose last answer grows old read differently although nothing has come."""
        old = [
            name
            for name, place in self.places.items()
            if place.failures
            and place.answered_at is not None
            and STALE_AFTER < now - place.answered_at < DROPPED_AFTER + 3 * self.pace.every
        ]
        if old:
            on_change(old)
