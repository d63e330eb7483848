"""`GET /cluster/stream`: every change of the cluster as server-sent events.

One task reads the cluster's changes, encodes each message once, and appends it to a ring. A reader is a position in
that ring: it has no queue of its own, so a thousand readers cost a thousand writes of the same bytes and no memory. Who
falls out of the ring, or whose socket takes nothing for a while, is let go; the browser comes back with
`Last-Event-ID` and goes on from there, or gets a fresh snapshot when the ring no longer reaches that far.

Readers that take gzip (all browsers do) share bytes as well: each message is compressed by itself, once, and ends on a
byte, so that any sequence of them is one valid stream. Nodes are alike, and take a tenth of the room that way.
"""

import asyncio
import logging
import time
import zlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from moorage.cluster.live import LiveCluster, Status
from moorage.cluster.snapshot import Snapshot
from moorage.service.pieces import pieces

log = logging.getLogger(__name__)

PING = b": ping\n\n"
PING_SECONDS = 1.0
# A reader whose socket has taken nothing for this long is gone or too slow.
STALLED_SECONDS = 10.0
# RFC 1952: no name, no time. The checksum that ends a file is never sent, since a stream has no end.
GZIP_START = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
# Compressing a snapshot of thousands of nodes would hold up everybody else; it is sent as it is.
LARGEST_COMPRESSED = 256 * 1024
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold back messages until its buffer is full
]


@dataclass(frozen=True, slots=True)
class Message:
    sequence: int
    revision: int
    data: bytes
    packed: bytes
    kind: Literal["nodes", "status", "ping"]


class Broadcast:
    """The ring, the task that fills it, and who reads from it."""

    def __init__(self, live: LiveCluster, *, replay_bytes: int, max_streams: int) -> None:
        self._live = live
        self._replay_bytes = replay_bytes
        self.max_streams = max_streams
        self._ring: deque[Message] = deque()
        self._held = 0
        self._next = 0
        self._base = -1  # the ring holds all that happened after this revision
        self._epoch = ""
        self._arrived = asyncio.Event()
        self._ended = False
        self._snapshot: tuple[tuple[str, int, str], bytes, bytes] | None = None
        self.readers: set[Reader] = set()
        self.dropped = 0
        self.messages = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._tick())

    async def _follow(self) -> None:
        said: bytes | None = None
        async for change in self._live.changes():
            snapshot = self._live.snapshot
            if snapshot is None:
                continue
            first = snapshot.epoch != self._epoch
            if first:
                self._start_over(snapshot.epoch, revision=change.revision if not self.readers else change.revision - 1)
            # The first change holds every node: of a large cluster that is megabytes which nobody needs to replay.
            if (change.changed or change.removed) and not (first and not self.readers):
                data = nodes_data(change.revision, snapshot.taken_at, changed=change.changed, removed=change.removed)
                self._publish(
                    event("nodes", data, identity=f"{self._epoch}-{change.revision}"), change.revision, kind="nodes"
                )
            status = status_data(change.status)
            if status != said:
                said = status
                message = event("status", status, identity=f"{self._epoch}-{change.revision}")
                self._publish(message, change.revision, kind="status")

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(PING_SECONDS)
            self._publish(PING, self._ring[-1].revision if self._ring else self._base, kind="ping")
            self._let_go_of_the_stalled(now=time.monotonic())
            for reader in [reader for reader in self.readers if not reader.allowed()]:
                reader.cancel()

    def _let_go_of_the_stalled(self, *, now: float) -> None:
        for reader in list(self.readers):
            if reader.writing_since is not None and now - reader.writing_since > STALLED_SECONDS:
                self.dropped += 1
                reader.cancel()

    def _start_over(self, epoch: str, *, revision: int) -> None:
        self._ring.clear()
        self._held = 0
        self._epoch = epoch
        self._base = revision

    def _publish(self, data: bytes, revision: int, *, kind: Literal["nodes", "status", "ping"]) -> None:
        message = Message(self._next, revision, data, packed(data), kind)
        self._ring.append(message)
        self._next += 1
        self._held += len(data) + len(message.packed)
        self.messages += kind != "ping"
        while self._held > self._replay_bytes and len(self._ring) > 1:
            oldest = self._ring.popleft()
            self._held -= len(oldest.data) + len(oldest.packed)
            self._base = max(self._base, oldest.revision)
        arrived, self._arrived = self._arrived, asyncio.Event()
        arrived.set()

    def end(self) -> None:
        """Let every reader go at once; a browser comes back by itself."""
        self._ended = True
        self._arrived.set()

    def opening(self, last_event_id: str | None) -> tuple[list[tuple[bytes, bytes]], int, int]:
        """What a new reader is sent first, the sequence that it reads on from, and the revision that it then knows."""
        known = self._known_revision(last_event_id)
        if known is None:
            snapshot = self._live.snapshot
            if snapshot is None:  # the route answers 503 before it comes to this
                return [], self._next, -1
            return [self._snapshot_message(snapshot)], self._next, snapshot.revision
        missed = [(m.data, m.packed) for m in self._ring if m.kind == "nodes" and m.revision > known]
        identity = f"{self._epoch}-{max(known, self._ring[-1].revision if self._ring else known)}"
        status = event("status", status_data(self._live.status), identity=identity)
        return [*missed, (status, packed(status))], self._next, known

    def _known_revision(self, last_event_id: str | None) -> int | None:
        """The revision that a reader resumes from, if the ring still holds all that came after it."""
        epoch, _, revision = (last_event_id or "").rpartition("-")
        if not epoch or epoch != self._epoch or not revision.isascii() or not revision.isdigit() or len(revision) > 18:
            return None
        newest = self._ring[-1].revision if self._ring else self._base
        return int(revision) if self._base <= int(revision) <= newest else None

    def _snapshot_message(self, snapshot: Snapshot) -> tuple[bytes, bytes]:
        status = status_data(self._live.status)
        key = (snapshot.epoch, snapshot.revision, status.decode())
        if self._snapshot is None or self._snapshot[0] != key:
            data = b'{"revision":%d,"taken_at":%s,"nodes":%s,"status":%s}' % (
                snapshot.revision,
                msgspec.json.encode(snapshot.taken_at),
                snapshot.array(),
                status,
            )
            message = event("snapshot", data, identity=f"{snapshot.epoch}-{snapshot.revision}")
            self._snapshot = key, message, packed(message)
        return self._snapshot[1], self._snapshot[2]

    async def after(self, sequence: int, *, known: int) -> AsyncIterator[Message]:
        """Every message from this one on that tells more than `known`; ends when the ring has run away from it."""
        while True:
            if sequence == self._next:
                await self._arrived.wait()
            if self._ended:
                return
            first = self._ring[0].sequence if self._ring else self._next
            if sequence < first:
                return
            # Indexing from the end is O(distance to it), and a reader that keeps up stands there.
            message = self._ring[sequence - self._next]
            sequence += 1
            if message.kind != "nodes" or message.revision > known:
                yield message


