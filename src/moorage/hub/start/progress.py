"""What Kubernetes says about a starting server, in words for the person who waits for it.

Kubernetes' own text stays one click away. All of it comes from outside, so all of it is escaped.
"""

from __future__ import annotations

import asyncio
import html
import re
import time
from typing import TYPE_CHECKING, Any

from moorage.hub.amounts import short_resource
from moorage.hub.start.growth import Growth, growth, is_about_machines

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

_SHORT = re.compile(r"(\d+) Insufficient ([A-Za-z0-9][A-Za-z0-9./_-]*[A-Za-z0-9])")
_IMAGE = re.compile(r"image \"([^\"]+)\"")
_NODES = re.compile(r"^(\d+)/(\d+) nodes are available")

OUT_OF_MEMORY = "The server ran out of memory and was stopped. Choose more memory."

# (reason of the event, a pattern in its message or None, what it means)
_WORDS: tuple[tuple[str, str | None, str], ...] = (
    (
        "FailedScheduling",
        r"didn't match Pod's node affinity/selector",
        "No node matches what this server requires.",
    ),
    ("FailedScheduling", r"unbound immediate PersistentVolumeClaims", "Waiting for the home volume to be created."),
    (
        "FailedScheduling",
        r"volume node affinity conflict",
        "The home volume can't be reached from any node that this server may use.",
    ),
    ("FailedScheduling", None, "No node can take this server yet. It will start as soon as one can."),
    ("Scheduled", None, "Assigned to a node."),
    ("Pulling", None, "Pulling the image. The first time on a node, this can take a few minutes."),
    ("Pulled", None, "The image is ready."),
    ("Created", None, "The container is created."),
    ("Started", None, "The server is starting."),
    ("ErrImagePull", None, "The image can't be pulled."),
    ("ImagePullBackOff", None, "The image can't be pulled; trying again."),
    (
        "Failed",
        r"ErrImagePull|ImagePullBackOff|Failed to pull image",
        "The image can't be pulled: it may not exist, or the node may lack access to it.",
    ),
    ("Failed", None, "The server can't be started on its node."),
    ("InspectFailed", None, "The image name is not valid."),
    ("BackOff", r"pulling image", "The image can't be pulled; trying again."),
    ("BackOff", None, "The server exits right after it starts; trying again."),
    ("OOMKilling", None, OUT_OF_MEMORY),
    ("OOMKilled", None, OUT_OF_MEMORY),
    ("FailedMount", None, "A volume can't be mounted yet; trying again."),
    ("FailedAttachVolume", None, "The home volume can't be attached yet; it may still be attached to another node."),
    ("FailedCreatePodSandBox", None, "The node can't set up the server's network; trying again."),
    ("Unhealthy", None, "The server is not responding yet."),
    ("Evicted", None, "The node ran low on resources and evicted the server. Start again, preferably on another node."),
    ("Preempted", None, "The server was preempted by one with higher priority."),
    ("NodeNotReady", None, "The node stopped responding."),
    ("Killing", None, "The server is being stopped."),
)
_LOOK_SECONDS = 0.5
# How often it is said how long a machine has been coming; after so many times half as often.
_TICK_SECONDS = 15.0
_TICKS = 8
_RESOURCES = {"cpu": "CPU", "memory": "memory", "ephemeral-storage": "disk space", "pods": "pod slots"}


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
    async for event in _ticking(events, machines, tick=tick):
        try:
            yield await machines.told(event) or _told(event)
        except Exception:  # a strange event is shown as it came rather than ending the page's progress
            yield event
        for end in _news(pod(), ends):
            yield end
    while waiting():
        for end in _news(pod(), ends):
            yield end
        await asyncio.sleep(every)


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


def ended(pod: Any) -> tuple[str | None, str]:
    """How a container of this pod has ended last, in plain words and in Kubernetes'; (None, "") while none has."""
    statuses = pod.get("status", {}).get("containerStatuses") if isinstance(pod, dict) else None
    for container in statuses if isinstance(statuses, list) else ():
        for when in ("state", "lastState"):
            end = (container.get(when) or {}).get("terminated")
            if not end:
                continue
            code, reason = end.get("exitCode"), str(end.get("reason") or "")
            if reason == "OOMKilled":
                return OUT_OF_MEMORY, f"{reason}: exit code {code}"
            return f"The server exited before it was ready (exit code {code}).", f"{reason} {end.get('message') or ''}"
    return None, ""


def shown(words: str, detail: str) -> str:
    """The words with Kubernetes' own text one click away."""
    return f"{html.escape(words)} <details><summary>What Kubernetes says</summary>{html.escape(detail)}</details>"


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


def plain(reason: str, message: str) -> str | None:
    """What an event means, or None when we don't know."""
    if is_about_machines(reason, message):
        now = growth([{"reason": reason, "message": message}])
        return now.words(now=0.0) if now is not None else None
    if reason == "FailedScheduling" and (found := _SHORT.findall(message)):
        return _waiting(found, message)
    for known, pattern, words in _WORDS:
        if reason == known and (pattern is None or re.search(pattern, message)):
            if "image" in words and (image := _IMAGE.search(message)) and reason in ("Failed", "Pulling"):
                return f"{words} ({image[1]})"
            return words
    if "OOMKilled" in message:
        return OUT_OF_MEMORY
    return None


def _waiting(found: list[tuple[str, str]], message: str) -> str:
    lacking = sorted({_RESOURCES.get(resource) or short_resource(resource) for _, resource in found})
    listed = lacking[0] if len(lacking) == 1 else ", ".join(lacking[:-1]) + " or " + lacking[-1]
    pinned = "didn't match Pod's node affinity/selector" in message
    where = "the chosen node" if pinned else "any node"
    return f"Waiting: not enough {listed} free on {where}. The server will start as soon as there is."
