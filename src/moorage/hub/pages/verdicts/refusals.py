"""A refusal as a page gets it: what to change, and what would work instead."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from moorage.hub.choice import options, ways
from moorage.hub.choice.offered.offer import VERSION
from moorage.hub.start.trial import made_for
from moorage.texts import t

if TYPE_CHECKING:
    from tornado import web

    from moorage.hub.choice.offered.offer import Offer
    from moorage.hub.choice.offered.refusal import Refusal

_LONGEST = 1000


def told(refusal: Refusal, offer: Offer | None) -> dict[str, Any]:
    """`offer` is what the person may have, where that is known."""
    found = refusal.ways or (ways.usual(offer, refusal.field) if offer is not None else ())
    return {
        "refusal": refusal.message,
        "no": refusal.no,
        "field": refusal.field,
        "would_work": ways.in_words(found),
    }


async def usual_offer(spawner: Any) -> Offer | None:
    """What may be had without a profile that was picked; None where nothing may."""
    with suppress(Exception):
        offer: Offer = await (await spawner.standing()).offer()
        return offer if offer.closed is None else None
    return None


async def by_hook(spawner: Any, error: web.HTTPError, *, timeout: float) -> dict[str, Any]:
    """The refusal of an administrator's own hook. The choice can be changed where the hook takes the defaults; where it
    takes not even these, it is none of the choice.
    """
    offer = await usual_offer(spawner)
    works = offer is not None and await _takes_defaults(spawner, offer, timeout=timeout)
    return {
        "refusal": _words(error),
        "no": "change" if works else "never",
        "field": None,
        "would_work": ways.in_words(ways.usual(offer, None)) if works and offer is not None else [],
    }


def _words(error: web.HTTPError) -> str:
    """What JupyterHub would show of it."""
    words = getattr(error, "jupyterhub_message", None)
    with suppress(Exception):
        words = words or str(error.log_message or "") % error.args
    return str(words or t("This choice was refused."))[:_LONGEST]


async def _takes_defaults(spawner: Any, offer: Offer, *, timeout: float) -> bool:
    try:
        choice = options.decide({"moorage": VERSION}, offer.without_limits())
        async with asyncio.timeout(timeout):
            await made_for(spawner, choice.as_options())
    except Exception:  # refused, too slow, or no more able to run ahead of time than before
        return False
    return True
