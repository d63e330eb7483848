"""Bodies that exist already as bytes, sent in pieces.

A large body in one piece is copied as a whole by each layer on its way to the socket; in pieces it never is, and the
client reads the first while the next is written.
"""

from collections.abc import Iterable, Iterator, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from moorage.cluster.turns import Turns

PIECE = 1024 * 1024


def pieces(body: bytes) -> Iterator[bytes | memoryview]:
    if len(body) <= PIECE:
        yield body
        return
    view = memoryview(body)
    for start in range(0, len(body), PIECE):
        yield view[start : start + PIECE]


async def array_of(items: Iterable[bytes], *, turns: Turns) -> list[bytes]:
    """The JSON array of these in pieces, so that others wait for the copy of one piece and not of all."""
    found, part, size = [], [b"["], 0
    for item in items:
        if size >= PIECE:
            found.append(b"".join(part))
            part, size = [], 0
        part += (b",", item) if found or size else (item,)
        size += len(item)
        await turns.next()
    return [*found, b"".join([*part, b"]"])]


class Encoded(Response):
    """JSON that was encoded before anybody asked, whole or in parts."""

    media_type = "application/json"

    def __init__(self, *parts: bytes, headers: Mapping[str, str] | None = None) -> None:
        self._parts = parts
        self._size = sum(map(len, parts))
        super().__init__(headers={**(headers or {}), "Content-Length": str(self._size)})

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        left = self._size
        for part in self._parts:
            for piece in pieces(part):
                left -= len(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
