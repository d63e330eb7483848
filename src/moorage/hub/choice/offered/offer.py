"""What may be chosen, and what was chosen, as plain values."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from moorage.hub.amounts import cpu_text, memory_text, short_resource
from moorage.hub.limits import Limits
from moorage.hub.view.images import ImageFacts

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from moorage.hub.choice.offered.kind import Kind
    from moorage.hub.choice.offered.placement import Placement
    from moorage.hub.presets import Preset
    from moorage.hub.selector import Requirement
    from moorage.hub.view.facts import NodeFacts, Units

VERSION = 1
_AMOUNTS = ("cpu", "memory", "gpu", "gpu_resource", "gpu_kind")
# KubeSpawner's settings that say how much there is where no option of ours does.
_CONFIGURED = {"cpu": "cpu_limit", "memory": "mem_limit", "gpu": "extra_resource_limits"}


def request_of(cpu: int, ratio: Fraction) -> int:
    """How much of so much CPU is requested for a server, in millicores."""
    return -(-cpu * ratio.numerator // ratio.denominator)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What an amount may be: between two ends in steps, or one of a list."""

    least: int = 0
    most: int | None = None
    step: int | None = None
    choices: tuple[int, ...] = ()
    # What the hub is configured to give: offered whatever the rest says.
    given: int | None = None

    def offers(self, amount: int) -> bool:
        if amount == self.given:
            return True
        if self.choices:
            return amount in self.choices
        return (
            amount >= self.least
            and (self.most is None or amount <= self.most)
            and not (self.step and amount % self.step)
        )

    def nearest(self, amount: int) -> int:
        """An offered amount close to this one."""
        if self.most is not None and self.most < self.least:
            return self.most
        amount = max(self.least, amount if self.most is None else min(amount, self.most))
        if not self.step or amount % self.step == 0:
            return amount
        down = amount - amount % self.step
        return down if down >= self.least else down + self.step

    def down(self, amount: int, *, grain: int) -> int:
        """The largest offered amount that is no more than this one, in steps that people choose, or 0."""
        if self.choices:
            return max((choice for choice in self.choices if choice <= amount), default=0)
        step = self.step or (grain if amount >= grain else 1)
        return max(0, amount - amount % step)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a field is when nobody chose: values as they would be posted."""

    node: str | None = None
    cpu: int = 1000
    memory: int = 2 << 30
    gpu: int = 0
    image: str | None = None
    # The amounts of which a choice could not make the pod that KubeSpawner is configured to make, each with what is
    # requested of it: they stay as they are where nobody chooses, and nothing stands in their fields. An amount above
    # is then its limit, or what is requested of one that is `unlimited`.
    as_configured: Mapping[str, int] = field(default_factory=dict)
    unlimited: frozenset[str] = frozenset()

    def amount(self, name: str) -> int:
        """How much of "cpu" or "memory" it is."""
        return self.cpu if name == "cpu" else self.memory


@dataclass(frozen=True, slots=True)
class Offer:
    """What may be chosen now. `nodes` is None while the cluster has never been seen; `images` likewise."""

    # Why nothing at all may be, in a sentence for the person.
    closed: str | None = None
    nodes: Mapping[str, NodeFacts] | None = None
    # What the hub's servers say of nodes, where that is known. By that they can never use the barred ones, each with
    # words that follow "the node is".
    placement: Placement | None = None
    barred: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    # What labels of nodes must meet for this person, and the barred nodes that are known not to.
    where: tuple[Requirement, ...] = ()
    hidden: frozenset[str] = frozenset()
    presets: tuple[Preset, ...] = ()
    # No amounts by hand.
    presets_only: bool = False
    # What the person may hold over all their servers.
    limits: Limits = field(default_factory=Limits)
    # The options that are not the same for everybody, and the person's group that has set one, by its name.
    by_person: frozenset[str] = frozenset()
    whose: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    images: tuple[ImageFacts, ...] | None = None
    # KubeSpawner's configured image: the list where there is none.
    own_image: ImageFacts | None = None
    # Whether it may be named where a list does not hold it.
    names_own: bool = False
    cpu: Bounds = field(default_factory=lambda: Bounds(least=1))
    memory: Bounds = field(default_factory=lambda: Bounds(least=128 << 20))
    gpu_most: int | None = None
    # The first is taken where none is named.
    gpu_resources: tuple[str, ...] = ("nvidia.com/gpu",)
    # What the hub is configured to give at most, by resource.
    gpu_limits: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    # Kueue's queues that a server may pass; the first is taken where none is named.
    queues: tuple[str, ...] = ()
    queue_priority_class: str = ""
    cpu_guarantee_ratio: Fraction = Fraction(1, 2)
    # Also refuse what no node of the cluster could ever give. Off where nodes are added on demand.
    refuse_too_large: bool = True
    defaults: Defaults = field(default_factory=Defaults)

    def without_limits(self) -> Offer:
        """For the administrator's defaults, which nobody chose: they are never too large."""
        return replace(self, refuse_too_large=False)

    def for_one_field(self) -> Offer:
        """For a look at one field alone."""
        return replace(self, refuse_too_large=False, limits=Limits(), presets_only=False)

    def preset(self, name: str) -> Preset | None:
        return next((preset for preset in self.presets if preset.name == name), None)

    def default_preset(self) -> Preset | None:
        """The one when nobody chose; None where people choose by hand then."""
        default = next((preset for preset in self.presets if preset.default), None)
        return default or (self.presets[0] if self.presets and self.presets_only else None)

    def group_of(self, what: str) -> str | None:
        """The person's group that has set the most of "cpu", "memory" or "gpu", or None."""
        bounds = {"cpu": self.cpu, "memory": self.memory}.get(what)
        by_hub = self.gpu_most is None if bounds is None else bounds.most == bounds.given
        return self.whose.get(_CONFIGURED[what] if by_hub else f"{what}_max")

    def offered(self) -> list[NodeFacts]:
        """The nodes that this person gets to see."""
        nodes = self.nodes or {}
        return [node for name, node in nodes.items() if name not in self.hidden]

    def usable(self) -> list[NodeFacts]:
        """The nodes that the hub's servers may use, as far as that is known."""
        nodes = self.nodes or {}
        return [node for name, node in nodes.items() if name not in self.barred] if self.barred else [*nodes.values()]

    def largest(self, what: str) -> int | None:
        """How much of "cpu" or "memory" the largest of these nodes has; None where that is unknown of any."""
        sizes = [getattr(node.capacity if what == "cpu" else node.allocatable, what) for node in self.usable()]
        known = [size for size in sizes if size is not None]
        return max(known) if known and len(known) == len(sizes) else None

    def most_gpus(self, resource: str) -> int | None:
        """The most of this resource that may be chosen, whatever the nodes have; None where nothing is said."""
        said = (self.gpu_most, self.gpu_limits.get(resource), self.limits.left_of(resource))
        return min((most for most in said if most is not None), default=None)

    def image(self, wanted: str) -> ImageFacts | None:
        """By name first, by reference otherwise."""
        found = self._listed(wanted) or next(
            (image for image in self.shown_images() if image.reference == wanted), None
        )
        if found is None and self.names_own and self.own_image and self.own_image.reference == wanted:
            # Saved by its reference: without an image, the list's default would start.
            return replace(self.own_image, own=False)
        return found

    def default_image(self) -> ImageFacts | None:
        """The image when nobody chose one; None where nothing at all is known of one."""
        wanted = self.defaults.image
        if wanted and (image := self._listed(wanted)):
            return image
        if wanted and self.own_image and wanted == self.own_image.reference:
            return self.own_image
        if wanted and self.images is None and ("/" in wanted or ":" in wanted):
            # A whole reference needs no catalogue.
            return ImageFacts(wanted, wanted, wanted)
        return next((image for image in self.images or () if image.default), None) or self.own_image

    def shown_images(self) -> tuple[ImageFacts, ...]:
        """All that may be chosen: the list, and the default where it is in no list."""
        default = self.default_image()
        listed = self.images or ()
        if default is not None and default not in listed:
            listed = (default, *listed)
        if not self.images and self.own_image is not None and self.own_image not in listed:
            listed = (*listed, self.own_image)
        return listed

    def _listed(self, wanted: str) -> ImageFacts | None:
        images = self.images or ()
        by_name = next((image for image in images if image.name == wanted), None)
        return by_name or next((image for image in images if image.reference == wanted), None)


