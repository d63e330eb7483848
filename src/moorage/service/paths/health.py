"""`/livez`, `/readyz` and `/metrics`: for Kubernetes and Prometheus."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from moorage.service.http.errors import ApiError
from moorage.service.http.schemas import Health
from moorage.service.paths.routing import READS, MoorageRoute, Running, error_responses

router = APIRouter(route_class=MoorageRoute, tags=["operation"])


@router.get("/livez", responses=error_responses(), summary="Liveness")
async def livez(parts: Running) -> Health:
    if ended := parts.ended():
        raise ApiError(
            503,
            "broken",
            f"A part of the service has stopped: {', '.join(ended)}.",
            hint="Its log says why. Restart the service.",
        )
    return Health(status="ok")


@router.get("/readyz", responses=error_responses(), summary="Readiness")
async def readyz(parts: Running) -> Health:
    if not parts.ready:
        raise ApiError(
            503,
            "not_ready",
            parts.why_not_ready(),
            hint="The service keeps trying; its log says what it is waiting for.",
            headers={"Retry-After": "1"},
        )
    return Health(status="ok")


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}, **error_responses()},
    dependencies=[READS],
    summary="Metrics for Prometheus",
)
async def metrics(parts: Running) -> Response:
    return Response(parts.metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})
