"""What one person holds, held against what they may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.hub.amounts import cpu_field, is_gpu, memory_field
from moorage.hub.choice.offered.refusal import Refusal, maximum
from moorage.hub.limits import SERVERS, words
from moorage.texts import t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.hub.choice.offered.offer import Offer

_TEXTS = {"cpu": cpu_field, "memory": memory_field}


def hold(asked: Mapping[str, int], offer: Offer) -> None:
    """Raise `Refusal` where one more server with these amounts would pass what its person may hold over all servers."""
    name = offer.limits.passed(asked)
    if name is None:
        return
    group = offer.whose.get("user_limits")
    most, used = offer.limits.most[name], offer.limits.in_use(name)
    if name == SERVERS:
        limit = at_a_time(words(name, most), group=group)
        raise Refusal(" ".join([limit, t("Stop one of yours first.")]), no="wait")
    field, left = name if name in _TEXTS else "gpu", max(0, most - used)
    possible = bool(left) or field == "gpu"
    if possible:
        advice = t("Choose less or stop a server.") if used else t("Choose less.")
    else:
        advice = t("Stop a server.") if used else ""
    in_use = words(name, used) if used else None
    raise Refusal(
        " ".join(filter(None, [over_all(words(name, most), group=group, used=in_use), advice])),
        field=field,
        ways=[(words(name, left), {field: _TEXTS.get(name, str)(left)})] if possible else [],
    )


def over_all(amount: str, *, group: str | None, used: str | None = None) -> str:
    """How much one may have over all servers, as whose member, and how much that is already."""
    values = {"amount": amount, "group": group, "used": used}
    if group and used:
        return t("As a member of {group} you may have up to {amount} over all your servers and have {used}.", **values)
    if group:
        return t("As a member of {group} you may have up to {amount} over all your servers.", **values)
    if used:
        return t("You may have up to {amount} over all your servers and have {used}.", **values)
    return t("You may have up to {amount} over all your servers.", **values)


def at_a_time(amount: str, *, group: str | None) -> str:
    if group:
        return t("As a member of {group} you may have {amount} at a time.", group=group, amount=amount)
    return t("You may have {amount} at a time.", amount=amount)


def _other_profile(amount: str, limit: str) -> Refusal:
    return Refusal(t("This profile has {amount}. {limit} Choose another profile.", amount=amount, limit=limit))


def hold_profile(asked: Mapping[str, int], offer: Offer) -> None:
    """The same for what a profile of KubeSpawner alone comes to. What is set for one person holds there too. Raises
    `Refusal`.
    """
    for name, bounds in (("cpu", offer.cpu), ("memory", offer.memory)):
        most, amount = bounds.most, asked.get(name, 0)
        if f"{name}_max" in offer.by_person and most is not None and amount > most:
            limit = maximum(words(name, most), group=offer.group_of(name))
            raise _other_profile(words(name, amount), limit)
    most = offer.gpu_most if "gpu_max" in offer.by_person else None
    for name, amount in asked.items():
        if most is not None and is_gpu(name) and amount > most:
            limit = maximum(words(name, most), group=offer.group_of("gpu"))
            raise _other_profile(words(name, amount), limit)
    hold(asked, offer)
