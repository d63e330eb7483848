"""What the fields of an open form become when another profile is picked on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.hub.choice import placement, profiles
from moorage.hub.choice.refusal import Refusal
from moorage.hub.pages.form import amount_fields
from moorage.hub.pages.selection import selected

if TYPE_CHECKING:
    from collections.abc import Mapping


async def on(spawner: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    """`{"refusal": sentence}`; `{}` where the page shows this profile already; or the values of the fields, with what
    they may be.
    """
    form = profiles.as_form(body)
    try:
        standing = await spawner.standing(spawner.profile_of(form))
    except Refusal as refusal:
        return {"refusal": refusal.message}
    if profiles.is_shown(form, standing.profile):
        return {}
    offer = await standing.offer()
    chosen, _ = selected(None, offer)
    amounts = amount_fields(offer, chosen)
    listed = offer.images or ()
    return {
        "fields": chosen,
        "choices": {name: amounts[name].choices for name in ("cpu", "memory")},
        "help": {"cpu": amounts["cpu"].help, "memory": amounts["memory"].help, "gpu": amounts["gpu_words"]},
        "gpu_most": amounts["gpu_most"],
        "resources": list(offer.gpu_resources),
        "images": [
            ["" if image.own else image.name, image.display_name]
            for image in offer.shown_images()
            if image not in listed
        ],
        "barred": placement.packed(offer.barred, hidden=offer.hidden),
        "shown": profiles.shown(chosen, standing.profile),
    }
