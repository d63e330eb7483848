"""The messages of the stream as bytes, plain and compressed, each made once for all readers."""

import asyncio
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import msgspec

from moorage import clock
from moorage.cluster.live import Status
from moorage.cluster.snapshot import Snapshot

Kind = Literal["snapshot", "nodes", "machines", "status", "crowded", "ping"]

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


async def message(kind: Kind, data: Sequence[bytes], *, epoch: str, revision: int) -> Message:
    """`data` comes in parts, so that a large one is copied once, and beside the loop."""
    parts = (b"id: %s-%d\nevent: %s\ndata: " % (epoch.encode(), revision, kind.encode()), *data, b"\n\n")
    small = sum(map(len, parts)) <= LARGEST_ON_THE_LOOP
    whole, compressed = _made(parts) if small else await asyncio.to_thread(_made, parts)
    return Message(kind, revision, whole, compressed)


def _made(parts: Sequence[bytes]) -> tuple[bytes, bytes]:
    whole = b"".join(parts)
    return whole, packed(whole)


def packed(data: bytes) -> bytes:
    """One message as deflated blocks that refer to nothing before them and end on a byte (RFC 1951)."""
    deflate = zlib.compressobj(level=1, wbits=-zlib.MAX_WBITS)
    return deflate.compress(data) + deflate.flush(zlib.Z_SYNC_FLUSH)


def ping(revision: int) -> Message:
    return Message("ping", revision, PING, _PACKED_PING)


PING = b": ping\n\n"
_PACKED_PING = packed(PING)


def snapshot_data(snapshot: Snapshot, *, status: bytes) -> list[bytes]:
    head = b'{"revision":%d,"taken_at":%s,"nodes":[' % (
        snapshot.revision,
        msgspec.json.encode(clock.shown(snapshot.taken_at)),
    )
    return [head, *_listed(snapshot.nodes.values()), b'],"status":%s}' % status]


def nodes_data(revision: int, taken_at: datetime, *, changed: Mapping[str, bytes], removed: list[str]) -> list[bytes]:
    head = b'{"revision":%d,"taken_at":%s,"changed":[' % (revision, msgspec.json.encode(clock.shown(taken_at)))
    return [head, *_listed(changed.values()), b'],"removed":%s}' % msgspec.json.encode(removed)]


def _listed(nodes: Iterable[bytes]) -> list[bytes]:
    return [part for node in nodes for part in (b",", node)][1:]


def status_data(status: Status) -> bytes:
    since = clock.shown(status.since) if status.since is not None else None
    return msgspec.json.encode({"stale": status.stale, "since": since, "reason": status.reason})
