"""What a spawner offers: the administrator's settings and the cluster as last heard of, joined into one `Offer`."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from moorage.errors import InvalidQuantity
from moorage.hub import amounts, limits, presets, selector
from moorage.hub.choice.offered import preset as preset_choice
from moorage.hub.choice.offered.offer import Bounds, Defaults, Offer, request_of
from moorage.hub.choice.offered.placement import Placement, barred, outside
from moorage.hub.limits import Holding, Limits
from moorage.hub.view.facts import HOSTNAME, NodeFacts
from moorage.hub.view.images import ImageFacts, read_images
from moorage.texts import t

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

NVIDIA = "nvidia.com/gpu"
_CPU, _MEMORY = 1000, 2 << 30
_GRAIN = {"cpu": 100, "memory": 128 << 20}
# KubeSpawner's setting of each amount; there is a guarantee beside each.
_AMOUNTS = {"cpu": "cpu_limit", "memory": "mem_limit"}


def offer_of(
    allowed: Any,
    *,
    nodes: Mapping[str, NodeFacts] | None,
    images: tuple[ImageFacts, ...] | None,
    said: Mapping[str, Any],
    configured: Mapping[str, Any],
    preset: Collection[str] = (),
    placement: Placement | None = None,
    held: tuple[Holding, ...] = (),
) -> Offer:
    """`allowed` has the options as they are for one person. `said` is the service's defaults, `configured` the settings
    of KubeSpawner before anything was chosen: default and ceiling, unless an option of ours says how much may be had.
    Those in `preset` are of the profile that was picked: they come before every other default, and are offered whatever
    the options say.
    """
    closed, where = barred(placement, nodes), selector.read(allowed.nodes)
    if hidden := outside(where, nodes):
        group = allowed.whose.get("nodes")
        closed = {
            **closed,
            **dict.fromkeys(
                hidden, t("not offered to your group {group}", group=group) if group else t("not offered to you")
            ),
        }
    usable = {name: node for name, node in nodes.items() if name not in closed} if nodes and closed else nodes
    gpus = _configured_gpus(allowed, nodes, configured=configured)
    by_profile = (
        bool(gpus)
        and "gpu_max" not in allowed.by_person
        and not {"extra_resource_limits", "extra_resource_guarantees"}.isdisjoint(preset)
    )
    most = allowed.gpu_max if allowed.gpu_max >= 0 else None
    if allowed.images or allowed.images == ():
        images = read_images([*allowed.images])
    offer = Offer(
        nodes=nodes,
        placement=placement,
        barred=closed,
        where=where,
        hidden=hidden,
        by_person=allowed.by_person,
        whose=allowed.whose,
        images=images,
        own_image=_own_image(configured.get("image")),
        names_own=not (allowed.images or allowed.images == ()),
        cpu=_bounds(
            allowed, "cpu", amounts.read_cpu, limit=configured.get("cpu_limit"), by_profile="cpu_limit" in preset
        ),
        memory=_bounds(
            allowed, "memory", amounts.read_memory, limit=configured.get("mem_limit"), by_profile="mem_limit" in preset
        ),
        gpu_most=max(most, *gpus.values()) if most and by_profile else most,
        gpu_resources=_gpu_resources(allowed, usable, gpus, by_profile=by_profile) if allowed.gpu_max else (),
        gpu_limits={} if allowed.lift_configured_limits or allowed.gpu_max >= 0 else gpus,
        queues=tuple(dict.fromkeys(allowed.queues)),
        queue_priority_class=allowed.queue_priority_class,
        cpu_guarantee_ratio=Fraction(str(allowed.cpu_guarantee_ratio)),
        refuse_too_large=allowed.refuse_too_large,
    )
    named = bool(allowed.gpu_resources) or "gpu_resources" in allowed.by_person
    offer = preset_choice.within(presets.of(presets.read(allowed.presets), allowed.groups), offer, named=named)
    none = preset_choice.none_offered() if allowed.presets_only and not offer.presets else None
    return replace(
        offer,
        closed=none,
        presets_only=allowed.presets_only,
        defaults=_defaults(allowed, offer, said=said, configured=configured, gpus=gpus, preset=preset),
        limits=Limits(limits.read(allowed.user_limits), held),
    )


def _own_image(reference: Any) -> ImageFacts | None:
    return ImageFacts(reference, reference, reference, own=True) if isinstance(reference, str) and reference else None


def gpu_names(configured: Mapping[str, Any], offered: Iterable[str]) -> set[str]:
    """The resources whose amounts a choice decides: GPUs that are offered, and those that were configured."""
    named = (configured.get(trait) or {} for trait in ("extra_resource_limits", "extra_resource_guarantees"))
    return {NVIDIA, *offered, *(name for amounts_ in named for name in amounts_ if amounts.is_gpu(name))}


def _seen(nodes: Mapping[str, NodeFacts] | None) -> list[str]:
    return sorted({units.resource for node in (nodes or {}).values() for units in node.gpus if units.capacity})


def _configured_gpus(
    allowed: Any, nodes: Mapping[str, NodeFacts] | None, *, configured: Mapping[str, Any]
) -> dict[str, int]:
    """How many of each GPU resource KubeSpawner is configured to give; an amount that can't be read is left out."""
    known = {*_seen(nodes), *allowed.gpu_resources}
    found: dict[str, int] = {}
    for trait in ("extra_resource_guarantees", "extra_resource_limits"):
        for name, value in (configured.get(trait) or {}).items():
            if name in known or amounts.is_gpu(name):
                with suppress(InvalidQuantity):
                    found[name] = amounts.read_count(value)
    return found


