"""How exact amounts are shown: cores, Ki/Mi/Gi, whole GPU units. Exact integers stand beside every rounded text."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from msgspec import Struct

_UNITS = ((1 << 30, "Gi"), (1 << 20, "Mi"), (1 << 10, "Ki"))
_GPU = re.compile(
    r"nvidia\.com/(gpu|gpu\.shared|mig-.+)|amd\.com/(gpu|[scdq]px_nps\d+)|gpu\.intel\.com/(i915|xe)", re.ASCII
)


class Amounts(Struct, frozen=True, gc=False):
    """Whole units of each resource; `scalars` are all that are neither cpu, memory, storage nor pod slots.

    `unknown` holds, by name, why the amount of a further one is not known.
    """

    cpu_milli: int = 0
    memory: int = 0
    ephemeral_storage: int = 0
    pods: int = 0
    scalars: dict[str, int] = {}
    unknown: dict[str, str] = {}

    def minus(self, other: "Amounts") -> "Amounts":
        """What is left, which is negative where more was promised than there is."""
        return Amounts(
            self.cpu_milli - other.cpu_milli,
            self.memory - other.memory,
            self.ephemeral_storage - other.ephemeral_storage,
            self.pods - other.pods,
            {
                name: self.scalars.get(name, 0) - other.scalars.get(name, 0)
                for name in {**self.scalars, **other.scalars}
                if name not in self.unknown and name not in other.unknown
            },
            {**self.unknown, **other.unknown},
        )

    def clamped(self) -> "Amounts":
        """The same, never below 0."""
        return Amounts(
            max(self.cpu_milli, 0),
            max(self.memory, 0),
            max(self.ephemeral_storage, 0),
            max(self.pods, 0),
            {name: max(amount, 0) for name, amount in self.scalars.items()},
            self.unknown,
        )

    def none(self) -> "Amounts":
        """0 of each resource that this names."""
        return Amounts(scalars=dict.fromkeys((*self.scalars, *self.unknown), 0))

    def scalar(self, name: str) -> int | None:
        """How much of a resource; None where that is not known."""
        return None if name in self.unknown else self.scalars.get(name, 0)


NOTHING = Amounts()


class GpuNames:
    """Which resource names count as GPUs: those that are known, and those that the administrator adds."""

    def __init__(self, more: tuple[str, ...] = ()) -> None:
        self._more = frozenset(more)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name in self._more or _is_known_gpu(name))

    def units(self, scalars: Mapping[str, int]) -> int:
        """Whole units of all GPU resources together."""
        return sum(amount for name, amount in scalars.items() if name in self)


@lru_cache(maxsize=4096)
def _is_known_gpu(name: str) -> bool:
    return _GPU.fullmatch(name) is not None


def cores(milli: int) -> int | float:
    """Cores: whole where they are whole, otherwise exact to the thousandth."""
    whole, rest = divmod(milli, 1000)
    return milli / 1000 if rest else whole


def memory_text(amount: int, *, up: bool = False) -> str:
    """The largest of Gi, Mi and Ki in which the amount is whole; what is whole in none is rounded to Ki."""
    if amount == 0:
        return "0Gi"
    for size, unit in _UNITS:
        whole, rest = divmod(amount, size)
        if not rest:
            return f"{whole}{unit}"
    return f"{-(-amount // 1024) if up else amount // 1024}Ki"


def shown(amounts: Amounts, *, names: tuple[str, ...], gpus: GpuNames, up: bool = False) -> dict[str, Any]:
    """One block of the JSON of a node. `up` is how what is taken is rounded, so that nothing is promised twice."""
    scalars = amounts.scalars
    return {
        "cpu": cores(amounts.cpu_milli),
        "memory": memory_text(amounts.memory, up=up),
        "gpu": None if any(name in gpus for name in amounts.unknown) else gpus.units(scalars),
        "cpu_millicores": amounts.cpu_milli,
        "memory_bytes": amounts.memory,
        "ephemeral_storage_bytes": amounts.ephemeral_storage,
        "pods": amounts.pods,
        "extended": {name: amounts.scalar(name) for name in names},
    }
