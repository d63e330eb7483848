"""`POST /cluster/fit`: would this very pod find a place, where not and why not, and what would work instead."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from moorage.cluster.answers.asks import pod_of
from moorage.cluster.answers.fit_json import Images, encoding, judging
from moorage.cluster.answers.machines import NO_CANDIDATES, Candidates
from moorage.cluster.turns import Turns
from moorage.images.drivers import marks
from moorage.images.platforms import misfits
from moorage.images.presence import size_of
from moorage.scheduling.alternatives.machines import as_node
from moorage.scheduling.claims.newclaims import of_volumes
from moorage.service.http.bodies import json_body, read
from moorage.service.http.errors import ApiError
from moorage.service.http.inputs import FitRequest
from moorage.service.http.pieces import Encoded
from moorage.service.http.schemas import FitAnswer
from moorage.service.paths import bounds
from moorage.service.paths.resources import picture_headers
from moorage.service.paths.routing import MoorageRoute, Reader, Running, error_responses
from moorage.service.state.parts import Parts

router = APIRouter(route_class=MoorageRoute, tags=["cluster"])


@router.post(
    "/cluster/fit",
    response_model=FitAnswer,
    responses=error_responses(400, 413, 422),
    openapi_extra=json_body(FitRequest),
    summary="Whether a pod fits",
)
async def fit(request: Request, parts: Running, person: Reader) -> Response:
    question = await read(request, FitRequest)
    if (question.pod is None) == (question.ask is None):
        raise ApiError(
            422,
            "invalid",
            "The body must have either a pod or an ask.",
            hint='Send {"pod": …} with a v1.Pod, or {"ask": {"cpu": "4", "memory": "16Gi", "gpu": 1}}.',
        )
    if question.ask is not None and question.claims is not None:
        raise ApiError(422, "invalid", "Claims go with a pod.", hint='Send {"pod": …, "claims": […]}.')
    parts.snapshot()
    cluster = parts.live.cluster
    if question.pod is not None:
        pod = question.pod
    else:
        ask = question.ask.model_dump(exclude_unset=True) if question.ask is not None else {}
        image = parts.catalogue.listing.image(ask["image"]) if ask.get("image") else None
        wish = ask | ({"image": image.reference} if image is not None else {})
        pod = pod_of(wish, cluster=cluster, machines=parts.machines.now())
    claims = question.claims or []
    bounds.check(pod)
    bounds.check_claims([*claims, *of_volumes(pod)])
    rules = await parts.rulebook.rules_for(pod)
    policy = "pod" if person.sees_holders else parts.settings.gpu_holders
    turns = Turns()
    async with parts.live.still():
        snapshot = parts.snapshot()
        images = parts.catalogue.listing.by_reference
        unable = misfits(pod, images, nodes=cluster.nodes)
        told = Images(
            parts.holding.of(pod, images, nodes=cluster.nodes),
            marks(pod, images, nodes=cluster.nodes),
            size_of(pod, images),
        )
        judged = await turns.all(
            judging(
                cluster,
                pod,
                revision=snapshot.revision,
                rules=rules,
                policy=policy,
                unable=unable,
                claims=claims,
                machines=_machines(pod, parts=parts),
            )
        )
    answer = await turns.all(encoding(judged, machines=parts.machine_json, images=told))
    return Encoded(answer, headers=picture_headers(snapshot, parts=parts))


def _machines(pod: dict[str, Any], *, parts: Parts) -> Candidates:
    """Those that may come, and which of them can't run the pod's images."""
    machines = parts.machines.now()
    if not machines:
        return NO_CANDIDATES
    nodes = {str(place): as_node(machine) for place, machine in enumerate(machines)}
    unable = misfits(pod, parts.catalogue.listing.by_reference, nodes=nodes)
    return Candidates(machines, {int(place): why for place, why in unable.items()})