def _gpu_resources(
    allowed: Any, nodes: Mapping[str, NodeFacts] | None, gpus: Mapping[str, int], *, by_profile: bool
) -> tuple[str, ...]:
    given = [name for name, count in gpus.items() if count]
    if allowed.gpu_resources == ():
        return ()
    if allowed.gpu_resources:
        return tuple(dict.fromkeys([*(given if by_profile else ()), *allowed.gpu_resources]))
    if gpus and not allowed.lift_configured_limits:
        return tuple(given)
    return tuple(dict.fromkeys([*given, *_seen(nodes)])) or ((NVIDIA,) if nodes is None else ())


def _bounds(allowed: Any, what: str, read: Callable[[object], int], *, limit: Any, by_profile: bool) -> Bounds:
    def amount(name: str) -> int | None:
        text = getattr(allowed, f"{what}_{name}")
        return read(text) if text else None

    choices = tuple(read(value) for value in getattr(allowed, f"{what}_choices"))
    bounds = Bounds(least=amount("min") or 1, most=amount("max"), step=amount("step"), choices=choices)
    given = _read(limit, read)
    # A profile is for everybody who may pick it; what is set for one person holds there too.
    by_profile = by_profile and allowed.by_person.isdisjoint({f"{what}_max", f"{what}_choices"})
    lifted = bool(choices) or bounds.most is not None or allowed.lift_configured_limits
    if given is None or (lifted and not by_profile):
        return bounds
    most = given if not lifted else bounds.most if bounds.most is None else max(bounds.most, given)
    choices = tuple(sorted({*choices, given})) if choices else ()
    return replace(bounds, least=min(bounds.least, given), most=most, choices=choices, given=given)


def _read(value: Any, read: Callable[[object], int]) -> int | None:
    """What KubeSpawner's setting says; None where it says nothing or can't be read."""
    if value in (None, "", 0):
        return None
    try:
        return read(value)
    except InvalidQuantity:
        return None


