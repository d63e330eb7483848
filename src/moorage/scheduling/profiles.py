"""Profiles of kube-scheduler: which of its plugins run for the pods of one scheduler name, and on what they act.

In flows the configuration of one process, as its ConfigMap or its file has it; out flows a profile for each of its
names. What a configuration changes in scores alone changes no verdict. What it changes in filters is honoured, or told
as undecided where it can't be.

Source: kubernetes v1.36 pkg/scheduler/apis/config/v1/default_plugins.go (mergePluginSet), pkg/scheduler/framework/
runtime/framework.go (expandMultiPointPlugins), pkg/scheduler/framework/plugins/*/ (which points each implements)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from moorage.errors import InvalidObject
from moorage.objects import NodeAffinity, NodeSelector, decode
from moorage.objects.schedulers import (
    Extender,
    FitArgs,
    PluginSet,
    PreemptionArgs,
    SchedulerConfiguration,
    SchedulerProfile,
    SpreadArgs,
)
from moorage.scheduling.accounting.podinfo import DEFAULT_SCHEDULER
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

KIND = "KubeSchedulerConfiguration"
_MULTI_POINT = (
    "SchedulingGates",
    "PrioritySort",
    "NodeUnschedulable",
    "NodeName",
    "TaintToleration",
    "NodeAffinity",
    "NodePorts",
    "NodeResourcesFit",
    "VolumeRestrictions",
    "NodeVolumeLimits",
    "VolumeBinding",
    "VolumeZone",
    "PodTopologySpread",
    "InterPodAffinity",
    "DynamicResources",
    "DefaultPreemption",
    "NodeResourcesBalancedAllocation",
    "ImageLocality",
    "DefaultBinder",
    "NodeDeclaredFeatures",
)
_PREFILTER = frozenset(
    {
        "NodeAffinity",
        "NodePorts",
        "NodeResourcesFit",
        "VolumeRestrictions",
        "NodeVolumeLimits",
        "VolumeBinding",
        "VolumeZone",
        "PodTopologySpread",
        "InterPodAffinity",
        "DynamicResources",
        "NodeDeclaredFeatures",
    }
)
_FILTER = _PREFILTER | {"NodeUnschedulable", "NodeName", "TaintToleration"}
_IMPLEMENTED = {
    "pre_enqueue": frozenset({"SchedulingGates", "DynamicResources"}),
    "pre_filter": _PREFILTER,
    "filter": _FILTER,
    "post_filter": frozenset({"DynamicResources", "DefaultPreemption"}),
}
# Points at which a plugin that nobody knows may refuse a pod; scores and the order of a queue refuse nothing.
_REFUSING = (*_IMPLEMENTED, "reserve", "permit", "pre_bind")
_KNOWN = frozenset(_MULTI_POINT) | {"GangScheduling", "TopologyPlacementGenerator", "PodGroupPodsCount"}
# What the kubelet checks by itself before it takes a pod.
# Source: kubernetes v1.36 pkg/kubelet/lifecycle/predicate.go
_KUBELETS = ("NodeName", "NodeAffinity", "NodePorts", "NodeResourcesFit")
_LOOKED_AT_PERCENT, _LOOKED_AT = 10, 100


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What runs for the pods that name this scheduler.

    `beside` are the names of its process, whose nominated pods it knows; others' it does not. `queue`, `before` and
    `on_nodes` are the plugins that run at PreEnqueue, PreFilter and Filter, in order. `ignored` are extended resources,
    and `ignored_groups` their prefixes, that nobody counts; `enforced` is an affinity that all pods have. `looked_at`
    is how many of so many candidates for evictions are looked at, in percent and at least.
    """

    name: str
    beside: frozenset[str]
    queue: tuple[str, ...]
    before: tuple[str, ...]
    on_nodes: tuple[str, ...]
    preempts: bool = True
    looked_at: tuple[int, int] = (_LOOKED_AT_PERCENT, _LOOKED_AT)
    ignored: frozenset[str] = frozenset()
    ignored_groups: frozenset[str] = frozenset()
    enforced: NodeSelector | None = None
    spreads: bool = False
    extended: frozenset[str] | None = None
    doubts: tuple[str, ...] = ()

    def looks_at_all(self, candidates: int) -> bool:
        """Whether every one of so many candidates is looked at before one is taken."""
        percent, least = self.looked_at
        return candidates <= max(candidates * percent // 100, least)

    def undecided(self, *, spread: bool, resources: Iterable[str]) -> tuple[str, ...]:
        """What can't be decided for a pod: whether it says how it is spread, and which resources it asks for."""
        told = self.doubts
        if self.spreads and not spread:
            told += (
                later(
                    "The scheduler {name} spreads pods that say nothing of it, which was not checked.", name=self.name
                ),
            )
        if self.extended is not None and (not self.extended or not self.extended.isdisjoint(resources)):
            told += (later("The scheduler {name} also asks an extender, which may decide otherwise.", name=self.name),)
        return told


def profiles(configuration: Any) -> tuple[Profile, ...]:
    """The profiles of one process. `configuration` is a KubeSchedulerConfiguration as plain data.

    Raises `InvalidObject` where it is none, or can't be read.
    """
    read = decode(SchedulerConfiguration, configuration)
    if read.kind != KIND:
        raise InvalidObject(f"a {KIND} is needed, and this is {read.kind[:40] or 'nothing of the kind'}")
    found = read.profiles or [SchedulerProfile()]
    beside = frozenset(each.scheduler_name or DEFAULT_SCHEDULER for each in found)
    return tuple(_profile(each, beside=beside, extenders=read.extenders or ()) for each in found)


def _profile(read: SchedulerProfile, *, beside: frozenset[str], extenders: Sequence[Extender]) -> Profile:
    name = read.scheduler_name or DEFAULT_SCHEDULER
    sets = {point: getattr(read.plugins, point, None) or PluginSet() for point in ("multi_point", *_REFUSING)}
    multi = _multi_point(sets["multi_point"])
    runs = {point: _expanded(sets[point], multi, implemented) for point, implemented in _IMPLEMENTED.items()}
    args = {each.name: each.args or {} for each in read.plugin_config or ()}
    fit = decode(FitArgs, args.get("NodeResourcesFit", {}))
    spread = decode(SpreadArgs, args.get("PodTopologySpread", {}))
    preemption = decode(PreemptionArgs, args.get("DefaultPreemption", {}))
    affinity = decode(NodeAffinity, args.get("NodeAffinity", {}).get("addedAffinity") or {})
    return Profile(
        name=name,
        beside=beside,
        queue=runs["pre_enqueue"],
        before=runs["pre_filter"],
        on_nodes=runs["filter"],
        preempts="DefaultPreemption" in runs["post_filter"],
        looked_at=(
            _or(preemption.min_candidate_nodes_percentage, _LOOKED_AT_PERCENT),
            _or(preemption.min_candidate_nodes_absolute, _LOOKED_AT),
        ),
        # What extenders take care of replaces what the plugin is told.
        ignored=_left_to(extenders) or frozenset(fit.ignored_resources or ()),
        ignored_groups=frozenset(fit.ignored_resource_groups or ()),
        enforced=affinity.required,
        spreads="PodTopologySpread" in runs["filter"]
        and any(each.when_unsatisfiable == "DoNotSchedule" for each in spread.default_constraints or ()),
        extended=_extended(extenders),
        doubts=_doubts(name, runs, unknown=_unknown(sets, multi)),
    )


def _or(value: int | None, default: int) -> int:
    return default if value is None else value


def _names(plugins: Iterable[Any] | None) -> list[str]:
    return [plugin.name for plugin in plugins or ()]


def _multi_point(custom: PluginSet) -> list[str]:
    """The plugins that run at all points that they implement."""
    enabled, disabled = _names(custom.enabled), set(_names(custom.disabled))
    kept = [] if "*" in disabled else [name for name in _MULTI_POINT if name not in disabled]
    return [*kept, *(name for name in enabled if name not in kept)]


def _expanded(custom: PluginSet, multi: Sequence[str], implemented: frozenset[str]) -> tuple[str, ...]:
    """The plugins that run at one point, in order: those that it names among the usual ones, the usual ones, others."""
    enabled, disabled = _names(custom.enabled), set(_names(custom.disabled))
    if "*" in disabled:
        return tuple(enabled)
    usual = [name for name in multi if name in implemented and name not in disabled]
    first = [name for name in enabled if name in usual]
    return (*first, *(name for name in usual if name not in enabled), *(name for name in enabled if name not in usual))


def _unknown(sets: dict[str, PluginSet], multi: Iterable[str]) -> list[str]:
    named = [name for point in _REFUSING for name in _names(sets[point].enabled)]
    return sorted({name for name in (*multi, *named) if name not in _KNOWN})


def _doubts(name: str, runs: dict[str, tuple[str, ...]], *, unknown: Sequence[str]) -> tuple[str, ...]:
    told = []
    on_nodes, before = runs["filter"], runs["pre_filter"]
    if unknown:
        told.append(
            later(
                "The scheduler {name} runs plugins that are not known here ({plugins}) and may decide otherwise.",
                name=name,
                plugins=_listed(unknown),
            )
        )
    unprepared = [each for each in on_nodes if each in _PREFILTER and each not in before]
    if unprepared:
        told.append(
            later(
                "The scheduler {name} runs {plugins} at filter but not at preFilter, which may fail.",
                name=name,
                plugins=_listed(unprepared),
            )
        )
    unchecked = [each for each in _KUBELETS if each not in on_nodes]
    if unchecked:
        told.append(
            later(
                "The scheduler {name} does not check {plugins}, but the node does, and may refuse the pod.",
                name=name,
                plugins=_listed(unchecked),
            )
        )
    return tuple(told)


def _left_to(extenders: Iterable[Extender]) -> frozenset[str]:
    managed = [each for extender in extenders for each in extender.managed_resources or ()]
    return frozenset(each.name for each in managed if each.ignored_by_scheduler)


def _extended(extenders: Iterable[Extender]) -> frozenset[str] | None:
    """The resources about which an extender is asked: none of them named where it is asked about every pod."""
    asked = [extender for extender in extenders if extender.filter_verb or extender.preempt_verb]
    if not asked:
        return None
    named = [{each.name for each in extender.managed_resources or ()} for extender in asked]
    return frozenset().union(*named) if all(named) else frozenset()


def _listed(names: Iterable[str]) -> str:
    return ", ".join(each[:63] for each in names)
