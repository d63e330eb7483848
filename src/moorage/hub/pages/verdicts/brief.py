"""The service's verdict as pages get it: checked field by field, and small."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from moorage.hub.amounts import short_resource
from moorage.hub.view.checked import text, whole
from moorage.hub.view.machines import name_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOST_REASONS = 5


def in_brief(
    answer: Mapping[str, Any],
    *,
    card: re.Pattern[str] | None = None,
    closed: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """The service's verdict, checked field by field and small: each node names one of a few `kinds` of answer. `card`
    finds what people call GPU; `closed` says of nodes why the image can't run there, as the service may say, too, or
    that they have no such card.
    `can_wait` where some node would have the pod once others have left it: no waiting helps against a taint, a selector
    or a volume elsewhere. `after_eviction` is null, or what the cluster would do by itself and whether `at_once`;
    `machine` is null, or what is to be said of one that may come. `refused` is why the API server would not take the
    pod at all, `warnings` say what would hold it up where it fits.
    `no` is null where it fits, "change", "wait" or "never" otherwise.
    """
    brief: dict[str, Any] = {
        "fits": answer.get("fits") is True,
        "no": None,
        "field": None,
        "can_wait": False,
        "after_eviction": _after_eviction(answer),
        "machine": _machine(answer),
        "nodes": {},
        "kinds": [],
        "image_bytes": whole(answer.get("image_bytes")),
        "refused": _reasons(answer.get("refusals"), card),
        "reasons": [],
        "would_work": [],
        "held": {},
        "warnings": [sentence["text"] for sentence in _reasons(answer.get("warnings"), card)],
    }
    places: dict[str, int] = {}
    nodes = answer.get("nodes")
    for name, node in nodes.items() if isinstance(nodes, dict) else ():
        if not isinstance(name, str) or not isinstance(node, dict):
            continue
        problem = _reasons([{"text": closed[name]}] if name in closed else [node.get("image_problem")], card)
        fits = node.get("fits") is True and not problem
        room = None if fits or problem or brief["refused"] else _room(node.get("evict"))
        image = _image(node)
        key = str(image) if fits else str((image, problem, room, node.get("reasons")))
        if key not in places:
            places[key] = len(brief["kinds"])
            brief["kinds"].append(
                {"fits": True, **image}
                if fits
                else {
                    **image,
                    "fits": False,
                    "reasons": [*problem, *_reasons(node.get("reasons"), card)][:_MOST_REASONS],
                    **({"room": room} if room else {}),
                }
            )
        brief["nodes"][name] = places[key]
        brief["can_wait"] |= not (fits or problem or brief["refused"]) and node.get("unresolvable") is False
    # The scheduler would take the pod where its image can't run.
    if brief["nodes"] and not any(kind["fits"] for kind in brief["kinds"]):
        brief["fits"] = False
    for name, kind in _on_machines(answer, card).items():
        if str(kind) not in places:
            places[str(kind)] = len(brief["kinds"])
            brief["kinds"].append(kind)
        brief["nodes"][name] = places[str(kind)]
    prefilter = answer.get("prefilter")
    if isinstance(prefilter, dict):
        brief["reasons"] = _reasons(prefilter.get("reasons"), card)
    return brief


def _image(node: Mapping[str, Any]) -> dict[str, Any]:
    """Whether the image is `here`, where that is known, and what `driver` is too old for it."""
    here, driver = node.get("image_present"), text(node.get("driver_problem"), 300)
    return {**({"here": here} if isinstance(here, bool) else {}), **({"driver": driver} if driver else {})}


def _room(evict: Any) -> str | None:
    """Whether the scheduler can make room on this node: `at_once` where only placeholders go or nobody has any grace,
    `later` where others have to end first.
    """
    if not isinstance(evict, dict):
        return None
    grace, placeholders = evict.get("longest_grace_seconds"), evict.get("placeholders")
    return "at_once" if grace == 0 or (placeholders and placeholders == evict.get("count")) else "later"


def _after_eviction(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    text, evictions = answer.get("answer_text"), answer.get("evictions")
    if answer.get("answer") != "after_eviction" or not isinstance(text, str) or not isinstance(evictions, dict):
        return None
    return {"text": text[:300], "at_once": evictions.get("at_once") is True}


def _machine(answer: Mapping[str, Any]) -> dict[str, Any] | None:
    """What is to be said where a machine that comes is the answer."""
    text = answer.get("answer_text")
    if answer.get("answer") not in ("on_its_way", "new_machine") or not isinstance(text, str):
        return None
    return {"text": text[:300]}


def _on_machines(answer: Mapping[str, Any], card: re.Pattern[str] | None) -> dict[str, dict[str, Any]]:
    """The kind of answer for each machine of the form's list; none where it is not known."""
    found: dict[str, dict[str, Any]] = {}
    machines = answer.get("machines")
    for machine in machines[:200] if isinstance(machines, list) else ():
        name = name_of(machine)
        fits = machine.get("fits") if isinstance(machine, dict) else None
        if name is None or not isinstance(fits, bool) or found.get(name, {}).get("fits"):
            continue
        reasons = _reasons([machine.get("image_problem"), *(machine.get("reasons") or ())], card)
        found[name] = {"fits": True} if fits else {"fits": False, "reasons": reasons}
    return found


def only_card(resources: Sequence[str]) -> re.Pattern[str] | None:
    """Finds the name of the only kind of whole card that is offered, which people call GPU; None where there are
    several, and the name tells which.
    """
    cards = [resource for resource in resources if short_resource(resource) == "GPU"]
    return re.compile(re.escape(cards[0]) + r"(?![\w/-]|\.\w)") if len(cards) == 1 else None


def _reasons(values: Any, card: re.Pattern[str] | None) -> list[dict[str, str]]:
    found = []
    for value in values[:_MOST_REASONS] if isinstance(values, list) else ():
        if isinstance(value, str):
            found.append({"text": value[:300], "message": value[:300]})
        elif isinstance(value, dict):
            message = value.get("message")
            text = value.get("text") or message
            if isinstance(text, str) and text:
                words = card.sub("GPU", text) if card else text
                found.append({"text": words[:300], "message": message[:300] if isinstance(message, str) else ""})
    return found
