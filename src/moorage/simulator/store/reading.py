"""Reading what is stored, as rules, controllers and the server do; bodies that go out are shared and must not be
changed.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

from moorage.errors import InvalidObject
from moorage.objects import Object, decode
from moorage.simulator.store.metadata import key_of
from moorage.simulator.store.status import not_found

if TYPE_CHECKING:
    from moorage.simulator.store.resources import Kind
    from moorage.simulator.store.storage import Storage, Stored

Json = dict[str, Any]
T = TypeVar("T", bound=Object)


class Reader:
    """The objects of one cluster, to read."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage

    def read(self, kind: Kind, namespace: str | None, name: str) -> Stored:
        found = self.storage.read(kind.key, key_of(namespace if kind.namespaced else None, name))
        if found is None:
            raise not_found(kind, name)
        return found

    def find(self, kind: Kind, namespace: str | None, name: str) -> Json | None:
        found = self.storage.read(kind.key, key_of(namespace if kind.namespaced else None, name))
        return found.body if found else None

    def all(self, kind: Kind, namespace: str | None = None) -> list[Json]:
        bodies = (stored.body for stored in list(self.storage.shelf(kind.key).items.values()))
        return [body for body in bodies if namespace is None or body["metadata"].get("namespace") == namespace]

    def typed(self, kind: Kind, as_type: type[T], namespace: str | None = None) -> list[T]:
        """The same as rules read them, without test data that nobody can read: it must not hide what others say."""
        found = []
        for body in self.all(kind, namespace):
            with suppress(InvalidObject):
                found.append(decode(as_type, body))
        return found
