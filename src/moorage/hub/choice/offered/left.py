"""What the quotas of the hub's namespace have left for one more server, before anything is chosen.

A quota counts the whole pod: what its side containers take is left out of what remains for the choice.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.hub.limits import SERVERS
from moorage.hub.view.checked import text, whole

if TYPE_CHECKING:
    from moorage.hub.choice.offered.offer import Choice, Offer

_GRAIN = {"cpu": 100, "memory": 128 << 20}
_PODS = ("pods", "count/pods")


def of_quota(told: Any, choice: Choice, offer: Offer) -> dict[str, int]:
    """By resource, "servers" among them, what is left, out of the service's `quota` for the pod of this choice; empty
    where nothing is known to be limited.
    """
    found: dict[str, int] = {}
    for item in told[:100] if isinstance(told, list) else ():
        if isinstance(item, dict) and (one := _left(item, choice, offer)) is not None:
            name, amount = one
            found[name] = min(amount, found.get(name, amount))
    return found


def _left(item: dict[str, Any], choice: Choice, offer: Offer) -> tuple[str, int] | None:
    held, left, asked = text(item.get("resource"), 316), whole(item.get("left")), whole(item.get("asked"))
    if held is None or left is None or asked is None:
        return None
    if held in _PODS:
        return SERVERS, left
    resource, is_limit = held.removeprefix("requests.").removeprefix("limits."), held.startswith("limits.")
    chosen = {
        "cpu": choice.cpu_milli if is_limit else choice.cpu_request_milli,
        "memory": choice.memory_bytes,
        **dict.fromkeys(offer.gpu_resources, 0),
        **({choice.gpu_resource: choice.gpu} if choice.gpu_resource else {}),
    }
    if resource not in chosen:
        return None
    amount = max(0, left - max(0, asked - chosen[resource]))
    if resource == "cpu" and not is_limit:
        ratio = offer.cpu_guarantee_ratio
        if not ratio:
            return None
        amount = int(amount / ratio)
    if resource in _GRAIN:
        amount -= amount % _GRAIN[resource] if amount >= _GRAIN[resource] else 0
    return resource, amount
