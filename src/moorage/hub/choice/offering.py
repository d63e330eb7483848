"""What a spawner offers: the administrator's settings and the cluster as last heard of, joined into one `Offer`."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from moorage.errors import InvalidQuantity
from moorage.hub import amounts
from moorage.hub.choice.options import Bounds, Defaults, Offer
from moorage.hub.view.facts import ImageFacts, NodeFacts, read_images

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NVIDIA = "nvidia.com/gpu"
_CPU, _MEMORY = 1000, 2 << 30


def offer_of(
    spawner: Any,
    *,
    nodes: Mapping[str, NodeFacts] | None,
    images: tuple[ImageFacts, ...] | None,
    said: Mapping[str, Any],
    configured: Mapping[str, Any],
) -> Offer:
    """`said` is the service's defaults, `configured` KubeSpawner's settings before anything was chosen."""
    seen = sorted({units.resource for node in (nodes or {}).values() for units in node.gpus if units.capacity})
    resources = tuple(spawner.gpu_resources or seen or ([NVIDIA] if nodes is None else []))
    if spawner.images:
        images = read_images(spawner.images)
    offer = Offer(
        nodes=nodes,
        images=images,
        cpu=_bounds(spawner, "cpu", amounts.read_cpu),
        memory=_bounds(spawner, "memory", amounts.read_memory),
        gpu_most=None if spawner.gpu_max < 0 else spawner.gpu_max,
        gpu_resources=resources if spawner.gpu_max else (),
        cpu_guarantee_ratio=Fraction(str(spawner.cpu_guarantee_ratio)),
        refuse_too_large=spawner.refuse_too_large,
    )
    return replace(offer, defaults=_defaults(spawner, offer, said=said, configured=configured))


def _bounds(spawner: Any, what: str, read: Callable[[object], int]) -> Bounds:
    def amount(name: str) -> int | None:
        text = getattr(spawner, f"{what}_{name}")
        return read(text) if text else None

    choices = tuple(read(value) for value in getattr(spawner, f"{what}_choices"))
    return Bounds(least=amount("min") or 1, most=amount("max"), step=amount("step"), choices=choices)


def _defaults(spawner: Any, offer: Offer, *, said: Mapping[str, Any], configured: Mapping[str, Any]) -> Defaults:
    """The hub's configuration has the first word, then the service's defaults, then KubeSpawner's settings, then
    ours.
    """
    node = spawner.default_node or said.get("default_node")
    known = offer.nodes.get(node) if offer.nodes and isinstance(node, str) else None
    gpu = spawner.default_gpu if spawner.default_gpu >= 0 else said.get("default_gpu")
    if isinstance(gpu, bool) or not isinstance(gpu, int) or gpu < 0 or not offer.gpu_resources:
        gpu = 0
    image = spawner.default_image or said.get("default_image")
    cpu_words = (spawner.default_cpu, said.get("default_cpu"), configured.get("cpu_limit"))
    memory_words = (spawner.default_memory, said.get("default_memory"), configured.get("mem_limit"))
    return Defaults(
        node=known.name if known and known.hostname and not known.closed else None,
        cpu=_first(cpu_words, offer.cpu, amounts.read_cpu, _CPU),
        memory=_first(memory_words, offer.memory, amounts.read_memory, _MEMORY),
        gpu=gpu if offer.gpu_most is None else min(gpu, offer.gpu_most),
        image=image if isinstance(image, str) and image else None,
    )


def _first(values: tuple[Any, ...], bounds: Bounds, read: Callable[[object], int], ours: int) -> int:
    """The first of these values that is offered; an unreadable default is no default."""
    for value in values:
        if value in (None, "", 0):
            continue
        try:
            amount = read(value)
        except InvalidQuantity:
            continue
        if bounds.offers(amount):
            return amount
    if bounds.choices:
        return min(bounds.choices, key=lambda choice: (abs(choice - ours), choice))
    if bounds.offers(ours):
        return ours
    return bounds.nearest(ours)
