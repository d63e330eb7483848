"""Watches: the changes after a revision, as lines of JSON, with bookmarks, initial events and the server's own time
limit.

A watch reads the history of its shelf from its own position, so a slow reader costs nothing and cannot hold up a
writer.
Source: kubernetes v1.36 apiserver pkg/storage/cacher/{cacher,cache_watcher}.go; answers compared with a running
v1.36.3.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from moorage.simulator.lists.listing import Selection, is_true, number, revision_asked, selection
from moorage.simulator.store.status import Refusal, expired, invalid_options
from moorage.simulator.store.storage import Change, Shelf, Storage, Stored, at_revision

if TYPE_CHECKING:
    from moorage.simulator.store.resources import Kind

Json = dict[str, Any]
Encode = Callable[[Stored], bytes]

_encode = msgspec.json.Encoder().encode


def line(kind_of_event: str, body: bytes) -> bytes:
    return b'{"type":"' + kind_of_event.encode() + b'","object":' + body + b"}\n"


def error_line(refusal: Refusal) -> bytes:
    return line("ERROR", _encode(refusal.status()))


class Watch:
    """One open watch; iterate over it to get lines, in batches."""

    def __init__(
        self,
        storage: Storage,
        kind: Kind,
        *,
        namespace: str | None,
        query: Mapping[str, str],
        bookmark_seconds: float = 60,
        encode: Encode | None = None,
    ) -> None:
        self._storage = storage
        self._kind = kind
        self._encode = encode or (lambda stored: stored.encoded)
        self._chosen: Selection = selection(kind, namespace, query)
        self._asked = revision_asked(query)
        self._bookmarks = is_true(query.get("allowWatchBookmarks"))
        self._initial = _wants_initial_events(query)
        self._bookmark_seconds = bookmark_seconds
        seconds = number(query, "timeoutSeconds")
        self._ends = time.monotonic() + (seconds or random.uniform(1800, 3600))  # noqa: S311 (spread, not secrecy)
        self._next_bookmark = self._bookmark_time()

    def _bookmark_time(self) -> float:
        """In a minute, or two seconds before the end, whichever comes first and isn't over."""
        moment = time.monotonic()
        before_end = self._ends - 2
        return before_end if moment < before_end < moment + self._bookmark_seconds else moment + self._bookmark_seconds

    def bookmark(self, revision: int, *, initial_end: bool = False) -> bytes:
        metadata: Json = {"resourceVersion": str(revision), "creationTimestamp": None}
        if initial_end:
            metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
        return line(
            "BOOKMARK", _encode({"kind": self._kind.name, "apiVersion": self._kind.api_version, "metadata": metadata})
        )

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Ends by itself after `timeoutSeconds`; a revision that is too old comes as an ERROR line, at status 200."""
        shelf = self._storage.shelf(self._kind.key)
        position, first = self._start(shelf)
        if first:
            yield first
        if position is None:
            return
        while True:
            arrived = shelf.arrived
            if position < shelf.since:
                yield error_line(_too_old(position, shelf.since))
                return
            index = shelf.position(position)
            changes = shelf.changes[index : index + 1000]
            if changes:
                position = changes[-1].revision
                if found := b"".join(filter(None, map(self._line, changes))):
                    yield found
                continue
            moment = time.monotonic()
            if moment >= self._ends:
                return
            if self._bookmarks and moment >= self._next_bookmark:
                self._next_bookmark = self._bookmark_time()
                position = max(position, self._storage.revision)
                yield self.bookmark(position)
                continue
            until = min(self._ends, self._next_bookmark) if self._bookmarks else self._ends
            try:
                await asyncio.wait_for(arrived.wait(), max(0.0, until - moment))
            except TimeoutError:
                continue
            yield b""

    def _start(self, shelf: Shelf) -> tuple[int | None, bytes]:
        """The revision to go on from, and the lines that come first."""
        current = self._storage.revision
        if self._asked and not self._initial:
            if self._asked < shelf.since:
                return None, error_line(_too_old(self._asked, shelf.since))
            return self._asked, b""
        if self._initial is False:
            return current, b""
        lines = [line("ADDED", self._encode(stored)) for _, stored in self._chosen.pick(shelf.at(current))]
        if self._initial and self._bookmarks:
            lines.append(self.bookmark(current, initial_end=True))
        return current, b"".join(lines)

    def _line(self, change: Change) -> bytes | None:
        """What this change is to one who sees only the selected objects."""
        was = change.previous is not None and self._chosen.holds(change.previous.body)
        current = change.current
        if current is not None and self._chosen.holds(current.body):
            return line("MODIFIED" if was else "ADDED", self._encode(current))
        if was and change.previous is not None:
            return line("DELETED", self._encode(at_revision(change.previous, change.revision)))
        return None


def _too_old(asked: int, since: int) -> Refusal:
    return expired(f"too old resource version: {asked} ({since})")


def _wants_initial_events(query: Mapping[str, str]) -> bool | None:
    """`sendInitialEvents`, or None where it isn't given; 422 on combinations that make no sense."""
    text, match = query.get("sendInitialEvents"), query.get("resourceVersionMatch", "")
    why = ""
    if query.get("continue"):
        why = "resourceVersionMatch is forbidden when continue is provided"
    elif text is None:
        if match:
            why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
    elif match != "NotOlderThan":
        why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"
    if why:
        raise invalid_options("ListOptions", "resourceVersionMatch", "FieldValueForbidden", f"Forbidden: {why}")
    return None if text is None else is_true(text)
