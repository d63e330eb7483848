"""The kubelets of all simulated nodes: every pod that is bound gets a keeper, which lives as long as the pod.

    change of a pod ─► keeper starts, is told to end, or finds its pod gone

Pods that were added as Running already belong to others: no process is started for them, and their end is confirmed at
once.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from moorage.simulator.controllers.addresses import Addresses
from moorage.simulator.controllers.devices import Devices
from moorage.simulator.controllers.events import Recorder
from moorage.simulator.controllers.keeper import Keeper
from moorage.simulator.store.following import Follower
from moorage.simulator.store.resources import NODES, PODS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from datetime import datetime

    from moorage.simulator.api.objects import Api
    from moorage.simulator.controllers.logbook import Logbook

Json = dict[str, Any]


class Kubelet:
    """Runs what is bound to the nodes of this cluster."""

    def __init__(
        self,
        api: Api,
        *,
        has_image: Callable[[str], bool] | None = None,
        folder: Path | None = None,
        processes: bool = True,
    ) -> None:
        self.api = api
        self.has_image = has_image or (lambda _: True)
        self.addresses = Addresses()
        self.devices = Devices()
        self.events = Recorder(api, "kubelet")
        self.processes = processes
        self.without_process: set[str] = set()
        self._given = folder
        self._folder: Path | None = None
        self._keepers: dict[str, Keeper] = {}
        self._logs: dict[str, dict[str, Logbook]] = {}
        self._hosts: dict[str, str] = {}
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
        if self._given is None and self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None

    async def _run(self) -> None:
        follower = Follower(self.api.storage, [PODS])
        while True:
            for _, change in follower.changes():
                self._see(
                    change.current.body if change.current else None, change.previous.body if change.previous else None
                )
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
        if not node or self.api.find(NODES, None, node) is None:
            return
        keeper = self._keepers.get(uid)
        if keeper is None:
            if self.api.find(PODS, pod["metadata"]["namespace"], pod["metadata"]["name"]) is None:
                return
            keeper = self._keepers[uid] = Keeper(self, pod)
            keeper.begin()
        if pod["metadata"].get("deletionTimestamp"):
            keeper.end(int(pod["metadata"].get("deletionGracePeriodSeconds") or 0))

    @property
    def folder(self) -> Path:
        """Where the homes of the pods lie; a temporary folder is made when the first pod needs it."""
        if self._folder is None:
            self._folder = self._given or Path(tempfile.mkdtemp(prefix="moorage-simulator-"))
            self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder

    def host_address(self, node: str) -> str:
        """The node's InternalIP where it has one, and otherwise a loopback address of its own."""
        if node not in self._hosts:
            body = self.api.find(NODES, None, node) or {}
            given = [a for a in (body.get("status") or {}).get("addresses") or () if a.get("type") == "InternalIP"]
            self._hosts[node] = given[0]["address"] if given else self.addresses.take()
        return self._hosts[node]

    # Logs, for pods/log

    def log(self, uid: str, container: str, book: Logbook) -> None:
        self._logs.setdefault(uid, {})[container] = book

    def lines(self, uid: str, container: str) -> Sequence[tuple[datetime, bytes]]:
        book = self._logs.get(uid, {}).get(container)
        return book.lines() if book else ()

    async def follow(self, uid: str, container: str, start: int) -> AsyncIterator[tuple[datetime, bytes]]:
        book = self._logs.get(uid, {}).get(container)
        if book is not None:
            async for line in book.follow(start):
                yield line
