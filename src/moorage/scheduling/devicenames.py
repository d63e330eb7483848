"""Plain resource names that stand for devices of a class on a node, where no device plugin offers them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from moorage.objects import ExactRequest
from moorage.scheduling.devices.allocation import selected
from moorage.scheduling.devices.counts import count
from moorage.scheduling.devices.doubt import Doubt
from moorage.scheduling.devices.pools import pools_of
from moorage.scheduling.devices.wanted import Request

if TYPE_CHECKING:
    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.devices.counts import Count
    from moorage.scheduling.state import State

SINCE = (1, 36)  # that a plain name may stand for devices of a class


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
        claims = {**inventory.taken.get(offer.identity, {}), **inventory.shared.get(offer.identity, {})}
        for (namespace, _), claim in claims.items():
            reserved = (claim.status.reserved_for if claim.status else None) or ()
            found.update((namespace, one.name) for one in reserved if one.resource == "pods")
    return found


def counts_by_name(cluster: State, node: NodeInfo) -> dict[str, Count]:
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
