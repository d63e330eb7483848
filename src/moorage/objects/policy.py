"""Namespaces and what is ruled in them."""

from typing import ClassVar

from moorage.objects.base import Amounts, Object, Part
from moorage.objects.pods import Toleration
from moorage.objects.selectors import LabelSelector


class Namespace(Object):
    KIND: ClassVar[str] = "Namespace"
    PLURAL: ClassVar[str] = "namespaces"


class ScopeRequirement(Part):
    scope_name: str = ""
    operator: str = ""
    values: list[str] | None = None


class ScopeSelector(Part):
    match_expressions: list[ScopeRequirement] | None = None


class QuotaSpec(Part):
    hard: Amounts | None = None
    scopes: list[str] | None = None
    scope_selector: ScopeSelector | None = None


class QuotaStatus(Part):
    hard: Amounts | None = None
    used: Amounts | None = None


class ResourceQuota(Object):
    KIND: ClassVar[str] = "ResourceQuota"
    PLURAL: ClassVar[str] = "resourcequotas"
    spec: QuotaSpec | None = None
    status: QuotaStatus | None = None


class LimitRangeItem(Part):
    type: str = ""
    max: Amounts | None = None
    min: Amounts | None = None
    default: Amounts | None = None
    default_request: Amounts | None = None
    max_limit_request_ratio: Amounts | None = None


class LimitRangeSpec(Part):
    limits: list[LimitRangeItem] | None = None


class LimitRange(Object):
    KIND: ClassVar[str] = "LimitRange"
    PLURAL: ClassVar[str] = "limitranges"
    spec: LimitRangeSpec | None = None


class Overhead(Part):
    pod_fixed: Amounts | None = None


class RuntimeScheduling(Part):
    node_selector: dict[str, str | None] | None = None
    tolerations: list[Toleration] | None = None


class RuntimeClass(Object):
    KIND: ClassVar[str] = "RuntimeClass"
    PLURAL: ClassVar[str] = "runtimeclasses"
    overhead: Overhead | None = None
    scheduling: RuntimeScheduling | None = None


class DisruptionBudgetSpec(Part):
    selector: LabelSelector | None = None


class DisruptionBudgetStatus(Part):
    disruptions_allowed: int = 0
    disrupted_pods: dict[str, str | None] | None = None


class PodDisruptionBudget(Object):
    KIND: ClassVar[str] = "PodDisruptionBudget"
    PLURAL: ClassVar[str] = "poddisruptionbudgets"
    spec: DisruptionBudgetSpec | None = None
    status: DisruptionBudgetStatus | None = None


class PriorityClass(Object):
    KIND: ClassVar[str] = "PriorityClass"
    PLURAL: ClassVar[str] = "priorityclasses"
    value: int = 0
    global_default: bool | None = None
    preemption_policy: str | None = None
