"""What the page says of a person's limits: how much, whose limit it is, and what is left of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.hub.choice.preset import image as image_of
from moorage.hub.choice.preset import short_words as preset_words
from moorage.hub.limits import GPU, words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from moorage.hub.choice.offer import Offer
    from moorage.hub.presets import Preset


def limits(offer: Offer) -> list[str]:
    """Sentences; none where nothing is said for this very person."""
    return [*_by_group(offer), *_over_all(offer)]


def presets(offer: Offer) -> list[dict[str, Any]]:
    """The presets as a page gets them."""
    return [
        {
            "value": preset.name,
            "words": preset_words(preset),
            "help": preset.description,
            "fields": _shown(preset, offer),
        }
        for preset in offer.presets
    ]


def _shown(preset: Preset, offer: Offer) -> dict[str, str]:
    """What the fields hold with it: an image by the name that its list has."""
    image = image_of(preset, offer)
    return {**preset.shown(), **({"image": image.name} if image else {})}


def _by_group(offer: Offer) -> list[str]:
    amounts = {"cpu": offer.cpu.most, "memory": offer.memory.most, GPU: _most_gpus(offer)}
    parts: dict[str, list[str]] = {}
    for name, most in amounts.items():
        if most is not None and (group := offer.group_of(name)):
            parts.setdefault(group, []).append(words(name, most))
    return [f"Your group {group} may have up to {listed(each)}." for group, each in parts.items()]


def _most_gpus(offer: Offer) -> int | None:
    return offer.gpu_most if offer.gpu_most is not None else max(offer.gpu_limits.values(), default=None)


def _over_all(offer: Offer) -> list[str]:
    most, group = offer.limits.most, offer.whose.get("user_limits")
    if not most:
        return []
    who = f"As a member of {group} you" if group else "You"
    found = [
        f"{who} may have up to {listed([words(name, amount) for name, amount in most.items()])} over all your servers."
    ]
    if offer.limits.held:
        left = listed([words(name, offer.limits.left(name) or 0) for name in most])
        found.append(f"Left: {left}.")
    return found


def listed(parts: Sequence[str]) -> str:
    """`2 GPUs, 16 CPU and 64 GiB memory`."""
    return " and ".join([*([", ".join(parts[:-1])] if parts[:-1] else []), *parts[-1:]])