class Reader(Response):
    """The response of one open stream."""

    def __init__(
        self,
        broadcast: Broadcast,
        *,
        last_event_id: str | None,
        gzip: bool = False,
        allowed: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__()
        self._broadcast = broadcast
        self._gzip = gzip
        self.allowed = allowed
        self._last_event_id = last_event_id
        self._writer: asyncio.Task[None] | None = None
        self.writing_since: float | None = None

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        self._broadcast.readers.add(self)
        try:
            self._writer = asyncio.ensure_future(self._write(send))
            gone = asyncio.ensure_future(_disconnect(receive))
            try:
                await asyncio.wait((self._writer, gone), return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._writer.cancel()
                gone.cancel()
                await asyncio.gather(self._writer, gone, return_exceptions=True)
        finally:
            self._broadcast.readers.discard(self)

    def cancel(self) -> None:
        """End it from outside."""
        if self._writer is not None:
            self._writer.cancel()

    async def _write(self, send: Send) -> None:
        headers = [*HEADERS, (b"content-encoding", b"gzip")] if self._gzip else HEADERS
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if self._gzip:
            await self._send(send, GZIP_START)
        opening, sequence, known = self._broadcast.opening(self._last_event_id)
        for plain, short in opening:
            await self._send(send, short if self._gzip else plain)
        async for message in self._broadcast.after(sequence, known=known):
            await self._send(send, message.packed if self._gzip else message.data)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, data: bytes) -> None:
        for piece in pieces(data):
            self.writing_since = time.monotonic()
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        self.writing_since = None


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def packed(data: bytes) -> bytes:
    """One message as deflated blocks that refer to nothing before them and end on a byte (RFC 1951)."""
    deflate = zlib.compressobj(level=1 if len(data) <= LARGEST_COMPRESSED else 0, wbits=-zlib.MAX_WBITS)
    return deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH)


def event(name: str, data: bytes, *, identity: str) -> bytes:
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (identity.encode(), name.encode(), data)


def nodes_data(revision: int, taken_at: datetime, *, changed: Mapping[str, bytes], removed: list[str]) -> bytes:
    return b'{"revision":%d,"taken_at":%s,"changed":[%s],"removed":%s}' % (
        revision,
        msgspec.json.encode(taken_at),
        b",".join(changed.values()),
        msgspec.json.encode(removed),
    )


def status_data(status: Status) -> bytes:
    return msgspec.json.encode({"stale": status.stale, "since": status.since, "reason": status.reason})
