"""What one person holds, held against what they may hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.hub.amounts import cpu_words, is_gpu, memory_field
from moorage.hub.choice.refusal import Refusal, maximum
from moorage.hub.limits import SERVERS, words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.hub.choice.offer import Offer

_TEXTS = {"cpu": cpu_words, "memory": memory_field}


def hold(asked: Mapping[str, int], offer: Offer) -> None:
    """Raise `Refusal` where one more server with these amounts would pass what its person may hold over all servers."""
    name = offer.limits.passed(asked)
    if name is None:
        return
    group = offer.whose.get("user_limits")
    whose = f"As a member of {group} you" if group else "You"
    most, used = offer.limits.most[name], offer.limits.in_use(name)
    if name == SERVERS:
        raise Refusal(f"{whose} may have {words(name, most)} at a time. Stop one of yours first.", no="wait")
    field, left = name if name in _TEXTS else "gpu", max(0, most - used)
    in_use = f" and have {words(name, used)}" if used else ""
    possible = bool(left) or field == "gpu"
    advice = [*(["choose less"] if possible else []), *(["stop a server"] if used else [])]
    raise Refusal(
        f"{whose} may have up to {words(name, most)} over all your servers{in_use}. "
        f"{' or '.join(advice).capitalize()}.",
        field=field,
        ways=[(words(name, left), {field: _TEXTS.get(name, str)(left)})] if possible else [],
    )


def hold_profile(asked: Mapping[str, int], offer: Offer) -> None:
    """The same for what a profile of KubeSpawner alone comes to. What is set for one person holds there too. Raises
    `Refusal`.
    """
    for name, bounds in (("cpu", offer.cpu), ("memory", offer.memory)):
        most, amount = bounds.most, asked.get(name, 0)
        if f"{name}_max" in offer.by_person and most is not None and amount > most:
            limit = maximum(words(name, most), group=offer.group_of(name))
            raise Refusal(f"This profile has {words(name, amount)}. {limit} Choose another profile.")
    most = offer.gpu_most if "gpu_max" in offer.by_person else None
    for name, amount in asked.items():
        if most is not None and is_gpu(name) and amount > most:
            limit = maximum(words(name, most), group=offer.group_of("gpu"))
            raise Refusal(f"This profile has {words(name, amount)}. {limit} Choose another profile.")
    hold(asked, offer)
