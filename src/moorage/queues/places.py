"""The places of those who wait, from Kueue itself: its visibility API, asked when somebody wants to know.

It may be absent, or nobody's to read; both are told, and looked at again now and then.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import msgspec

from moorage.errors import MoorageError
from moorage.kube.errors import Forbidden, NotFound
from moorage.queues.kueue import Key, Place
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from moorage.kube.client import Client

_GROUP = "/apis/visibility.kueue.x-k8s.io"
_WITHIN = 2.0
# Many ask at once: the pages of all who wait.
_KEPT = 0.25
_LOOK_AGAIN = 30.0
RIGHT = "get on clusterqueues/pendingworkloads of visibility.kueue.x-k8s.io"


class _Version(msgspec.Struct):
    version: str = ""


class _Group(msgspec.Struct, rename="camel"):
    preferred_version: _Version | None = None


class _Meta(msgspec.Struct):
    name: str = ""
    namespace: str = ""


class _Pending(msgspec.Struct, rename="camel"):
    metadata: _Meta
    position_in_cluster_queue: int = 0
    position_in_local_queue: int = 0


class _Summary(msgspec.Struct):
    items: list[_Pending] | None = None


class Places:
    """Kueue's own word on who comes when. `why` is what keeps it from us, or None."""

    def __init__(self, client: Client, *, now: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._now = now
        self._version: str | None = None
        self._looked = float("-inf")
        self._known: dict[str, tuple[float, dict[Key, Place]]] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self.why: str | None = None

    async def of(self, cluster_queues: Iterable[str]) -> Mapping[str, Mapping[Key, Place]]:
        """By cluster queue, the places of all who wait there. A queue that could not be asked about is left out."""
        names = sorted(set(cluster_queues))
        told = await asyncio.gather(*(self._of(name) for name in names))
        return {name: places for name, places in zip(names, told, strict=True) if places is not None}

    async def _of(self, name: str) -> Mapping[Key, Place] | None:
        async with self._locks.setdefault(name, asyncio.Lock()):
            at, places = self._known.get(name, (float("-inf"), {}))
            if self._now() - at <= _KEPT:
                return places
            try:
                fresh = await self._asked(name)
            except NotFound:
                return None  # Kueue does not know this one yet, or not any more
            except Forbidden:
                self._shut(later("Kueue's own places may not be read: grant {right}", right=RIGHT))
                return None
            except (MoorageError, TimeoutError, msgspec.MsgspecError) as error:
                self._shut(later("Kueue's own places can't be read: {error}", error=error))
                return None
            if fresh is not None:
                self.why = None
                self._known[name] = self._now(), fresh
            return fresh

    async def _asked(self, name: str) -> dict[Key, Place] | None:
        if (version := await self._served()) is None:
            return None
        path = f"{_GROUP}/{version}/clusterqueues/{name}/pendingworkloads"
        told = msgspec.json.decode(await self._client.get(path, within=_WITHIN), type=_Summary)
        return {
            (each.metadata.namespace, each.metadata.name): Place(
                each.position_in_cluster_queue, each.position_in_local_queue
            )
            for each in told.items or ()
        }

    async def _served(self) -> str | None:
        """The version of the API that is served; None where none is, or nothing may be asked for now."""
        if self._version is not None or self._now() - self._looked < _LOOK_AGAIN:
            return self._version
        self._looked = self._now()
        try:
            group = msgspec.json.decode(await self._client.get(_GROUP, within=_WITHIN), type=_Group)
        except NotFound:
            self.why = later("Kueue's visibility API is not served here")
            return None
        self._version = group.preferred_version.version if group.preferred_version is not None else None
        return self._version

    def _shut(self, why: str) -> None:
        self.why, self._version, self._looked = why, None, self._now()
