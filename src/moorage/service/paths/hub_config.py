"""`GET|PUT /jupyterhub/config`: the defaults of the form."""

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from moorage.service.http.bodies import json_body, read
from moorage.service.http.errors import ApiError
from moorage.service.http.inputs import FormDefaultsChange
from moorage.service.http.schemas import FormDefaultsAnswer
from moorage.service.paths.routing import CHANGES, READS, MoorageRoute, Running, error_responses
from moorage.service.state.form_defaults import NotKept, Values
from moorage.service.state.parts import Parts

router = APIRouter(route_class=MoorageRoute, tags=["form"])


@router.get(
    "/jupyterhub/config",
    response_model=FormDefaultsAnswer,
    responses=error_responses(),
    dependencies=[READS],
    summary="The form's defaults",
)
async def get_config(parts: Running) -> Response:
    return _answer(parts, parts.form_defaults.current())


@router.put(
    "/jupyterhub/config",
    response_model=FormDefaultsAnswer,
    responses=error_responses(400, 403, 413, 422),
    openapi_extra=json_body(FormDefaultsChange),
    dependencies=[CHANGES],
    summary="Change the form's defaults (admins)",
)
async def put_config(request: Request, parts: Running) -> Response:
    change = await read(request, FormDefaultsChange)
    try:
        return _answer(parts, await parts.form_defaults.change(change))
    except NotKept as exc:
        raise ApiError(503, "not_kept", str(exc), hint=exc.hint or "") from exc


def _answer(parts: Parts, values: Values) -> Response:
    warnings = []
    snapshot = parts.live.snapshot
    if values.default_node is not None and snapshot is not None and values.default_node not in snapshot.nodes:
        warnings.append(f"The cluster has no node named {values.default_node} right now.")
    images = parts.catalogue.listing.images
    if values.default_image is not None and images and not any(i.answers_to(values.default_image) for i in images):
        warnings.append(f"The image {values.default_image} is not in the catalogue right now.")
    warnings += parts.form_defaults.warnings
    return Response(
        msgspec.json.encode({**msgspec.structs.asdict(values), "warnings": warnings}),
        media_type="application/json",
        headers={"Cache-Control": "no-cache"},
    )
