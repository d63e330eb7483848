"""`GET /images/jupyter`: the images that a notebook can be started from."""

from fastapi import APIRouter
from starlette.responses import Response

from moorage.service.http.pieces import Encoded
from moorage.service.http.schemas import Image
from moorage.service.paths.routing import READS, MoorageRoute, Running, error_responses

router = APIRouter(route_class=MoorageRoute, tags=["images"])


@router.get(
    "/images/jupyter",
    response_model=list[Image],
    responses=error_responses(),
    dependencies=[READS],
    summary="The image catalogue",
)
async def list_images(parts: Running) -> Response:
    listing = parts.catalogue.listing
    headers = {"Cache-Control": "no-cache", "Moorage-Images-Source": listing.state}
    if (age := parts.catalogue.age_seconds()) is not None:
        headers["Moorage-Images-Age-Seconds"] = f"{age:.1f}"
    if listing.reason is not None:
        headers["Moorage-Images-Reason"] = listing.reason.encode("ascii", "replace").decode()
    present = parts.presence.of(listing.images)
    return Encoded(listing.encoded(present=present), headers=headers)
