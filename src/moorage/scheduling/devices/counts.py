"""How many devices of a class a node has, and how many a pod could still get: what a plain resource name stands for
there.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from moorage.objects import ExactRequest
from moorage.scheduling.devices.allocation import is_plain, is_tolerated, is_whole, selected
from moorage.scheduling.devices.counters import Counters
from moorage.scheduling.devices.doubt import Doubt
from moorage.scheduling.devices.pools import pools_of
from moorage.scheduling.devices.wanted import Request

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from moorage.objects import DeviceClass
    from moorage.scheduling.devices.inventory import Inventory
    from moorage.scheduling.devices.offers import Offer, Pool
    from moorage.scheduling.nodeinfo import NodeInfo
    from moorage.scheduling.state import State

SINCE = (1, 36)  # that a plain name may stand for devices of a class


class Count(msgspec.Struct, frozen=True):
    """Devices of one class on one node."""

    there: int
    usable: int
    free: int


def count(device_class: DeviceClass, pools: tuple[Pool, ...], inventory: Inventory) -> Count | None:
    """None where only the scheduler can tell. Free is what can be had for sure, and nothing that is given in parts."""
    try:
        request = Request("", ExactRequest(), device_class)
    except Doubt:
        return None
    known: dict[tuple[str, ...], Count | None] = inventory.known_of(pools)
    if request.expressions not in known:
        known[request.expressions] = _count(request, pools, inventory)
    return known[request.expressions]


def _count(request: Request, pools: Sequence[Pool], inventory: Inventory) -> Count | None:
    try:
        offers = selected(request, pools)
    except Doubt:
        return None
    usable = [offer for offer in offers if is_tolerated(offer.body.taints, ())]
    return Count(len(offers), len(usable), left(usable, pools, inventory))


def left(offers: Iterable[Offer], pools: Sequence[Pool], inventory: Inventory) -> int:
    """How many of these can be had for sure, all at once; nothing that is given in parts."""
    takeable = [offer for offer in offers if offer.identity not in inventory.taken and is_whole(offer, inventory)]
    try:
        return Counters(pools, inventory).taking(takeable)
    except Doubt:
        return sum(is_plain(offer, inventory) for offer in takeable)


def holders_of(cluster: State, node: NodeInfo, resource: str) -> dict[tuple[str, str], int] | None:
    """The pods that have devices behind a resource name, and how many; None where it stands for none on this node."""
    inventory, found = cluster.devices, Counter[tuple[str, str]]()
    device_class = inventory.class_behind(resource) if cluster.server_version >= SINCE else None
    if device_class is None or node.allocatable.scalars.get(resource, 0) > 0:
        return None
    pools = pools_of(inventory, node.name, node.labels)
    try:
        offers = selected(Request("", ExactRequest(), device_class), pools)
    except Doubt:
        return None
    for offer in offers:
        for (namespace, _), claim in inventory.taken.get(offer.identity, {}).items():
            reserved = (claim.status.reserved_for if claim.status else None) or ()
            found.update((namespace, one.name) for one in reserved if one.resource == "pods")
    return found


def counts_by_name(cluster: State, node: NodeInfo) -> dict[str, Count | None]:
    """The resource names of a node that stand for devices, since no device plugin offers them there.

    Implicit names are among them where a pod asks for one.
    """
    inventory = cluster.devices
    if not inventory.has_classes or cluster.server_version < SINCE:
        return {}
    offered = node.allocatable.scalars
    names = {*inventory.resource_names, *node.requested.scalars}
    for pod in node.nominated.values():
        names.update(pod.requests.scalars)
    behind = {name: inventory.class_behind(name) for name in names if offered.get(name, 0) <= 0}
    if not any(behind.values()):
        return {}
    pools = pools_of(inventory, node.name, node.labels)
    return {name: count(item, pools, inventory) for name, item in behind.items() if item is not None}
