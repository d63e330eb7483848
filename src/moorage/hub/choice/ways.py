"""What would work instead: for a choice that does not fit, changes to it that would, each one click in the form.

The service says by how much a node is short for the whole pod, side containers included, so taking that much from the
choice is exact. Each way is held against the offer like any other choice before it is shown.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from moorage.hub.amounts import cpu_field, cpu_words, memory_field, memory_words
from moorage.hub.choice import untouched
from moorage.hub.choice.offered import kinds
from moorage.hub.choice.offered.platforms import misfit, misfits
from moorage.hub.choice.offered.refusal import Refusal
from moorage.hub.choice.options import decide
from moorage.texts import again, t

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from moorage.hub.choice.offered.kind import Kind
    from moorage.hub.choice.offered.offer import Choice, Offer
    from moorage.hub.choice.offered.refusal import Ways
    from moorage.hub.view.facts import NodeFacts
    from moorage.hub.view.images import ImageFacts

_NAMED = 3
_CPU_GRAIN, _MEMORY_GRAIN = 100, 128 << 20


def ways(
    choice: Choice, offer: Offer, *, verdict: Mapping[str, Any], anywhere: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """`verdict` is the service's on this choice; `anywhere` is the one with the node left open."""
    found: list[dict[str, Any]] = []
    set_by_preset = choice.preset.values() if choice.preset else {}
    if choice.node is not None and "node" not in set_by_preset:
        closed = misfits(choice.image, offer.nodes)
        others = [name for name in _fitting(anywhere) if name not in closed]
        if others or (anywhere or {}).get("answer") in ("on_its_way", "new_machine"):
            found.append({"text": t("Automatic"), "use": {"node": ""}})
        found += [{"text": name, "use": {"node": name}} for name in others[:_NAMED] if name != choice.node.name]
    target = choice.node.name if choice.node else _closest(verdict)
    if choice.preset is None or not {"gpu_resource", "gpu"} & set_by_preset.keys():
        found += _kinds(choice, offer, target if target not in offer.barred else None)
    if target is not None and target not in offer.barred and choice.preset is None:
        less = _less(choice, offer, _node(verdict, target))
        if less is not None:
            found.append(less)
    return found


def in_words(found: Ways) -> list[dict[str, Any]]:
    """Ways of a refusal as a page gets them."""
    return [{"text": text, "use": dict(use)} for text, use in found]


def usual(offer: Offer, field: str | None) -> Ways:
    """The default of this field, or of all of them where it is none that has one."""
    defaults = offer.defaults
    cpu = "" if "cpu" in defaults.as_configured else cpu_field(defaults.cpu)
    memory = "" if "memory" in defaults.as_configured else memory_field(defaults.memory)
    gpu = str(defaults.gpu)
    each: dict[str, tuple[str, dict[str, str]]] = {
        "cpu": (untouched.words("cpu", defaults) or t("{amount} CPU", amount=cpu), {"cpu": cpu}),
        "memory": (untouched.words("memory", defaults) or memory, {"memory": memory}),
        "gpu": (t("{amount} GPU", amount=gpu) if defaults.gpu else t("no GPU"), {"gpu": gpu}),
    }
    if field in each:
        return (each[field],)
    if offer.presets_only:
        first = offer.default_preset()
        return ((first.display_name, {"preset": first.name}),) if first is not None else ()
    image = offer.default_image()
    use = {"node": defaults.node or "", "cpu": cpu, "memory": memory, "gpu": gpu}
    return ((t("The defaults"), use if image is None else {**use, "image": "" if image.own else image.name}),)


def other_images(choice: Choice, offer: Offer, broken: Callable[[ImageFacts], str | None]) -> Ways:
    """The usual image, where another one is chosen and nothing is known against this one."""
    usual = offer.default_image()
    if usual is None or usual == choice.image or broken(usual):
        return ()
    return ((usual.display_name, {"image": "" if usual.own else usual.name}),)


def _fitting(verdict: Mapping[str, Any] | None) -> list[str]:
    advice = (verdict or {}).get("would_work")
    names = advice.get("fits_on") if isinstance(advice, dict) else None
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _closest(verdict: Mapping[str, Any]) -> str | None:
    advice = verdict.get("would_work")
    closest = advice.get("closest") if isinstance(advice, dict) else None
    name = closest.get("node") if isinstance(closest, dict) else None
    return name if isinstance(name, str) else None


