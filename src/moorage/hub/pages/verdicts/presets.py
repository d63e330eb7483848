"""What each preset would get now: one verdict for each, as if it were chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.hub.choice import profiles
from moorage.hub.choice.offered.refusal import Refusal
from moorage.hub.pages.verdicts import verdict
from moorage.texts import t, tn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.hub.view.holders import Sight

_MOST = 30
_NAMED = 2


async def now(spawner: Any, body: Mapping[str, Any], *, sight: Sight) -> dict[str, Any]:
    """By name: whether it `fits` (null where that is unknown), and in words where, or that it does not."""
    try:
        offer = await (await spawner.standing(spawner.profile_of(profiles.as_form(body)))).offer()
    except Refusal:
        return {}
    found = {}
    for preset in offer.presets[:_MOST]:
        answer = await verdict.on(spawner, {**body, "preset": preset.name}, sight=sight, elsewhere=False)
        found[preset.name] = in_words(answer)
    return found


def in_words(answer: Mapping[str, Any]) -> dict[str, Any]:
    if "refusal" in answer:
        return {"fits": False, "text": t("not possible right now")}
    if "unknown" in answer:
        return {"fits": None, "text": ""}
    if not answer["fits"]:
        return {"fits": False, "text": t("doesn't fit right now")}
    kinds = answer["kinds"]
    nodes = sorted(name for name, place in answer["nodes"].items() if kinds[place]["fits"])
    if not nodes:
        return {"fits": True, "text": t("fits right now")}
    where = ", ".join(nodes) if len(nodes) <= _NAMED else tn("{count} node", "{count} nodes", len(nodes))
    return {"fits": True, "text": t("fits on {nodes}", nodes=where)}
