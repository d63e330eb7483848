"""Changes to every open page: gathered for a moment, encoded once, and written as the same bytes to each.

There are two such encodings, with the names of those who hold cards and without; who may see them gets the one. A page
whose person holds a card of a changed node gets the words for that node's cards behind it, in which their own servers
have their names.

A page that does not take its bytes is skipped, not queued for: when it has caught up it gets the whole picture instead
of what it missed, and when it takes nothing for half a minute it is let go. Between groups of pages the event loop
gets its turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from contextvars import Context
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from moorage.hub import metrics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moorage.hub.view.client import ServiceClient
    from moorage.hub.view.facts import NodeFacts
    from moorage.hub.view.holders import Sight

log = logging.getLogger("moorage.hub")

INTERVAL = 0.1
PING_SECONDS = 1.0
_STALLED_SECONDS = 30.0
# Pages of one person; nobody looks at more, and each takes some of the time that all have.
MOST_EACH = 20
_GROUP = 4


class Page(Protocol):
    """One open page's end of the stream."""

    def send(self, data: bytes) -> asyncio.Future[Any] | None:
        """Write these bytes; the future is done when they have left. None when the page is gone."""

    def close(self) -> None:
        """End the stream."""


@dataclass(frozen=True, slots=True)
class Told:
    """One message in both encodings, and which of its nodes each known pod holds cards of."""

    plain: bytes = b""
    named: bytes = b""
    held: dict[str, list[NodeFacts]] = field(default_factory=dict)

    def to(self, sight: Sight) -> bytes:
        """The bytes for this person."""
        names = sight.names
        data = self.named if names else self.plain
        own = sight.own() if self.held else {}
        mine = {node.name: node for pod in own for node in self.held.get(pod, ())}
        if not mine:
            return data
        cards = {name: node.cards.words(own=own, names=names) for name, node in mine.items()}
        return data + message("cards", json.dumps(cards).encode())


class _Reader:
    __slots__ = ("behind", "named", "page", "person", "sent", "sight", "since")

    def __init__(self, page: Page, sight: Sight, person: str) -> None:
        self.page = page
        self.person = person
        self.sight = sight
        self.named = False  # whether it was last told names
        self.sent: asyncio.Future[Any] | None = None
        self.since = 0.0
        self.behind = True


class Broadcast:
    """All open pages of a hub that look at one service."""

    def __init__(self, client: ServiceClient, *, interval: float = INTERVAL) -> None:
        self._client = client
        self._interval = interval
        self._readers: dict[Page, _Reader] = {}
        self._changed: set[str] = set()
        self._status_changed = False
        self._dirty = asyncio.Event()
        self._whole: Told | None = None
        self._task: asyncio.Task[None] | None = None
        client.listen(self._on_change)

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run(), context=Context())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for page in list(self._readers):
            self.leave(page)
            page.close()

    def __len__(self) -> int:
        return len(self._readers)

    def join(self, page: Page, sight: Sight, *, person: str = "") -> None:
        """Send the whole picture now and every change from now on. Of one person's pages the oldest make room."""
        theirs = [reader.page for reader in self._readers.values() if person and reader.person == person]
        for oldest in theirs[: max(0, len(theirs) + 1 - MOST_EACH)]:
            self.leave(oldest)
            oldest.send(_CROWDED)
            oldest.close()
        reader = self._readers[page] = _Reader(page, sight, person)
        metrics.PAGES.set(len(self._readers))
        self._send(reader, self.whole())
        reader.behind = False

    def leave(self, page: Page) -> None:
        self._readers.pop(page, None)
        metrics.PAGES.set(len(self._readers))

    def whole(self) -> Told:
        """The `snapshot` message, encoded once for each change."""
        if self._whole is None:
            known, status = self._client.nodes, self._status()
            nodes = None if known is None else [known[name] for name in sorted(known)]

            def encoded(*, names: bool) -> bytes:
                listed = b"null" if nodes is None else b"[%s]" % _pages(nodes, names=names)
                return message("snapshot", b'{"nodes":%s,"status":%s}' % (listed, status))

            plain, held = encoded(names=False), _held(nodes or ())
            self._whole = Told(plain, encoded(names=True) if held else plain, held)
        return self._whole

    def _status(self) -> bytes:
        return json.dumps(self._client.status.as_json()).encode()

    def _on_change(self, changed: set[str], status: bool) -> None:  # noqa: FBT001 - a listener
        self._changed |= changed
        self._status_changed |= status
        self._whole = None
        self._dirty.set()

    async def _run(self) -> None:
        pinged = time.monotonic()
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._dirty.wait(), PING_SECONDS)
            told = self._gathered()
            now = time.monotonic()
            if told is None and now - pinged >= PING_SECONDS * 0.9:
                told = Told(_PING, _PING)
            if told is not None:
                pinged = now
                await self._to_all(told)
            # Writing to many pages takes a part of the interval; a quarter of it always belongs to everybody else.
            spent = time.monotonic() - now
            await asyncio.sleep(max(self._interval - spent, self._interval / 4))

    def _gathered(self) -> Told | None:
        """The message for what has changed since the last one."""
        self._dirty.clear()
        changed, self._changed = self._changed, set()
        status, self._status_changed = self._status_changed, False
        known = self._client.nodes or {}
        nodes = [known[name] for name in changed if name in known]
        gone = json.dumps([name for name in changed if name not in known]).encode()
        said = message("status", self._status()) if status else b""

        def encoded(*, names: bool) -> bytes:
            data = b'{"changed":[%s],"removed":%s}' % (_pages(nodes, names=names), gone)
            return (message("nodes", data) if changed else b"") + said

        plain, held = encoded(names=False), _held(nodes)
        return Told(plain, encoded(names=True) if held else plain, held) if plain else None

    async def _to_all(self, told: Told) -> None:
        for position, reader in enumerate(list(self._readers.values()), 1):
            if position % _GROUP == 0:
                await asyncio.sleep(0)
            if reader.page not in self._readers:
                continue
            if reader.sent is not None and not reader.sent.done():
                reader.behind = True
                if time.monotonic() - reader.since > _STALLED_SECONDS:
                    self.leave(reader.page)
                    reader.page.close()
                continue
            try:
                whole = reader.behind or reader.named != reader.sight.names
                reader.behind = False
                self._send(reader, self.whole() if whole else told)
            except Exception:  # whatever one person's log-in has become, all others go on
                log.exception("A page could not be told")
                self.leave(reader.page)
                reader.page.close()

    def _send(self, reader: _Reader, told: Told) -> None:
        reader.since = time.monotonic()
        reader.named = reader.sight.names
        reader.sent = reader.page.send(told.to(reader.sight))
        if reader.sent is None:
            self.leave(reader.page)


def message(name: str, data: bytes) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data)


_PING = message("ping", b"{}")
_CROWDED = message("crowded", b"{}")


def _pages(nodes: Iterable[NodeFacts], *, names: bool) -> bytes:
    return b",".join([node.named_page if names else node.page for node in nodes])


def _held(nodes: Iterable[NodeFacts]) -> dict[str, list[NodeFacts]]:
    held: dict[str, list[NodeFacts]] = {}
    for node in nodes:
        for pod in node.holders:
            held.setdefault(pod, []).append(node)
    return held
