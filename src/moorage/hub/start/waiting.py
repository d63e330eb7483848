"""Waiting for room, with Kubernetes' scheduler as the queue.

A pod that has no node is tried again whenever something is freed that may help it: higher priority first, then by age.
So the pod that waits must exist, and it stays the same for as long as its person waits.
"""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moorage.hub.start.heard.ending import Hopeless
from moorage.hub.start.heard.growth import growth
from moorage.hub.start.heard.queueing import evicted, is_held_back
from moorage.hub.start.heard.words import plain, shown
from moorage.hub.start.refusals import settings_of_the_hub
from moorage.texts import t, tn

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence

    from moorage.hub.start.heard.growth import Growth

# How long a pod may wait, in seconds, is written on it: a hub that is restarted goes on by this.
NOTE = "moorage/wait-for-room"

_LOOK_SECONDS = 0.25
# How often it is asked whether the person may still have it.
_ASK_SECONDS = 10.0
# A page looks less often: the events of a whole namespace are sorted for it.
_PAGE_SECONDS = 1.0
_TICK_SECONDS = 15.0
# One look may fall between two lists of the API server.
_LOOKS = 4
_INSUFFICIENT = re.compile(r"Insufficient ([A-Za-z0-9][A-Za-z0-9./_-]*[A-Za-z0-9])")
# As far as a person waits: the bar stays near its start.
_PROGRESS = 5


def allowance(pod: Any) -> float | None:
    """The seconds that this pod may wait for a node, or None where it was made without waiting."""
    try:
        return float(pod["metadata"]["annotations"][NOTE])
    except (KeyError, TypeError, ValueError):
        return None


def left(pod: Any, *, now: datetime | None = None) -> float:
    """The seconds that are left of its allowance, by the API server's clock and ours."""
    seconds = allowance(pod) or 0.0
    try:
        made = datetime.fromisoformat(pod["metadata"]["creationTimestamp"])
    except (KeyError, TypeError, ValueError):
        return seconds
    return seconds - ((now or datetime.now(UTC)) - made).total_seconds()


def age(pod: Any) -> float | None:
    """The seconds since this pod was made, or None where it does not say when."""
    try:
        return (datetime.now(UTC) - datetime.fromisoformat(pod["metadata"]["creationTimestamp"])).total_seconds()
    except (KeyError, TypeError, ValueError):
        return None


def bound(pod: Any) -> bool:
    """Whether the pod has a node."""
    return bool(pod and (pod.get("spec") or {}).get("nodeName"))


def unbound(pod: Any) -> bool:
    """Whether there is a pod that waits for a node."""
    return bool(pod) and not bound(pod) and "deletionTimestamp" not in (pod.get("metadata") or {})


async def for_room(
    look: Callable[[], Any],
    *,
    seconds: float,
    gone: Callable[[Any], str | None] = lambda _: None,
    every: float = _LOOK_SECONDS,
    ended: Callable[[], Awaitable[str | None]] | None = None,
    ask_every: float = _ASK_SECONDS,
) -> bool:
    """Return as soon as the pod has a node: whether it was ever told that there is none. Raises `Hopeless` once
    `seconds` have passed, the pod is gone (why it was taken away, `gone` may know), or `ended` says why it may wait no
    longer, which it is asked now and then.
    """
    loop = asyncio.get_running_loop()
    until, missing, pod, refused = loop.time() + seconds, 0, None, False
    asked = loop.time()
    while not bound(now := look()):
        pod = now or pod
        refused |= bool(verdict(pod))
        if ended is not None and loop.time() - asked >= ask_every:
            if (why := await ended()) is not None:
                raise Hopeless(why, "what this person may have has changed")
            asked = loop.time()
        missing = 0 if unbound(now) else missing + 1
        if (taken := evicted(now or pod)) is not None:
            raise Hopeless(*taken)
        if missing > _LOOKS:
            words = t("The pod of this server was deleted while it waited for room. Start again to wait anew.")
            raise Hopeless(gone(pod) or words, "the pod is gone")
        if loop.time() >= until:
            raise Hopeless(*_in_vain(pod))
        await asyncio.sleep(every)
    return refused


def _in_vain(pod: Any) -> tuple[str, str]:
    message = verdict(pod)
    why = (plain("FailedScheduling", message, hope=False) or "") if message else ""
    time = lasting(allowance(pod) or 0)
    said = t("No room became free within {time}, so the server was not started.", time=time)
    return " ".join(filter(None, [said, why, t("Start again to wait anew, or choose less.")])), message


def verdict(pod: Any) -> str:
    """What the scheduler said last of a pod that has no node, or nothing; it has said nothing of one that is held back
    before it.
    """
    if is_held_back(pod):
        return ""
    conditions = ((pod or {}).get("status") or {}).get("conditions") or ()
    found = [each for each in conditions if each.get("type") == "PodScheduled" and each.get("status") == "False"]
    return str(found[0].get("message") or "") if found else ""


