"""One line of a watch: what happened, to which object, and the resourceVersion to go on from."""

from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from moorage.kube.errors import Status, error_of
from moorage.kube.following.pages import Garbage, read_object
from moorage.objects import UNREADABLE
from moorage.texts import later

T = TypeVar("T")


class Event(NamedTuple):
    """`item` is an object of the followed kind, or an `Unreadable` in its place."""

    type: str
    item: Any
    revision: str | None


class _Line(msgspec.Struct, Generic[T]):
    type: str
    object: T


class _Version(msgspec.Struct):
    resource_version: str | None = msgspec.field(default=None, name="resourceVersion")


class _Versioned(msgspec.Struct):
    metadata: _Version


_raw_line = msgspec.json.Decoder(_Line[msgspec.Raw])
_versioned = msgspec.json.Decoder(_Versioned)
_status = msgspec.json.Decoder(Status)


class Events:
    """Reads the lines of watches on one kind."""

    def __init__(self, kind: type[Any]) -> None:
        self._kind = kind
        self._decoder: msgspec.json.Decoder[_Line[Any]] = msgspec.json.Decoder(_Line[kind])  # type: ignore[valid-type]

    def read(self, line: bytes) -> Event:
        """Raises the `ApiError` that an ERROR carries, and `Garbage` where the line is no event at all."""
        try:
            read = self._decoder.decode(line)
        except UNREADABLE:
            return self._read_odd(line)
        if read.type == "ERROR":
            return self._read_odd(line)
        return Event(read.type, read.object, read.object.metadata.resource_version)

    def _read_odd(self, line: bytes) -> Event:
        """A line that is no ordinary event: an ERROR, an object that can't be read, or no JSON at all."""
        try:
            read = _raw_line.decode(line)
            if read.type == "ERROR":
                status = _status.decode(read.object)
                raise error_of(status.code or 500, bytes(read.object))
            revision = _versioned.decode(read.object).metadata.resource_version
        except UNREADABLE as error:
            raise Garbage(later("a watch sent a line that can't be read: {error}", error=error)) from error
        return Event(read.type, read_object(self._kind, bytes(read.object)), revision)
