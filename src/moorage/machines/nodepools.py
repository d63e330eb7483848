"""What one of Karpenter's pools may still add: which kinds of machine it takes, what they look like there, how many.

A pool takes a kind whose labels its requirements admit; of what they leave open (zones, spot or not) Karpenter chooses
when a pod comes. Limits are held against the whole capacity of a machine, before it is added.

Source: karpenter v1.14 pkg/controllers/provisioning/scheduling (scheduler.go, nodeclaimtemplate.go),
pkg/controllers/provisioning/provisioner.go (NewScheduler), pkg/apis/v1/nodepool.go
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from moorage.errors import InvalidQuantity
from moorage.machines.facts import INSTANCE_TYPES, POOL_LABELS, ZONES, gpu_of
from moorage.machines.labelsets import LabelSet, label_sets, new_name
from moorage.objects import Node, NodeSpec, NodeStatus, ObjectMeta, Unreadable
from moorage.quantity import NANO, ceil_div, parse_nanos
from moorage.scheduling.alternatives.machines import HOSTNAME, Machine, State, lasting_taints
from moorage.scheduling.words.amounts import amount_words, sizes
from moorage.texts import later

if TYPE_CHECKING:
    from moorage.objects import Amounts, Condition, NodePool

POOL = "karpenter.sh/nodepool"
CAPACITY_TYPE = "karpenter.sh/capacity-type"
ZONE = ZONES[0]
# How a limit on the number of machines is written.
MACHINES = "nodes"
OWN = "karpenter.sh/"
# Whose labels tell of a kind of machine, beside Kubernetes' own and those of Karpenter's providers.
_DOMAINS = ("eks.amazonaws.com", "cloud.google.com", "nvidia.com", "amd.com")
Choices = Mapping[str, Iterable[str]]
# What Karpenter chooses for each machine: no kind of machine has it for good.
CHOSEN = (ZONE, CAPACITY_TYPE)
_NEEDED = ("ValidationSucceeded", "NodeClassReady")
# How a cloud sells machines: what it costs to have one, or to have one until somebody pays more.
WAYS = ("on-demand", "spot")
# Karpenter's own marks on a node that is there, which DaemonSets may ask for.
_MARKS = {"karpenter.sh/registered": "true", "karpenter.sh/initialized": "true"}


class Shape(Struct, frozen=True):
    """What machines of one kind looked like in the pool where one was seen, or as somebody wrote it down.

    `zones` are those that they were in.
    """

    kind: str | None
    pool: str
    labels: Mapping[str, str]
    allocatable: Amounts
    capacity: Amounts
    zones: frozenset[str] = frozenset()


class Pool:
    """One NodePool, and what it uses of its limits."""

    def __init__(self, pool: NodePool, *, used: Mapping[str, int]) -> None:
        spec = pool.spec
        template = spec.template if spec is not None else None
        self.name = pool.metadata.name
        self.weight = (spec.weight or 0) if spec is not None else 0
        self.is_going = bool(pool.metadata.deletion_timestamp)
        self._spec = template.spec if template is not None else None
        metadata = template.metadata if template is not None else None
        self._labels = {key: value or "" for key, value in ((metadata.labels if metadata else None) or {}).items()}
        self.sets = label_sets(self._spec.requirements if self._spec is not None else (), self._labels)
        self._limits = nanos_of(spec.limits if spec is not None else None)
        self._used = used
        self._is_fixed = spec is not None and spec.replicas is not None
        conditions = (pool.status.conditions if pool.status is not None else None) or ()
        self._ready = condition(conditions, "Ready")
        # Ready only tells that one of these is not so.
        self._unmet = next((each for each in conditions if each.type in _NEEDED and each.status != "True"), self._ready)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that the pool names; none where it takes whatever there is."""
        asked = self.sets.get(INSTANCE_TYPES[0])
        return (asked.values or ()) if asked is not None else ()

    @property
    def zones(self) -> tuple[str, ...]:
        """The zones that the pool names."""
        asked = self.sets.get(ZONE)
        return (asked.values or ()) if asked is not None else ()

    def unseen(self, kind: str | None) -> Machine:
        """A machine that nobody has seen yet."""
        state, why = self._standing()
        if why is None and kind is not None:
            why = later(
                "Nobody has seen a machine of kind {kind} yet, so what it would look like is not known.", kind=kind
            )
        return Machine(pool=self.name, source="karpenter", state=state, kind=kind, why=why, label=(POOL, self.name))

    def excluded(self, shape: Shape) -> Machine:
        """A kind that was in this pool, or was said to be, and that the pool does not take."""
        machine = self.unseen(shape.kind)
        why = later("Pool {pool} takes no machine like this one, by its requirements.", pool=self.name)
        return replace(machine, state="at_maximum", left=0, why=why)

    def machine(self, shape: Shape, *, seen: Choices) -> Machine | None:
        """The next machine of this kind; None where the pool does not take it, or an amount of it is garbage.

        `seen` are the values of `CHOSEN` that are known of this cluster.
        """
        if not self._takes(shape):
            return None
        node, choices = self._node(shape, seen)
        try:
            gpu_model, gpu_count = gpu_of(node)
            left = self._left(shape)
        except (Unreadable, InvalidQuantity):
            return None
        state, why = self._standing()
        if why is None and left == 0:
            state, why = "at_maximum", self._used_up(shape)
        return Machine(
            pool=self.name,
            source="karpenter",
            state=state,
            kind=shape.kind,
            node=node,
            why=why,
            gpu_model=gpu_model,
            gpu_count=gpu_count,
            left=left if why is None else 0,
            label=(POOL, self.name),
            zones=choices.pop(ZONE, ()),
            choices=tuple(choices.items()),
        )

    # --- what it takes ------------------------------------------------------------------------------------------

    def _takes(self, shape: Shape) -> bool:
        labels = {new_name(key): value for key, value in shape.labels.items()}
        if shape.kind is not None:
            labels.setdefault(INSTANCE_TYPES[0], shape.kind)
        return all(
            asked.has(labels[key])
            for key, asked in self.sets.items()
            if key in labels and key not in self._labels and key not in CHOSEN and is_by_kind(key)
        )

    def _node(self, shape: Shape, seen: Choices) -> tuple[Node, dict[str, tuple[str, ...]]]:
        """What it would look like here, and the labels that Karpenter chooses a value for when a pod comes."""
        free = {*CHOSEN, *(key for key in self.sets if key not in self._labels and not is_by_kind(key))}
        mine = {key: value for key, value in shape.labels.items() if shape.pool == self.name or is_by_kind(key)}
        labels = {key: value for key, value in mine.items() if key not in free}
        labels |= self._labels | _MARKS | {POOL: self.name} | self._class_label()
        told = {key: self._values(key, seen) for key in sorted(free)}
        labels |= {key: values[0] for key, values in told.items() if len(values) == 1}
        # A single zone is told twice: drivers of disks have it under names of their own.
        choices = {key: values for key, values in told.items() if len(values) > 1 or (key == ZONE and values)}
        spec = self._spec
        taints = lasting_taints(
            (spec.taints if spec is not None else None) or (),
            startup={(taint.key, taint.effect) for taint in (spec.startup_taints if spec is not None else None) or ()},
        )
        node = Node(
            metadata=ObjectMeta(name="", labels=dict(labels)),
            spec=NodeSpec(taints=taints),
            status=NodeStatus(capacity=dict(shape.capacity), allocatable=dict(shape.allocatable)),
        )
        return node, choices

    def _values(self, key: str, seen: Choices) -> tuple[str, ...]:
        asked = self.sets.get(key, LabelSet())
        if asked.values is not None:
            return asked.values
        # Which of them the cloud sells this kind in, it alone knows.
        return tuple(sorted(value for value in seen.get(key, ()) if asked.has(value)))

    def _class_label(self) -> dict[str, str]:
        named = self._spec.node_class_ref if self._spec is not None else None
        return {f"{named.group}/{named.kind.lower()}": named.name} if named is not None and named.group else {}

    # --- how many -----------------------------------------------------------------------------------------------

    def _standing(self) -> tuple[State, str | None]:
        if self._is_fixed:
            return "at_maximum", later("Pool {pool} keeps a fixed number of machines.", pool=self.name)
        if self._ready is None or self._ready.status != "True":
            told = self._unmet.message or self._unmet.reason if self._unmet is not None else None
            return "backing_off", later(
                "Karpenter adds nothing to pool {pool}: {why}.",
                pool=self.name,
                why=_phrase(told) or later("it is not ready"),
            )
        if MACHINES in self._limits and self._remaining(MACHINES) < NANO:
            most = amount(MACHINES, self._limits[MACHINES])
            if most == 1:
                return "at_maximum", later("Pool {pool} is at its limit of 1 machine.", pool=self.name)
            return "at_maximum", later("Pool {pool} is at its limit of {most} machines.", pool=self.name, most=most)
        return "can_be_added", None

    def _remaining(self, resource: str) -> int:
        return self._limits[resource] - self._used.get(resource, 0)

    def _left(self, shape: Shape) -> int | None:
        """How many of this kind the limits have room for; None without limits that such a machine counts against."""
        has = nanos_of(shape.capacity) | {MACHINES: NANO}
        if any(has.get(resource, 0) > self._remaining(resource) for resource in self._limits):
            return 0
        return min(
            (self._remaining(resource) // has[resource] for resource in self._limits if has.get(resource)), default=None
        )

    def _used_up(self, shape: Shape) -> str:
        """Which limit stands in the way."""
        has = nanos_of(shape.capacity) | {MACHINES: NANO}
        for resource, limit in self._limits.items():
            if has.get(resource, 0) > self._remaining(resource):
                used, each = (amount(resource, value) for value in (self._used.get(resource, 0), has.get(resource, 0)))
                in_use, one = sizes(resource, (used, True), (each, True))
                return later(
                    "Pool {pool} may have {most} in all and has {used}: no room for a machine with {one}.",
                    pool=self.name,
                    most=amount_words(resource, amount(resource, limit)),
                    used=in_use,
                    one=one,
                )
        return later("Pool {pool} is at its limits.", pool=self.name)


def is_zone(key: str) -> bool:
    """Whether it tells the zone, maybe in the name of a driver of disks: `topology.gke.io/zone`."""
    return key.startswith("topology.") and key.endswith("/zone")


def is_by_kind(key: str) -> bool:
    """Whether a label tells of a kind of machine, whatever pool it is in."""
    domain = key.partition("/")[0] if "/" in key else ""
    known = domain.endswith(("kubernetes.io", "k8s.io")) or domain.startswith("karpenter.") or domain in _DOMAINS
    known = known or is_zone(key)
    return known and not key.startswith(OWN) and key not in POOL_LABELS and key != HOSTNAME


def by_weight(pools: Iterable[Pool]) -> list[Pool]:
    """In the order in which Karpenter tries them: the heaviest first, then the last by name."""
    return sorted(sorted(pools, key=lambda pool: pool.name, reverse=True), key=lambda pool: -pool.weight)


def nanos_of(amounts: Amounts | None) -> dict[str, int]:
    """Amounts in nano-units. Raises `InvalidQuantity` on garbage."""
    return {name: parse_nanos(text) for name, text in (amounts or {}).items()}


def amount(resource: str, nanos: int) -> int:
    """In the units of sentences: thousandths of a CPU, whole units of everything else."""
    return ceil_div(nanos, 10**6 if resource == "cpu" else NANO)


def condition(conditions: Iterable[Condition] | None, kind: str) -> Condition | None:
    return next((found for found in conditions or () if found.type == kind), None)


def _phrase(told: str | None) -> str:
    """Part of a sentence, from what Karpenter wrote."""
    text = (told or "").strip().rstrip(".")
    return text[:200]
