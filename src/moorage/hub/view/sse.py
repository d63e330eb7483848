"""Server-sent events off a connection, bounded, and large JSON without holding the event loop.

Source: WHATWG HTML, section 9.2 (event streams).
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from json.decoder import WHITESPACE  # type: ignore[attr-defined]
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# A snapshot of 5,000 nodes is about 10 MB.
LARGEST = 64 << 20
# Up to this size one parse takes about a millisecond.
_SMALL = 128 << 10
_DECODER = json.JSONDecoder()


class Nonsense(Exception):
    """The other side does not speak what we expect."""


@dataclass(frozen=True, slots=True)
class Event:
    """One message; a comment has the name "comment"."""

    name: str
    data: str
    id: str | None = None


async def events(chunks: AsyncIterator[bytes]) -> AsyncIterator[Event]:
    """The messages of a stream as they arrive. Raises `Nonsense` on a message beyond all bounds."""
    pieces: list[bytes] = []
    size = 0
    lines: list[str] = []
    async for chunk in chunks:
        *complete, rest = chunk.split(b"\n")
        for end in complete:
            pieces.append(end)
            line = b"".join(pieces).rstrip(b"\r").decode("utf-8", "replace")
            pieces = []
            if line:
                lines.append(line)
            elif lines:
                yield _event(lines)
                lines, size = [], 0
        pieces.append(rest)
        size += len(chunk)
        if size > LARGEST:
            raise Nonsense(f"a message of more than {LARGEST >> 20} MiB")


def _event(lines: list[str]) -> Event:
    name, id, data = "message", None, []
    for line in lines:
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if key == "event":
            name = value
        elif key == "data":
            data.append(value)
        elif key == "id":
            id = value
    if not data and name == "message":
        return Event("comment", "", id)
    return Event(name, "\n".join(data), id)


async def parse(text: str) -> Any:
    """`json.loads` for text of any size: a large object's arrays are read item by item, the loop runs in between."""
    try:
        if len(text) <= _SMALL:
            return json.loads(text)
        return await _parse_large(text)
    except (ValueError, RecursionError) as error:
        raise Nonsense(f"not JSON: {error}") from None


async def _parse_large(text: str) -> Any:
    at = _skip(text, 0)
    if text[at : at + 1] == "[":
        items, _ = await _parse_items(text, at)
        return items
    if text[at : at + 1] != "{":
        raise Nonsense("neither an object nor an array")
    found: dict[str, Any] = {}
    at = _skip(text, at + 1)
    if text[at : at + 1] == "}":
        return found
    while text[at : at + 1] == '"':
        key, at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        if text[at : at + 1] != ":":
            raise Nonsense("an object without a colon")
        at = _skip(text, at + 1)
        if text[at : at + 1] == "[":
            found[key], at = await _parse_items(text, at)
        else:
            found[key], at = _DECODER.raw_decode(text, at)
        at = _skip(text, at)
        if text[at : at + 1] == "}":
            return found
        at = _skip(text, at + 1)
    raise Nonsense("an object without an end")


async def _parse_items(text: str, at: int) -> tuple[list[Any], int]:
    items: list[Any] = []
    at = _skip(text, at + 1)
    yielded = at
    while text[at : at + 1] != "]":
        item, at = _DECODER.raw_decode(text, at)
        items.append(item)
        at = _skip(text, at)
        if text[at : at + 1] == ",":
            at = _skip(text, at + 1)
        elif text[at : at + 1] != "]":
            raise Nonsense("an array without an end")
        if at - yielded > _SMALL:
            yielded = at
            await asyncio.sleep(0)
    return items, at + 1


def _skip(text: str, at: int) -> int:
    end: int = WHITESPACE.match(text, at).end()
    return end
