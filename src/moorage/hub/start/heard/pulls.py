"""Images that will never be loaded: told apart from those that only take another try.

A node tries again and again, whatever the registry says. That there is no such image, that it may not be had, or that
its name is not valid does not change by waiting; that the registry does not answer does. A second try must have ended
the same way, since a registry may also answer wrongly once.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_TRIES = 2
_WAITING = ("ErrImagePull", "ImagePullBackOff", "InvalidImageName")
_MAY_PASS = re.compile(
    r"timeout|timed out|deadline|connection re(?:fused|set)|no such host|temporar|tls handshake|too ?many ?requests"
    # A helper that the node lacks: nothing is known of the image.
    r"|executable file not found"
    r"|server misbehaving|unavailable|\beof\b|\bi/o\b|\b(?:status|code|error)\D{0,12}(?:429|5\d\d)\b",
    re.IGNORECASE,
)
_FOR_GOOD: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), words)
    for pattern, words in (
        (r"InvalidImageName|invalid reference format|couldn't parse image|failed to apply default image tag",
         later("The image name {image} is not valid.")),
        (r"no match for platform|no matching manifest",
         later("The image {image} does not support this node's processor architecture.")),
        (r"unauthorized|authorization failed|access (\w+ )*denied|\bdenied:|insufficient_scope|basic auth|forbidden",
         later("The registry denies access to the image {image}, or there is no such image.")),
        (r"not found|manifest unknown|name unknown|repository does not exist|NotFound",
         later("The image {image} does not exist.")),
    )
)  # fmt: skip
_IMAGE = re.compile(r"image \"([^\"]+)\"")


def for_good(message: str, *, image: str) -> str | None:
    """What is wrong with the image, where no further try can change it: in English, since it is kept for everybody."""
    if _MAY_PASS.search(message):
        return None
    for pattern, words in _FOR_GOOD:
        if pattern.search(message):
            return later(words, image=image)
    return None


class Pulls:
    """The tries of one start."""

    def __init__(self) -> None:
        self._pod: Any = None
        self._tries = 0
        self._before: str | None = None

    def hopeless(self, pod: Any, events: Callable[[], Iterable[dict[str, Any]]]) -> tuple[str, str] | None:
        """What is wrong in words, and Kubernetes' text, once it is sure.

        `events` sorts those of the whole namespace, so it is asked only for a pod that waits for an image.
        """
        uid = pod["metadata"].get("uid") if isinstance(pod, dict) else None
        if uid != self._pod:
            self._pod, self._tries, self._before = uid, 0, None
        found = waiting(pod)
        reason = found[0] if found else None
        # A name that can't be read is not tried at all, so that each look is one.
        if reason == "InvalidImageName" or (reason == "ErrImagePull" and self._before != reason):
            self._tries += 1
        self._before = reason
        if found is None or _MAY_PASS.search(found[1]):
            return None
        _, said, image = found
        newest, tries = _failures(events(), uid=uid)
        detail = said if for_good(said, image=image) else newest or said
        words = for_good(detail, image=_named(detail) or image)
        return (words, detail) if words and max(tries, self._tries) >= _TRIES else None


def waiting(pod: Any) -> tuple[str, str, str] | None:
    """Reason, message and image of the first container that waits for its image."""
    status = pod.get("status") if isinstance(pod, dict) else None
    for kind in ("initContainerStatuses", "containerStatuses"):
        for container in (status or {}).get(kind) or ():
            state = (container.get("state") or {}).get("waiting") or {}
            reason = state.get("reason")
            if reason in _WAITING:
                return reason, f"{reason}: {state.get('message') or ''}", str(container.get("image") or "")
    return None


def _failures(events: Iterable[dict[str, Any]], *, uid: Any) -> tuple[str, int]:
    """What the newest failed try said, and how often one failed for good in the same words."""
    newest, tries = "", 0
    for event in events:
        message = str(event.get("message") or "")
        if not message.startswith("Failed to pull image") or (event.get("involvedObject") or {}).get("uid") != uid:
            continue
        newest = message
        if for_good(message, image=""):
            count = event.get("count") or (event.get("series") or {}).get("count") or 1
            tries = max(tries, count if isinstance(count, int) else 1)
    return newest, tries


def _named(message: str) -> str | None:
    found = _IMAGE.search(message)
    return found[1] if found else None
