"""A small Kueue: pods with the label of a queue wait behind a gate until their queue has quota for them.

One workload for each such pod; higher priority first, then age; the first flavor of a cluster queue alone. Where its
cluster queue preempts, workloads of lower priority make room: their pods are told why, and deleted, as Kueue does.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from moorage.quantity import Quantity
from moorage.scheduling.accounting.requests import effective_requests
from moorage.simulator.controllers.events import Recorder
from moorage.simulator.rules.admission import GATE, QUEUE_NAME
from moorage.simulator.rules.podstatus import with_condition
from moorage.simulator.store.following import Follower
from moorage.simulator.store.resources import BY_PLURAL, PODS
from moorage.simulator.store.status import Refusal

if TYPE_CHECKING:
    from moorage.simulator.api.objects import Api

Json = dict[str, Any]
_QUEUES, _QUOTAS, _WORKLOADS, _PRIORITIES = (
    BY_PLURAL[name] for name in ("localqueues", "clusterqueues", "workloads", "workloadpriorityclasses")
)
_PRIORITY = "kueue.x-k8s.io/priority-class"
_ENDED = ("Succeeded", "Failed")


class Queueing:
    """Looks again whenever a pod or a queue has changed."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._events = Recorder(api, "pod-kueue-controller")
        self._follower = Follower(api.storage, [PODS, _QUEUES, _QUOTAS])
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        for kind in (_QUEUES, _QUOTAS, _WORKLOADS):
            self._api.storage.shelf(kind.key)  # served from now on
        self._task = asyncio.create_task(self._run(), name="queueing")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            self._follower.changes()
            self.look()
            await self._follower.wait()
            await asyncio.sleep(0)

    def look(self) -> None:
        """Admit who can be admitted, and tell all others why not."""
        pods = [pod for pod in self._api.all(PODS) if _is_ours(pod)]
        for pod in pods:
            if self._workload(pod) is None:
                self._make(pod)
        for behind in self._api.all(_QUOTAS):
            self._serve(behind, [pod for pod in pods if self._behind(pod) == behind["metadata"]["name"]])

    def _serve(self, behind: Json, pods: list[Json]) -> None:
        flavor, quotas = _quotas(behind)
        running = [pod for pod in pods if not _is_gated(pod)]
        used = {name: sum(_asks(pod).get(name, 0) for pod in running) for name in quotas}
        for pod in sorted((pod for pod in pods if _is_gated(pod)), key=self._order):
            asks = _asks(pod)
            lacking = {
                name: asks[name] + used[name] - most
                for name, most in quotas.items()
                if asks.get(name, 0) + used[name] > most
            }
            if not lacking:
                self._admit(pod)
                used = {name: amount + asks.get(name, 0) for name, amount in used.items()}
                continue
            short = ", ".join(
                f"insufficient unused quota for {name} in flavor {flavor}, {_text(name, amount)} more needed"
                for name, amount in lacking.items()
            )
            self._say(
                pod,
                "QuotaReserved",
                holds=False,
                reason="Pending",
                message=f"couldn't assign flavors to pod set main: {short}",
            )
            self._preempt(behind, pod, running)
        reserved = [{"name": name, "total": _text(name, amount)} for name, amount in used.items()]
        status = {**(behind.get("status") or {}), "flavorsReservation": [{"name": flavor, "resources": reserved}]}
        name = behind["metadata"]["name"]
        self._api.update(_QUOTAS, None, name, lambda body: {**body, "status": status}, subresource="status")

    def _preempt(self, behind: Json, pod: Json, running: list[Json]) -> None:
        policy = (behind["spec"].get("preemption") or {}).get("withinClusterQueue")
        lower = [each for each in running if self._priority(each) < self._priority(pod) and not _is_going(each)]
        if policy != "LowerPriority" or not lower or any(_is_going(each) for each in running):
            return
        whom = f"a workload (UID: {pod['metadata']['uid']})"
        message = f"Preempted to accommodate {whom} due to prioritization in the ClusterQueue"
        self.evict(max(lower, key=self._order), reason="Preempted", message=message)

    def evict(self, pod: Json, *, reason: str, message: str) -> None:
        """Take a pod's quota away: Kueue tells it so, and deletes it."""
        self._say(pod, "Evicted", holds=True, reason=reason, message=message)
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]

        def change(body: Json) -> Json:
            status = dict(body.get("status") or {})
            status["conditions"] = with_condition(
                list(status.get("conditions") or ()),
                "TerminationTarget",
                holds=True,
                reason="WorkloadEvictedDueTo" + reason,
                message=message,
            )
            return {**body, "status": status}

        self._api.update(PODS, namespace, name, change, subresource="status")
        self._api.delete(PODS, namespace, name)
        self._events.record(pod, "Stopped", message)

    def _admit(self, pod: Json) -> None:
        self._say(pod, "QuotaReserved", holds=True, reason="QuotaReserved", message="Quota reserved")
        self._say(pod, "Admitted", holds=True, reason="Admitted", message="The workload is admitted")
        namespace, name = pod["metadata"]["namespace"], pod["metadata"]["name"]

        def change(body: Json) -> Json:
            gates = [gate for gate in body["spec"].get("schedulingGates") or () if gate["name"] != GATE]
            return {**body, "spec": {**body["spec"], "schedulingGates": gates}}

        self._api.update(PODS, namespace, name, change, trusted=True)

    def _make(self, pod: Json) -> None:
        meta = pod["metadata"]
        owner = {"apiVersion": "v1", "kind": "Pod", "name": meta["name"], "uid": meta["uid"], "controller": True}
        body = {
            "apiVersion": _WORKLOADS.api_version,
            "kind": _WORKLOADS.name,
            "metadata": {"name": _name(pod), "namespace": meta["namespace"], "ownerReferences": [owner]},
            "spec": {"queueName": meta["labels"][QUEUE_NAME], "priority": self._priority(pod), "podSets": []},
        }
        self._api.create(_WORKLOADS, meta["namespace"], body, trusted=True)

    def _say(self, pod: Json, kind: str, *, holds: bool, reason: str, message: str) -> None:
        def change(body: Json) -> Json:
            status = dict(body.get("status") or {})
            conditions = list(status.get("conditions") or ())
            status["conditions"] = with_condition(conditions, kind, holds=holds, reason=reason, message=message)
            return {**body, "status": status}

        with contextlib.suppress(Refusal):  # its pod, and so itself, is gone
            self._api.update(_WORKLOADS, pod["metadata"]["namespace"], _name(pod), change, subresource="status")

    def _order(self, pod: Json) -> tuple[int, str, str]:
        stands_for = (self._workload(pod) or pod)["metadata"]
        return -self._priority(pod), stands_for["creationTimestamp"], stands_for["uid"]

    def _priority(self, pod: Json) -> int:
        """A class of Kueue's own counts in queues alone; without one, the pod's priority does."""
        named = self._api.find(_PRIORITIES, None, pod["metadata"]["labels"].get(_PRIORITY) or "")
        return int(named["value"] if named is not None else pod["spec"].get("priority") or 0)

    def _workload(self, pod: Json) -> Json | None:
        return self._api.find(_WORKLOADS, pod["metadata"]["namespace"], _name(pod))

    def _behind(self, pod: Json) -> str | None:
        queue = self._api.find(_QUEUES, pod["metadata"]["namespace"], pod["metadata"]["labels"][QUEUE_NAME])
        return queue["spec"]["clusterQueue"] if queue is not None else None


def _is_ours(pod: Json) -> bool:
    ended = (pod.get("status") or {}).get("phase") in _ENDED
    return not ended and bool((pod["metadata"].get("labels") or {}).get(QUEUE_NAME))


def _is_gated(pod: Json) -> bool:
    return any(gate.get("name") == GATE for gate in pod["spec"].get("schedulingGates") or ())


def _is_going(pod: Json) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def _name(pod: Json) -> str:
    return f"pod-{pod['metadata']['name']}-{pod['metadata']['uid'][:5]}"


def _asks(pod: Json) -> dict[str, int]:
    asks = effective_requests(pod)
    return {"cpu": asks.cpu_milli, "memory": asks.memory, **asks.scalars}


def _quotas(behind: Json) -> tuple[str, dict[str, int]]:
    flavor = behind["spec"]["resourceGroups"][0]["flavors"][0]
    quotas = {each["name"]: Quantity.parse(each["nominalQuota"]) for each in flavor["resources"]}
    return flavor["name"], {name: most.milli if name == "cpu" else most.value for name, most in quotas.items()}


def _text(name: str, amount: int) -> str:
    return f"{amount}m" if name == "cpu" else str(amount)
