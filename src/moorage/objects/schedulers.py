"""Configuration of kube-scheduler: what of it decides which plugins run, and on what they act.

Source: kubernetes v1.36 staging/src/k8s.io/kube-scheduler/config/v1/types.go and types_pluginargs.go
"""

from typing import Any

from moorage.objects.base import Part
from moorage.objects.pods import TopologySpreadConstraint


class PluginName(Part):
    name: str = ""


class PluginSet(Part):
    enabled: list[PluginName] | None = None
    disabled: list[PluginName] | None = None


class Plugins(Part):
    multi_point: PluginSet | None = None
    pre_enqueue: PluginSet | None = None
    pre_filter: PluginSet | None = None
    filter: PluginSet | None = None
    post_filter: PluginSet | None = None
    reserve: PluginSet | None = None
    permit: PluginSet | None = None
    pre_bind: PluginSet | None = None


class PluginConfig(Part):
    name: str = ""
    args: dict[str, Any] | None = None


class SchedulerProfile(Part):
    scheduler_name: str | None = None
    plugins: Plugins | None = None
    plugin_config: list[PluginConfig] | None = None


class ManagedResource(Part):
    name: str = ""
    ignored_by_scheduler: bool | None = None


class Extender(Part):
    filter_verb: str | None = None
    preempt_verb: str | None = None
    managed_resources: list[ManagedResource] | None = None


class SchedulerConfiguration(Part):
    kind: str = ""
    profiles: list[SchedulerProfile] | None = None
    extenders: list[Extender] | None = None


class FitArgs(Part):
    ignored_resources: list[str] | None = None
    ignored_resource_groups: list[str] | None = None


class SpreadArgs(Part):
    default_constraints: list[TopologySpreadConstraint] | None = None


class PreemptionArgs(Part):
    min_candidate_nodes_percentage: int | None = None
    min_candidate_nodes_absolute: int | None = None
