"""Devices that the kubelet gave to containers, from the status of their pods (`allocatedResourcesStatus`).

It comes with the pods that are followed anyway. It is silent about devices that nobody holds, and off on older
clusters.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from moorage.gpus.facts import CardFact, Health, Holder, plain_pci, plain_uuid
from moorage.gpus.units import family
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from moorage.gpus.sources.base import OnChange
    from moorage.gpus.view import Holding, NodeView


class PodStatus:
    """The devices of a node's own pods."""

    name = "podstatus"
    activity = False

    def __init__(self, *, extra: frozenset[str] = frozenset()) -> None:
        self._extra = extra

    async def run(self, on_change: OnChange) -> None:
        """Pods arrive with the store; there is nothing to learn beside it."""
        del on_change
        await asyncio.Event().wait()

    def problem(self, node: NodeView) -> str | None:
        del node
        return None

    def facts(self, node: NodeView) -> Sequence[CardFact]:
        return held(node.holdings, source=self.name, extra=self._extra) if node.holdings else ()


def held(holdings: Iterable[Holding], *, source: str, extra: frozenset[str] = frozenset()) -> list[CardFact]:
    """The cards and slices that containers were given, one fact for each."""
    devices: dict[tuple[str | None, str | None, int | None], list[Holding]] = {}
    for holding in holdings:
        kind = family(holding.resource, extra=extra)
        if kind is not None and kind.kind != "amount":
            devices.setdefault(identity(holding.device), []).append(holding)
    return [
        _fact(uuid, pci, index, given, source=source)
        for (uuid, pci, index), given in devices.items()
        if uuid or pci or index is not None
    ]


def identity(device: str) -> tuple[str | None, str | None, int | None]:
    """UUID, PCI address or index of the card or slice that a device id names; plugins write all three."""
    plain = plain_uuid(device)
    if plain is None:
        return None, None, None
    pci = plain_pci(plain)
    if pci is not None:
        return None, pci, None
    if plain.isascii() and plain.isdigit() and len(plain) <= 4:
        return None, None, int(plain)
    if plain.startswith("MIG-GPU-"):  # drivers before 470: MIG-GPU-<uuid>/<GPU instance>/<compute instance>
        return plain.removeprefix("MIG-").partition("/")[0], None, None
    return plain, None, None


def _fact(
    uuid: str | None, pci: str | None, index: int | None, holdings: Sequence[Holding], *, source: str
) -> CardFact:
    health: Health | None = None
    if any(holding.health == "unhealthy" for holding in holdings):
        health = "unhealthy"
    elif any(holding.health == "healthy" for holding in holdings):
        health = "healthy"
    holders: tuple[Holder, ...] = tuple(holding.holder for holding in holdings)
    return CardFact(
        source=source,
        uuid=uuid,
        pci=pci,
        index=index,
        holders=holders,
        health=health,
        problem=later("the kubelet reports the device as unhealthy") if health == "unhealthy" else None,
        resource=holdings[0].resource,
    )
