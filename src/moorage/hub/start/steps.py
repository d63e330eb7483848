"""How far a start is, in the steps that people see: a place, the image, the server's own start.

Read from the pod and its events, so that a page that is loaded again, and one without scripts, knows it too.
"""

from __future__ import annotations

import re
import statistics
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moorage.hub.amounts import memory_words
from moorage.hub.start.waiting import bound, unbound, verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# In their order. `waiting` is `place` where the scheduler has said that there is none.
WAITING, PLACE, IMAGE, STARTING = "waiting", "place", "image", "starting"
_PULLED = re.compile(r'Successfully pulled image "([^"]+)" in ([\dhmsuµn.]+)(?:.*Image size: (\d+) bytes)?')
_DURATION = re.compile(r"([\d.]+)(h|ms|m|s|us|µs|ns)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_MOST_IMAGES, _MOST_TIMES = 200, 20


@dataclass(frozen=True, slots=True)
class Step:
    """`since` is when the pull of the image began, as Kubernetes writes it, or None."""

    name: str
    since: str | None = None


def step_of(pod: Any, events: Iterable[Mapping[str, Any]]) -> Step:
    """`pod` may be None while it is being made; `events` are the pod's, in their order."""
    if not bound(pod):
        return Step(WAITING if unbound(pod) and verdict(pod) else PLACE)
    since, is_made = None, False
    for event in events:
        reason = event.get("reason")
        if reason == "Pulling":
            since, is_made = _moment(event), False
        elif reason in ("Pulled", "Created", "Started"):
            # A container is made of its image; the pod's own status says so up to seconds later.
            since, is_made = None, reason != "Pulled"
    if since is not None:
        return Step(IMAGE, since)
    return Step(STARTING if is_made or _has_image(pod) else IMAGE)


def _has_image(pod: Any) -> bool:
    """Whether its containers have been made, which takes their images."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return any(each.get("imageID") or "waiting" not in (each.get("state") or {"waiting": {}}) for each in statuses)


def _moment(event: Mapping[str, Any]) -> str | None:
    for key in ("eventTime", "lastTimestamp", "firstTimestamp"):
        if event.get(key):
            return str(event[key])
    return None


class Pulls:
    """How large images are and how long they took, as the nodes have told."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[int | None, deque[float]]] = OrderedDict()

    def hear(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Take in the pulls of a start that has come to its end."""
        for event in events:
            found = _PULLED.search(str(event.get("message") or "")) if event.get("reason") == "Pulled" else None
            if found is None:
                continue
            image, took, size = found.groups()
            known, times = self._known.pop(image, (None, deque(maxlen=_MOST_TIMES)))
            times.append(seconds(took))
            self._known[image] = int(size) if size else known, times
            while len(self._known) > _MOST_IMAGES:
                self._known.popitem(last=False)

    def of(self, image: str) -> dict[str, Any]:
        """`size` in words and `usual` in seconds; null where it is not known."""
        size, times = self._known.get(image, (None, ()))
        return {
            "size": memory_words(size) if size else None,
            "usual": round(statistics.median(times)) if times else None,
        }


def seconds(text: str) -> float:
    """A duration as Go writes it: 1m2.5s, 850ms."""
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(text))
