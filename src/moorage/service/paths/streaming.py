"""The route of the stream; how it works is in `stream`."""

from typing import Annotated

from fastapi import APIRouter, Header, Request
from starlette.responses import Response

from moorage.service.http.errors import ApiError
from moorage.service.http.methods import is_head
from moorage.service.paths.routing import MoorageRoute, Reader, Running, error_responses
from moorage.service.streams import stream

router = APIRouter(route_class=MoorageRoute, tags=["cluster"])


@router.get(
    "/cluster/stream",
    response_class=Response,
    responses={
        200: {
            "description": "Events `snapshot`, `nodes`, `machines` and `status`; to resume, send the last `id` as "
            "`Last-Event-ID`.",
            "content": {"text/event-stream": {"schema": {"type": "string"}}},
        },
        **error_responses(422),
    },
    summary="Changes as they happen",
)
async def follow(
    request: Request,
    parts: Running,
    person: Reader,
    last_event_id: Annotated[str | None, Header(max_length=200)] = None,
    accept_encoding: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    parts.snapshot()
    streams = parts.streams
    if streams.open >= streams.most:
        raise ApiError(
            503,
            "too_many_streams",
            f"{streams.most} streams are already open.",
            hint="Try again in a few seconds, or raise MOORAGE_MAX_STREAMS.",
            headers={"Retry-After": "5"},
        )
    if is_head(request.scope):
        return stream.headers()
    return stream.Reader(
        await streams.of(person),
        last_event_id=last_event_id,
        gzip=takes_gzip(accept_encoding),
        person=person,
        allowed=lambda: parts.ways.still(request, person),
    )


def takes_gzip(accept_encoding: str) -> bool:
    """Whether a client that sends this header wants gzip (RFC 9110, 12.5.3); `gzip;q=0` says that it does not."""
    for part in accept_encoding.lower().split(","):
        name, _, weight = part.replace(" ", "").partition(";q=")
        if name == "gzip":
            return weight.strip("0.") != "" or weight == ""
    return False
