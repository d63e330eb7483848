"""From JSON to objects, and from what can't be read to an error that names it."""

from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Raw, field

from moorage.errors import InvalidObject
from moorage.objects.base import ObjectMeta, Part, Value

T = TypeVar("T")


# What msgspec raises on JSON of another shape, on numbers and nesting beyond its bounds, and on lone surrogates.
UNREADABLE = (msgspec.MsgspecError, OverflowError, RecursionError, TypeError, ValueError)


class ListMeta(Part):
    resource_version: str | None = None
    continue_: str | None = field(default=None, name="continue")
    remaining_item_count: int | None = None


class Page(msgspec.Struct, Generic[T], kw_only=True):
    """A List as the API server answers it."""

    metadata: ListMeta = msgspec.field(default_factory=ListMeta)
    items: list[T] | None = None


class _Named(Part):
    metadata: ObjectMeta | None = None


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    if kind not in _decoders:
        _decoders[kind] = msgspec.json.Decoder(kind)
    return _decoders[kind]


class Identity(Value, frozen=True):
    """Which object it is, as far as a text tells that can't be read otherwise."""

    kind: str = ""
    namespace: str | None = None
    name: str | None = None
    uid: str | None = None
    node_name: str | None = None

    def __str__(self) -> str:
        name = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.kind} {repr(name)[1:-1][:300]}".rstrip()


class Unreadable(InvalidObject):
    """An `InvalidObject` that knows which object it was, so that it can be counted where it runs."""

    def __init__(self, identity: Identity, complaint: str) -> None:
        super().__init__(f"{identity} can't be read: {complaint}")
        self.identity = identity


def identify(kind: Any, data: Any) -> Identity:
    """What can still be said about an object that does not decode."""
    if not isinstance(data, dict):
        try:
            data = msgspec.json.decode(data)
        except UNREADABLE:
            data = None

    def text(part: str, key: str) -> str | None:
        found = data.get(part) if isinstance(data, dict) else None
        value = found.get(key) if isinstance(found, dict) else None
        return value if isinstance(value, str) else None

    return Identity(
        kind=str(getattr(kind, "KIND", "") or kind.__name__),
        namespace=text("metadata", "namespace"),
        name=text("metadata", "name"),
        uid=text("metadata", "uid"),
        node_name=text("spec", "nodeName"),
    )


def decode(kind: type[T], data: Any) -> T:
    """Read one object from JSON text or from the plain dict of its JSON.

    Raises `Unreadable`, an `InvalidObject` naming the object and the field.
    """
    try:
        text = data if isinstance(data, bytes | bytearray | memoryview | Raw) else msgspec.json.encode(data)
        decoded: T = _decoder(kind).decode(text)
    except UNREADABLE as error:
        raise Unreadable(identify(kind, data), _complaint(error)) from error
    return decoded


def decode_list(kind: type[T], data: bytes) -> tuple[ListMeta, list[T], list[Unreadable]]:
    """Read a whole List: its metadata, the objects that can be read, and what is wrong with each of the others.

    Raises `InvalidObject` only where the List itself can't be read.
    """
    try:
        page = _decoder(Page[kind]).decode(data)  # type: ignore[valid-type]
    except UNREADABLE:
        return _decode_one_by_one(kind, data)
    return page.metadata, page.items or [], []


def _decode_one_by_one(kind: type[T], data: bytes) -> tuple[ListMeta, list[T], list[Unreadable]]:
    try:
        page = _decoder(Page[Raw]).decode(data)
    except UNREADABLE as error:
        raise InvalidObject(
            f"a list of {identify(kind, None).kind} objects can't be read: {_complaint(error)}"
        ) from error
    readable: list[T] = []
    unreadable: list[Unreadable] = []
    for item in page.items or []:
        try:
            readable.append(decode(kind, item))
        except Unreadable as error:
            unreadable.append(error)
    return page.metadata, readable, unreadable


def _complaint(error: Exception) -> str:
    """What is wrong, with the field first: `spec.taints[0].key: expected `str`, got `int``."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    what, found, path = str(error).partition(" - at `$")
    return f"{path.strip('`.')}: {what[:1].lower()}{what[1:]}" if found and path.strip("`.") else what
