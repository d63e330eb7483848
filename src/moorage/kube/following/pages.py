"""One page of a list, and what is not the Kubernetes API at all."""

import contextlib
import gc
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moorage.errors import InvalidObject, MoorageError
from moorage.objects import Unreadable, decode, decode_list


class Garbage(MoorageError):
    """The API server, or something between it and us, sent what is not the Kubernetes API."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some objects of a list; `token` leads to the next page and is empty on the last one.

    Objects that can't be read are kept apart, so that they hide nobody else.
    """

    revision: str
    token: str
    objects: list[Any]
    unreadable: list[Unreadable]


def read_page(kind: type[Any], body: bytes) -> Page:
    """Decode one page. Raises `Garbage` only where the page itself is no list."""
    try:
        with collecting_later():
            meta, objects, unreadable = decode_list(kind, body)
    except InvalidObject as error:
        raise Garbage(error.message) from error
    return Page(meta.resource_version or "", meta.continue_ or "", objects, unreadable)


@contextlib.contextmanager
def collecting_later() -> Iterator[None]:
    """Thousands of objects come and go within this without a cycle among them: looking for cycles waits until after."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def read_object(kind: type[Any], data: bytes) -> Any:
    """The object, or an `Unreadable` that says which one it is and what is wrong with it."""
    try:
        return decode(kind, data)
    except Unreadable as error:
        return error
