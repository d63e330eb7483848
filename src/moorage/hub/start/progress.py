"""What Kubernetes says about a starting server, in words for the person who waits for it.

Kubernetes' own text stays one click away. All of it comes from outside, so all of it is escaped.
"""

from __future__ import annotations

import asyncio
import html
import re
from typing import TYPE_CHECKING, Any

from moorage.hub.amounts import short_resource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

_SHORT = re.compile(r"(\d+) Insufficient ([A-Za-z0-9][A-Za-z0-9./_-]*[A-Za-z0-9])")
_IMAGE = re.compile(r"image \"([^\"]+)\"")
_NODES = re.compile(r"^(\d+)/(\d+) nodes are available")

_OUT_OF_MEMORY = "The server ran out of memory and was stopped. Choose more memory."

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
    ("TriggeredScaleUp", None, "A new node is being added for this server. This takes a few minutes."),
    ("NotTriggerScaleUp", None, "No node can be added for this server."),
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
    ("OOMKilling", None, _OUT_OF_MEMORY),
    ("OOMKilled", None, _OUT_OF_MEMORY),
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
_RESOURCES = {"cpu": "CPU", "memory": "memory", "ephemeral-storage": "disk space", "pods": "pod slots"}


async def told(
    events: AsyncIterator[dict[str, Any]],
    *,
    pod: Callable[[], Any] = lambda: None,
    waiting: Callable[[], bool] = lambda: False,
    every: float = _LOOK_SECONDS,
) -> AsyncIterator[dict[str, Any]]:
    """The same events with plain words (one that has none passes as it is), and each way in which the server ends
    before its first answer, told once.

    Kubernetes writes no event for such an end: only the container's status knows that it was out of memory. KubeSpawner
    has no more to tell once the containers run, while people still wait for the server to answer.
    """
    ends: set[str] = set()
    async for event in events:
        try:
            yield _told(event)
        except Exception:  # a strange event is shown as it came rather than ending the page's progress
            yield event
        for end in _news(pod(), ends):
            yield end
    while waiting():
        for end in _news(pod(), ends):
            yield end
        await asyncio.sleep(every)


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
                return _OUT_OF_MEMORY, f"{reason}: exit code {code}"
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
    if reason == "FailedScheduling" and (found := _SHORT.findall(message)):
        return _waiting(found, message)
    for known, pattern, words in _WORDS:
        if reason == known and (pattern is None or re.search(pattern, message)):
            if "image" in words and (image := _IMAGE.search(message)) and reason in ("Failed", "Pulling"):
                return f"{words} ({image[1]})"
            return words
    if "OOMKilled" in message:
        return _OUT_OF_MEMORY
    return None


def _waiting(found: list[tuple[str, str]], message: str) -> str:
    lacking = sorted({_RESOURCES.get(resource) or short_resource(resource) for _, resource in found})
    listed = lacking[0] if len(lacking) == 1 else ", ".join(lacking[:-1]) + " or " + lacking[-1]
    pinned = "didn't match Pod's node affinity/selector" in message
    where = "the chosen node" if pinned else "any node"
    return f"Waiting: not enough {listed} free on {where}. The server will start as soon as there is."
