"""A preset as part of a choice: which one is meant, what may stand beside it, and what it comes to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from moorage.errors import quoted
from moorage.hub.choice.offered.refusal import Refusal
from moorage.hub.view.images import ImageFacts
from moorage.texts import t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.hub.choice.offered.offer import Bounds, Offer
    from moorage.hub.choice.offered.refusal import Ways
    from moorage.hub.presets import Preset

_AMOUNTS = ("cpu", "memory", "gpu", "gpu_resource", "gpu_kind")
_NAMED = 3


def none_offered() -> str:
    return t("No preset is offered to you. Contact the hub's administrator.")


def chosen(options: Mapping[str, Any], offer: Offer) -> Preset | None:
    """The preset that these options mean. Raises `Refusal`."""
    wanted = options.get("preset")
    free = [name for name in _AMOUNTS if options.get(name) not in (None, "")]
    if wanted is None or wanted == "":
        if not offer.presets_only:
            return None
        if free:
            raise Refusal(
                t("This hub offers presets only. {advice}", advice=_listed(offer)), field="preset", ways=_ways(offer)
            )
        return offer.default_preset()
    preset = offer.preset(wanted) if isinstance(wanted, str) else None
    if preset is None:
        raise Refusal(
            t("Preset {name} is not offered. {advice}", name=quoted(wanted), advice=_listed(offer)),
            field="preset",
            ways=_ways(offer),
        )
    if offer.presets_only and free:
        raise Refusal(t("This hub offers presets only: “{option}” can't be chosen.", option=free[0]), field="preset")
    for name, value in preset.values().items():
        if options.get(name) not in (None, "", value):
            raise Refusal(
                t(
                    "Preset {preset} sets “{option}” to {value}. Leave it out, or choose without a preset.",
                    preset=preset.display_name,
                    option=name,
                    value=value,
                ),
                field="preset",
                ways=[(t("Choose by hand"), {"preset": ""})],
            )
    return preset


def beside(options: Mapping[str, Any], offer: Offer) -> dict[str, Any]:
    """What a form says, without the fields that its preset fills in: without JavaScript these are posted too."""
    wanted = options.get("preset")
    preset = offer.preset(wanted) if isinstance(wanted, str) and not offer.presets_only else None
    filled = preset.values() if preset else {}
    return {name: value for name, value in options.items() if name not in filled}


def _listed(offer: Offer) -> str:
    names = ", ".join(preset.display_name for preset in offer.presets[:_NAMED])
    if names:
        return t("Choose one of: {names}.", names=names)
    return none_offered() if offer.presets_only else t("Choose without one.")


def _ways(offer: Offer) -> Ways:
    return [(preset.display_name, {"preset": preset.name}) for preset in offer.presets[:_NAMED]]


def image(preset: Preset, offer: Offer) -> ImageFacts | None:
    """The preset's image: from the list, or by its reference."""
    wanted = preset.image
    return None if wanted is None else offer.image(wanted) or ImageFacts(wanted, wanted, wanted)


def within(presets: tuple[Preset, ...], offer: Offer, *, named: bool) -> Offer:
    """The offer with those of the presets that keep to what is set for the person. Otherwise one may have what can't be
    chosen by hand, and more than KubeSpawner's own limits. `named`: an option says which GPU resources there are.
    """

    def fits(preset: Preset) -> bool:
        resource = preset.gpu_resource
        mosts = [offer.gpu_most]
        if "extra_resource_limits" in offer.by_person:
            mosts.append(offer.gpu_limits.get(resource or "nvidia.com/gpu"))
        if any(most is not None and (preset.gpu or 0) > most for most in mosts):
            return False
        if preset.gpu and resource and named and resource not in offer.gpu_resources:
            return False
        if preset.image and "images" in offer.by_person and offer.image(preset.image) is None:
            return False
        if preset.node and preset.node in offer.hidden:
            return False
        return _within(preset.cpu, "cpu", offer.cpu, offer) and _within(preset.memory, "memory", offer.memory, offer)

    return replace(offer, presets=tuple(filter(fits, presets)))


def _within(amount: int | None, what: str, bounds: Bounds, offer: Offer) -> bool:
    if amount is None or bounds.most is None or amount <= bounds.most:
        return True
    return bounds.most == bounds.given and {"cpu": "cpu_limit", "memory": "mem_limit"}[what] not in offer.by_person


def short_words(preset: Preset) -> str:
    """Its name and amounts, for a list."""
    words = preset.words()
    return f"{preset.display_name}: {words}" if words else preset.display_name
