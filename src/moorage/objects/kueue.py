"""What Kueue admits pods by: queues of namespaces, the quotas behind them, and one workload for each pod that asks.

Source of the field names: kueue v0.17 apis/kueue/v1beta2; what v1beta1 names otherwise is named beside it.
"""

from typing import ClassVar

from moorage.objects.base import Amount, Object, Part


class QueueCondition(Part):
    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None
    last_transition_time: str | None = None


class LocalQueueSpec(Part):
    cluster_queue: str | None = None
    stop_policy: str | None = None


class LocalQueueStatus(Part):
    conditions: list[QueueCondition] | None = None
    pending_workloads: int | None = None
    reserving_workloads: int | None = None


class LocalQueue(Object):
    KIND: ClassVar[str] = "LocalQueue"
    PLURAL: ClassVar[str] = "localqueues"
    spec: LocalQueueSpec | None = None
    status: LocalQueueStatus | None = None


class FlavorQuota(Part):
    name: str = ""
    nominal_quota: Amount = None
    borrowing_limit: Amount = None


class FlavorQuotas(Part):
    name: str = ""
    resources: list[FlavorQuota] | None = None


class ResourceGroup(Part):
    flavors: list[FlavorQuotas] | None = None


class ClusterQueueSpec(Part):
    resource_groups: list[ResourceGroup] | None = None
    cohort_name: str | None = None
    # v1beta1
    cohort: str | None = None
    stop_policy: str | None = None


class FlavorUse(Part):
    name: str = ""
    total: Amount = None


class FlavorUsage(Part):
    name: str = ""
    resources: list[FlavorUse] | None = None


class ClusterQueueStatus(Part):
    conditions: list[QueueCondition] | None = None
    flavors_reservation: list[FlavorUsage] | None = None
    pending_workloads: int | None = None
    reserving_workloads: int | None = None


class ClusterQueue(Object):
    KIND: ClassVar[str] = "ClusterQueue"
    PLURAL: ClassVar[str] = "clusterqueues"
    spec: ClusterQueueSpec | None = None
    status: ClusterQueueStatus | None = None


class WorkloadSpec(Part):
    queue_name: str | None = None
    priority: int | None = None
    active: bool | None = None


class WorkloadAdmission(Part):
    cluster_queue: str | None = None


class WorkloadStatus(Part):
    conditions: list[QueueCondition] | None = None
    admission: WorkloadAdmission | None = None


class Workload(Object):
    KIND: ClassVar[str] = "Workload"
    PLURAL: ClassVar[str] = "workloads"
    spec: WorkloadSpec | None = None
    status: WorkloadStatus | None = None
