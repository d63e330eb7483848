"""The devices that a node's plugins have registered, and who holds them.

Identities look as the NVIDIA device plugin's do: `GPU-…` for a card, `GPU-…::n` for a slot of a shared card, `MIG-…`
for a slice. They follow from the node's name, so a second start of the simulator finds the same cards.
"""

from __future__ import annotations

import uuid
from typing import Any

Json = dict[str, Any]
Held = list[tuple[str, list[str]]]

_NAMES = uuid.UUID("6f0d9a4e-2f0b-5d3e-9a55-0d0c0ffee000")
_PLAIN = ("cpu", "memory", "ephemeral-storage", "pods")


def identities(node: Json, resource: str) -> list[str]:
    """All devices of this resource on this node, in the plugin's order."""
    name, labels = node["metadata"]["name"], node["metadata"].get("labels") or {}
    count = int(((node.get("status") or {}).get("capacity") or {}).get(resource, 0))
    if resource.startswith("nvidia.com/mig-"):
        return [f"MIG-{_uuid(name, resource, index)}" for index in range(count)]
    slots = max(1, int(labels.get("nvidia.com/gpu.replicas") or 1)) if resource.startswith("nvidia.com/gpu") else 1
    cards = [f"GPU-{_uuid(name, 'card', index)}" for index in range(-(-count // slots))]
    if slots == 1:
        return cards[:count]
    return [f"{card}::{slot}" for slot in range(slots) for card in cards][:count]


def _uuid(node: str, what: str, index: int) -> str:
    return str(uuid.uuid5(_NAMES, f"{node}/{what}/{index}"))


class Devices:
    """Who holds which device, by node."""

    def __init__(self) -> None:
        self._held: dict[tuple[str, str], dict[str, str]] = {}

    def take(self, node: Json, container: Json, uid: str) -> Held:
        """Devices for this container; fewer than it asks for where there are no more (placing isn't its business)."""
        requests = (container.get("resources") or {}).get("requests") or {}
        granted: Held = []
        for resource, amount in requests.items():
            if resource in _PLAIN or "/" not in resource or not str(amount).isdigit() or int(amount) == 0:
                continue
            held = self._held.setdefault((node["metadata"]["name"], resource), {})
            free = [identity for identity in identities(node, resource) if identity not in held]
            chosen = free[: int(amount)]
            held.update(dict.fromkeys(chosen, uid))
            granted.append((resource, chosen))
        return granted

    def give_back(self, uid: str) -> None:
        for held in self._held.values():
            for identity in [identity for identity, holder in held.items() if holder == uid]:
                del held[identity]
