"""`GET /cluster/waiting`: the pods that have no place yet."""

import msgspec
from fastapi import APIRouter
from starlette.responses import Response

from moorage.cluster.turns import Turns
from moorage.cluster.waiting import entry, waiting
from moorage.service.http.pieces import Encoded, array_of
from moorage.service.http.schemas import Waiting
from moorage.service.paths.resources import picture_headers
from moorage.service.paths.routing import MoorageRoute, Reader, Running, error_responses

router = APIRouter(route_class=MoorageRoute, tags=["cluster"])


@router.get(
    "/cluster/waiting",
    response_model=list[Waiting],
    responses=error_responses(),
    summary="Who waits for a place",
)
async def list_waiting(parts: Running, person: Reader) -> Response:
    snapshot = parts.snapshot()
    cluster, gpus = parts.live.cluster, parts.gpus
    policy = "pod" if person.sees_holders else parts.settings.gpu_holders
    entries = (msgspec.json.encode(entry(pod, cluster, policy=policy, gpus=gpus)) for pod in waiting(cluster))
    array = await array_of(entries, turns=Turns())
    return Encoded(*array, headers=picture_headers(snapshot, parts=parts))
