"""What the hub knows about a node."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from moorage.hub.view.cards import Cards

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.hub.models import Model

HOSTNAME = "kubernetes.io/hostname"


@dataclass(frozen=True, slots=True)
class Amounts:
    """CPU in thousandths, memory in bytes; None is unknown."""

    cpu: int | None = None
    memory: int | None = None


@dataclass(frozen=True, slots=True)
class Units:
    """Units of one GPU resource on a node; how many are left may be unknown."""

    resource: str
    capacity: int
    allocatable: int
    available: int | None
    # None where nobody knows.
    model: Model | None = None

    def as_json(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "resource": self.resource,
            "capacity": self.capacity,
            "allocatable": self.allocatable,
            "available": self.available,
        }
        return found if self.model is None else {**found, "model": self.model.name}


@dataclass(frozen=True, slots=True)
class Taint:
    """A taint that keeps pods off a node."""

    key: str
    value: str
    effect: str

    def words(self) -> str:
        return f"{self.key}={self.value}" if self.value else self.key


@dataclass(frozen=True, slots=True)
class Coming:
    """What a machine that is not there yet is called, how a pod asks for one, and what is to be said of it."""

    title: str
    selector: Mapping[str, str]
    words: str


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """One node as the form needs it, or a machine of a pool that can be chosen like one (`machine`). The name of a
    machine begins with a letter that no node's name has.
    """

    name: str
    hostname: str | None
    capacity: Amounts
    allocatable: Amounts
    available: Amounts
    gpus: tuple[Units, ...] = ()
    cards: Cards = field(default_factory=Cards)
    schedulable: bool = True
    closed: str | None = None
    # What is going on there, where more is to come: "GPU driver is starting".
    preparing: str | None = None
    # Those that do not go away by themselves.
    keeps_off: tuple[Taint, ...] = ()
    # Those that the service shows.
    labels: Mapping[str, str] = field(default_factory=dict)
    # Its operating system and architecture as Go names them (linux, amd64); None is unknown.
    os: str | None = None
    arch: str | None = None
    zone: str | None = None
    # What pods hold that make room for people's servers.
    evictable: Amounts = field(default_factory=Amounts)
    # What pages get, made once for all of them: the stream's JSON.
    page: bytes = field(default=b"", compare=False, repr=False)
    # The same for who may see who holds its cards; the very same bytes where nobody is known to.
    named_page: bytes = field(default=b"", compare=False, repr=False)
    # The pods that hold its cards, as far as they are known.
    holders: frozenset[str] = frozenset()
    # The options of the form's Node field that were made so far, by language and whether they tell makers apart.
    options: dict[tuple[str, bool], str] = field(default_factory=dict, compare=False, repr=False)
    machine: Coming | None = None

    @property
    def title(self) -> str:
        """What people call it."""
        return self.machine.title if self.machine is not None else self.name

    @property
    def selector(self) -> Mapping[str, str]:
        """The labels by which a pod asks for it; none where it can't be chosen."""
        if self.machine is not None:
            return self.machine.selector
        return {HOSTNAME: self.hostname} if self.hostname is not None else {}

    def without_gpus(self) -> NodeFacts:
        """The same as somebody sees it who may have no GPU."""
        return replace(self, gpus=(), cards=Cards(), holders=frozenset(), options={})

    def units(self, resource: str) -> Units | None:
        return next((units for units in self.gpus if units.resource == resource), None)
