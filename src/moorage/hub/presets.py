"""Presets: choices that an administrator has made beforehand, as `c.MoorageSpawner.presets` has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from moorage.errors import InvalidQuantity, MoorageError, quoted
from moorage.hub import selector
from moorage.hub.amounts import (
    cpu_field,
    cpu_text,
    cpu_words,
    memory_field,
    memory_text,
    memory_words,
    read_count,
    read_cpu,
    read_memory,
    short_resource,
)
from moorage.hub.models import spoken
from moorage.texts import t

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_READERS = {"cpu": read_cpu, "memory": read_memory, "gpu": read_count, "nodes": selector.read}


class InvalidPreset(MoorageError, ValueError):
    """A preset that can't be read."""


@dataclass(frozen=True, slots=True)
class Preset:
    """Amounts are exact: thousandths of a core, bytes. What is None is the person's own choice."""

    name: str
    display_name: str
    description: str = ""
    default: bool = False
    cpu: int | None = None
    memory: int | None = None
    gpu: int | None = None
    gpu_resource: str | None = None
    gpu_kind: str | None = None
    image: str | None = None
    node: str | None = None
    nodes: tuple[selector.Requirement, ...] = ()
    allowed_groups: frozenset[str] | None = None

    def values(self) -> dict[str, str]:
        """The form's fields that this sets, as they would be posted."""
        said = {
            "node": self.node,
            "cpu": None if self.cpu is None else cpu_text(self.cpu),
            "memory": None if self.memory is None else memory_text(self.memory),
            "gpu": None if self.gpu is None else str(self.gpu),
            "gpu_resource": self.gpu_resource,
            # One without the other would be half a kind.
            "gpu_kind": self.gpu_kind or ("" if self.gpu_resource else None),
            "image": self.image,
        }
        return {name: value for name, value in said.items() if value is not None}

    def shown(self) -> dict[str, str]:
        """The same as the form shows them."""
        cpu = {} if self.cpu is None else {"cpu": cpu_field(self.cpu)}
        memory = {} if self.memory is None else {"memory": memory_field(self.memory)}
        return {**self.values(), **cpu, **memory}

    def words(self) -> str:
        """Its amounts: "2 CPU, 4 GiB memory, 1 GPU"; empty where it sets none."""
        parts = [t("{amount} CPU", amount=cpu_words(self.cpu))] if self.cpu is not None else []
        parts += [t("{amount} memory", amount=memory_words(self.memory))] if self.memory is not None else []
        if self.gpu:
            kind = short_resource(self.gpu_resource or "nvidia.com/gpu")
            parts.append(f"{self.gpu} {spoken(self.gpu_kind) if self.gpu_kind else kind}")
        return ", ".join(parts)


_KEYS = tuple(field.name for field in fields(Preset))


def read(value: Iterable[Any]) -> tuple[Preset, ...]:
    """The presets of a list of dictionaries. Raises `InvalidPreset` with the preset's place or name."""
    found: list[Preset] = []
    for place, each in enumerate(value, 1):
        preset = _read(each, place)
        if preset.name in [other.name for other in found]:
            raise InvalidPreset(f"two presets are called {quoted(preset.name)}")
        found.append(preset)
    if sum(preset.default for preset in found) > 1:
        raise InvalidPreset("more than one preset is the default")
    return tuple(found)


def _read(value: Any, place: int) -> Preset:
    if not isinstance(value, Mapping):
        raise InvalidPreset(f"preset {place} is {quoted(value)}, but must be a dictionary")
    name = value.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidPreset(f"preset {place}: its name must be of a-z, 0-9 and -, not {quoted(name)}")
    for key in value:
        if key not in _KEYS:
            near = get_close_matches(str(key), _KEYS, n=1)
            raise InvalidPreset(
                f"preset {name}: unknown key {quoted(key)}{f'; did you mean {near[0]}?' if near else ''}"
            )
    given: dict[str, Any] = {key: each for key, each in value.items() if each is not None}
    try:
        for key, reader in _READERS.items():
            if key in given:
                given[key] = reader(given[key])
    except (InvalidQuantity, selector.InvalidSelector) as error:
        raise InvalidPreset(f"preset {name}: {key}: {error.message}") from None
    for key, each in given.items():
        kind = {"default": bool, "allowed_groups": list}.get(key, None if key in _READERS else str)
        if kind is not None and not isinstance(each, kind):
            raise InvalidPreset(f"preset {name}: {key} can't be {quoted(each)}")
    if (groups := given.get("allowed_groups")) is not None:
        given["allowed_groups"] = frozenset(map(str, groups))
    return Preset(**{"display_name": name, **given})


def of(presets: Iterable[Preset], groups: Collection[str]) -> tuple[Preset, ...]:
    """Those that members of these groups may see and use."""
    return tuple(each for each in presets if each.allowed_groups is None or not each.allowed_groups.isdisjoint(groups))
