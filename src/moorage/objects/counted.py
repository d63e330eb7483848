"""A pod as far as it counts for others: a third of the fields, since there may be 150,000 of them."""

from typing import ClassVar

import msgspec
from msgspec import Raw

from moorage.objects.base import EMPTY, Part
from moorage.objects.pods import (
    ContainerStatus,
    CountedContainer,
    PodAffinity,
    PodAnnotations,
    PodResourceClaim,
    SchedulingGate,
    Volume,
)


class CountedMeta(Part):
    name: str = ""
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    creation_timestamp: str | None = None
    labels: Raw = EMPTY
    annotations: PodAnnotations | None = None
    deletion_timestamp: str | None = None
    owner_references: Raw = EMPTY


class CountedAffinity(Part):
    pod_anti_affinity: PodAffinity | None = None


class CountedSpec(Part):
    containers: list[CountedContainer] | None = None
    init_containers: list[CountedContainer] | None = None
    overhead: Raw = EMPTY
    resources: Raw = EMPTY
    node_name: str | None = None
    node_selector: Raw = EMPTY
    tolerations: Raw = EMPTY
    affinity: CountedAffinity | None = None
    scheduling_gates: list[SchedulingGate] | None = None
    scheduler_name: str | None = None
    priority: int | None = None
    termination_grace_period_seconds: int | None = None
    active_deadline_seconds: int | None = None
    volumes: list[Volume] | None = None
    resource_claims: list[PodResourceClaim] | None = None


class CountedStatus(Part):
    phase: str | None = None
    nominated_node_name: str | None = None
    start_time: str | None = None
    conditions: Raw = EMPTY
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None
    resources: Raw = EMPTY
    allocated_resources: Raw = EMPTY


class CountedPod(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    """A pod as far as it counts for others: enough to digest it, not enough to place it."""

    KIND: ClassVar[str] = "Pod"
    PLURAL: ClassVar[str] = "pods"
    metadata: CountedMeta = msgspec.field(default_factory=CountedMeta)
    spec: CountedSpec = msgspec.field(default_factory=CountedSpec)
    status: CountedStatus | None = None
