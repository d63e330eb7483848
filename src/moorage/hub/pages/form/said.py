"""What the page says of a person's limits: how much, whose limit it is, and what is left of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.hub.choice.holding import over_all
from moorage.hub.choice.offered.kinds import alike
from moorage.hub.choice.offered.kinds import offered as every_kind
from moorage.hub.choice.offered.preset import image as image_of
from moorage.hub.choice.offered.preset import short_words as preset_words
from moorage.hub.limits import GPU, SERVERS, words
from moorage.texts import both, t

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from moorage.hub.choice.offered.kind import Kind
    from moorage.hub.choice.offered.offer import Offer
    from moorage.hub.presets import Preset
    from moorage.hub.view.facts import Units


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


def kinds(offer: Offer) -> list[dict[str, Any]]:
    """The kinds of GPU as a page gets them, each with how many are free now."""
    groups = alike(node for node in offer.usable() if node.machine is None and not node.closed)
    return [
        {
            "value": kind.value,
            "words": kind.words,
            "help": kind.help,
            "names": [value for _, value in kind.labels],
            "text": _with_free(kind, groups),
        }
        for kind in every_kind(offer)
    ]


def _with_free(kind: Kind, groups: Sequence[Sequence[Units]]) -> str:
    """`A100 40 GB: 3 of 4 free`; the kind alone where nobody knows."""
    units = [each for group in groups if kind.has(group[0]) for each in group]
    known = [each.available for each in units if each.available is not None]
    if not units or len(known) < len(units):
        return kind.words
    free = t("{part} of {whole} free", part=sum(known), whole=sum(each.allocatable for each in units))
    return t("{kind}: {free}", kind=kind.words, free=free)


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
    return [
        t("Your group {group} may have up to {amount}.", group=group, amount=both(each))
        for group, each in parts.items()
    ]


def _most_gpus(offer: Offer) -> int | None:
    return offer.gpu_most if offer.gpu_most is not None else max(offer.gpu_limits.values(), default=None)


def _over_all(offer: Offer) -> list[str]:
    most, group = offer.limits.most, offer.whose.get("user_limits")
    if not most:
        return []
    found = [over_all(both([words(name, amount) for name, amount in most.items()]), group=group)]
    if offer.limits.held:
        found.append(t("Left: {amounts}.", amounts=both([words(name, offer.limits.left(name) or 0) for name in most])))
    return found


def team(left: Mapping[str, int]) -> list[str]:
    """What quotas have left, as one sentence, or none."""
    usual = ("cpu", "memory")
    names = sorted(left, key=lambda name: (usual.index(name) if name in usual else 3 if name == SERVERS else 2, name))
    return (
        [t("Your team has {amounts} left.", amounts=both([words(name, left[name]) for name in names]))] if left else []
    )
