"""The GPUs of a choice: how many, of which resource, and of which kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.errors import InvalidQuantity, quoted
from moorage.hub import amounts
from moorage.hub.amounts import short_resource
from moorage.hub.choice.offered import kinds
from moorage.hub.choice.offered.refusal import Refusal, gpus, maximum
from moorage.texts import t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.hub.choice.offered.kind import Kind
    from moorage.hub.choice.offered.offer import Offer
    from moorage.hub.presets import Preset

_NVIDIA = "nvidia.com/gpu"
# So many kinds are named where one has to be chosen.
_NAMED = 3


def chosen(options: Mapping[str, Any], offer: Offer, preset: Preset | None) -> tuple[int, Kind | None]:
    """How many, and of which kind where any are. What a preset sets is its administrator's. Raises `Refusal`."""
    count = _count(options.get("gpu"), offer)
    by_hand = preset is None or preset.gpu is None
    if preset is not None and preset.gpu is not None:
        count = preset.gpu
    resource, name = (_text(options.get(field)) for field in ("gpu_resource", "gpu_kind"))
    if count == 0:
        return 0, None
    if preset is not None and (preset.gpu_resource or preset.gpu_kind):
        resource = preset.gpu_resource or next(iter(offer.gpu_resources), _NVIDIA)
        return count, _of_preset(resource, preset.gpu_kind, offer)
    resource = _NVIDIA if not resource and not offer.gpu_resources and not by_hand else _resource(resource, name, offer)
    if by_hand:
        _refuse_too_many(count, resource, offer)
    return count, _kind(resource, name, offer)


def _of_preset(resource: str, name: str | None, offer: Offer) -> Kind | None:
    return kinds.named(resource, name, offer) or kinds.unseen(resource, name or "")


def _text(value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise Refusal(t("The kind of GPU must be text, not {value}.", value=quoted(value)))
    return value or None


def _count(value: Any, offer: Offer) -> int:
    if value is None or value == "":
        return offer.defaults.gpu
    try:
        count = amounts.read_count(value)
    except InvalidQuantity as error:
        raise Refusal(f"{t('GPU')}: {error.message}.", field="gpu") from None
    if (most := offer.gpu_most) is not None and count > most:
        raise Refusal(
            t(
                "{what} is too many. {limit}",
                what=t("{amount} GPU", amount=count),
                limit=maximum(str(most), group=offer.group_of("gpu")),
            ),
            field="gpu",
            ways=gpus(most),
        )
    return count


def _refuse_too_many(count: int, resource: str, offer: Offer) -> None:
    most = offer.gpu_limits.get(resource)
    if most is not None and count > most:
        kind = short_resource(resource, among=offer.gpu_resources)
        raise Refusal(
            t(
                "{what} is too many. {limit}",
                what=f"{count} {kind}",
                limit=maximum(str(most), by_hub=True, group=offer.group_of("gpu")),
            ),
            field="gpu",
            ways=gpus(most),
        )


def _resource(wanted: str | None, name: str | None, offer: Offer) -> str:
    if not offer.gpu_resources and not wanted:
        raise Refusal(t("This hub offers no GPUs. Choose 0."), field="gpu", ways=gpus(0))
    if not wanted:
        # The one that has this model; none is the first.
        having = (resource for resource in offer.gpu_resources if name and kinds.named(resource, name, offer))
        return next(having, offer.gpu_resources[0])
    if wanted not in offer.gpu_resources:
        listed = ", ".join(offer.gpu_resources) or t("none")
        raise Refusal(
            t("{what} is not offered. Choose one of: {names}.", what=quoted(wanted), names=listed),
            field="gpu_kind",
            ways=_ways(offer) or gpus(0),
        )
    return wanted


def _kind(resource: str, name: str | None, offer: Offer) -> Kind:
    found = kinds.named(resource, name, offer)
    if found is not None:
        return found
    if offer.nodes is None or not offer.refuse_too_large:
        return kinds.unseen(resource, name or "")
    raise Refusal(
        t("No node that you can use has the GPU {name}. Choose another kind.", name=quoted(name)),
        field="gpu_kind",
        ways=_ways(offer),
    )


def _ways(offer: Offer) -> list[tuple[str, dict[str, str]]]:
    return [(kind.words, kind.fields) for kind in kinds.offered(offer)[:_NAMED]]
