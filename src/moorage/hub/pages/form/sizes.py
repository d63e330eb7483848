"""The controls of CPU, memory and GPU: what each holds, what it may hold, and what it suggests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moorage.hub.amounts import cpu_field, cpu_words, memory_field, memory_words
from moorage.hub.choice import untouched
from moorage.hub.choice.offered import kinds
from moorage.texts import t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.hub.choice.offered.offer import Bounds, Choice, Offer
    from moorage.hub.view.facts import NodeFacts

_MEMORY_STEPS = (1 << 30, 2 << 30, 4 << 30, 8 << 30, 16 << 30, 32 << 30, 64 << 30, 128 << 30, 256 << 30)
_CPU_STEPS = (500, 1000, 2000, 4000, 8000, 16000, 32000, 64000)


@dataclass(frozen=True, slots=True)
class Field:
    """One amount's control: what it holds, what it may hold, and what it suggests."""

    value: str
    choices: tuple[tuple[str, str], ...]
    suggestions: tuple[tuple[str, str], ...]
    help: str
    # What it means where nothing stands in it; empty where something has to.
    empty: str = ""


def amount_fields(offer: Offer, chosen: Mapping[str, str]) -> dict[str, Any]:
    """The controls of CPU, memory and GPU."""
    nodes = offer.usable()
    cpu, memory, gpus = _largest("cpu", offer), _largest("memory", offer), _most_gpus(offer, nodes)
    return {
        "cpu": _field(
            chosen["cpu"],
            offer.cpu,
            steps=_CPU_STEPS,
            text=cpu_field,
            words=cpu_words,
            largest=cpu,
            example=t("Cores, such as 2 or 0.5"),
            empty=untouched.words("cpu", offer.defaults),
        ),
        "memory": _field(
            chosen["memory"],
            offer.memory,
            steps=_MEMORY_STEPS,
            text=memory_field,
            words=memory_words,
            largest=memory,
            example=t("Such as 3Gi or 512Mi"),
            empty=untouched.words("memory", offer.defaults),
        ),
        "gpu_most": gpus,
        "gpu_words": t("How many")
        if gpus is None
        else t("{least} to {most}", least=0, most=gpus)
        if gpus
        else t("None available"),
    }


def understood(choice: Choice) -> dict[str, str]:
    """As what the amounts of a choice were read."""
    said = {"cpu": cpu_field(choice.cpu_milli), "memory": memory_field(choice.memory_bytes)}
    return {name: untouched.words(name, choice) or words for name, words in said.items()}


def bounds(offer: Offer) -> dict[str, Any]:
    """How much may be chosen, in exact numbers: what the person may have (`most`), what the largest node has at most
    (`all`), and whether what a node has counts (`sizes`).
    """
    nodes, limits = offer.usable(), offer.limits
    found: dict[str, Any] = {"sizes": offer.refuse_too_large, "gpu": {}}
    for name, each in (("cpu", offer.cpu), ("memory", offer.memory)):
        most = min((amount for amount in (each.most, limits.left(name)) if amount is not None), default=None)
        found[name] = {"least": each.least, "most": most, "all": _largest(name, offer), "step": each.step}
    groups = kinds.alike(nodes)
    for kind in kinds.offered(offer):
        sizes = [units.capacity for group in groups if kind.has(group[0]) for units in group]
        everywhere = None if offer.nodes is None else max(sizes, default=0)
        found["gpu"][kind.value] = {"most": offer.most_gpus(kind.resource), "all": everywhere}
    return found


def _field(
    value: str, bounds: Bounds, *, steps: Any, text: Any, words: Any, largest: int | None, example: str, empty: str
) -> Field:
    limits = [limit for limit in (bounds.most, largest) if limit is not None]
    limit = min(limits, default=None)
    # What stands in the field stays in it, so that it does not become another amount without a word.
    possible = [choice for choice in bounds.choices if limit is None or choice <= limit or text(choice) == value]
    choices = tuple((text(choice), words(choice)) for choice in possible or bounds.choices)
    fitting = [step for step in steps if bounds.offers(step) and (limit is None or step <= limit)]
    return Field(
        value=value,
        choices=choices,
        suggestions=() if choices else tuple((text(step), words(step)) for step in fitting),
        help=t("{least} to {most}", least=words(bounds.least), most=words(limit)) if limit is not None else example,
        empty=empty,
    )


def _largest(what: str, offer: Offer) -> int | None:
    configured = getattr(offer, what).most is not None
    largest = None if configured and not offer.refuse_too_large else offer.largest(what)
    return min((most for most in (largest, offer.limits.left(what)) if most is not None), default=None)


def _most_gpus(offer: Offer, nodes: list[NodeFacts]) -> int | None:
    """The most of any resource that is offered; the verdict knows the rest."""
    each = []
    for resource in offer.gpu_resources:
        sizes = [units.capacity for node in nodes for units in node.gpus if units.resource == resource]
        has = None if offer.nodes is None else max(sizes, default=0)
        limits = [limit for limit in (has, offer.most_gpus(resource)) if limit is not None]
        each.append(min(limits, default=None))
    known = [most for most in each if most is not None]
    return max(known, default=0) if len(known) == len(each) else None
