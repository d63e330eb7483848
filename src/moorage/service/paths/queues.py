"""`GET /cluster/queues`: the queues in front of the scheduler, and who waits in them."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response

from moorage.queues.shown import picture
from moorage.service.http.pieces import Encoded
from moorage.service.http.schemas import Queues
from moorage.service.paths.resources import picture_headers
from moorage.service.paths.routing import MoorageRoute, Reader, Running, error_responses

router = APIRouter(route_class=MoorageRoute, tags=["cluster"])

Namespace = Annotated[str | None, Query(max_length=253, description="Only the queues of this namespace.")]


@router.get(
    "/cluster/queues",
    response_model=Queues,
    responses=error_responses(422),
    summary="Queues with their quotas, and who waits in them",
)
async def list_queues(parts: Running, person: Reader, *, namespace: Namespace = None) -> Response:
    snapshot = parts.snapshot()
    told = await parts.queues.now()
    policy = "pod" if person.sees_holders else parts.settings.gpu_holders
    shown = picture(told, parts.live.cluster, policy=policy, namespace=namespace)
    return Encoded(msgspec.json.encode(shown), headers=picture_headers(snapshot, parts=parts))
