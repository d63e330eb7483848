"""A pod, as far as placing it needs."""

from typing import ClassVar

import msgspec
from msgspec import Raw, field

from moorage.objects.base import EMPTY, Amounts, Part, Value
from moorage.objects.disks import (
    ISCSI,
    RBD,
    AWSElasticBlockStore,
    AzureDisk,
    Cinder,
    GCEPersistentDisk,
    Portworx,
    VSphereVolume,
)
from moorage.objects.selectors import LabelSelector, NodeSelector


class PodAnnotations(Part):
    """Of a pod's annotations only those that say which devices it was given."""

    extended_resource_claim: str | None = field(default=None, name="resource.kubernetes.io/extended-resource-claim")
    hami_allocated: str | None = field(default=None, name="hami.io/vgpu-devices-allocated")


class PodMeta(Part):
    name: str = ""
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    generate_name: str | None = None
    creation_timestamp: str | None = None
    labels: Raw = EMPTY
    annotations: PodAnnotations | None = None
    deletion_timestamp: str | None = None
    owner_references: Raw = EMPTY


class Resources(Part):
    requests: Amounts | None = None
    limits: Amounts | None = None


class ContainerPort(Part):
    host_port: int | None = None
    container_port: int | None = None
    protocol: str | None = None
    host_ip: str | None = field(default=None, name="hostIP")


class CountedContainer(Part):
    name: str = ""
    restart_policy: str | None = None
    resources: Raw = EMPTY
    ports: list[ContainerPort] | None = None


class RestartRule(Part):
    action: str = ""


class Container(CountedContainer):
    image: str | None = None
    restart_policy_rules: list[RestartRule] | None = None


class NodeAffinity(Part):
    required: NodeSelector | None = field(default=None, name="requiredDuringSchedulingIgnoredDuringExecution")


class PodAffinityTerm(Value, frozen=True):
    label_selector: LabelSelector | None = None
    namespaces: tuple[str, ...] | None = None
    topology_key: str = ""
    namespace_selector: LabelSelector | None = None
    match_label_keys: tuple[str, ...] | None = None
    mismatch_label_keys: tuple[str, ...] | None = None


class PodAffinity(Part):
    required: list[PodAffinityTerm] | None = field(default=None, name="requiredDuringSchedulingIgnoredDuringExecution")


class Affinity(Part):
    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class Toleration(Value, frozen=True):
    key: str | None = None
    operator: str | None = None
    value: str | None = None
    effect: str | None = None


class TopologySpreadConstraint(Value, frozen=True):
    max_skew: int = 0
    topology_key: str = ""
    when_unsatisfiable: str = ""
    label_selector: LabelSelector | None = None
    min_domains: int | None = None
    node_affinity_policy: str | None = None
    node_taints_policy: str | None = None
    match_label_keys: tuple[str, ...] | None = None


class SchedulingGate(Part):
    name: str = ""


class ClaimSource(Part):
    claim_name: str = ""


class EphemeralSource(Part):
    """A claim made for this pod alone; only its presence matters here."""


class Volume(Part):
    name: str = ""
    persistent_volume_claim: ClaimSource | None = None
    ephemeral: EphemeralSource | None = None
    gce_persistent_disk: GCEPersistentDisk | None = field(default=None, name="gcePersistentDisk")
    aws_elastic_block_store: AWSElasticBlockStore | None = field(default=None, name="awsElasticBlockStore")
    iscsi: ISCSI | None = None
    rbd: RBD | None = None
    azure_disk: AzureDisk | None = None
    cinder: Cinder | None = None
    vsphere_volume: VSphereVolume | None = None
    portworx_volume: Portworx | None = None


class PodResourceClaim(Part):
    name: str = ""
    resource_claim_name: str | None = None
    resource_claim_template_name: str | None = None


class PodSpec(Part):
    containers: list[Container] | None = None
    init_containers: list[Container] | None = None
    overhead: Raw = EMPTY
    resources: Raw = EMPTY
    node_name: str | None = None
    node_selector: dict[str, str | None] | None = None
    affinity: Affinity | None = None
    tolerations: list[Toleration] | None = None
    topology_spread_constraints: list[TopologySpreadConstraint] | None = None
    scheduling_gates: list[SchedulingGate] | None = None
    scheduler_name: str | None = None
    priority: int | None = None
    priority_class_name: str | None = None
    preemption_policy: str | None = None
    termination_grace_period_seconds: int | None = None
    runtime_class_name: str | None = None
    active_deadline_seconds: int | None = None
    host_network: bool | None = None
    host_users: bool | None = None
    volumes: list[Volume] | None = None
    resource_claims: list[PodResourceClaim] | None = None


class DeviceHealth(Part):
    resource_id: str = field(default="", name="resourceID")
    health: str | None = None


class DeviceStatus(Part):
    name: str = ""
    resources: list[DeviceHealth] | None = None


class ContainerStatus(Part):
    name: str = ""
    resources: Raw = EMPTY
    allocated_resources: Raw = EMPTY
    allocated_resources_status: list[DeviceStatus] | None = None


class PodCondition(Part):
    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None


class PodClaimStatus(Part):
    """The claim that was made for an entry of the pod, or that none was needed."""

    name: str = ""
    resource_claim_name: str | None = None


class PodStatus(Part):
    phase: str | None = None
    nominated_node_name: str | None = None
    start_time: str | None = None
    conditions: list[PodCondition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None
    resources: Raw = EMPTY
    allocated_resources: Raw = EMPTY
    resource_claim_statuses: list[PodClaimStatus] | None = None


class Pod(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    KIND: ClassVar[str] = "Pod"
    PLURAL: ClassVar[str] = "pods"
    metadata: PodMeta = msgspec.field(default_factory=PodMeta)
    spec: PodSpec = msgspec.field(default_factory=PodSpec)
    status: PodStatus | None = None
