"""The plugins that one pod meets, in the order of its scheduler.

Without a configuration these are all of the default profile. With one, a plugin that is switched off at Filter refuses
no node, but may still refuse the pod as a whole at PreFilter, where that is left on.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from moorage.scheduling.filters import PLUGINS, STEPS, dynamicresources, nodeaffinity, noderesourcesfit, schedulinggates
from moorage.scheduling.verdict import NodeVerdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from moorage.scheduling.ask import Ask
    from moorage.scheduling.plugin import Prepared
    from moorage.scheduling.profiles import Profile
    from moorage.scheduling.state import State

    Prepare = Callable[[Ask, State], Prepared]

_PREPARE = {plugin.NAME: plugin.prepare for plugin in PLUGINS}
_QUEUE: dict[str, Prepare] = {
    schedulinggates.NAME: schedulinggates.prepare,
    dynamicresources.NAME: dynamicresources.enqueue,
}


def steps_of(profile: Profile | None) -> tuple[tuple[str, Prepare], ...]:
    """Each plugin with what prepares it: first those of the queue, then those that may refuse all nodes at once."""
    if profile is None:
        return STEPS
    queue = [(name, _QUEUE[name]) for name in profile.queue if name in _QUEUE]
    on_nodes = [name for name in profile.on_nodes if name in _PREPARE]
    before = [name for name in profile.before if name in _PREPARE]
    steps = [(name, _prepare(name, profile)) for name in before if name in on_nodes]
    steps += [(name, partial(_for_all_alone, _prepare(name, profile))) for name in before if name not in on_nodes]
    steps += [(name, _prepare(name, profile)) for name in on_nodes if name not in before]
    return (*queue, *steps)


def _prepare(name: str, profile: Profile) -> Prepare:
    if name == noderesourcesfit.NAME and (profile.ignored or profile.ignored_groups):
        return partial(noderesourcesfit.prepare, ignored=partial(_is_ignored, profile))
    if name == nodeaffinity.NAME and profile.enforced is not None:
        return partial(nodeaffinity.prepare, enforced=profile.enforced)
    return _PREPARE[name]


def _is_ignored(profile: Profile, resource: str) -> bool:
    return resource in profile.ignored or resource.partition("/")[0] in profile.ignored_groups


def _for_all_alone(prepare: Prepare, ask: Ask, cluster: State) -> Prepared:
    prepared = prepare(ask, cluster)
    return prepared if isinstance(prepared, NodeVerdict) else None
