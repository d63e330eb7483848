"""The manner of all our routes: our error shape, also inside somebody else's application, and a count of requests."""

import time
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from moorage.service.http.errors import as_api_error
from moorage.service.http.methods import Headers, allowed, as_get, is_head
from moorage.service.http.schemas import ErrorAnswer
from moorage.service.signin.person import Person
from moorage.service.state.parts import Parts, parts_of
from moorage.texts import preferred, speak

_bearer = HTTPBearer(auto_error=False, description="A token that the service knows.")


class MoorageRoute(APIRoute):
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        path = self.path

        async def answer(request: Request) -> Response:
            started = time.perf_counter()
            speak(preferred(request.headers.get("Accept-Language")))
            try:
                response = await handle(request)
            except (
                Exception
            ) as exc:  # whatever it is, the caller gets our shape, and a host application is left in peace
                response = as_api_error(exc, request=request).response()
            head = is_head(request.scope)
            method = "HEAD" if head else request.method
            parts = getattr(request.state, "moorage", None)
            if isinstance(parts, Parts):
                parts.metrics.count(path, method, response.status_code, time.perf_counter() - started)
            return Headers(response) if head else response

        return answer

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return super().matches(as_get(scope))

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().handle(as_get(scope), receive, send)
        except HTTPException as exc:
            if exc.status_code != 405:
                raise
            raise HTTPException(405, headers={"Allow": allowed(scope)}) from exc


Running = Annotated[Parts, Depends(parts_of)]


async def _reader(request: Request, parts: Running, _: Annotated[Any, Depends(_bearer)]) -> Person:
    return await parts.ways.reader(request)


async def _admin(request: Request, parts: Running, _: Annotated[Any, Depends(_bearer)]) -> Person:
    return await parts.ways.admin(request)


READS = Depends(_reader)
Reader = Annotated[Person, READS]
CHANGES = Depends(_admin)


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For OpenAPI: the errors that a route may answer, all of one shape."""
    return {
        status: {"model": ErrorAnswer, "description": _DESCRIPTIONS[status]} for status in (401, 403, 503, *statuses)
    }


_DESCRIPTIONS = {
    400: "The body is not JSON",
    401: "Missing or unknown token",
    403: "Not an admin's token, or not a name of this machine",
    404: "Unknown",
    413: "The body is too large",
    422: "The body or a parameter is not valid",
    503: "Not ready yet, or whose token it is can't be told",
}
