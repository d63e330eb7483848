"""The progress of a start, in words: Kubernetes' events as they come, the end of a server before its first answer, and
machines that may come.
"""

from __future__ import annotations

import asyncio
import html
import time
from typing import TYPE_CHECKING, Any

from moorage.hub.start.heard.growth import Growth, growth, is_about_machines
from moorage.hub.start.heard.words import ended, plain, shown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

_LOOK_SECONDS = 0.5
# How often it is said how long a machine has been coming; after so many times half as often.
_TICK_SECONDS = 15.0
_TICKS = 8


async def told(
    events: AsyncIterator[dict[str, Any]],
    *,
    pod: Callable[[], Any] = lambda: None,
    waiting: Callable[[], bool] = lambda: False,
    every: float = _LOOK_SECONDS,
    all_events: Callable[[], Iterable[dict[str, Any]]] = list,
    usual: Callable[[Sequence[str]], Awaitable[int | None]] | None = None,
    tick: float = _TICK_SECONDS,
) -> AsyncIterator[dict[str, Any]]:
    """The same events with plain words (one that has none passes as it is), and each way in which the server ends
    before its first answer, told once.

    Kubernetes writes no event for such an end: only the container's status knows that it was out of memory. KubeSpawner
    has no more to tell once the containers run, while people still wait for the server to answer. While a machine is
    being added there is no event, either: how long it has been coming is told now and then. `all_events` are those of
    the pod as they are now, and `usual` says how many seconds such a machine takes.
    """
    ends: set[str] = set()
    machines = _Machines(all_events, usual)
    last: dict[str, Any] = {}
    async for event in _ticking(events, machines, tick=tick):
        try:
            shown_now = _patience(event, last) or await machines.told(event) or _told(event)
        except Exception:  # a strange event is shown as it came rather than ending the page's progress
            shown_now = event
        yield shown_now
        if not _is_patience(event):
            last = shown_now
        for end in _news(pod(), ends):
            yield end
    while waiting():
        for end in _news(pod(), ends):
            yield end
        await asyncio.sleep(every)


def _is_patience(event: dict[str, Any]) -> bool:
    """KubeSpawner's `slow_spawn_message` comes with nothing else, now and then, whatever goes on."""
    return event.keys() == {"message"} and isinstance(event["message"], str)


def _patience(event: dict[str, Any], last: dict[str, Any]) -> dict[str, Any] | None:
    """That a start takes long, behind what it waits for: it would stand in its place otherwise."""
    said = last.get("message")
    if not _is_patience(event) or not isinstance(said, str) or not said:
        return None
    reason = last.get("html_message") or html.escape(said)
    return {
        **last,
        "message": f"{said} {event['message']}",
        "html_message": f"{reason}<p>{html.escape(event['message'])}</p>",
    }


class _Machines:
    """What is said of machines that may come for one pod."""

    def __init__(
        self,
        all_events: Callable[[], Iterable[dict[str, Any]]],
        usual: Callable[[Sequence[str]], Awaitable[int | None]] | None,
    ) -> None:
        self._all, self._usual = all_events, usual
        self._heard: list[dict[str, Any]] = []
        self.growth: Growth | None = None
        self._said = ""

    async def told(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """An event with the words for where hope stands now, where an autoscaler has to do with it."""
        raw = event.get("raw_event")
        if not isinstance(raw, dict):
            return None
        self._heard.append(raw)
        self.growth = growth(self._heard)
        reason, message = str(raw.get("reason") or ""), str(raw.get("message") or "")
        if self.growth is None or not (reason == "FailedScheduling" or is_about_machines(reason, message)):
            return None
        words = self._said = await self._words(self.growth)
        return {**event, "message": words, "html_message": shown(words, f"{reason}: {message}"[:2000])}

    async def tick(self) -> dict[str, Any] | None:
        """What is to be said now, without any event."""
        try:
            # An event that comes again is the same one with another moment.
            self.growth = growth(list(self._all()) or self._heard)
        except Exception:  # a strange event must not end the page's progress
            self.growth = None
        if self.growth is None:
            return None
        words = await self._words(self.growth)
        if words == self._said:
            return None
        self._said = words
        return {"message": words, "html_message": html.escape(words)}

    async def _words(self, now: Growth) -> str:
        try:
            usual = await self._usual(now.names) if self._usual is not None and now.why is None else None
        except Exception:  # how long it takes is no reason to say nothing
            usual = None
        return now.words(now=time.time(), usual=usual)


async def _ticking(
    events: AsyncIterator[dict[str, Any]], machines: _Machines, *, tick: float
) -> AsyncIterator[dict[str, Any]]:
    """The same events, and in between what is to be said while a machine may come."""
    source, ticks = aiter(events), 0
    coming: asyncio.Future[dict[str, Any] | None] | None = None
    try:
        while True:
            coming = coming or asyncio.ensure_future(_next(source))
            pause = tick if ticks < _TICKS else 2 * tick
            await asyncio.wait({coming}, timeout=pause if machines.growth is not None else None)
            if not coming.done():
                if (said := await machines.tick()) is not None:
                    ticks += 1
                    yield said
                continue
            event, coming = coming.result(), None
            if event is None:
                return
            yield event
    finally:
        if coming is not None:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


async def _next(source: AsyncIterator[dict[str, Any]]) -> dict[str, Any] | None:
    return await anext(source, None)


def _news(pod: Any, told_before: set[str]) -> list[dict[str, Any]]:
    """An event for the end of a container that was not told yet."""
    words, detail = ended(pod)
    if words is None or words in told_before:
        return []
    told_before.add(words)
    return [{"progress": 90, "message": words, "html_message": shown(words, detail)}]


def _told(event: dict[str, Any]) -> dict[str, Any]:
    raw = event.get("raw_event")
    if not isinstance(raw, dict):
        return event
    reason, message = str(raw.get("reason") or ""), str(raw.get("message") or "")
    words = plain(reason, message)
    if words is None:
        return event
    detail = f"{reason}: {message}"[:2000]
    return {**event, "message": words, "html_message": shown(words, detail)}
