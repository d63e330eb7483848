"""Queues as JSON, as far as a reader may know who waits in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import asdict

from moorage.cluster.answers.waiting import USER
from moorage.texts import again

if TYPE_CHECKING:
    from moorage.cluster.answers.held import HolderPolicy
    from moorage.queues.kueue import InLine, Queue
    from moorage.queues.picture import Picture
    from moorage.scheduling.state import State


def picture(told: Picture, state: State, *, policy: HolderPolicy, namespace: str | None = None) -> dict[str, Any]:
    """The whole picture, or the queues of one namespace."""
    found = [each for each in told.queues if namespace in (None, each.namespace)]
    return {
        "kueue": told.kueue,
        "reason": told.reason and again(told.reason),
        "places": told.places,
        "places_reason": told.places_reason and again(told.places_reason),
        "queues": [queue(each, state, policy=policy) for each in found],
    }


def queue(told: Queue, state: State, *, policy: HolderPolicy) -> dict[str, Any]:
    return {
        "namespace": told.namespace,
        "name": told.name,
        "cluster_queue": told.cluster_queue,
        "cohort": told.cohort,
        "closed": told.closed,
        "resources": [asdict(share) for share in told.shares],
        "running": told.running,
        "pending": len(told.waiting),
        "waiting": [_waiting(each, state, policy=policy) for each in told.waiting],
    }


def _waiting(told: InLine, state: State, *, policy: HolderPolicy) -> dict[str, Any]:
    named = policy == "pod"
    pod = state.pods.get(told.pod_uid or "") if named else None
    return {
        "workload": told.workload if named else None,
        "pod": pod.name if pod is not None else None,
        "uid": told.pod_uid if named else None,
        "user": pod.labels.get(USER) if pod is not None else None,
        **standing(told),
    }


def standing(told: InLine) -> dict[str, Any]:
    """What may be told of one workload to whoever knows of it."""
    return {
        "queue": told.queue,
        "cluster_queue": told.cluster_queue,
        "standing": told.standing,
        "ahead": told.place.ahead if told.place is not None else None,
        "ahead_in_queue": told.place.ahead_in_queue if told.place is not None else None,
        "priority": told.priority,
        "since": told.since,
        "reason": told.reason,
        "message": told.message,
        "text": told.text,
    }
