"""What is known of queues now, and why where nothing is: Kueue is not there, or may not be read."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct

from moorage.errors import MoorageError
from moorage.kube.errors import Forbidden, NotFound
from moorage.queues.kueue import InLine, Queue, in_line_of, queues, waited_for
from moorage.queues.places import Places
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from moorage.kube.client import Client
    from moorage.kube.following.sink import Health
    from moorage.scheduling.state import State

Kueue = Literal["followed", "not_allowed", "absent", "unknown"]
_KINDS = ("localqueues", "clusterqueues", "workloads")
_GROUP = "/apis/kueue.x-k8s.io"
_LOOK_AGAIN = 5.0
_WITHIN = 2.0


class _Version(Struct):
    version: str


class _Group(Struct, rename="camel"):
    preferred_version: _Version


class Picture(Struct, frozen=True):
    """`kueue`: whether its objects are followed, and if not why not. `places`: who tells the places, where anybody
    waits: Kueue, or we by counting, and then why.
    """

    kueue: Kueue
    reason: str | None
    queues: tuple[Queue, ...] = ()
    places: Literal["kueue", "counted"] | None = None
    places_reason: str | None = None


class Queues:
    """The queues of one cluster. `feeds` tells how well each kind is followed; a kind that is not is missing there."""

    def __init__(
        self,
        client: Client,
        *,
        cluster: Callable[[], State],
        feeds: Callable[[], Mapping[str, Health]],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._cluster = cluster
        self._feeds = feeds
        self._now = now
        self._places = Places(client, now=now)
        self._seen: tuple[Kueue, str | None] = "unknown", None
        self._looked = float("-inf")

    async def now(self) -> Picture:
        """All queues with those who wait."""
        kueue, reason = await self.standing()
        if kueue != "followed":
            return Picture(kueue, reason)
        cluster = self._cluster()
        wanted = waited_for(cluster)
        places = await self._places.of(wanted)
        told: Literal["kueue", "counted"] | None = None
        if wanted:
            told = "kueue" if places.keys() >= wanted else "counted"
        found = tuple(queues(cluster, places=places))
        return Picture(kueue, reason, found, told, self._places.why if told == "counted" else None)

    async def of_pod(self, uid: str) -> InLine | None:
        """What Kueue says of one pod; None where it has no workload, or may not be read."""
        cluster = self._cluster()
        found = in_line_of(cluster, uid)
        if found is None or found.standing != "waiting" or not found.cluster_queue:
            return found
        return in_line_of(cluster, uid, places=await self._places.of([found.cluster_queue]))

    async def standing(self) -> tuple[Kueue, str | None]:
        """Whether Kueue's objects are followed, and what is to be said of that."""
        feeds = self._feeds()
        missing = [kind for kind in _KINDS if kind not in feeds]
        if not missing:
            return "followed", next((feeds[kind].reason for kind in _KINDS if feeds[kind].stale), None)
        if self._now() - self._looked > _LOOK_AGAIN:
            self._seen = await self._asked(missing)
            self._looked = self._now()
        return self._seen

    async def _asked(self, missing: list[str]) -> tuple[Kueue, str | None]:
        """Whoever may log in may ask which groups are served."""
        try:
            group = msgspec.json.decode(await self._client.get(_GROUP, within=_WITHIN), type=_Group)
            version = group.preferred_version.version
            await self._client.get(f"{_GROUP}/{version}/{missing[0]}", {"limit": "1"}, within=_WITHIN)
        except NotFound:
            return "absent", None
        except Forbidden:
            words = later(
                "Kueue is there, but its queues may not be read: grant list and watch on {kinds} of kueue.x-k8s.io",
                kinds=", ".join(missing),
            )
            return "not_allowed", words
        except (MoorageError, TimeoutError, msgspec.MsgspecError) as error:
            return "unknown", later("whether Kueue is there can't be told: {error}", error=error)
        return "unknown", later("Kueue's queues are being read")
