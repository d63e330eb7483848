"""What autoscalers say of a pod that waits: that a machine is being added for it, that none can be, or nothing.

In flow Kubernetes' events of one pod, in their order; out flows where hope stands now. Cluster Autoscaler looks every
few seconds, and what it can't add now it often can add soon; Karpenter says for each of its pools why not. Both go on
trying, so that only a refusal which lasts, for a reason that time does not mend, ends hope.

Source: cluster-autoscaler 1.36 processors/status/eventing_scale_up_processor.go, karpenter v1.8
pkg/controllers/provisioning/scheduling/events.go
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from moorage.hub.amounts import short_resource
from moorage.hub.view.checked import text, whole
from moorage.texts import both, later, t

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from moorage.hub.view.client import ServiceClient

# Cluster Autoscaler gives a machine up after 15 minutes, and so does Karpenter.
_GIVEN_UP_AFTER = 15 * 60.0
_LASTS_AFTER = 5 * 60.0
_KARPENTER = "Failed to schedule pod, "
_NOMINATED = "Pod should schedule on: "
# Neither moves a pod on, and both come again and again while it waits.
_WHILE_WAITING = ("FailedScheduling", "Preempted")

_GROUPS = re.compile(r"\{(\S+) \d+->\d+")
_PARTS = re.compile(r"(?:^|, |: )\d+ ([^,]+(?:,(?! \d)[^,]*)*)")
_SMALL = re.compile(r"Insufficient ([A-Za-z0-9][A-Za-z0-9./_-]*[A-Za-z0-9])")
_CLOUD = re.compile(r"associated with this pod failed: (.+?)\.? (?:Pod is|$)|failed: (.+)$")
_RESOURCES = {
    "cpu": later("CPU"),
    "memory": later("memory"),
    "ephemeral-storage": later("disk space"),
    "pods": later("pod slots"),
}

_OFTEN_PASSES = later("This often passes, and is tried again.")
_TRIED_AGAIN = later("This is tried again for a while.")
_STILL_TRIED = later("It is still tried again.")
_NO_HOPE = later("Waiting will hardly help: choose less, or another node.")


@dataclass(frozen=True, slots=True)
class Growth:
    """Where hope stands. `since` is in seconds since 1970, `names` are what the autoscaler calls what it adds.

    `why` is set where no machine can be added, and `passes` where that is of the kind that time mends.
    """

    since: float
    names: tuple[str, ...] = ()
    why: str | None = None
    passes: bool = True

    def words(self, *, now: float, usual: int | None = None, hope: bool = True) -> str:
        """The sentence of this moment. `usual` is how many seconds such a machine takes, where that is known. Without
        `hope`, nothing is said of what passes by itself.
        """
        passed = max(now - self.since, 0.0) if self.since else 0.0
        if self.why is None:
            return _adding(passed, usual)
        if passed >= _LASTS_AFTER:
            time, still = _about(passed), t(_STILL_TRIED if self.passes else _NO_HOPE)
            said = t("No machine could be added for this server for {time}: {why}.", time=time, why=self.why)
            return f"{said} {still}"
        said = t("No machine can be added right now: {why}.", why=self.why)
        return f"{said} {t(_OFTEN_PASSES if self.passes else _TRIED_AGAIN)}" if hope else said


def growth(events: Iterable[Mapping[str, Any]]) -> Growth | None:
    """Where hope stands after these events; None where no autoscaler has anything to do with it."""
    adding: Growth | None = None
    refused: Growth | None = None
    for event in events:
        reason, message = str(event.get("reason") or ""), str(event.get("message") or "")
        first, last = _moments(event)
        if (names := _added(reason, message)) is not None:
            adding, refused = Growth(adding.since if adding is not None else first, names), None
        elif (said := refusal(reason, message)) is not None:
            if adding is not None and reason == "NotTriggerScaleUp" and last - adding.since < _GIVEN_UP_AFTER:
                continue  # a machine is being added for it, so no other one is
            why, passes = said
            since = refused.since if refused is not None and refused.why == why else first
            adding, refused = None, Growth(since, (), why, passes)
        elif reason not in _WHILE_WAITING:
            adding = refused = None
    return adding or refused


def refusal(reason: str, message: str) -> tuple[str, bool] | None:
    """Why no machine is added, as the end of a sentence, and whether time mends that; None for any other event."""
    if reason == "NotTriggerScaleUp":
        return _why(_PARTS.findall(message))
    if reason == "FailedScaleUp":
        found = _CLOUD.search(message)
        said = next(filter(None, found.groups()), "")[:200] if found is not None else ""
        return (t("the cloud gave none ({why})", why=said) if said else t("the cloud gave none")), True
    if reason == "FailedScheduling" and message.startswith(_KARPENTER):
        return _why([part for part in re.split(r"; ", message.removeprefix(_KARPENTER)) if part])
    return None


def is_about_machines(reason: str, message: str) -> bool:
    """Whether an event is an autoscaler's."""
    return _added(reason, message) is not None or refusal(reason, message) is not None


