"""Why a node refuses a pod, as JSON: upstream's exact words, plain ones, and by how much it is short."""

from typing import Any

from moorage.objects import Taint
from moorage.scheduling.filters import noderesourcesfit
from moorage.scheduling.preparing import Preparing
from moorage.scheduling.verdict import NodeVerdict, Shortage
from moorage.scheduling.words.sentences import sentence

# The code of a reason that is ours and no scheduler plugin's.
IMAGE_PLATFORM = "ImagePlatform"


def reasons_of(
    verdict: NodeVerdict, *, taint: Taint | None = None, state: Preparing | None = None, by_maker: bool = False
) -> list[dict[str, Any]]:
    """Each of upstream's reasons; a shortage stands beside the reason that names its resource, or is the only one."""
    found = []
    shortages = {short.resource: short for short in verdict.details}
    only = verdict.details[0] if len(verdict.details) == len(verdict.reasons) == 1 else None
    for message in verdict.reasons:
        short = shortages.get(
            "pods" if message == noderesourcesfit.REASON_PODS else message.removeprefix("Insufficient "), only
        )
        found.append(
            {
                "code": verdict.plugin,
                "message": message,
                "text": sentence(
                    verdict.plugin, message, shortage=short, taint=taint, preparing=state, by_maker=by_maker
                ),
                "short_by": _short_by(short) if short is not None else None,
            }
        )
    return found


def image_problem(unable: str | None) -> dict[str, Any] | None:
    """That an image of the pod can't run there, in the shape of a reason."""
    if unable is None:
        return None
    return {"code": IMAGE_PLATFORM, "message": unable, "text": unable, "short_by": None}


def _short_by(short: Shortage) -> dict[str, Any]:
    return {
        "resource": short.resource,
        "asked": short.asked,
        "free": short.free,
        "allocatable": short.allocatable,
        "short_by": short.short_by,
    }
