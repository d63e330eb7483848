"""What a person's other servers hold: their pods as the hub follows them, and starts whose pod is yet to come.

The hub knows its pods by the names that KubeSpawner has written on them, so that what was started before the hub itself
counts too.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from moorage.errors import InvalidQuantity
from moorage.hub.amounts import read_count, read_cpu, read_memory
from moorage.hub.limits import Holding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_USER, _SERVER = "hub.jupyter.org/username", "hub.jupyter.org/servername"
_READERS = {"cpu": read_cpu, "memory": read_memory}
_ENDED = ("Succeeded", "Failed")


def by_others(spawner: Any) -> tuple[Holding, ...]:
    """What all servers of this spawner's person hold but its own."""
    found = dict(_running(spawner))
    for name, other in list(spawner.user.spawners.items()):
        if name not in found and other.active:
            found[name] = getattr(other, "taken", {})
    found.pop(spawner.name, None)
    return tuple(Holding(name, found[name]) for name in sorted(found))


def _running(spawner: Any) -> Iterator[tuple[str, dict[str, int]]]:
    reflector = spawner.pod_reflector
    for pod in list(reflector.pods.values()) if reflector else ():
        metadata = pod.get("metadata") or {}
        notes = metadata.get("annotations") or {}
        if notes.get(_USER) != spawner.user.name or metadata.get("deletionTimestamp"):
            continue
        if (pod.get("status") or {}).get("phase") not in _ENDED:
            yield notes.get(_SERVER) or "", of_pod(pod)


def of_pod(pod: Mapping[str, Any]) -> dict[str, int]:
    """The server's own container's amounts: what stands beside it is not the person's choice."""
    containers = (pod.get("spec") or {}).get("containers") or [{}]
    own = next((each for each in containers if each.get("name") == "notebook"), containers[0])
    resources = own.get("resources") or {}
    return _read({**(resources.get("requests") or {}), **(resources.get("limits") or {})})


def of_settings(spawner: Any) -> dict[str, int]:
    """What KubeSpawner's settings ask for."""
    named = {"cpu": spawner.cpu_limit or spawner.cpu_guarantee, "memory": spawner.mem_limit or spawner.mem_guarantee}
    amounts = {name: value for name, value in named.items() if value}
    return _read({**spawner.extra_resource_guarantees, **spawner.extra_resource_limits, **amounts})


def _read(amounts: Mapping[str, Any]) -> dict[str, int]:
    found = {}
    for name, value in amounts.items():
        with suppress(InvalidQuantity):
            found[name] = _READERS.get(name, read_count)(value)
    return found
