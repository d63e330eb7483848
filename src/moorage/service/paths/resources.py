"""`GET /cluster/resources`: what is free on each node now, served from bytes that were encoded once for each change."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from moorage import clock
from moorage.cluster.snapshot import Snapshot
from moorage.cluster.turns import Turns
from moorage.service.http.errors import ApiError, shorten
from moorage.service.http.pieces import Encoded, array_of
from moorage.service.http.schemas import Node
from moorage.service.paths.routing import MoorageRoute, Reader, Running, error_responses
from moorage.service.state.ages import aged
from moorage.service.state.parts import Parts

router = APIRouter(route_class=MoorageRoute, tags=["cluster"])

ImagesPresent = Annotated[bool, Query(description="Also list the images that each node already has.")]
HEADERS: dict[str, Any] = {
    "ETag": {"schema": {"type": "string"}, "description": "Changes with every change of the answer."},
    "Moorage-Revision": {"schema": {"type": "integer"}, "description": "Increases with every change of the cluster."},
    "Moorage-Taken-At": {"schema": {"type": "string", "format": "date-time"}, "description": "When it last changed."},
    "Moorage-Stale": {"schema": {"type": "boolean"}, "description": "Whether the data may be out of date."},
    "Moorage-Age-Seconds": {
        "schema": {"type": "number"},
        "description": "How old the data may be, in seconds; 0 while live.",
    },
}


@router.get(
    "/cluster/resources",
    response_model=list[Node],
    responses={200: {"headers": HEADERS}, 304: {"description": "Not modified"}, **error_responses(422)},
    summary="Every node, sorted by name",
)
async def list_resources(
    request: Request, parts: Running, person: Reader, *, images_present: ImagesPresent = False
) -> Response:
    snapshot = parts.snapshot(seen_by=person)
    if images_present:
        now = clock.now()
        nodes = (with_images(aged(data, now=now)[0], name, parts=parts) for name, data in snapshot.nodes.items())
        array = await array_of(nodes, turns=Turns())
        return Encoded(*array, headers=picture_headers(snapshot, parts=parts))
    array, state = await parts.ages.array(snapshot)
    headers = picture_headers(snapshot, parts=parts)
    etag = f'"{state}"'
    headers["ETag"] = etag
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Encoded(*array, headers=headers)


@router.get(
    "/cluster/resources/{name}",
    response_model=Node,
    responses={200: {"headers": HEADERS}, **error_responses(404, 422)},
    summary="One node",
)
async def one_resource(
    parts: Running, person: Reader, name: Annotated[str, Path(max_length=253)], *, images_present: ImagesPresent = False
) -> Response:
    snapshot = parts.snapshot(seen_by=person)
    node = snapshot.nodes.get(name)
    if node is None:
        raise ApiError(
            404,
            "unknown_node",
            shorten(f"There is no node named {name!r} in the cluster."),
            hint="/api/v1/cluster/resources lists the names.",
        )
    node, _ = aged(node, now=clock.now())
    if images_present:
        node = with_images(node, name, parts=parts)
    return Encoded(node, headers=picture_headers(snapshot, parts=parts))


def with_images(data: bytes, name: str, *, parts: Parts) -> bytes:
    """A node's JSON with one more field: the images that its kubelet reports, as lists of their names."""
    info = parts.live.cluster.nodes.get(name)
    images = msgspec.json.encode(info.images if info is not None else ())
    return data[:-1] + b',"images_present":' + images + b"}"


def picture_headers(snapshot: Snapshot, *, parts: Parts) -> dict[str, str]:
    """What an answer from this snapshot rests on; a newer one may have come while it was made."""
    return {
        "Moorage-Revision": str(snapshot.revision),
        "Moorage-Taken-At": clock.shown(snapshot.taken_at).isoformat(),
        "Moorage-Stale": "true" if parts.live.status.stale else "false",
        "Moorage-Age-Seconds": f"{parts.age_seconds():.1f}",
        "Cache-Control": "no-cache",
    }
