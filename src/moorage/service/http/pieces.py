"""Bodies that exist already as bytes, sent in pieces.

A large body in one piece is copied as a whole by each layer on its way to the socket; in pieces it never is, and the
client reads the first while the next is written.
"""

from collections.abc import Iterator, Mapping

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

PIECE = 1024 * 1024


def pieces(body: bytes) -> Iterator[bytes | memoryview]:
    if len(body) <= PIECE:
        yield body
        return
    view = memoryview(body)
    for start in range(0, len(body), PIECE):
        yield view[start : start + PIECE]


class Encoded(Response):
    """JSON that was encoded before anybody asked."""

    media_type = "application/json"

    def __init__(self, body: bytes, *, headers: Mapping[str, str] | None = None) -> None:
        self._encoded = body
        super().__init__(headers={**(headers or {}), "Content-Length": str(len(body))})

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        left = len(self._encoded)
        for piece in pieces(self._encoded):
            left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": left > 0})
