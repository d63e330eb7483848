"""Kinds of GPU: a resource name, and which of the models behind it; and the ones that may be chosen.

A pod asks for units of a resource name alone. Where that covers several models, the labels of the nodes bind it to one
of them. A kind's name is a model's label, and a node may have several such labels: those of the vendor, which come with
its driver, and those of a cloud, which machines have before. They are one kind where no other model has the label.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from moorage.hub.amounts import is_card, short_resource
from moorage.hub.choice.offered.kind import Kind, Pair
from moorage.hub.models import resource_words, short, spoken
from moorage.texts import t

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from moorage.hub.choice.offered.offer import Offer
    from moorage.hub.models import Model
    from moorage.hub.view.facts import NodeFacts, Units

# How a vendor's own labels name the model, for one that no node has now.
_LABELS = {"amd.com": "amd.com/gpu.product-name", "gpu.intel.com": "gpu.intel.com/product"}
_NVIDIA = "nvidia.com/gpu.product"


def offered(offer: Offer) -> list[Kind]:
    """All that can be chosen, the first resource first, and of each any model before its models by their words."""
    found: list[Kind] = []
    for resource in offer.gpu_resources:
        models = _models(resource, offer)
        kinds = _kinds(resource, models)
        found.append(_any(resource, models, offer))
        # Slices are named by their size: a model is a choice only where there are several.
        found += kinds if is_card(resource) or len(kinds) > 1 else []
    return found


def named(resource: str, name: str | None, offer: Offer) -> Kind | None:
    """The kind that a choice means; None where no node that may be used has such a model."""
    if name is None:
        return _any(resource, [], offer)
    kinds = _kinds(resource, _models(resource, offer))
    exact = next((kind for kind in kinds if kind.name == name), None)
    return exact or next((kind for kind in kinds if name in [value for _, value in kind.labels]), None)


def unseen(resource: str, name: str) -> Kind:
    """The same for a model that no node is known to have: a machine may bring it."""
    label = _LABELS.get(resource.partition("/")[0], _NVIDIA)
    return Kind(resource, spoken(name), name, labels=((label, name),), seen=False)


def without(kind: Kind | None, nodes: Mapping[str, NodeFacts] | None) -> dict[str, str]:
    """The nodes that have no such card, each with the words for it."""
    if kind is None or kind.name is None or not kind.seen or not nodes:
        return {}
    lacking = t("It has no {kind}.", kind=kind.words)
    return {name: lacking for name, node in nodes.items() if kind.units(node) is None}


def alike(nodes: Iterable[NodeFacts]) -> list[list[Units]]:
    """The GPUs of these nodes, those of one resource and model together: a large cluster has few."""
    found: dict[tuple[str, Model | None], list[Units]] = {}
    for node in nodes:
        for units in node.gpus:
            found.setdefault((units.resource, units.model), []).append(units)
    return [*found.values()]


def _models(resource: str, offer: Offer) -> list[Model]:
    return [
        units.model
        for node in offer.usable()
        for units in node.gpus
        if units.resource == resource and units.capacity and units.model is not None
    ]


def _kinds(resource: str, models: Iterable[Model]) -> list[Kind]:
    """One for each model, by their words."""
    distinct = list(dict.fromkeys(models))
    firsts: dict[Pair, set[Pair]] = {}
    for model in distinct:
        for pair in model.labels:
            firsts.setdefault(pair, set()).add(model.labels[0])
    groups: dict[Pair, list[Model]] = {}
    for model in distinct:
        others = firsts[model.labels[0]] - {model.labels[0]}
        groups.setdefault(others.pop() if len(others) == 1 else model.labels[0], []).append(model)
    kinds = []
    for first, group in groups.items():
        ours = {model.labels[0] for model in group}
        # A label that another kind has, too, would bind to both.
        pairs = dict.fromkeys(pair for model in group for pair in model.labels if pair in ours or firsts[pair] <= ours)
        kinds.append(_kind(resource, first[1], sorted(group, key=lambda model: model.labels[0] != first), tuple(pairs)))
    if not is_card(resource) and len(kinds) > 1:
        models_of = {first[1]: short(group[0].model) for first, group in groups.items()}
        kinds = [
            replace(kind, words=t("{slice} of {model}", slice=kind.words, model=models_of[kind.name or ""]))
            for kind in kinds
        ]
    words = [kind.words for kind in kinds]
    told = [
        replace(kind, words=f"{kind.words}, {kind.name}") if words.count(kind.words) > 1 else kind for kind in kinds
    ]
    return sorted(told, key=lambda kind: kind.words)


def _kind(resource: str, name: str, group: list[Model], labels: tuple[Pair, ...]) -> Kind:
    first = group[0] if len({model.slots for model in group}) == 1 else replace(group[0], slots=None)
    return Kind(resource, first.words(), name, first.meaning(), labels)


def _any(resource: str, models: list[Model], offer: Offer) -> Kind:
    if not is_card(resource):
        return Kind(resource, resource_words(resource), help=models[0].meaning() if models else "")
    several = sum(map(is_card, offer.gpu_resources)) > 1
    words = short_resource(resource, among=offer.gpu_resources) if several else "GPU"
    mixed = any(model.sharing for model in models)
    return Kind(
        resource,
        t("Any {kind}", kind=words) if models else resource_words(resource),
        help=t("This can be any of the models, shared cards and slices included.") if mixed else "",
    )
