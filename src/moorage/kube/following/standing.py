"""How one feed does: live as long as that is proven again and again, stale from then on.

A proof is a sign that the server still tells this feed all that happens: a whole line of a watch with nothing half-told
after it, a watch that stays open, a list that is complete. Neither an open connection nor headers are one, since both
outlive the server behind them. Without a proof for some seconds the picture is called stale, whatever the feed does
meanwhile; where others lose their connections, a little sooner.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from moorage.kube.following.alarm import Alarm
from moorage.kube.following.backoff import Backoff
from moorage.kube.following.sink import Health
from moorage.kube.resources import Resource
from moorage.texts import later

# How long the watch that comes after a silent one may take to prove itself.
_ANSWER_WITHIN = 2.0
_DOUBTED_FOR = 2.5
SILENT = later("the Kubernetes API server has not answered for seconds")


class Standing:
    """What a feed may say of itself, told to `report` whenever it changes."""

    def __init__(self, resource: Resource, *, report: Callable[[Health], None], now: Callable[[], datetime]) -> None:
        self.health = Health()
        # What the feed waits for; the reason, should that take too long.
        self.waits_for = SILENT
        self._resource = resource
        self._report_to = report
        self._now = now
        self._holds_for = resource.silence + _ANSWER_WITHIN
        self._proof = self._doubted = float("-inf")
        self._alarm: Alarm | None = None
        self.pace = Backoff()

    def proven(self, *, at: float | None = None) -> None:
        """The server tells us all that happens, or did so at a moment of the loop's clock."""
        self._proof = max(self._proof, asyncio.get_running_loop().time() if at is None else at)
        if self._alarm is None:
            self.pace.reset()
            self.waits_for = SILENT
            self._watch_over()
            self._report(Health(listed=True))
        elif self.pace.failures:
            self.pace.reset()

    def doubt(self) -> None:
        """Others have lost their connections: an older proof is worth less now."""
        # An earlier doubt that nothing has dispelled goes on.
        if self._alarm is not None and self._doubted <= self._proof:
            self._doubted = asyncio.get_running_loop().time()
            self._alarm.stop()
            self._watch_over()

    def failed(self, reason: str, *, right: str | None = None, longest: float) -> float:
        """One more try has failed. Returns the pause before the next, in seconds, at most `longest`."""
        pause = self.pace.next(longest=longest)
        # One failure is a hiccup that the next attempt mends unseen; two are a state.
        if right or self.pace.failures > 1 or not self.health.listed:
            self.stale(reason, right)
        return pause

    def stale(self, reason: str, right: str | None = None) -> None:
        """What was told before may no longer be so."""
        if self._alarm is not None:
            self._alarm.stop()
            self._alarm = None
        since = self.health.since if self.health.stale else self._now()
        self._report(replace(self.health, stale=True, since=since, reason=reason, missing_right=right))

    def absent(self) -> None:
        """There is nothing to follow, and nothing wrong about that."""
        self.end()
        self._alarm = None
        self.pace.reset()
        self._report(Health(absent=True))

    def end(self) -> None:
        """Nobody follows any more."""
        if self._alarm is not None:
            self._alarm.stop()

    def _left(self) -> float:
        """Seconds for which the newest proof still holds."""
        due = self._proof + self._holds_for
        if self._doubted > self._proof:
            due = min(due, self._doubted + _DOUBTED_FOR)
        return due - asyncio.get_running_loop().time()

    def _watch_over(self) -> None:
        self._alarm = Alarm(max(self._left(), 0.0), self._look)

    def _look(self) -> None:
        if self._left() > 0:
            self._watch_over()
        else:
            self.stale(self.waits_for)

    def _report(self, health: Health) -> None:
        if health != self.health:
            self.health = health
            self._report_to(health)
