"""`GET /cluster/machines`: what is not there yet and may come."""

from fastapi import APIRouter
from starlette.responses import Response

from moorage.service.http.pieces import Encoded
from moorage.service.http.schemas import Machine
from moorage.service.paths.routing import READS, MoorageRoute, Running, error_responses

router = APIRouter(route_class=MoorageRoute, tags=["cluster"])


@router.get(
    "/cluster/machines",
    response_model=list[Machine],
    responses=error_responses(),
    dependencies=[READS],
    summary="Machines that are on their way or can be added",
)
async def list_machines(parts: Running) -> Response:
    parts.snapshot()
    found = parts.machine_json.encoded(parts.machines.now())
    return Encoded(found, headers={"Cache-Control": "no-cache"})
