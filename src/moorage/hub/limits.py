"""What one person may hold over all their servers (`user_limits`), and what they hold.

Amounts are exact: "cpu" in thousandths of a core, "memory" in bytes, a resource in units. "gpu" is every kind of GPU
together, "servers" counts the servers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from moorage.errors import InvalidQuantity, quoted
from moorage.hub.amounts import cpu_words, is_gpu, memory_words, read_count, read_cpu, read_memory, short_resource
from moorage.texts import t, tn

if TYPE_CHECKING:
    from collections.abc import Mapping

SERVERS, GPU = "servers", "gpu"
_NAMED = {"cpu": read_cpu, "memory": read_memory, GPU: read_count, SERVERS: read_count}


def read(value: Mapping[Any, Any]) -> dict[str, int]:
    """The limits by name. Raises `InvalidQuantity`."""
    found = {}
    for name, amount in value.items():
        if name not in _NAMED and not (isinstance(name, str) and "/" in name):
            near = get_close_matches(str(name), _NAMED, n=1)
            hint = f"; did you mean {near[0]}?" if near else f". Use {', '.join(_NAMED)} or a resource's name"
            raise InvalidQuantity(f"{quoted(name)} is not a limit{hint}")
        found[name] = _NAMED.get(name, read_count)(amount)
    return found


@dataclass(frozen=True, slots=True)
class Holding:
    """What one server holds."""

    server: str
    amounts: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a person, and what their other servers hold."""

    most: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    held: tuple[Holding, ...] = ()

    def left(self, name: str) -> int | None:
        """How much one more server may have; None where there is no limit. Never less than 0."""
        most = self.most.get(name)
        return None if most is None else max(0, most - self.in_use(name))

    def in_use(self, name: str) -> int:
        return len(self.held) if name == SERVERS else sum(_amount(each.amounts, name) for each in self.held)

    def left_of(self, resource: str) -> int | None:
        """How many units of this kind of GPU one more server may have; None where there is no limit."""
        return min((left for name in (resource, GPU) if (left := self.left(name)) is not None), default=None)

    def passed(self, asked: Mapping[str, int]) -> str | None:
        """The limit that one more server with these amounts would pass, or None."""
        if self.left(SERVERS) == 0:
            return SERVERS
        return next(
            (name for name in self.most if name != SERVERS and _amount(asked, name) > (self.left(name) or 0)), None
        )


def _amount(amounts: Mapping[str, int], name: str) -> int:
    if name == GPU:
        return sum(amount for resource, amount in amounts.items() if is_gpu(resource))
    return amounts.get(name, 0)


def words(name: str, amount: int) -> str:
    """An amount of a limit for people: "16 CPU", "128 GiB memory", "2 GPUs", "3 servers"."""
    if name == "cpu":
        return t("{amount} CPU", amount=cpu_words(amount)) if amount else t("no CPU")
    if name == "memory":
        return t("{amount} memory", amount=memory_words(amount)) if amount else t("no memory")
    if name == SERVERS:
        return tn("{count} server", "{count} servers", amount) if amount else t("no server")
    kind = "GPU" if name == GPU else short_resource(name)
    if kind == "GPU":
        return tn("{count} GPU", "{count} GPUs", amount) if amount else t("no GPU")
    return f"{amount} {kind}" if amount else t("no {what}", what=kind)
