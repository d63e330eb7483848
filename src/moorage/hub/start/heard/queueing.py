"""In line before the scheduler: a pod that gates hold back, as Kueue does until its queue has quota for it.

What a queue has in mind is the service's to tell, where it may read that; the pod itself says whether it was admitted,
and why Kueue has taken its place away.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from moorage.hub.start.heard.words import shown
from moorage.texts import again, later, t

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping

QUEUE_NAME = "kueue.x-k8s.io/queue-name"
PRIORITY_CLASS = "kueue.x-k8s.io/priority-class"
_GATES = ("kueue.x-k8s.io/admission", "kueue.x-k8s.io/topology")
_LOOK_SECONDS = 0.25
# The service is asked less often than the pod is looked at, which costs nothing.
_ASK_SECONDS = 1.0
_PROGRESS = 5
# What Kueue writes on a pod before it deletes it; behind it stands why, as Kueue's workloads have it.
_TARGET, _EVICTED = "TerminationTarget", "WorkloadEvictedDueTo"
# Source: kueue v0.17 apis/kueue/v1beta2/workload_types.go
_WHY = {
    "Preempted": later("its quota was given to a workload with a higher claim to it"),
    "PodsReadyTimeout": later("it was not ready in time"),
    "AdmissionCheck": later("a check that it needs has failed"),
    "ClusterQueueStopped": later("its queue was stopped"),
    "LocalQueueStopped": later("its queue was stopped"),
    "NodeFailures": later("its node failed"),
    "Deactivated": later("it was taken out of the queue"),
}
# A pod that is made anew is a new workload to Kueue, which counts its age from then on.
_AGAIN = later("Start again to join the queue anew, behind those of the same priority.")


def labels(queue: str | None, *, priority_class: str) -> dict[str, str]:
    """What a pod carries to pass a queue of Kueue's; nothing where it passes none."""
    if not queue:
        return {}
    return {QUEUE_NAME: queue, **({PRIORITY_CLASS: priority_class} if priority_class else {})}


def queue_of(pod: Any) -> str | None:
    """The queue that this pod passes."""
    metadata = (pod or {}).get("metadata") or {}
    return (metadata.get("labels") or {}).get(QUEUE_NAME)


def gates(pod: Any) -> list[str]:
    """What holds this pod back, so that no scheduler looks at it."""
    spec = (pod or {}).get("spec") or {}
    return [str(gate.get("name")) for gate in spec.get("schedulingGates") or ()]


def is_held_back(pod: Any) -> bool:
    return bool(gates(pod)) and "deletionTimestamp" not in (pod.get("metadata") or {})


def evicted(pod: Any) -> tuple[str, str] | None:
    """Why Kueue takes this pod away, in words and in its own, where it does."""
    conditions = ((pod or {}).get("status") or {}).get("conditions") or ()
    for each in conditions:
        reason = str(each.get("reason") or "")
        if (each.get("type"), each.get("status")) == (_TARGET, "True") and reason.startswith(_EVICTED):
            kind, queue = reason.removeprefix(_EVICTED), queue_of(pod)
            why = t(_WHY[kind]) if kind in _WHY else t("{reason}, as Kueue calls it", reason=kind)
            if queue:
                words = t(
                    "Kueue has taken the place of this server in queue {queue} away: {why}.", queue=queue, why=why
                )
            else:
                words = t("Kueue has taken the place of this server in its queue away: {why}.", why=why)
            return f"{words} {t(_AGAIN)}", str(each.get("message") or reason)
    return None


# As far as an event tells it: the beginning of its message, and the reason of the workload.
_MESSAGES = (
    ("Preempted", "Preempted"),
    ("Exceeded the PodsReady timeout", "PodsReadyTimeout"),
    ("At least one admission check is false", "AdmissionCheck"),
    ("The ClusterQueue is stopped", "ClusterQueueStopped"),
    ("The LocalQueue is stopped", "LocalQueueStopped"),
    ("The workload is deactivated", "Deactivated"),
)


def stopped(events: Iterable[Any], *, uid: str | None = None) -> str | None:
    """Why Kueue has stopped the pod of this uid, or the last one of a server, out of the events of its pods in their
    order; None where somebody else has, or nobody.
    """
    last, found = None, None
    for each in events:
        of = (each.get("involvedObject") or {}).get("uid")
        if uid not in (None, of):
            continue
        if of != last:
            last, found = of, None
        component = str(each.get("reportingComponent") or (each.get("source") or {}).get("component") or "")
        if each.get("reason") == "Stopped" and "kueue" in component:
            message = str(each.get("message") or "")
            kind = next((kind for begin, kind in _MESSAGES if message.startswith(begin)), None)
            why = t(_WHY[kind]) if kind else message[:300]
            found = f"{t('Kueue has stopped your server: {why}.', why=why)} {t(_AGAIN)}"
    return found


def in_words(pod: Any, told: Mapping[str, Any] | None) -> str:
    """What holds a pod back. `told` is the service's word on it."""
    held = gates(pod)
    if not any(gate in _GATES for gate in held):
        named = ", ".join(f"“{gate}”" for gate in held)
        return t("It is held back until {gates} is taken away from it. Whoever set this decides when.", gates=named)
    text = told.get("text") if told is not None else None
    if not isinstance(text, str) or not text:
        queue = queue_of(pod)
        if queue:
            return t("It waits in queue {queue}. Its place there is not known right now.", queue=queue)
        return t("It waits in a queue. Its place there is not known right now.")
    return again(text)


def event(pod: Any, told: Mapping[str, Any] | None) -> dict[str, Any]:
    words = in_words(pod, told)
    line = told.get("queue") if told is not None else None
    message = line.get("message") if isinstance(line, dict) else None
    detail = f"Kueue: {message}" if message else f"SchedulingGated: {', '.join(gates(pod))}"
    return {
        "step": "queued",
        "progress": _PROGRESS,
        "message": words,
        "html_message": shown(words, detail),
        "detail": detail,
    }


async def told(
    look: Callable[[], Any],
    ask: Callable[[str], Awaitable[Mapping[str, Any] | None]],
    *,
    starting: Callable[[], bool],
    every: float = _LOOK_SECONDS,
    ask_every: float = _ASK_SECONDS,
) -> AsyncIterator[dict[str, Any]]:
    """Events for the page while gates hold the pod back, whenever there is other news; and one when its queue has
    admitted it.
    """
    loop = asyncio.get_running_loop()
    said: Any = None
    word: Any = None
    asked = float("-inf")
    while starting():
        pod = look()
        if pod is not None and is_held_back(pod) and loop.time() - asked >= ask_every:
            word, asked = await ask(str(pod["metadata"].get("uid"))), loop.time()
            pod = look()  # it may be another one by now
        if pod is not None and not is_held_back(pod):
            break
        if pod is not None and (news := event(pod, word)) != said:
            said = news
            yield news
        await asyncio.sleep(every)
    pod = look()
    if said is not None and not gates(pod) and (queue := queue_of(pod)):
        words = t("Queue {queue} has admitted it. It starts as soon as it has a node.", queue=queue)
        yield {"step": "place", "progress": _PROGRESS, "message": words}
