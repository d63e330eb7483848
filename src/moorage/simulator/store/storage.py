"""Where the simulator keeps objects: one shelf for each kind, one revision counter for all, and the history between.

Stored objects are never changed in place; a write puts a new one. So the state at any revision that is still remembered
can be worked out by walking the history backwards, which is what consistent pages, `resourceVersionMatch=Exact` and
watches from a revision need.
"""

from __future__ import annotations

import asyncio
import bisect
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]
Shelf_key = tuple[str, str]

# etcd has written some hundred keys before the first user comes.
FIRST_REVISION = 100
_REMEMBERED = 200_000
_encode = msgspec.json.Encoder().encode


class Stored:
    """One version of one object, encoded once for all who read it.

    `kind` and `apiVersion` come first in a body, so that a list can cut them off.
    """

    __slots__ = ("_encoded", "body", "revision")

    def __init__(self, body: Json, revision: int) -> None:
        self.body = body
        self.revision = revision
        self._encoded: bytes | None = None

    @property
    def encoded(self) -> bytes:
        if self._encoded is None:
            self._encoded = _encode(self.body)
        return self._encoded

    @property
    def encoded_in_list(self) -> bytes:
        """As an item of a list: the real server leaves out what the list's own kind says."""
        head = len(_encode({"kind": self.body["kind"], "apiVersion": self.body["apiVersion"]})) - 1
        return b"{" + self.encoded[head + 1 :]


class Change:
    """One write: what lies there now, and what lay there before."""

    __slots__ = ("current", "key", "previous", "revision")

    def __init__(self, revision: int, key: str, current: Stored | None, previous: Stored | None) -> None:
        self.revision = revision
        self.key = key
        self.current = current
        self.previous = previous


class Shelf:
    """All objects of one kind, and the changes to them since `since`."""

    def __init__(self, since: int) -> None:
        self.items: dict[str, Stored] = {}
        self.changes: list[Change] = []
        self.since = since
        self.arrived = asyncio.Event()
        self._pages: OrderedDict[int, list[tuple[str, Stored]]] = OrderedDict()

    def record(self, change: Change) -> None:
        if change.current is None:
            self.items.pop(change.key, None)
        else:
            self.items[change.key] = change.current
        self.changes.append(change)
        if len(self.changes) > _REMEMBERED:
            self.forget(self.changes[_REMEMBERED // 10].revision)
        self.wake()

    def wake(self) -> None:
        """Let every watch look again."""
        self.arrived.set()
        self.arrived = asyncio.Event()

    def forget(self, revision: int) -> None:
        """Drop the changes up to this revision."""
        self.changes = self.changes[self.position(revision) :]
        self.since = max(self.since, revision)
        self._pages.clear()

    def position(self, revision: int) -> int:
        """Where in `changes` the first change after this revision stands."""
        return bisect.bisect_right(self.changes, revision, key=lambda change: change.revision)

    def at(self, revision: int) -> list[tuple[str, Stored]]:
        """Everything as it was at this revision, in the order of keys."""
        if self.changes and revision < self.changes[-1].revision:
            found = self._pages.get(revision)
            if found is None:
                found = self._sorted(self._undo(revision))
                self._remember(revision, found)
            return found
        newest = self.changes[-1].revision if self.changes else self.since
        found = self._pages.get(newest)
        if found is None:
            found = self._sorted(self.items)
            self._remember(newest, found)
        return found

    def _undo(self, revision: int) -> dict[str, Stored]:
        items = dict(self.items)
        for change in reversed(self.changes[self.position(revision) :]):
            if change.previous is None:
                items.pop(change.key, None)
            else:
                items[change.key] = change.previous
        return items

    @staticmethod
    def _sorted(items: dict[str, Stored]) -> list[tuple[str, Stored]]:
        return sorted(items.items())

    def _remember(self, revision: int, found: list[tuple[str, Stored]]) -> None:
        self._pages[revision] = found
        while len(self._pages) > 4:
            self._pages.popitem(last=False)


class Storage:
    """All shelves, and the one counter that orders their writes."""

    def __init__(self) -> None:
        self.revision = FIRST_REVISION
        self.compacted = 0
        self._shelves: dict[Shelf_key, Shelf] = {}

    def shelf(self, key: Shelf_key) -> Shelf:
        if key not in self._shelves:
            self._shelves[key] = Shelf(max(FIRST_REVISION, self.compacted))
        return self._shelves[key]

    def has_shelf(self, key: Shelf_key) -> bool:
        return key in self._shelves

    def shelves(self) -> Iterator[tuple[Shelf_key, Shelf]]:
        yield from list(self._shelves.items())

    def read(self, shelf: Shelf_key, key: str) -> Stored | None:
        return self.shelf(shelf).items.get(key)

    def write(self, shelf: Shelf_key, key: str, body: Json) -> Stored:
        """Put this object under a new revision; `body` belongs to the storage from now on."""
        place = self.shelf(shelf)
        self.revision += 1
        body["metadata"]["resourceVersion"] = str(self.revision)
        stored = Stored({"kind": body["kind"], "apiVersion": body["apiVersion"], **body}, self.revision)
        place.record(Change(self.revision, key, stored, place.items.get(key)))
        return stored

    def remove(self, shelf: Shelf_key, key: str) -> Stored:
        """Take the object away; the answer is its last state under the revision of the removal."""
        place = self.shelf(shelf)
        previous = place.items[key]
        self.revision += 1
        place.record(Change(self.revision, key, None, previous))
        return at_revision(previous, self.revision)

    def compact(self) -> int:
        """Forget all history, as etcd does every five minutes."""
        self.compacted = self.revision
        for shelf in self._shelves.values():
            shelf.forget(self.revision)
        return self.revision

    def wake(self) -> None:
        for shelf in self._shelves.values():
            shelf.wake()


def at_revision(stored: Stored, revision: int) -> Stored:
    """The same object under another resourceVersion: what a DELETED event carries."""
    body = {**stored.body, "metadata": {**stored.body["metadata"], "resourceVersion": str(revision)}}
    return Stored(body, revision)