def _defaults(
    allowed: Any,
    offer: Offer,
    *,
    said: Mapping[str, Any],
    configured: Mapping[str, Any],
    gpus: Mapping[str, int],
    preset: Collection[str],
) -> Defaults:
    """The profile has the first word, then the hub's configuration, the service's defaults, and KubeSpawner's settings,
    which stay as they are; ours, which are no less than what KubeSpawner guarantees, are for amounts that an option
    bounds.
    """
    as_configured: dict[str, int] = {}
    unlimited: set[str] = set()
    ratio = offer.cpu_guarantee_ratio

    def first(name: str, bounds: Bounds, ours: int, read: Callable[[object], int]) -> int:
        limit = _AMOUNTS[name]
        given = usual = _read(configured.get(limit), read)
        requested = _read(configured.get(_guarantee(limit)), read) or given or 0
        by_us = [_read(getattr(allowed, f"default_{name}"), read), _read(said.get(f"default_{name}"), read)]
        largest = offer.largest(name) if offer.refuse_too_large and usual else None
        if usual and largest and (usual if limit in preset else requested) > largest:
            # A request that no node has could never start.
            usual = largest - largest % _GRAIN[name]
        by_profile = [usual] if limit in preset else [ours] if _guarantee(limit) in preset else []
        amount = _first([*by_profile, *by_us, usual], bounds, ours)
        if limit in preset or (not by_profile and any(by_us)):
            return amount
        if given is None and _is_free(name, allowed, bounds, ours):
            unlimited.add(name)
            as_configured[name] = requested
            return requested
        chosen = request_of(amount, ratio) if name == "cpu" else amount
        if amount == given and requested != chosen and not bounds.choices:
            as_configured[name] = requested
        return amount

    requested = _read(configured.get("cpu_guarantee"), amounts.read_cpu) or 0
    cpu = max(_CPU, -(-requested * ratio.denominator // ratio.numerator) if ratio else requested)
    memory = max(_MEMORY, _read(configured.get("mem_guarantee"), amounts.read_memory) or 0)
    image = configured.get("image") if "image" in preset else allowed.default_image or said.get("default_image")
    return Defaults(
        node=_default_node(allowed, offer, said=said, configured=configured, preset=preset),
        cpu=first("cpu", offer.cpu, cpu, amounts.read_cpu),
        memory=first("memory", offer.memory, memory, amounts.read_memory),
        gpu=_default_gpu(allowed, offer, said=said, gpus=gpus, preset=preset),
        image=image if isinstance(image, str) and image else None,
        as_configured=as_configured,
        unlimited=frozenset(unlimited),
    )


def _guarantee(limit: str) -> str:
    return limit.replace("limit", "guarantee")


def _is_free(name: str, allowed: Any, bounds: Bounds, ours: int) -> bool:
    """Whether nothing says how much of this amount there may be, so that it may also have no limit."""
    bounded = bounds.most is not None or bounds.step or bounds.choices or bounds.least > ours
    return not (bounded or allowed.presets_only or name in allowed.user_limits)


def _default_node(
    allowed: Any, offer: Offer, *, said: Mapping[str, Any], configured: Mapping[str, Any], preset: Collection[str]
) -> str | None:
    nodes = offer.nodes or {}
    if HOSTNAME in preset:
        hostname = configured["node_selector"][HOSTNAME]
        return next((node.name for node in nodes.values() if node.hostname == hostname), None)
    node = allowed.default_node or said.get("default_node")
    known = nodes.get(node) if isinstance(node, str) else None
    usable = known is not None and known.hostname and not known.closed and known.name not in offer.barred
    return known.name if known is not None and usable else None


def _default_gpu(
    allowed: Any, offer: Offer, *, said: Mapping[str, Any], gpus: Mapping[str, int], preset: Collection[str]
) -> int:
    if not offer.gpu_resources:
        return 0
    first = offer.gpu_resources[0]
    given = gpus.get(first, 0)
    if first in gpus and not {"extra_resource_limits", "extra_resource_guarantees"}.isdisjoint(preset):
        return given
    # 0 is what the service says where nobody has set it.
    values = (allowed.default_gpu if allowed.default_gpu >= 0 else said.get("default_gpu") or None, given)
    gpu = next(value for value in values if isinstance(value, int) and not isinstance(value, bool) and value >= 0)
    most = offer.most_gpus(first)
    return gpu if most is None else min(gpu, most)


def _first(values: Iterable[int | None], bounds: Bounds, ours: int) -> int:
    """The first of these amounts that is offered."""
    for amount in values:
        if amount is not None and bounds.offers(amount):
            return amount
    if bounds.choices:
        return min(bounds.choices, key=lambda choice: (abs(choice - ours), choice))
    if bounds.offers(ours):
        return ours
    return bounds.nearest(ours)
