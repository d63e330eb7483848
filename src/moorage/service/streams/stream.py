"""`GET /cluster/stream`: every change of the cluster as server-sent events, and of the machines that may come to it.

One task reads the cluster's changes, encodes each message once, and appends it to a ring. A reader is a position in
that ring: it has no queue of its own, so a thousand readers cost a thousand writes of the same bytes and no memory.
Those that have kept up are written to at once, see `wire`; the others find what is new in the ring as they get there.
Who falls out of the ring, or whose socket takes nothing for a while, is let go; the browser comes back with
`Last-Event-ID` and goes on from there, or gets a fresh snapshot when the ring no longer reaches that far.

Readers that take gzip (all browsers do) share bytes as well: each message is compressed by itself, once, and ends on a
byte, so that any sequence of them is one valid stream. Nodes are alike, and take a tenth of the room that way.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from moorage.cluster.live import LiveCluster
from moorage.cluster.snapshot import Snapshot
from moorage.service.http.pieces import pieces
from moorage.service.http.wire import Wire, chunk, wire_of
from moorage.service.signin.person import Person
from moorage.service.streams.messages import (
    GZIP_START,
    Message,
    message,
    nodes_data,
    ping,
    snapshot_data,
    status_data,
)

PING_SECONDS = 1.0
RIGHTS_SECONDS = 1.0
# More tabs than anybody looks at.
STREAMS_OF_ONE = 20
# A reader whose socket has taken nothing for this long is gone or too slow.
STALLED_SECONDS = 10.0
# Pages that come at once share a snapshot of this age, and what has changed since: after a restart there are many.
SNAPSHOT_SECONDS = 1.0
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold back messages until its buffer is full
]


async def _always() -> bool:
    return True


def headers() -> Response:
    """What stands before the events, for who asks for nothing else."""
    response = Response()
    response.raw_headers = list(HEADERS)
    return response


@dataclass(frozen=True)
class Opening:
    """What a new reader is sent first, where in the ring it reads on, and the revision that it then knows."""

    messages: list[Message]
    sequence: int
    known: int


class Broadcast:
    """The ring, the task that fills it, and who reads from it."""

    def __init__(self, live: LiveCluster, *, replay_bytes: int, names: bool = False) -> None:
        self._live = live
        self._replay_bytes = replay_bytes
        self._names = names
        self.listening = asyncio.Event()  # set once no change is missed
        self._ring: deque[Message] = deque()
        self._held = 0
        self._next = 0  # the sequence number that the next message gets; the ring's last one has one less
        self._base = -1  # the ring holds all that happened after this revision
        self._newest = -1
        self._epoch = ""
        self._ended = False
        self._snapshot: tuple[float, bytes, Message] | None = None
        self._machines: bytes | None = None
        self._machines_told: tuple[bytes, Message] | None = None
        self._making = asyncio.Lock()
        self.readers: set[Reader] = set()
        self.dropped = 0
        self.messages = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._tick())
            group.create_task(self._watch_rights())

    async def _follow(self) -> None:
        said: bytes | None = None
        self.listening.set()
        async for change in self._live.changes():
            snapshot = self._now()
            if snapshot is None:
                continue
            first = snapshot.epoch != self._epoch
            if first:
                self._start_over(snapshot.epoch, revision=change.revision if not self.readers else change.revision - 1)
            # The first change holds every node: of a large cluster that is megabytes which nobody needs to replay.
            if (change.changed or change.removed) and not (first and not self.readers):
                changed = change.changed
                if self._names:
                    changed = {name: snapshot.nodes[name] for name in changed if name in snapshot.nodes}
                data = nodes_data(change.revision, snapshot.taken_at, changed=changed, removed=change.removed)
                self._publish(await message("nodes", data, epoch=self._epoch, revision=change.revision))
            status = status_data(change.status)
            if status != said:
                said = status
                self._publish(await message("status", [status], epoch=self._epoch, revision=change.revision))

    async def tell_machines(self, data: bytes) -> None:
        """The machines that may come are these from now on, as JSON."""
        self._machines = data
        if self._epoch:
            self._publish(await self._about_machines(data))

    async def _about_machines(self, data: bytes) -> Message:
        """Made once for all that are told of it at the same revision."""
        if self._machines_told is not None:
            told, made = self._machines_told
            if told is data and made.revision == self._newest:
                return made
        made = await message("machines", (b'{"machines":', data, b"}"), epoch=self._epoch, revision=self._newest)
        self._machines_told = data, made
        return made

    def _now(self) -> Snapshot | None:
        snapshot = self._live.snapshot
        return snapshot.with_names() if snapshot is not None and self._names else snapshot

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(PING_SECONDS)
            self._publish(ping(self._newest))
            self._let_go(now=time.monotonic())

    def _let_go(self, *, now: float) -> None:
        """Of readers that take nothing."""
        for reader in list(self.readers):
            if reader.writing_since is not None and now - reader.writing_since > STALLED_SECONDS:
                self.dropped += 1
                reader.cancel()

    async def _watch_rights(self) -> None:
        """Let go of readers whose right was taken back. One after the other, since others may have to be asked."""
        while True:
            await asyncio.sleep(RIGHTS_SECONDS)
            for reader in list(self.readers):
                if not await reader.allowed():
                    reader.finish()

    def _start_over(self, epoch: str, *, revision: int) -> None:
        self._ring.clear()
        self._held = 0
        self._epoch = epoch
        self._base = self._newest = revision

    def _publish(self, new: Message) -> None:
        self._ring.append(new)
        self._newest = max(self._newest, new.revision)
        self._next += 1
        self._held += new.size
        self.messages += new.kind != "ping"
        while self._held > self._replay_bytes and len(self._ring) > 1:
            oldest = self._ring.popleft()
            self._held -= oldest.size
            self._base = max(self._base, oldest.revision)
        plain, packed = chunk(new.data), chunk(new.packed)
        for reader in self.readers:
            reader.take(new, packed if reader.gzip else plain)

    def end(self) -> None:
        """Let every reader go at once; a browser comes back by itself."""
        self._ended = True
        for reader in self.readers:
            reader.wake()

    async def opening(self, last_event_id: str | None) -> Opening:
        known = self._known_revision(last_event_id)
        if known is None:
            opening = await self._fresh()
        else:
            status = status_data(self._live.status)
            now = await message("status", [status], epoch=self._epoch, revision=max(known, self._newest))
            opening = Opening([*self._since(known), now], self._next, known)
        if (data := self._machines) is not None:
            opening.messages.append(await self._about_machines(data))
        return opening

    def _known_revision(self, last_event_id: str | None) -> int | None:
        """The revision that a reader resumes from, if the ring still holds all that came after it."""
        epoch, _, revision = (last_event_id or "").rpartition("-")
        if not epoch or epoch != self._epoch or not revision.isascii() or not revision.isdigit() or len(revision) > 18:
            return None
        return int(revision) if self._base <= int(revision) <= self._newest else None

    def _since(self, known: int) -> list[Message]:
        return [held for held in self._ring if held.kind == "nodes" and held.revision > known]

    async def _fresh(self) -> Opening:
        """A snapshot, and whatever the ring holds that is newer than it."""
        while True:
            async with self._making:
                made = self._usable_snapshot() or await self._make_snapshot()
            # While it was made, the ring may have run past it.
            if made.revision >= self._base or not self._ring:
                return Opening([made, *self._since(made.revision)], self._next, made.revision)

    def _usable_snapshot(self) -> Message | None:
        if self._snapshot is None:
            return None
        made_at, status, made = self._snapshot
        latest = self._now()
        same = latest is not None and latest.revision == made.revision
        young = time.monotonic() - made_at < SNAPSHOT_SECONDS and made.revision >= self._base
        return made if (same or young) and status == status_data(self._live.status) else None

    async def _make_snapshot(self) -> Message:
        snapshot = self._now()
        if snapshot is None:
            raise RuntimeError("a stream was opened before the first list")  # the route answers 503 before
        status = status_data(self._live.status)
        data = snapshot_data(snapshot, status=status)
        made = await message("snapshot", data, epoch=snapshot.epoch, revision=snapshot.revision)
        self._snapshot = time.monotonic(), status, made
        return made

    def reaches(self, sequence: int) -> bool:
        """Whether there is, or will be, all that comes from this one on."""
        return not self._ended and sequence >= self._next - len(self._ring)

    def message(self, sequence: int) -> Message | None:
        """The message of this number, or None while it is still to come."""
        # Indexing from the end is O(distance to it), and a reader that keeps up stands there.
        return None if sequence == self._next else self._ring[sequence - self._next]


class Reader(Response):
    """The response of one open stream."""

    def __init__(
        self,
        broadcast: Broadcast,
        *,
        last_event_id: str | None,
        gzip: bool = False,
        person: Person | None = None,
        allowed: Callable[[], Awaitable[bool]] = _always,
    ) -> None:
        super().__init__()
        self._broadcast = broadcast
        self.gzip = gzip
        self.person = person
        self.allowed = allowed
        self._last_event_id = last_event_id
        self._writer: asyncio.Task[None] | None = None
        self.writing_since: float | None = None
        self._wire: Wire | None = None
        self._at = 0  # the sequence number of the message that it is told next
        self._known = -1
        self._idle: asyncio.Future[None] | None = None  # while it has been told everything
        self.opened = 0.0
        self._crowded = self._finished = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._wire = wire_of(scope)
        self.opened = time.monotonic()
        self._broadcast.readers.add(self)
        self._make_room()
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

    def _make_room(self) -> None:
        """One person has so many streams; the oldest make room. A token of a file may be that of many screens."""
        if self.person is None or self.person.way not in ("hub", "kubernetes"):
            return
        same = (self.person.way, self.person.name)
        own = [each for each in self._broadcast.readers if each.person and (each.person.way, each.person.name) == same]
        for each in sorted(own, key=lambda one: one.opened)[:-STREAMS_OF_ONE]:
            each.crowd()

    def crowd(self) -> None:
        """End it, and tell the page that it need not come back before somebody looks at it."""
        self._crowded = True
        self.finish()

    def finish(self) -> None:
        """End it in order: a proxy between, such as the hub's, tells its client of no other end."""
        self._finished = True
        self.wake()

    def cancel(self) -> None:
        """End it from outside."""
        if self._writer is not None:
            self._writer.cancel()

    def take(self, new: Message, framed: bytes | None) -> None:
        """The newest message: written at once, unless it has to wait for its turn or for room in the socket."""
        if self._idle is None or self._idle.done():
            return
        if not self._is_told_of(new) or (self._wire is not None and framed is not None and self._wire.write(framed)):
            self._at += 1
        else:
            self.wake()

    def wake(self) -> None:
        """Let it look into the ring."""
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def _is_told_of(self, message: Message) -> bool:
        return message.kind != "nodes" or message.revision > self._known

    async def _write(self, send: Send) -> None:
        headers = [*HEADERS, (b"content-encoding", b"gzip")] if self.gzip else HEADERS
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        if self.gzip:
            await self._send(send, GZIP_START)
        opening = await self._broadcast.opening(self._last_event_id)
        for first in opening.messages:
            await self._send(send, first.packed if self.gzip else first.data)
        self._at, self._known = opening.sequence, opening.known
        while self._broadcast.reaches(self._at) and not self._finished:
            later = self._broadcast.message(self._at)
            if later is None:
                self._idle = asyncio.get_running_loop().create_future()
                await self._idle
                continue
            self._at += 1
            if self._is_told_of(later):
                await self._send(send, later.packed if self.gzip else later.data)
        if self._crowded:
            word = await message("crowded", [b"{}"], epoch="", revision=0)
            await self._send(send, word.packed if self.gzip else word.data)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, send: Send, data: bytes) -> None:
        for piece in pieces(data):
            self.writing_since = time.monotonic()
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        self.writing_since = None


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
