"""Units: what the scheduler counts, by resource name. This axis alone decides whether a pod starts."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import msgspec

if TYPE_CHECKING:
    from moorage.gpus.view import NodeView

Kind = Literal["card", "shared", "slice", "partition", "amount"]

_KNOWN: tuple[tuple[re.Pattern[str], str, Kind], ...] = (
    (re.compile(r"nvidia\.com/gpu"), "nvidia", "card"),
    (re.compile(r"nvidia\.com/gpu\.shared"), "nvidia", "shared"),
    (re.compile(r"nvidia\.com/mig-(?P<profile>[0-9][a-z0-9.+_-]*?)(?:\.shared)?"), "nvidia", "slice"),
    (re.compile(r"nvidia\.com/(gpumem|gpumem-percentage|gpucores)"), "nvidia", "amount"),
    (re.compile(r"amd\.com/gpu"), "amd", "card"),
    (re.compile(r"amd\.com/(?P<profile>(?:spx|cpx|dpx|qpx|tpx)_nps[0-9]+)"), "amd", "partition"),
    (re.compile(r"gpu\.intel\.com/(i915|xe)"), "intel", "card"),
)


class Family(msgspec.Struct, frozen=True):
    """What one resource name counts."""

    vendor: str
    kind: Kind
    profile: str | None = None


class Units(msgspec.Struct, frozen=True, kw_only=True):
    """One resource name on one node."""

    resource: str
    family: Family
    capacity: int
    allocatable: int
    held: int
    nominated: int
    available: int

    @property
    def out_of_service(self) -> int:
        return max(0, self.capacity - self.allocatable)


@lru_cache(maxsize=4096)
def family(resource: str, *, extra: frozenset[str] = frozenset()) -> Family | None:
    """What a resource name counts, or None where it is not a GPU's."""
    for pattern, vendor, kind in _KNOWN:
        found = pattern.fullmatch(resource)
        if found is not None:
            return Family(vendor, kind, found.groupdict().get("profile"))
    if resource in extra:
        return Family(resource.partition("/")[0], "card")
    return None


def units(view: NodeView, *, extra: frozenset[str] = frozenset()) -> list[Units]:
    """The units of every GPU resource of a node, by name; HAMi's memory and cores are told too but are no cards."""
    found = []
    for resource in sorted(view.capacity.keys() | view.allocatable.keys()):
        kind = family(resource, extra=extra)
        if kind is None:
            continue
        allocatable = view.allocatable.get(resource, 0)
        held, nominated = view.requested.get(resource, 0), view.nominated.get(resource, 0)
        available = max(0, allocatable - held - nominated) if view.takes_pods else 0
        found.append(
            Units(
                resource=resource,
                family=kind,
                capacity=view.capacity.get(resource, allocatable),
                allocatable=allocatable,
                held=held,
                nominated=nominated,
                available=available,
            )
        )
    return found
