"""What the fields of an open form become: when another profile is picked on it, and when what its person may have has
changed meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.hub.choice import profiles
from moorage.hub.choice.offered import placement
from moorage.hub.choice.offered.refusal import Refusal
from moorage.hub.pages.form import said
from moorage.hub.pages.form.queues import in_words
from moorage.hub.pages.form.selection import selected
from moorage.hub.pages.form.sizes import amount_fields, bounds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.hub.choice.offered.offer import Offer


async def by_profile(spawner: Any, body: Mapping[str, Any]) -> dict[str, Any]:
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
    listed = offer.images or ()
    return {
        **_fields(offer, chosen),
        "fields": chosen,
        "images": [
            ["" if image.own else image.name, image.display_name]
            for image in offer.shown_images()
            if image not in listed
        ],
        "shown": profiles.shown(chosen, standing.profile),
    }


async def now(spawner: Any, body: Mapping[str, Any]) -> dict[str, Any]:
    """What the fields may be now, whatever stands in them; `closed` is why nothing may."""
    try:
        standing = await spawner.standing(spawner.profile_of(profiles.as_form(body)))
    except Refusal as refusal:
        return {"closed": refusal.message}
    offer = await standing.offer()
    chosen, _ = selected(None, offer)
    return {
        **_fields(offer, chosen),
        "closed": offer.closed,
        "limits": said.limits(offer),
        "presets": said.presets(offer),
        "presets_only": offer.presets_only,
        "queues": await in_words(spawner, offer),
        "images": [
            {
                "value": "" if image.own else image.name,
                "words": image.display_name,
                "help": image.description,
                "os": list(image.os),
                "arch": list(image.arch),
                "listed": image in (offer.images or ()),
            }
            for image in offer.shown_images()
        ],
    }


def _fields(offer: Offer, chosen: Mapping[str, str]) -> dict[str, Any]:
    amounts = amount_fields(offer, chosen)
    return {
        "choices": {name: amounts[name].choices for name in ("cpu", "memory")},
        "empty": {name: amounts[name].empty for name in ("cpu", "memory")},
        "help": {"cpu": amounts["cpu"].help, "memory": amounts["memory"].help, "gpu": amounts["gpu_words"]},
        "gpu_most": amounts["gpu_most"],
        "bounds": bounds(offer),
        "resources": list(offer.gpu_resources),
        "kinds": said.kinds(offer),
        "gpus": offer.gpu_most != 0,
        "barred": placement.packed(offer.barred, hidden=offer.hidden),
    }