async def usual_seconds(service: ServiceClient, names: Sequence[str]) -> int | None:
    """How long machines of the pool that these names stand for take, as the service has seen it; None where it has not,
    or where nobody knows which pool is meant.
    """
    return seconds_among(service.machines, names)


def seconds_among(machines: Any, names: Sequence[str]) -> int | None:
    """The same among the machines of the service's answer."""
    words = [f"-{re.sub('[/.]', '-', name)}-" for name in names]
    found: list[tuple[int, int]] = []
    for machine in machines if isinstance(machines, list) else ():
        told = machine if isinstance(machine, dict) else {}
        pool, seconds = text(told.get("pool")), whole(told.get("about_seconds"))
        if pool and seconds and any(f"-{pool}-" in name for name in words):
            found.append((len(pool), seconds))
    # `gpu` is part of the name of `gpu-large`, too. Of several kinds nobody knows which it will be.
    return max((seconds for length, seconds in found if length == max(found)[0]), default=None)


def _added(reason: str, message: str) -> tuple[str, ...] | None:
    if reason == "TriggeredScaleUp":
        return tuple(_GROUPS.findall(message))
    if reason == "Nominated" and message.startswith(_NOMINATED):
        # With a node of its own it is not to be added any more.
        claims = re.findall(r"(?:nodeclaim|machine)/(\S+?)(?:,|$)", message)
        return tuple(claims) if claims and "node/" not in message.replace("nodeclaim/", "") else None
    return None


def _why(parts: Sequence[str]) -> tuple[str, bool]:
    """Limits and clouds change by themselves; what a kind of machine is like does not."""
    full = any("max node group size" in part or "exceed limits" in part or "limit" in part for part in parts)
    backing_off = any("backoff" in part for part in parts)
    small_in = {name for part in parts for name in _SMALL.findall(part)}
    lacking = sorted({t(_RESOURCES[name]) if name in _RESOURCES else short_resource(name) for name in small_in})
    small = any("no instance type" in part for part in parts)
    if full:
        return t("what could be added is at its maximum"), True
    if backing_off:
        return t("the cloud gave none a short while ago"), True
    if lacking:
        return t("none that can be added has enough {what}", what=both(lacking)), False
    if small:
        return t("none that can be added has enough"), False
    if parts:
        return t("none that can be added suits this server"), False
    return t("the autoscaler knows none for this server"), False


def _adding(passed: float, usual: int | None) -> str:
    so_far = t("{time} so far", time=_clock(passed))
    if passed >= max(_GIVEN_UP_AFTER, 2 * (usual or 0)):
        return t(
            "A new machine was asked for {time} ago and has not come. The cloud may have none.", time=_about(passed)
        )
    if usual is None:
        return (
            t("A new machine is being added ({times}).", times=so_far)
            if passed >= 1
            else t("A new machine is being added.")
        )
    told = t("usually {time}, {so_far}", time=_about(usual), so_far=so_far)
    if passed > 2 * usual and passed > 60:
        return t("A new machine is being added, which takes longer this time ({times}).", times=told)
    return t("A new machine is being added ({times}).", times=told)


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _about(seconds: float) -> str:
    if seconds < 90:
        return t("{seconds} s", seconds=round(seconds))
    return t("{minutes} min", minutes=round(seconds / 60))


def _moments(event: Mapping[str, Any]) -> tuple[float, float]:
    """When an event happened first and last, in seconds since 1970; 0 where it does not say."""
    series = event.get("series")
    told = {**event, **(series if isinstance(series, dict) else {})}
    moments = [_seconds(told.get(key)) for key in ("firstTimestamp", "eventTime", "lastObservedTime", "lastTimestamp")]
    known = [moment for moment in moments if moment is not None]
    return (min(known), max(known)) if known else (0.0, 0.0)


def _seconds(moment: Any) -> float | None:
    try:
        return datetime.fromisoformat(moment).timestamp() if isinstance(moment, str) else None
    except (ValueError, OverflowError):
        return None
