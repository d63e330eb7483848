"""What Kubernetes says about a starting server, in words for the person who waits for it.

Kubernetes' own text stays one click away. All of it comes from outside, so all of it is escaped.
"""

from __future__ import annotations

import html
import re
from typing import Any

from moorage.hub.amounts import short_resource
from moorage.hub.start.heard.growth import growth, is_about_machines
from moorage.texts import either, later, t

_SHORT = re.compile(r"(\d+) Insufficient ([A-Za-z0-9][A-Za-z0-9./_-]*[A-Za-z0-9])")
_IMAGE = re.compile(r"image \"([^\"]+)\"")

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
_RESOURCES = {
    "cpu": later("CPU"),
    "memory": later("memory"),
    "ephemeral-storage": later("disk space"),
    "pods": later("pod slots"),
}


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