def _node(verdict: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    nodes = verdict.get("nodes")
    node = nodes.get(name) if isinstance(nodes, dict) else None
    return node if isinstance(node, dict) else {}


def _kinds(choice: Choice, offer: Offer, target: str | None) -> list[dict[str, Any]]:
    """Another kind of GPU of which enough is free where the rest fits: on the node that is meant, or else elsewhere."""
    if not choice.gpu or choice.kind is None:
        return []
    nodes = offer.nodes or {}
    meant = nodes.get(target) if target is not None else None
    if meant is not None and _room(choice, choice.kind, meant):
        return []
    on_it, elsewhere = [], []
    for kind in _others(choice.kind, offer):
        most = offer.most_gpus(kind.resource)
        if most is not None and most < choice.gpu:
            continue
        words = f"{choice.gpu} × {kind.words}"
        if meant is not None and _room(choice, kind, meant):
            on_it.append(
                {
                    "text": t("{amount} on {node}", amount=words, node=again(meant.title)),
                    "use": {**kind.fields, "node": meant.name},
                }
            )
        elif any(_room(choice, kind, node) and _fits(choice, node) for node in offer.usable()):
            node = {"node": ""} if choice.node is not None else {}
            elsewhere.append({"text": words, "use": {**kind.fields, **node}})
    return [*on_it, *elsewhere][:_NAMED]


def _others(kind: Kind, offer: Offer) -> list[Kind]:
    """All but this one, models where they are known."""
    listed = kinds.offered(offer)
    by_model = {each.resource for each in listed if each.name is not None}
    if kind.name is None:
        listed = [each for each in listed if each.resource != kind.resource]
    return [each for each in listed if each.value != kind.value and (each.name or each.resource not in by_model)]


def _room(choice: Choice, kind: Kind, node: NodeFacts) -> bool:
    units = kind.units(node)
    return units is not None and (units.available or 0) >= choice.gpu


def _fits(choice: Choice, node: NodeFacts) -> bool:
    """Whether the rest of the choice does, as far as this is known."""
    cpu, memory = node.available.cpu, node.available.memory
    return (
        not (node.closed or misfit(choice.image, node))
        and (cpu is None or cpu >= choice.cpu_request_milli)
        and (memory is None or memory >= choice.memory_bytes)
    )


def _less(choice: Choice, offer: Offer, refusal: Mapping[str, Any]) -> dict[str, Any] | None:
    """The same with as much less of each resource as the node is short of, rounded down to what people choose."""
    short = short_by(refusal)
    if not short or not set(short) <= {"cpu", "memory", choice.gpu_resource}:
        return None
    smaller = choice
    if "cpu" in short:
        ratio = offer.cpu_guarantee_ratio
        request = choice.cpu_request_milli - short["cpu"]
        if request <= 0 or not ratio:
            return None
        smaller = smaller.with_amounts(cpu_milli=offer.cpu.down(int(request / ratio), grain=_CPU_GRAIN))
    if "memory" in short:
        left = choice.requested("memory") - short["memory"]
        smaller = smaller.with_amounts(memory_bytes=offer.memory.down(left, grain=_MEMORY_GRAIN))
    if choice.gpu_resource in short:
        smaller = replace(smaller, gpu=choice.gpu - short[choice.gpu_resource])
    if smaller == choice or smaller.gpu < 0:
        return None
    try:
        decide(smaller.as_options(), offer)
    except Refusal:
        return None
    use: dict[str, Any] = {}
    if "cpu" in short:
        use["cpu"] = cpu_field(smaller.cpu_milli)
    if "memory" in short:
        use["memory"] = memory_field(smaller.memory_bytes)
    if choice.gpu_resource in short:
        use["gpu"] = str(smaller.gpu)
    amounts = {
        "cpu": t("{amount} CPU", amount=cpu_words(smaller.cpu_milli)),
        "memory": memory_words(smaller.memory_bytes),
    }
    words = [text for name, text in amounts.items() if name not in smaller.as_configured]
    if choice.gpu:
        kind = choice.gpu_words(offer.gpu_resources)
        words.append(f"{smaller.gpu} {kind}" if smaller.gpu else t("no {what}", what=kind))
    return {"text": ", ".join(words), "use": use}


def short_by(refusal: Mapping[str, Any]) -> dict[str, int]:
    """How much is lacking by resource; empty when anything but a shortage stands against the node."""
    found: dict[str, int] = {}
    reasons = refusal.get("reasons")
    for reason in reasons if isinstance(reasons, list) else ():
        short = reason.get("short_by") if isinstance(reason, dict) else None
        if not isinstance(short, dict):
            return {}
        resource, amount = short.get("resource"), short.get("short_by")
        if not isinstance(resource, str) or isinstance(amount, bool) or not isinstance(amount, int) or amount <= 0:
            return {}
        found[resource] = amount
    return found
