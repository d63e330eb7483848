"""The messages of the stream as bytes, plain and compressed, each made once for all readers."""

import asyncio
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from moorage import clock
from moorage.cluster.live import Status
from moorage.cluster.snapshot import Snapshot

Kind = Literal["snapshot", "nodes", "status", "ping"]

# RFC 1952: no name, no time. The checksum that ends a file is never sent, since a stream has no end.
GZIP_START = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
# Larger ones are compressed beside the loop, which has others to serve meanwhile: a snapshot may have megabytes.
LARGEST_ON_THE_LOOP = 64 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    kind: Kind
    revision: int
    data: bytes
    packed: bytes

    @property
    def size(self) -> int:
        return len(self.data) + len(self.packed)


async def message(kind: Kind, data: bytes, *, epoch: str, revision: int) -> Message:
    whole = b"id: %s-%d\nevent: %s\ndata: %s\n\n" % (epoch.encode(), revision, kind.encode(), data)
    small = len(whole) <= LARGEST_ON_THE_LOOP
    return Message(kind, revision, whole, packed(whole) if small else await asyncio.to_thread(packed, whole))


def packed(data: bytes) -> bytes:
    """One message as deflated blocks that refer to nothing before them and end on a byte (RFC 1951)."""
    deflate = zlib.compressobj(level=1, wbits=-zlib.MAX_WBITS)
    return deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH)


def ping(revision: int) -> Message:
    return Message("ping", revision, PING, _PACKED_PING)


PING = b": ping\n\n"
_PACKED_PING = packed(PING)


def snapshot_data(snapshot: Snapshot, *, status: bytes) -> bytes:
    taken_at = msgspec.json.encode(clock.shown(snapshot.taken_at))
    return b'{"revision":%d,"taken_at":%s,"nodes":%s,"status":%s}' % (
        snapshot.revision,
        taken_at,
        snapshot.array(),
        status,
    )


def nodes_data(revision: int, taken_at: datetime, *, changed: Mapping[str, bytes], removed: list[str]) -> bytes:
    return b'{"revision":%d,"taken_at":%s,"changed":[%s],"removed":%s}' % (
        revision,
        msgspec.json.encode(clock.shown(taken_at)),
        b",".join(changed.values()),
        msgspec.json.encode(removed),
    )


def status_data(status: Status) -> bytes:
    since = clock.shown(status.since) if status.since is not None else None
    return msgspec.json.encode({"stale": status.stale, "since": since, "reason": status.reason})
