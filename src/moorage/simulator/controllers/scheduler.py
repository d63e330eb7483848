"""The scheduler: pending pods go to a node that takes them, by moorage's own verdicts; the least loaded first.

    change ─► cluster ─► verdict for each pending pod ─► Binding, or PodScheduled=False and a FailedScheduling event

It looks again whenever anything changes that could change a verdict. There is no preemption and no queue order beyond
priority and age.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from moorage.errors import InvalidObject
from moorage.simulator.api.binding import bind
from moorage.simulator.controllers.events import Recorder
from moorage.simulator.controllers.placing import FOLLOWED, Placing
from moorage.simulator.controllers.volumes import FOR_CLAIMS, bind_at_once, bind_claims
from moorage.simulator.rules.podstatus import with_condition
from moorage.simulator.store.following import Follower
from moorage.simulator.store.resources import PODS
from moorage.simulator.store.status import Refusal

if TYPE_CHECKING:
    from collections.abc import Collection

    from moorage.simulator.api.objects import Api

Json = dict[str, Any]

NAME = "default-scheduler"


class Scheduler:
    """One scheduler, which takes the pods of one or several names."""

    def __init__(self, api: Api, *, names: Collection[str] = (NAME,)) -> None:
        self._api = api
        self._names = frozenset(names)
        self._events = Recorder(api, NAME)
        self._placing = Placing()
        self._follower = Follower(api.storage, list(FOLLOWED))
        self._pending: set[tuple[str, str]] = set()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="scheduler")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            if self._catch_up():
                self._try_all()
            else:
                await self._follower.wait()
            await asyncio.sleep(0)

    def _catch_up(self) -> bool:
        """Take in what has happened; whether it can matter to anyone who waits."""
        matters = binds = False
        for kind, change in self._follower.changes():
            current = change.current.body if change.current else None
            previous = change.previous.body if change.previous else None
            matters |= self._placing.see(kind, current, previous)
            binds |= kind in FOR_CLAIMS and current is not None
            if kind is PODS:
                place = tuple(change.key.split("/", 1))
                if current is not None and self._waits(current):
                    self._pending.add((place[0], place[1]))
                else:
                    self._pending.discard((place[0], place[1]))
        if binds and bind_at_once(self._api, cluster=self._placing.cluster):
            matters |= self._catch_up()
        return matters

    def _waits(self, pod: Json) -> bool:
        spec, phase = pod.get("spec") or {}, (pod.get("status") or {}).get("phase")
        return (
            not spec.get("nodeName")
            and spec.get("schedulerName", NAME) in self._names
            and phase in ("Pending", None)
            and not pod["metadata"].get("deletionTimestamp")
        )

    def _try_all(self) -> None:
        pods = [pod for place in self._pending if (pod := self._api.find(PODS, *place)) is not None]
        for pod in sorted(pods, key=_order):
            try:
                self._try(pod)
            except Refusal:
                continue  # deleted meanwhile
            except InvalidObject as error:
                self._refuse(pod, error.message)
            self._catch_up()

    def _try(self, pod: Json) -> None:
        if pod["spec"].get("schedulingGates"):
            self._mark(pod, reason="SchedulingGated", message="Scheduling is blocked due to non-empty scheduling gates")
            return
        decision = self._placing.place(pod)
        if decision.node is None:
            self._refuse(pod, decision.message)
            return
        bind_claims(self._api, pod, node=decision.node, cluster=self._placing.cluster)
        bind(self._api, pod["metadata"]["namespace"], pod["metadata"]["name"], decision.node)
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        self._events.record(pod, "Scheduled", f"Successfully assigned {name} to {decision.node}")

    def _refuse(self, pod: Json, message: str) -> None:
        if self._mark(pod, reason="Unschedulable", message=message):
            self._events.record(pod, "FailedScheduling", message, warning=True)

    def _mark(self, pod: Json, *, reason: str, message: str) -> bool:
        """Write the condition; whether it says something new."""
        held: Json = next(
            (c for c in (pod.get("status") or {}).get("conditions") or () if c.get("type") == "PodScheduled"), {}
        )
        if (held.get("reason"), held.get("message")) == (reason, message):
            return False

        def change(body: Json) -> Json:
            status = dict(body.get("status") or {})
            conditions = list(status.get("conditions") or ())
            status["conditions"] = with_condition(
                conditions, "PodScheduled", holds=False, reason=reason, message=message
            )
            return {**body, "status": status}

        self._api.update(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"], change, subresource="status")
        return True


def _order(pod: Json) -> tuple[int, str, str]:
    return (-int(pod["spec"].get("priority") or 0), pod["metadata"]["creationTimestamp"], pod["metadata"]["name"])
