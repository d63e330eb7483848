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
from moorage.texts import either, later, t

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence

_SHORT = re.compile(r"(\d+) Insufficient ([A-Za-z0-9][A-Za-z0-9./_-]*[A-Za-z0-9])")
_IMAGE = re.compile(r"image \"([^\"]+)\"")
_NODES = re.compile(r"^(\d+)/(\d+) nodes are available")

OUT_OF_MEMORY = later("The server ran out of memory and was stopped. Choose more memory.")
_NO_IMAGE = later("The image can't be pulled; trying again."), later("The image can't be pulled.")

# (reason of the event, a pattern in its message or None, what it means, and once nobody waits any longer)
_WORDS: tuple[tuple[str, str | None, str, str | None], ...] = (
    (
        "FailedScheduling",
        r"didn't match Pod's node affinity/selector",
        later("No node matches what this server requires."),
        None,
    ),
    (
        "FailedScheduling",
        r"unbound immediate PersistentVolumeClaims",
        later("Waiting for the home volume to be created."),
        None,
    ),
    (
        "FailedScheduling",
        r"volume node affinity conflict",
        later("The home volume can't be reached from any node that this server may use."),
        None,
    ),
    (
        "FailedScheduling",
        None,
        later("No node can take this server yet. It will start as soon as one can."),
        later("No node can take this server yet."),
    ),
    ("Scheduled", None, later("Assigned to a node."), None),
    ("Pulling", None, later("Pulling the image. The first time on a node, this can take a few minutes."), None),
    ("Pulled", None, later("The image is ready."), None),
    ("Created", None, later("The container is created."), None),
    ("Started", None, later("The server is starting."), None),
    ("ErrImagePull", None, later("The image can't be pulled."), None),
    ("ImagePullBackOff", None, *_NO_IMAGE),
    (
        "Failed",
        r"ErrImagePull|ImagePullBackOff|Failed to pull image",
        later("The image can't be pulled: it may not exist, or the node may lack access to it."),
        None,
    ),
    ("Failed", None, later("The server can't be started on its node."), None),
    ("InspectFailed", None, later("The image name is not valid."), None),
    ("BackOff", r"pulling image", *_NO_IMAGE),
    (
        "BackOff",
        None,
        later("The server exits right after it starts; trying again."),
        later("The server exits right after it starts."),
    ),
    ("OOMKilling", None, OUT_OF_MEMORY, None),
    ("OOMKilled", None, OUT_OF_MEMORY, None),
    (
        "FailedMount",
        None,
        later("A volume can't be mounted yet; trying again."),
        later("A volume can't be mounted yet."),
    ),
    (
        "FailedAttachVolume",
        None,
        later("The home volume can't be attached yet; it may still be attached to another node."),
        None,
    ),
    (
        "FailedCreatePodSandBox",
        None,
        later("The node can't set up the server's network; trying again."),
        later("The node can't set up the server's network."),
    ),
    ("Unhealthy", None, later("The server is not responding yet."), None),
    (
        "Evicted",
        None,
        later("The node ran low on resources and evicted the server. Start again, preferably on another node."),
        None,
    ),
    ("Preempted", None, later("The server was preempted by one with higher priority."), None),
    ("NodeNotReady", None, later("The node stopped responding."), None),
    ("Killing", None, later("The server is being stopped."), None),
)
_LOOK_SECONDS = 0.5
# How often it is said how long a machine has been coming; after so many times half as often.
_TICK_SECONDS = 15.0
_TICKS = 8
_RESOURCES = {
    "cpu": later("CPU"),
    "memory": later("memory"),
    "ephemeral-storage": later("disk space"),
    "pods": later("pod slots"),
}


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
                return t(OUT_OF_MEMORY), f"{reason}: exit code {code}"
            words = t("The server exited before it was ready (exit code {code}).", code=code)
            return words, f"{reason} {end.get('message') or ''}"
    return None, ""


def shown(words: str, detail: str) -> str:
    """The words with Kubernetes' own text one click away."""
    summary = html.escape(t("What Kubernetes says"))
    return f"{html.escape(words)} <details><summary>{summary}</summary>{html.escape(detail)}</details>"


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


def plain(reason: str, message: str, *, hope: bool = True) -> str | None:
    """What an event means, or None when we don't know; without `hope`, nothing of what is still to come."""
    if is_about_machines(reason, message):
        now = growth([{"reason": reason, "message": message}])
        return now.words(now=0.0, hope=hope) if now is not None else None
    if reason == "FailedScheduling" and (found := _SHORT.findall(message)):
        return _waiting(found, message, hope=hope)
    for known, pattern, words, past in _WORDS:
        if reason == known and (pattern is None or re.search(pattern, message)):
            if "image" in words and (image := _IMAGE.search(message)) and reason in ("Failed", "Pulling"):
                return f"{t(words)} ({image[1]})"
            return t(words if hope or past is None else past)
    if "OOMKilled" in message:
        return t(OUT_OF_MEMORY)
    return None


def _waiting(found: list[tuple[str, str]], message: str, *, hope: bool) -> str:
    lacking = sorted({t(_RESOURCES[name]) if name in _RESOURCES else short_resource(name) for _, name in found})
    what = either(lacking)
    pinned = "didn't match Pod's node affinity/selector" in message
    if not hope:
        if pinned:
            return t("Not enough {what} free on the chosen node.", what=what)
        return t("Not enough {what} free on any node.", what=what)
    if pinned:
        return t(
            "Waiting: not enough {what} free on the chosen node. The server will start as soon as there is.", what=what
        )
    return t("Waiting: not enough {what} free on any node. The server will start as soon as there is.", what=what)