@dataclass(frozen=True, slots=True)
class Choice:
    """What the pod will ask for, exactly."""

    cpu_milli: int
    memory_bytes: int
    gpu: int = 0
    gpu_resource: str | None = None
    node: NodeFacts | None = None
    image: ImageFacts | None = None
    cpu_request_milli: int = 0
    preset: Preset | None = None
    presets_only: bool = False
    queue: str | None = None
    # Whether there was any choice of it.
    picks_queue: bool = False
    # Nobody chose these: see `Defaults`.
    as_configured: Mapping[str, int] = field(default_factory=dict)
    unlimited: frozenset[str] = frozenset()

    def with_amounts(self, **amounts: int) -> Choice:
        """The same with these chosen by hand: `cpu_milli`, `memory_bytes`."""
        names = {"cpu_milli": "cpu", "memory_bytes": "memory"}
        chosen = {names[name] for name in amounts}
        kept = {name: amount for name, amount in self.as_configured.items() if name not in chosen}
        other: Choice = replace(self, as_configured=kept, unlimited=self.unlimited - chosen, **amounts)  # type: ignore[arg-type]
        return other

    def requested(self, name: str) -> int:
        """How much of "cpu" or "memory" a node must have for it, as far as that is held against its size."""
        return self.as_configured.get(name, self.amount(name))

    def amount(self, name: str) -> int:
        """How much of "cpu" or "memory" it is."""
        return self.cpu_milli if name == "cpu" else self.memory_bytes

    # Of the GPUs; None where there are none.
    kind: Kind | None = None

    def units_on(self, node: NodeFacts) -> Units | None:
        """What this node has of the chosen kind of GPU."""
        return self.kind.units(node) if self.kind is not None else node.units(self.gpu_resource or "")

    def gpu_words(self, among: Collection[str]) -> str:
        """The chosen kind of GPU, where these resources are offered."""
        if self.kind is not None and self.kind.name is not None:
            return self.kind.words
        return short_resource(self.gpu_resource or "", among=among)

    def asked(self) -> dict[str, int]:
        """What the pod will hold of each resource."""
        gpus = {self.gpu_resource: self.gpu} if self.gpu and self.gpu_resource else {}
        return {"cpu": self.cpu_milli, "memory": self.memory_bytes, **gpus}

    def as_options(self) -> dict[str, Any]:
        """The versioned dictionary that is saved, and that REST accepts."""
        options = {
            "moorage": VERSION,
            "node": self.node.name if self.node else None,
            "cpu": None if "cpu" in self.as_configured else cpu_text(self.cpu_milli),
            "memory": None if "memory" in self.as_configured else memory_text(self.memory_bytes),
            "gpu": self.gpu,
            "gpu_resource": self.gpu_resource,
            "image": self.image.name if self.image and not self.image.own else None,
            # Only where one was chosen: a release that knows no models refuses what it does not know.
            **({"gpu_kind": self.kind.name} if self.kind and self.kind.name else {}),
            # One that was not chosen is the hub's, whatever that is at the next start.
            **({"queue": self.queue} if self.picks_queue else {}),
        }
        if self.preset is None:
            return options
        # What the preset sets is the preset's, whatever that is at the next start.
        set_by_it = {*self.preset.values(), *(_AMOUNTS if self.presets_only else ())}
        kept = {name: value for name, value in options.items() if name not in set_by_it}
        return {**kept, "preset": self.preset.name}
