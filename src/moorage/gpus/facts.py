"""What a source can say about one card: every field a value or None, and for None the reason where the source gave
one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

import msgspec

Health = Literal["healthy", "unhealthy"]
MemoryKind = Literal["dedicated", "unified"]

_REPLICA = re.compile(r"(::\d+|/vgpu\d+|/gi\d+)+$")
_PCI = re.compile(r"(?:([0-9a-fA-F]{1,8}):)?([0-9a-fA-F]{1,2}):([0-9a-fA-F]{1,2})\.([0-7])")
_UNIFIED = re.compile(r"\b(GB10|Thor|Orin|nvgpu|Xavier)\b", re.IGNORECASE)


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """A pod that has a card, a slice or a slot of it."""

    namespace: str
    pod: str
    container: str | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A MIG slice or a partition of a card."""

    profile: str | None = None
    uuid: str | None = None
    instance: int | None = None  # the GPU instance's id, the only name of a slice that DCGM gets right
    memory_total: int | None = None  # MiB, as all memory here
    memory_used: int | None = None
    memory_free: int | None = None
    utilization: int | None = None
    holders: tuple[Holder, ...] = ()
    allocated: bool | None = None  # by a claim (DRA)


class CardFact(msgspec.Struct, frozen=True, kw_only=True):
    """One physical card as one source saw it at one moment."""

    source: str
    taken_at: float | None = None  # seconds since the epoch; None: true as long as its object stands (labels, claims)
    uuid: str | None = None
    pci: str | None = None
    index: int | None = None
    model: str | None = None
    memory_total: int | None = None
    memory_used: int | None = None
    memory_free: int | None = None
    utilization: int | None = None  # percent of the sample window with any kernel running: not load
    memory_kind: MemoryKind | None = None
    temperature: int | None = None
    health: Health | None = None
    problem: str | None = None  # plain words
    lost: bool = False  # the driver knows of the card and can't reach it
    xid: int | None = None
    mig: bool | None = None
    processes: int | None = None  # how many programs use the card, where the source sees all of them
    slots: int | None = None  # how many pods may share the card, where the source knows
    parts: tuple[Part, ...] = ()
    holders: tuple[Holder, ...] = ()
    resource: str | None = None
    allocated: bool | None = None  # by claims (DRA): the units of such a card are not on the node
    shared: bool = False  # claims hold parts of it, each of the capacity that it has; `allocated` where no room is left
    left: tuple[str, ...] | None = None  # of each capacity of a shared card, in words; None: not told
    withheld: bool = False  # its driver's list of devices is in the making or wrong: the scheduler gives none of it
    counts_all: bool = False  # the source sees every card of the node, so a card that it misses is missing
    why: dict[str, str] = {}  # field -> why it is None


def plain_uuid(device: str | None) -> str | None:
    """The card's or slice's own id out of a device id: replicas (`::2`, `/vgpu1`) lose their suffix."""
    if not device:
        return None
    text = _REPLICA.sub("", device.strip())
    return text or None


@lru_cache(maxsize=4096)
def plain_pci(address: str | None) -> str | None:
    """A PCI address in one spelling (`00000000:1A:00.0`), or None where it is none."""
    found = _PCI.fullmatch(address.strip()) if address else None
    if found is None:
        return None
    domain, bus, slot, function = found.groups()
    return f"{domain or '':0>8}:{bus:0>2}:{slot:0>2}.{function}".upper()


@lru_cache(maxsize=4096)
def is_unified_model(model: str | None) -> bool:
    """Whether cards of this name have no memory of their own but share the system's."""
    return bool(model and _UNIFIED.search(model))


@lru_cache(maxsize=4096)
def model_key(model: str) -> str:
    """Two spellings of one model (a driver's and a label's) have the same key."""
    key = re.sub(r"[^a-z0-9.]+", " ", model.lower()).strip()
    for word in ("nvidia ", "amd ", "intel r ", "intel "):
        key = key.removeprefix(word)
    return key


@lru_cache(maxsize=4096)
def same_model(one: str, other: str) -> bool:
    """Whether two names are of one model; a label may leave a part of the name away."""
    first, second = model_key(one), model_key(other)
    return first.startswith(second) or second.startswith(first)
