"""A cluster that is followed: feeds at one end, snapshots and changes at the other.

`run()` starts one feed for each kind and never ends by itself. Events mark nodes as changed; at most once per
`coalesce` seconds the marked nodes are serialised anew, and if any of them reads differently there is one more
revision, told to all followers. Whether the picture is current is told beside it: an API server that is away makes it
stale, not empty.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec

from moorage import clock
from moorage.cluster.amounts import GpuNames
from moorage.cluster.changes import Change, Follower
from moorage.cluster.labels import DEFAULT_LABELS
from moorage.cluster.ledger import drift
from moorage.cluster.node_json import NodeJson
from moorage.cluster.snapshot import Snapshot, following
from moorage.cluster.status import Status, status_of
from moorage.cluster.store import Store
from moorage.cluster.turns import Stillness, Turns
from moorage.errors import MoorageError
from moorage.kube.client import Client
from moorage.kube.errors import Unreachable
from moorage.kube.following.feed import Feed, follow
from moorage.kube.following.sink import Health
from moorage.kube.resources import ADDONS, FOLLOWED, Resource
from moorage.scheduling.accounting.nodeinfo import NodeInfo
from moorage.scheduling.cluster import Cluster

__all__ = ["Change", "LiveCluster", "Status"]

log = logging.getLogger(__name__)

_RECOUNT_EVERY = 60.0
_LOOK_AGAIN_EVERY = 10.0
# Garbage is told of again after so many seconds without any.
_GARBLED_ANEW = 60.0


class _Version(msgspec.Struct):
    major: str = ""
    minor: str = ""


class LiveCluster:
    """The cluster as it is now, and every change of it."""

    def __init__(
        self,
        client: Client,
        *,
        gpu_details: Callable[[NodeInfo], list[dict[str, Any]]] | None = None,
        gpu_more: Callable[[NodeInfo], dict[str, Any]] | None = None,
        gpu_named: Callable[[NodeInfo], list[dict[str, Any]] | None] | None = None,
        label_allow_list: Sequence[str] = DEFAULT_LABELS,
        gpu_resources: Sequence[str] = (),
        coalesce: float = 0.05,
        resources: Sequence[Resource] = (*FOLLOWED, *ADDONS),
        recount_every: float = _RECOUNT_EVERY,
    ) -> None:
        self._client = client
        self._coalesce = coalesce
        self._recount_every = recount_every
        self._resources = tuple(resources)
        self._started = clock.moment()
        self._health = {resource.name: Health() for resource in self._resources}
        self._wake = asyncio.Event()
        self._stillness = Stillness()
        self._store = Store(on_change=self._wake.set, on_health=self._heard, followed=self._resources)
        self._json = NodeJson(
            self._store.cluster,
            gpu_details=gpu_details,
            gpu_more=gpu_more,
            gpu_named=gpu_named,
            labels=label_allow_list,
            gpus=GpuNames(tuple(gpu_resources)),
        )
        self._feeds = [
            Feed(
                resource,
                client=client,
                sink=self._store,
                troubled=self._troubled,
                may_change=self._stillness.change,
            )
            for resource in self._resources
        ]
        self._garbled_at = float("-inf")
        self._told: Status | None = None
        self._followers: set[Follower] = set()
        self._base = Snapshot(0, secrets.token_hex(4), self._started, {})
        self._snapshot: Snapshot | None = None
        self._was_ready = False
        self._version_wanted = asyncio.Event()
        self._drift = 0
        self._garbled = 0
        self._recounts = 0
        # What the feeds say, and what may be told of the snapshot that is out.
        self._newest = self.status = status_of(self._resources, self._health, started=self._started)

    # --- what others read ---------------------------------------------------------------------------------------

    @property
    def cluster(self) -> Cluster:
        """What verdicts are computed on."""
        return self._store.cluster

    def still(self) -> AbstractAsyncContextManager[None]:
        """While this is held, `cluster` does not change, so that a verdict can be found in several turns."""
        return self._stillness.keep()

    @property
    def ready(self) -> bool:
        """Whether what can be listed has been, nodes and pods at least, and a first snapshot is there."""
        return self._snapshot is not None

    @property
    def snapshot(self) -> Snapshot | None:
        """The newest snapshot; None until the first lists are complete."""
        return self._snapshot

    @property
    def counters(self) -> dict[str, int]:
        """Numbers for metrics. All but `nodes`, `pods`, `unreadable` and `ledger_drift` only grow."""
        return {
            "events": sum(feed.events for feed in self._feeds),
            "lists": sum(feed.lists for feed in self._feeds),
            "watches": sum(feed.watches for feed in self._feeds),
            "revision": self._base.revision,
            "nodes": len(self.cluster.nodes),
            "pods": len(self.cluster.pods),
            "unreadable": len(self.cluster.unreadable_objects),
            "recounts": self._recounts,
            "garbled": self._garbled,
            "ledger_drift": self._drift,
        }

    async def changes(self) -> AsyncIterator[Change]:
        """Every change from now on. Who reads slowly gets several in one, never none."""
        follower = Follower()
        self._followers.add(follower)
        try:
            async for change in follower.read():
                yield change
        finally:
            self._followers.discard(follower)

    def touch(self, names: Iterable[str]) -> None:
        """Facts from elsewhere (cards) have changed for these nodes."""
        self._store.changed.update(names)
        self._wake.set()

    # --- running ------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Follow the cluster until cancelled."""
        await self._ask_version(within=2)
        async with asyncio.TaskGroup() as group:
            for feed in self._feeds:
                group.create_task(follow(feed), name=f"feed {feed.resource.name}")
            group.create_task(self._flush_for_ever(), name="snapshots")
            group.create_task(self._recount_for_ever(), name="recount")
            group.create_task(self._look_again_for_ever(), name="overdue")
            group.create_task(self._ask_version_for_ever(), name="server version")

    async def _flush_for_ever(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(self._coalesce)
            self._wake.clear()
            await self._flush()

    async def _flush(self) -> None:
        """One more snapshot, if anything reads differently."""
        if any(self._is_waited_for(resource) for resource in self._resources):
            self._tell(None)
            return
        status = self._newest
        marked, self._store.changed = self._store.changed, set()
        fresh: dict[str, bytes | None] = {}
        named: dict[str, bytes] = {}
        turns = Turns()
        for name in marked:
            fresh[name], with_names = self._json.both(name)
            if with_names is not None:
                named[name] = with_names
            await turns.next()
        taken_at = clock.moment()
        step = following(self._base, fresh=fresh, taken_at=taken_at, named=named)
        if step is not None:
            self._base = step.snapshot
        self._snapshot = self._base
        self._become(self._newest if self._newest.stale else status)
        self._tell(step)

    def _is_waited_for(self, resource: Resource) -> bool:
        """Whether no picture is right without this kind; an optional one is, once it is not to be had."""
        health = self._health[resource.name]
        if health.listed or health.absent:
            return False
        return resource.required or (self._snapshot is None and health.reason is None)

    async def _recount_for_ever(self) -> None:
        """Compare the ledger with a count from scratch, some nodes at a time. If they ever differ, we have a bug."""
        while True:
            await asyncio.sleep(self._recount_every)
            found, turns = 0, Turns()
            for name in list(self.cluster.nodes):
                node = self.cluster.nodes.get(name)
                found += node is not None and drift(node)
                await turns.next()
            self._recounts += 1
            if found and not self._drift:
                log.error("the ledger has drifted", extra={"event": "ledger_drift", "nodes": found})
            self._drift = found

    async def _look_again_for_ever(self) -> None:
        """What a node that is being prepared says changes with time alone."""
        while True:
            await asyncio.sleep(_LOOK_AGAIN_EVERY)
            if names := self._json.due(clock.now()):
                self.touch(names)

    async def _ask_version_for_ever(self) -> None:
        """Some rules differ between releases: ask again after each time that the server was away."""
        while True:
            await self._version_wanted.wait()
            if await self._ask_version(within=5):
                self._version_wanted.clear()
            else:
                await asyncio.sleep(2)

    async def _ask_version(self, *, within: float) -> bool:
        """Whether the server has told its version. What is wrong with it otherwise is for the feeds to tell."""
        try:
            told = msgspec.json.decode(await self._client.get("/version", within=within), type=_Version)
            version = int(told.major), int("".join(c for c in told.minor if c.isdecimal()))
        except (MoorageError, msgspec.MsgspecError, ValueError):
            return False
        if version != self.cluster.server_version:
            await self._stillness.change()
            self.cluster.server_version = version
            # What a pod counts may follow another rule now: count all of them again.
            for feed in self._feeds:
                feed.list_anew()
        return True

    # --- what the store tells -----------------------------------------------------------------------------------

    def _heard(self, resource: Resource, health: Health) -> None:
        before = self._health[resource.name]
        self._health[resource.name] = health
        if health.missing_right != before.missing_right:
            _log_right(resource, health)
        self._newest = status_of(self._resources, self._health, started=self._started)
        self._wake.set()
        # A picture is old at once, and good again only when one is out that has what was missed.
        if self._newest.stale:
            self._become(self._newest)

    def _become(self, status: Status) -> None:
        if status != self.status:
            before, self.status = self.status, status
            self._log_status(before)

    def _troubled(self, feed: Feed, error: MoorageError) -> None:
        if isinstance(error, Unreachable):
            for other in self._feeds:
                if other is not feed:
                    other.doubt()
            return
        # Whatever garbles one watch often garbles all of them, and again.
        now, before = asyncio.get_running_loop().time(), self._garbled_at
        self._garbled_at = now
        self._garbled += 1
        if now - before > _GARBLED_ANEW:
            log.warning("garbled: %s", error, extra={"event": "garbled", "resource": feed.resource.name})

    def _tell(self, step: Any) -> None:
        if step is None and self.status == self._told:
            return
        self._told = self.status
        change = Change(
            self._base.revision,
            step.changed if step is not None else {},
            step.removed if step is not None else [],
            self.status,
        )
        for follower in self._followers:
            follower.tell(change)

    def _log_status(self, before: Status) -> None:
        """One line for each change of state."""
        status = self.status
        about = {"server": self._client.server}
        if status.stale and not before.stale:
            log.warning("stale: %s", status.reason, extra={"event": "stale", "reason": status.reason, **about})
        elif status.stale and status.reason != before.reason and not self._was_ready:
            log.warning(
                "not connected: %s", status.reason, extra={"event": "waiting", "reason": status.reason, **about}
            )
        elif not status.stale and before.stale:
            name = "resynced" if self._was_ready else "connected"
            self._was_ready = True
            self._version_wanted.set()
            log.info("%s to %s", name, self._client.server, extra={"event": name, **about})


def _log_right(resource: Resource, health: Health) -> None:
    about = {"resource": resource.name}
    if health.missing_right:
        log.warning("right missing: %s", health.missing_right, extra={"event": "right_missing", **about})
    else:
        log.info("right granted: %s can be followed", resource.name, extra={"event": "right_granted", **about})
