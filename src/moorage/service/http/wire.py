"""The connection below a stream: bytes that were framed once, written as they are.

Between a response and its socket lie the application's middlewares and the HTTP library's bookkeeping. For a thousand
readers of the same two kilobytes they take several times as long as the writes themselves. uvicorn's `send` belongs to
an object that knows its transport, so a stream that has begun may hand its chunks to that. Under any other server, and
in an application that is not ours (and may compress what passes), there is no wire: everything goes through `send`.
"""

from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

_KEY = "moorage.wire"
_LARGEST = 64 * 1024


class Wire:
    """Writes chunks of one response whose headers have been sent."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: Any) -> None:
        self._cycle = cycle

    def write(self, framed: bytes) -> bool:
        """Whether it was written; not while the socket is full, and never once the reader has gone."""
        cycle = self._cycle
        if cycle.flow.write_paused or cycle.disconnected or cycle.transport.is_closing():
            return False
        cycle.transport.write(framed)
        return True


class WithWire:
    """The outermost application: gives each request the wire of its connection."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # HTTP/1.0 knows no chunks.
        if scope["type"] == "http" and scope["http_version"] == "1.1":
            cycle = getattr(send, "__self__", None)
            if all(hasattr(cycle, name) for name in ("flow", "disconnected", "transport")):
                scope[_KEY] = Wire(cycle)
        await self._app(scope, receive, send)


def wire_of(scope: Scope) -> Wire | None:
    """The wire of this request, if it has one."""
    found: Wire | None = scope.get(_KEY)
    return found


def chunk(data: bytes) -> bytes | None:
    """As one chunk (RFC 9112, 7.1); None for what is too large to be written in one go."""
    return b"%x\r\n%b\r\n" % (len(data), data) if 0 < len(data) <= _LARGEST else None
