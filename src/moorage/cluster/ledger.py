"""The sums of one node, as the scheduler counts them, and a recount that shows whether they are still right.

The sums are kept by `scheduling.NodeInfo`, which adds a pod when it comes and takes it away when it goes. Nothing is
ever summed up again for an answer; `drift` does so in the background, and finds a difference only if we have a bug.
"""

from collections.abc import Mapping

from msgspec import Struct

from moorage.cluster.amounts import Amounts
from moorage.scheduling.accounting.nodeinfo import NodeInfo
from moorage.scheduling.accounting.totals import Totals
from moorage.scheduling.devices.counts import Count

_NOT_READY = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


class Sums(Struct, frozen=True):
    """One node's books. `free` may be negative; `available` is what a new pod could get now."""

    capacity: Amounts
    allocatable: Amounts
    allocated: Amounts
    nominated: Amounts
    free: Amounts
    available: Amounts
    evictable: Amounts


def sums(node: NodeInfo, *, devices: Mapping[str, Count] | None = None, user_priority: int = 0) -> Sums:
    """The books of a node that the cluster knows. `evictable` is what pods below `user_priority` hold.

    `devices` are those of its resource names that stand for devices of drivers: pods that ask for them by name count
    there by what their claims hold, and not by what they ask.
    """
    capacity, evictable = amounts(node.capacity), held_below(node, user_priority)
    allocatable, allocated, nominated = amounts(node.allocatable), amounts(node.requested), promised(node)
    for name, count in (devices or {}).items():
        # Evicting a pod frees no device: its claim goes later, by other hands.
        evictable.scalars.pop(name, None)
        if count.there == 0:
            for block in (allocated, nominated):
                block.scalars.pop(name, None)
            continue
        held = None if count.usable is None or count.free is None else count.usable - count.free
        for block, amount in ((capacity, count.there), (allocatable, count.usable), (allocated, held)):
            block.scalars.pop(name, None)
            if amount is not None:
                block.scalars[name] = amount
            else:
                block.unknown[name] = count.unknown or ""
    free = allocatable.minus(allocated)
    left = free.minus(nominated).clamped()
    return Sums(
        capacity=capacity,
        allocatable=allocatable,
        allocated=allocated,
        nominated=nominated,
        free=free,
        available=left if takes_pods(node) else left.none(),
        evictable=evictable if takes_pods(node) else evictable.none(),
    )


def amounts(totals: Totals) -> Amounts:
    """A copy that later events do not change."""
    return Amounts(totals.cpu_milli, totals.memory, totals.ephemeral_storage, totals.pods, dict(totals.scalars))


def promised(node: NodeInfo) -> Amounts:
    """What pods ask that are not bound, and for which the scheduler has chosen this node."""
    total = Totals()
    for pod in node.nominated.values():
        total.add(pod.requests)
    return amounts(total)


def held_below(node: NodeInfo, priority: int) -> Amounts:
    """What pods of a lower priority than this count there."""
    total = Totals()
    for pod in node.pods.values():
        if pod.priority < priority:
            total.add(pod.requests)
    return amounts(total)


def is_ready(node: NodeInfo) -> bool:
    """The kubelet says so. The scheduler goes by taints alone, which follow the condition within seconds."""
    if any(taint.key in _NOT_READY for taint in node.blocking_taints):
        return False
    status = node.node.status if node.node is not None else None
    ready = next((c.status for c in (status.conditions or ()) if c.type == "Ready"), None) if status else None
    return ready in (None, "True")


def takes_pods(node: NodeInfo) -> bool:
    """Neither cordoned nor NotReady. Other taints keep some pods away and not others."""
    return not node.unschedulable and is_ready(node)


def recount(node: NodeInfo) -> Totals:
    """The sum of what the node's pods count, from scratch."""
    total = Totals()
    for pod in node.pods.values():
        total.add(pod.requests)
    return total


def drift(node: NodeInfo) -> bool:
    """Whether the kept sums differ from a recount."""
    return recount(node) != node.requested