def ahead(pod: Any, others: Iterable[Any]) -> int:
    """How many of the others would be tried before this pod for what it lacks. A guess: one that asks for less may
    find a place before one that asks for more.
    """
    lacking = set(_INSUFFICIENT.findall(verdict(pod)))
    mine = _order(pod)
    return sum(unbound(each) and bool(lacking & asks(each)) and _order(each) < mine for each in others)


def _order(pod: Any) -> tuple[int, str, str]:
    metadata = pod.get("metadata") or {}
    priority = (pod.get("spec") or {}).get("priority") or 0
    return -int(priority), str(metadata.get("creationTimestamp") or ""), str(metadata.get("name") or "")


def asks(pod: Any) -> set[str]:
    """The names of what a pod requests."""
    containers = (pod.get("spec") or {}).get("containers") or ()
    return {name for each in containers for name in (each.get("resources") or {}).get("requests") or {}}


async def told(
    look: Callable[[], Any],
    others: Callable[[], Iterable[Any]],
    *,
    starting: Callable[[], bool],
    all_events: Callable[[], Iterable[dict[str, Any]]] = list,
    usual: Callable[[Sequence[str]], Awaitable[int | None]] | None = None,
    every: float = _PAGE_SECONDS,
    tick: float = _TICK_SECONDS,
) -> AsyncIterator[dict[str, Any]]:
    """Events for the page until the pod has a node: what it lacks, whether a machine is being added for it, and about
    how many wait before it, when that changes; how long the machine has been coming is told now and then.
    """
    said: Any = None
    at = float("-inf")
    while starting() and not bound(pod := look()):
        if unbound(pod) and verdict(pod):
            machine = _machine(all_events)
            now = verdict(pod), ahead(pod, others()), machine and (machine.names, machine.why)
            if now != said or (machine and time.monotonic() - at >= tick):
                said, at = now, time.monotonic()
                yield _event(pod, before=now[1], hope=await _hope(machine, usual))
        await asyncio.sleep(every)


def _machine(all_events: Callable[[], Iterable[dict[str, Any]]]) -> Growth | None:
    try:
        return growth(all_events())
    except Exception:  # a strange event must not end the page's progress
        return None


def in_words(pod: Any, others: Iterable[Any]) -> str | None:
    """What the page shows first, as HTML; None where the pod waits for no node."""
    if not unbound(pod) or not verdict(pod):
        return None
    return str(_event(pod, before=ahead(pod, others), hope=None)["html_message"])


async def _hope(machine: Growth | None, usual: Callable[[Sequence[str]], Awaitable[int | None]] | None) -> str | None:
    if machine is None:
        return None
    seconds = None
    with suppress(Exception):  # how long it takes is no reason to say nothing
        seconds = await usual(machine.names) if usual is not None and machine.why is None else None
    return machine.words(now=time.time(), usual=seconds)


def words(pod: Any, others: Iterable[Any], *, seconds: float) -> dict[str, str]:
    """What a pod without a node lacks, how many wait before it (empty: none), and how long it may stay: its allowance,
    or `seconds` as any start.
    """
    lacks, stays = _sentences(pod, seconds=allowance(pod) or seconds)
    return {"lacks": lacks, "before": _line(ahead(pod, others)), "stays": stays}


def _sentences(pod: Any, *, seconds: float) -> tuple[str, str]:
    lacks = plain("FailedScheduling", verdict(pod), hope=False) or t("It has no node yet.")
    return lacks, t("It waits for up to {time}, also while this page is closed.", time=lasting(seconds))


def _event(pod: Any, *, before: int, hope: str | None) -> dict[str, Any]:
    lacks, stays = _sentences(pod, seconds=allowance(pod) or 0)
    words = " ".join([t("Waiting for room."), lacks, *filter(None, (hope, _line(before))), stays])
    detail = f"FailedScheduling: {verdict(pod)}"
    return {
        "step": "waiting",
        "progress": _PROGRESS,
        "lacks": lacks,
        "message": words,
        "html_message": shown(words, detail),
        "detail": detail,
    }


def _line(before: int) -> str:
    if not before:
        return ""
    return tn(
        "About {count} other server of this hub waits before it; this is an estimate, since smaller servers may start "
        "sooner.",
        "About {count} other servers of this hub wait before it; this is an estimate, since smaller servers may start "
        "sooner.",
        before,
    )


def lasting(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds >= 7200 or seconds == 3600:
        return tn("{count} hour", "{count} hours", round(seconds / 3600))
    if seconds >= 120 or seconds == 60:
        return tn("{count} minute", "{count} minutes", round(seconds / 60))
    return tn("{count} second", "{count} seconds", round(seconds))


@contextmanager
def taking_no_place() -> Iterator[None]:
    """While it lasts, one server more may start at the same time.

    JupyterHub counts every server that is not ready yet towards `concurrent_spawn_limit`, and would turn away people
    for whom there is room.
    """
    settings = settings_of_the_hub()
    limited = bool(settings.get("concurrent_spawn_limit"))
    if limited:
        settings["concurrent_spawn_limit"] += 1
    try:
        yield
    finally:
        if limited:
            settings["concurrent_spawn_limit"] -= 1
