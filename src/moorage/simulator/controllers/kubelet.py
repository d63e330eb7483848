"""The kubelets of all simulated nodes: every pod that is bound gets a keeper, which lives as long as the pod.

    change of a pod ─► keeper starts, is told to end, or finds its pod gone

Pods that were added as Running already belong to others: no process is started for them, and their end is confirmed at
once.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from moorage.simulator.controllers.events import Recorder
from moorage.simulator.controllers.keeper import Keeper
from moorage.simulator.store.following import Follower
from moorage.simulator.store.resources import NODES, PODS

if TYPE_CHECKING:
    from moorage.simulator.api.objects import Api
    from moorage.simulator.controllers.hosts import Hosts

Json = dict[str, Any]


class Kubelet:
    """Runs what is bound to the nodes of this cluster."""

    def __init__(self, api: Api, hosts: Hosts) -> None:
        self._api = api
        self._hosts = hosts
        self._events = Recorder(api, "kubelet")
        self._keepers: dict[str, Keeper] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name="kubelet")

    async def stop(self) -> None:
        """End all processes, quickly; the objects stay as they are."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        keepers = list(self._keepers.values())
        self._keepers.clear()
        await asyncio.gather(*(keeper.abandon() for keeper in keepers))
        self._hosts.clear()

    async def _run(self) -> None:
        follower = Follower(self._api.storage, [PODS])
        while True:
            for _, change in follower.changes():
                self._see(
                    change.current.body if change.current else None, change.previous.body if change.previous else None
                )
            self._resize_those_that_wait()
            await follower.wait()

    def _see(self, pod: Json | None, before: Json | None) -> None:
        if pod is None:
            if before is not None and (keeper := self._keepers.pop(before["metadata"]["uid"], None)):
                keeper.forget()
            return
        uid, node = pod["metadata"]["uid"], (pod.get("spec") or {}).get("nodeName")
        if (
            before is not None
            and before["metadata"]["uid"] != uid
            and (old := self._keepers.pop(before["metadata"]["uid"], None))
        ):
            old.forget()
        if not node or self._api.find(NODES, None, node) is None:
            return
        keeper = self._keepers.get(uid)
        if keeper is None:
            if self._api.find(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"]) is None:
                return
            keeper = self._keepers[uid] = Keeper(pod, api=self._api, hosts=self._hosts, events=self._events)
            keeper.begin()
        if pod["metadata"].get("deletionTimestamp"):
            keeper.end(int(pod["metadata"].get("deletionGracePeriodSeconds") or 0))
        elif before is not None and before["spec"] != pod["spec"]:
            keeper.resize()

    def _resize_those_that_wait(self) -> None:
        for keeper in [each for each in self._keepers.values() if each.waits_to_resize]:
            keeper.resize()
