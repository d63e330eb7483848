"""`GET /cluster/waiting`: the pods that have no place yet."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path
from starlette.responses import Response

from moorage.cluster.answers.held import HolderPolicy
from moorage.cluster.answers.waiting import entry, waiting
from moorage.cluster.turns import Turns
from moorage.queues.kueue import GATES, QUEUE_NAME, InLine
from moorage.queues.shown import standing
from moorage.scheduling.accounting.podinfo import PodInfo
from moorage.service.http.errors import ApiError
from moorage.service.http.pieces import Encoded, array_of
from moorage.service.http.schemas import Waiting
from moorage.service.paths.resources import picture_headers
from moorage.service.paths.routing import MoorageRoute, Reader, Running, error_responses
from moorage.service.state.parts import Parts
from moorage.texts import t

router = APIRouter(route_class=MoorageRoute, tags=["cluster"])


@router.get(
    "/cluster/waiting",
    response_model=list[Waiting],
    responses=error_responses(),
    summary="Who waits for a place",
)
async def list_waiting(parts: Running, person: Reader) -> Response:
    snapshot = parts.snapshot()
    told = await parts.queues.now()
    lines = {each.pod_uid: each for queue in told.queues for each in queue.waiting}
    policy = "pod" if person.sees_holders else parts.settings.gpu_holders
    shown = (
        msgspec.json.encode(_shown(pod, lines.get(pod.uid), parts=parts, policy=policy, unknown=told.reason))
        for pod in waiting(parts.live.cluster)
    )
    array = await array_of(shown, turns=Turns())
    return Encoded(*array, headers=picture_headers(snapshot, parts=parts))


@router.get(
    "/cluster/waiting/{uid}",
    response_model=Waiting,
    responses=error_responses(404, 422),
    summary="One pod that waits for a place",
)
async def one_waiting(parts: Running, person: Reader, uid: Annotated[str, Path(max_length=253)]) -> Response:
    snapshot = parts.snapshot()
    line = await parts.queues.of_pod(uid)
    unknown = (await parts.queues.standing())[1] if line is None else None
    cluster = parts.live.cluster
    if uid not in cluster.unbound:
        raise ApiError(
            404,
            "not_waiting",
            "No pod with this uid waits for a place.",
            hint="It may have one, or be gone; /api/v1/cluster/waiting lists those that wait.",
        )
    policy = "pod" if person.sees_holders else parts.settings.gpu_holders
    shown = _shown(cluster.pods[uid], line, parts=parts, policy=policy, unknown=unknown)
    return Encoded(msgspec.json.encode(shown), headers=picture_headers(snapshot, parts=parts))


def _shown(
    pod: PodInfo, line: InLine | None, *, parts: Parts, policy: HolderPolicy, unknown: str | None
) -> dict[str, Any]:
    """A pod that waits, with Kueue's word on it where Kueue holds it back."""
    told = entry(pod, parts.live.cluster, policy=policy, gpus=parts.gpus)
    gates = pod.extra.wait.gates if pod.extra.wait is not None else ()
    if not any(gate in GATES for gate in gates):
        return {**told, "queue": standing(line) if line is not None else None}
    if line is None:
        return {**told, "queue": None, "text": _without(pod, unknown)}
    return {**told, "queue": standing(line), "text": _text(line)}


def _without(pod: PodInfo, unknown: str | None) -> str:
    """What is to be said where only the pod itself can be read."""
    queue = pod.labels.get(QUEUE_NAME)
    held = (
        t("Kueue has not admitted it from queue {queue} yet.", queue=queue)
        if queue
        else t("Kueue has not admitted it yet.")
    )
    return f"{held} {t('Why is not known: {reason}.', reason=unknown)}" if unknown else held


def _text(line: InLine) -> str:
    if line.standing != "waiting":
        return line.text
    if line.place is None:
        place = t("In queue {queue}; its place is not known yet.", queue=line.queue)
    elif line.place.ahead == 0:
        place = t("In queue {queue}, next.", queue=line.queue)
    else:
        place = t("In queue {queue}, {ahead} before it.", queue=line.queue, ahead=line.place.ahead)
    return f"{place} {line.text}"
