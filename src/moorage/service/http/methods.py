"""Which methods a path answers: HEAD wherever it answers GET, and in `Allow` all of them, whatever routes they lie in.

Source: RFC 9110, 9.3.2 (HEAD) and 10.2.1 (Allow)
"""

from typing import Any

from starlette.responses import Response
from starlette.routing import Match, Mount
from starlette.types import Receive, Scope, Send

_ASKED_FOR = "moorage.head"
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class Headers(Response):
    """What a GET would be answered with, without its body."""

    def __init__(self, response: Response) -> None:
        super().__init__(status_code=response.status_code, background=response.background)
        self.raw_headers = response.raw_headers

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def as_get(scope: Scope) -> Scope:
    """The scope of the GET that answers this HEAD; others stay as they are. The server still knows what was asked."""
    if scope["type"] != "http" or scope["method"] != "HEAD":
        return scope
    return {**scope, "method": "GET", _ASKED_FOR: True}


def is_head(scope: Scope) -> bool:
    return bool(scope.get(_ASKED_FOR))


def allowed(scope: Scope) -> str:
    """For `Allow`: the methods that the application's routes answer at this path."""
    app: Any = scope["app"]
    # Nothing of the route that was found first may lead the others.
    bare = {"type": "http", "path": scope["path"], "root_path": scope.get("root_path", ""), "headers": []}
    routes = [route for route in app.routes if not isinstance(route, Mount)]
    found = [
        name for name in _METHODS if any(route.matches({**bare, "method": name})[0] is Match.FULL for route in routes)
    ]
    return ", ".join(found)
