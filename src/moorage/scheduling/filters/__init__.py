"""One module for each plugin of the scheduler's default profile that can refuse a node, under its upstream name.

Each has `prepare(ask, cluster)`, which is upstream's PreFilter: None where the plugin has nothing to do with this pod,
a refusal that holds for every node, or the check to run on each node, which is upstream's Filter. A check is given the
node and the nominated pods that the node was extended by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from moorage.scheduling.filters import (
    dynamicresources,
    interpodaffinity,
    nodeaffinity,
    nodedeclaredfeatures,
    nodename,
    nodeports,
    noderesourcesfit,
    nodeunschedulable,
    nodevolumelimits,
    podtopologyspread,
    schedulinggates,
    tainttoleration,
    volumebinding,
    volumerestrictions,
    volumezone,
)
from moorage.scheduling.nodeinfo import NodeInfo
from moorage.scheduling.podinfo import PodInfo
from moorage.scheduling.verdict import NodeVerdict

if TYPE_CHECKING:
    from moorage.scheduling.ask import Ask
    from moorage.scheduling.state import Cluster

Check = Callable[[NodeInfo, Sequence[PodInfo]], NodeVerdict | None]
Prepared = Check | NodeVerdict | None


class Plugin(Protocol):
    """What `fit` needs of a module of this package."""

    NAME: str

    def prepare(self, ask: Ask, cluster: Cluster, /) -> Prepared: ...


# In the scheduler's order.
PLUGINS: tuple[Plugin, ...] = (
    schedulinggates,
    nodeunschedulable,
    nodename,
    tainttoleration,
    nodeaffinity,
    nodeports,
    noderesourcesfit,
    volumerestrictions,
    nodevolumelimits,
    volumebinding,
    volumezone,
    podtopologyspread,
    interpodaffinity,
    dynamicresources,
    nodedeclaredfeatures,
)
# What keeps a pod out of the scheduler's queue comes before all that is asked of nodes.
STEPS: tuple[tuple[str, Callable[[Ask, Cluster], Prepared]], ...] = (
    (schedulinggates.NAME, schedulinggates.prepare),
    (dynamicresources.NAME, dynamicresources.enqueue),
    *((plugin.NAME, plugin.prepare) for plugin in PLUGINS[1:]),
)
