"""One module for each plugin of the scheduler's default profile that can refuse a node, under its upstream name.

Each has `prepare(ask, cluster)`, which is upstream's PreFilter: None where the plugin has nothing to do with this pod,
a refusal that holds for every node, or the check to run on each node, which is upstream's Filter. A check is given the
node and, where that is a copy, the pods by which it differs: nominated ones that it has beside its own, and those that
would be evicted from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from collections.abc import Callable

    from moorage.scheduling.ask import Ask
    from moorage.scheduling.plugin import Plugin, Prepared
    from moorage.scheduling.state import State

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
# Those whose answer for a node depends on its pods.
READ_PODS = frozenset(
    plugin.NAME
    for plugin in (
        nodeports,
        noderesourcesfit,
        volumerestrictions,
        nodevolumelimits,
        podtopologyspread,
        interpodaffinity,
    )
)
# What keeps a pod out of the scheduler's queue comes before all that is asked of nodes.
STEPS: tuple[tuple[str, Callable[[Ask, State], Prepared]], ...] = (
    (schedulinggates.NAME, schedulinggates.prepare),
    (dynamicresources.NAME, dynamicresources.enqueue),
    *((plugin.NAME, plugin.prepare) for plugin in PLUGINS[1:]),
)
