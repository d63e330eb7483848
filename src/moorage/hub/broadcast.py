"""Changes to every open page: gathered for a moment, encoded once, and written as the same bytes to each.

A page that does not take its bytes is skipped, not queued for: when it has caught up it gets the whole picture instead
of what it missed, and when it takes nothing for half a minute it is let go. Between groups of pages the event loop
gets its turn.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from moorage.hub.client import ServiceClient

INTERVAL = 0.1
PING_SECONDS = 1.0
_STALLED_SECONDS = 30.0
_GROUP = 4


class Page(Protocol):
    """One open page's end of the stream."""

    def send(self, data: bytes) -> asyncio.Future[Any] | None:
        """Write these bytes; the future is done when they have left. None when the page is gone."""

    def close(self) -> None:
        """End the stream."""


class _Reader:
    __slots__ = ("behind", "page", "sent", "since")

    def __init__(self, page: Page) -> None:
        self.page = page
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
        self._whole: bytes | None = None
        self._task: asyncio.Task[None] | None = None
        client.listen(self._on_change)

    def start(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for page in list(self._readers):
            self.leave(page)
            page.close()

    def __len__(self) -> int:
        return len(self._readers)

    def join(self, page: Page) -> None:
        """Send the whole picture now and every change from now on."""
        reader = self._readers[page] = _Reader(page)
        self._send(reader, self.whole())
        reader.behind = False

    def leave(self, page: Page) -> None:
        self._readers.pop(page, None)

    def whole(self) -> bytes:
        """The `snapshot` message, encoded once for each change."""
        if self._whole is None:
            nodes = self._client.nodes
            listed = b"null" if nodes is None else b"[%s]" % b",".join(nodes[name].page for name in sorted(nodes))
            self._whole = message("snapshot", b'{"nodes":%s,"status":%s}' % (listed, self._status()))
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
            data = self._gathered()
            now = time.monotonic()
            if not data and now - pinged >= PING_SECONDS * 0.9:
                data = message("ping", b"{}")
            if data:
                pinged = now
                await self._to_all(data)
            await asyncio.sleep(self._interval)

    def _gathered(self) -> bytes:
        """The message for what has changed since the last one."""
        self._dirty.clear()
        changed, self._changed = self._changed, set()
        status, self._status_changed = self._status_changed, False
        nodes = self._client.nodes or {}
        data = b""
        if changed:
            present = b",".join(nodes[name].page for name in changed if name in nodes)
            gone = json.dumps([name for name in changed if name not in nodes]).encode()
            data += message("nodes", b'{"changed":[%s],"removed":%s}' % (present, gone))
        if status:
            data += message("status", self._status())
        return data

    async def _to_all(self, data: bytes) -> None:
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
            if reader.behind:
                reader.behind = False
                self._send(reader, self.whole())
            else:
                self._send(reader, data)

    def _send(self, reader: _Reader, data: bytes) -> None:
        reader.since = time.monotonic()
        reader.sent = reader.page.send(data)
        if reader.sent is None:
            self.leave(reader.page)


def message(name: str, data: bytes) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), data)
