"""LimitRange: the rules of `scheduling.admission`, asked about what is stored here.

Source: kubernetes v1.36 pkg/apis/core/v1/defaults.go (SetDefaults_LimitRangeItem)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.objects import LimitRange, LimitRangeItem
from moorage.scheduling.admission import limitranges as rules
from moorage.simulator.store.resources import BY_PLURAL, PODS, Kind
from moorage.simulator.store.status import forbidden

if TYPE_CHECKING:
    from moorage.simulator.store.reading import Reader

Json = dict[str, Any]
LIMIT_RANGES = BY_PLURAL["limitranges"]


def complete(item: Json) -> None:
    """What the API server fills into a LimitRange itself."""
    if item.get("type") != "Container":
        return
    held = LimitRangeItem(
        max=item.get("max"),
        min=item.get("min"),
        default=item.get("default"),
        default_request=item.get("defaultRequest"),
    )
    for field, amounts in zip(("defaultRequest", "default"), rules.defaults_of(held), strict=True):
        if amounts:
            item[field] = amounts


def fill_in(objects: Reader, pod: Json) -> None:
    """Give the containers of a new pod what they don't say."""
    rules.fill_in(pod, _stored(objects, pod))


def check(objects: Reader, kind: Kind, body: Json) -> None:
    """Refuse a new pod or claim that asks for too little or too much."""
    broken = rules.check if kind is PODS else rules.check_claim
    wrong = [refusal.message for refusal in broken(body, _stored(objects, body))]
    if wrong:
        said = wrong[0] if len(wrong) == 1 else "[" + ", ".join(wrong) + "]"
        raise forbidden(kind, body["metadata"].get("name"), said)


def _stored(objects: Reader, body: Json) -> list[LimitRange]:
    return objects.typed(LIMIT_RANGES, LimitRange, body["metadata"]["namespace"])
