"""One ConfigMap of our own: what it holds, as it is followed, and changes of it that undo nobody's.

It is all that moorage writes in a cluster. A change names the version that it was made from; who was overtaken reads
what is there now, and changes that.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from moorage.errors import MoorageError
from moorage.kube.client import Client
from moorage.kube.configmap import feed_of, path_of
from moorage.kube.errors import Conflict, Forbidden, NotFound
from moorage.kube.following.feed import follow
from moorage.kube.following.sink import Health
from moorage.objects import ConfigMap, decode

log = logging.getLogger(__name__)

_WITHIN = 5.0
# Each time that one is overtaken, somebody else has got through.
_TRIES = 20
_PAUSE = 0.05


class NotWritten(MoorageError):
    """A change was not made; the sentence says why, and the hint what to do."""


class Kept:
    """What one ConfigMap holds, and how well it can be read and written."""

    def __init__(self, client: Client, *, namespace: str, name: str) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._version: str | None = None
        self._data: dict[str, str] = {}
        self._known = False
        self._unread: str | None = None
        self._unwritten: str | None = None
        self._listeners: list[Callable[[], None]] = []
        self._changing = asyncio.Lock()
        self.settled = asyncio.Event()
        self._feed = feed_of(client, namespace=namespace, name=name, take=self._followed, report=self._report)

    @property
    def name(self) -> str:
        """namespace/name"""
        return f"{self._namespace}/{self._name}"

    @property
    def known(self) -> bool:
        """Whether it was ever read; `settled` is set by then, or by the first failure."""
        return self._known

    @property
    def data(self) -> Mapping[str, str]:
        """Its text under each key as last read; empty where there is no such ConfigMap."""
        return self._data

    @property
    def troubles(self) -> tuple[str, ...]:
        """A sentence for each thing that is wrong, with what mends it."""
        return tuple(told for told in (self._unread, self._unwritten) if told is not None)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call it after each change of the data."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Follow it, for ever."""
        await follow(self._feed)

    async def change(self, key: str, make: Callable[[str | None], str]) -> str:
        """Put there what `make` makes of the text that is there (None: there is none), and return it.

        `make` is called again with a newer text where somebody else was faster. Raises `NotWritten`, and what `make`
        raises.
        """
        async with self._changing:
            try:
                text = await self._change(key, make)
            except NotWritten as error:
                self._unwritten = f"{error.message} {error.hint}"
                raise
            self._unwritten = None
            return text

    async def _change(self, key: str, make: Callable[[str | None], str]) -> str:
        is_fresh = self._known
        for attempt in range(1, _TRIES + 1):
            if not is_fresh:
                await self._asked(self._read())
            text = make(self._data.get(key))
            if await self._asked(self._write({key: text})):
                return text
            # Changed, made or deleted meanwhile.
            is_fresh = False
            await asyncio.sleep(random.uniform(0, _PAUSE * min(attempt, 5)))  # noqa: S311 # spreads load
        raise NotWritten(f"The ConfigMap {self.name} is changed by others all the time.", hint="Try again later.")

    async def _asked(self, request: Awaitable[None]) -> bool:
        """Whether a request was granted, or came too late."""
        try:
            await request
        except (Conflict, NotFound) as error:
            if self._version is None and isinstance(error, NotFound):
                raise NotWritten(
                    f"There is no namespace {self._namespace} for the ConfigMap {self.name}.",
                    hint="Set MOORAGE_STATE_CONFIGMAP to moorage's own namespace and a name.",
                ) from error
            return False
        except Forbidden as error:
            raise self._refused() from error
        except MoorageError as error:
            raise NotWritten(
                f"The ConfigMap {self.name} can't be changed now: {error.message}.",
                hint="Ask for the values before you try again: the change may have been made.",
            ) from error
        return True

    async def _read(self) -> None:
        try:
            body = await self._client.get(path_of(self._namespace, self._name), within=_WITHIN)
        except NotFound:
            self._take(None)
        else:
            self._take(decode(ConfigMap, body))

    async def _write(self, data: dict[str, str]) -> None:
        metadata: dict[str, object]
        if self._version is not None:
            metadata = {"resourceVersion": self._version}
            body = await self._client.write(
                "PATCH",
                path_of(self._namespace, self._name),
                msgspec.json.encode({"metadata": metadata, "data": data}),
                kind="application/merge-patch+json",
                within=_WITHIN,
            )
        else:
            labels = {"app.kubernetes.io/name": "moorage"}
            metadata = {"name": self._name, "namespace": self._namespace, "labels": labels}
            new = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}
            body = await self._client.write(
                "POST", path_of(self._namespace), msgspec.json.encode(new), kind="application/json", within=_WITHIN
            )
        self._take(decode(ConfigMap, body))

    def _refused(self) -> NotWritten:
        if self._known and self._version is None and self._unread is None:
            return NotWritten(
                f"There is no ConfigMap {self.name}, and moorage may not make it.",
                hint=f"Make it: kubectl --namespace {self._namespace} create configmap {self._name}",
            )
        return NotWritten(
            f"moorage may not change the ConfigMap {self.name}.",
            hint="Grant get, list, watch and patch on it, as deploy/kubernetes/optional/state.yaml does.",
        )

    # --- what is told -------------------------------------------------------------------------------------------

    def _followed(self, item: ConfigMap | None) -> None:
        """What the feed tells; it may be behind what an answer to us has told."""
        mine, theirs = self._version, item.metadata.resource_version if item is not None else None
        if (
            mine is not None
            and theirs is not None
            and mine.isdecimal()
            and theirs.isdecimal()
            and int(theirs) < int(mine)
        ):
            return
        self._take(item)

    def _take(self, item: ConfigMap | None) -> None:
        before = self._data if self._known else None
        self._version = item.metadata.resource_version if item is not None else None
        self._data = {
            key: text for key, text in ((item.data if item is not None else None) or {}).items() if text is not None
        }
        self._known = True
        self.settled.set()
        if self._data != before:
            for listener in self._listeners:
                listener()

    def _report(self, health: Health) -> None:
        told = None
        if health.missing_right is not None:
            told = (
                f"moorage may not read the ConfigMap {self.name}. Grant get, list, watch and patch on it, as "
                "deploy/kubernetes/optional/state.yaml does."
            )
        elif health.stale:
            told = f"The ConfigMap {self.name} can't be read now: {health.reason}."
        if told is not None:
            self.settled.set()
        if told is not None and told != self._unread:
            log.warning("%s", told, extra={"event": "state", "configmap": self.name})
        self._unread = told
