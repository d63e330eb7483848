"""Whether a server that waits may still be had: what its person may have can become less meanwhile.

Only what is decided about the person counts here. That a node is cordoned or away, or a list can't be read, ends no
wait.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.hub.amounts import is_gpu
from moorage.hub.choice.holding import hold
from moorage.hub.choice.offered.refusal import Refusal
from moorage.hub.limits import words
from moorage.hub.start.held import of_pod
from moorage.hub.view.facts import HOSTNAME
from moorage.texts import t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.hub.choice.offered.offer import Offer


def refusal(pod: Mapping[str, Any], offer: Offer) -> str | None:
    """Why this pod's person may not have it any more; None where they may, or where that can't be told."""
    why = None if offer.closed is not None else _passed(of_pod(pod), offer) or _elsewhere(pod, offer)
    return None if why is None else t("What you may have has changed while this server waited. {why}", why=why)


def _passed(asked: Mapping[str, int], offer: Offer) -> str | None:
    most = {
        name: max(bounds.choices, default=bounds.most)
        for name, bounds in (("cpu", offer.cpu), ("memory", offer.memory))
    }
    most |= {name: offer.most_gpus(name) for name in asked if is_gpu(name)}
    for name, limit in most.items():
        if limit is not None and asked.get(name, 0) > limit:
            amounts = {"asked": words(name, asked[name]), "most": words(name, limit)}
            return t("It asks for {asked}, and you may have up to {most} now.", **amounts)
    try:
        hold(asked, offer)
    except Refusal as passed:
        return passed.message
    return None


def _elsewhere(pod: Mapping[str, Any], offer: Offer) -> str | None:
    hostname = ((pod.get("spec") or {}).get("nodeSelector") or {}).get(HOSTNAME)
    if hostname is None or not any(
        node.hostname == hostname for name, node in (offer.nodes or {}).items() if name in offer.hidden
    ):
        return None
    return t("Its node is no longer offered to you.")
