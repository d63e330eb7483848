"""The fields of Kubernetes objects that moorage reads, and no others.

Decoding is typed and lenient: unknown fields are skipped without being built, `null` stands wherever Go would accept
it, and what is wrong is told with the object's name and the field's path. Parts that most pods repeat word for word
(resources, labels) stay as raw JSON, so that `scheduling` can share one parsed copy among all of them. Quantities stay
text here; `scheduling` turns them into integers.

Source of the field names: kubernetes v1.36 staging/src/k8s.io/api (core/v1, storage/v1, node/v1, resource/v1).
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

import msgspec
from msgspec import Raw, field

from moorage.errors import InvalidObject

Amount = str | int | float | None
Amounts = dict[str, Amount]
EMPTY = Raw(b"")


class _Part(msgspec.Struct, rename="camel", gc=False):
    """Part of an object."""


class _Value(msgspec.Struct, rename="camel", gc=False, frozen=True):
    """Part of an object that is compared or kept in sets."""


# --- metadata ---------------------------------------------------------------------------------------------------


class OwnerReference(_Part):
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class ObjectMeta(_Part):
    name: str = ""
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    generate_name: str | None = None
    labels: dict[str, str | None] | None = None
    annotations: dict[str, str | None] | None = None
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    owner_references: list[OwnerReference] | None = None


class PodAnnotations(_Part):
    """Of a pod's annotations only those that say which devices it was given."""

    extended_resource_claim: str | None = field(default=None, name="resource.kubernetes.io/extended-resource-claim")
    hami_allocated: str | None = field(default=None, name="hami.io/vgpu-devices-allocated")


class PodMeta(_Part):
    name: str = ""
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    generate_name: str | None = None
    labels: Raw = EMPTY
    annotations: PodAnnotations | None = None
    deletion_timestamp: str | None = None


# --- selectors --------------------------------------------------------------------------------------------------


class Requirement(_Value, frozen=True):
    """One expression of a label selector or of a node selector."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] | None = None


class LabelSelector(_Value, frozen=True):
    match_labels: dict[str, str | None] | None = None
    match_expressions: tuple[Requirement, ...] | None = None


class NodeSelectorTerm(_Value, frozen=True):
    match_expressions: tuple[Requirement, ...] | None = None
    match_fields: tuple[Requirement, ...] | None = None


class NodeSelector(_Value, frozen=True):
    node_selector_terms: tuple[NodeSelectorTerm, ...] | None = None


# --- pods -------------------------------------------------------------------------------------------------------


class Resources(_Part):
    requests: Amounts | None = None
    limits: Amounts | None = None


class ContainerPort(_Part):
    host_port: int | None = None
    container_port: int | None = None
    protocol: str | None = None
    host_ip: str | None = field(default=None, name="hostIP")


class CountedContainer(_Part):
    name: str = ""
    restart_policy: str | None = None
    resources: Raw = EMPTY
    ports: list[ContainerPort] | None = None


class Container(CountedContainer):
    image: str | None = None


class NodeAffinity(_Part):
    required: NodeSelector | None = field(default=None, name="requiredDuringSchedulingIgnoredDuringExecution")


class PodAffinityTerm(_Value, frozen=True):
    label_selector: LabelSelector | None = None
    namespaces: tuple[str, ...] | None = None
    topology_key: str = ""
    namespace_selector: LabelSelector | None = None
    match_label_keys: tuple[str, ...] | None = None
    mismatch_label_keys: tuple[str, ...] | None = None


class PodAffinity(_Part):
    required: list[PodAffinityTerm] | None = field(default=None, name="requiredDuringSchedulingIgnoredDuringExecution")


class Affinity(_Part):
    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class Toleration(_Value, frozen=True):
    key: str | None = None
    operator: str | None = None
    value: str | None = None
    effect: str | None = None


class TopologySpreadConstraint(_Value, frozen=True):
    max_skew: int = 0
    topology_key: str = ""
    when_unsatisfiable: str = ""
    label_selector: LabelSelector | None = None
    min_domains: int | None = None
    node_affinity_policy: str | None = None
    node_taints_policy: str | None = None
    match_label_keys: tuple[str, ...] | None = None


class SchedulingGate(_Part):
    name: str = ""


class ClaimSource(_Part):
    claim_name: str = ""


class EphemeralSource(_Part):
    """A claim made for this pod alone; only its presence matters here."""


class GCEPersistentDisk(_Value, frozen=True):
    pd_name: str = ""
    read_only: bool | None = None


class AWSElasticBlockStore(_Value, frozen=True):
    volume_id: str = field(default="", name="volumeID")


class ISCSI(_Value, frozen=True):
    iqn: str = ""
    read_only: bool | None = None


class RBD(_Value, frozen=True):
    monitors: tuple[str, ...] | None = None
    pool: str | None = None
    image: str = ""
    read_only: bool | None = None


class AzureDisk(_Value, frozen=True):
    disk_name: str = ""
    disk_uri: str = field(default="", name="diskURI")


class Cinder(_Value, frozen=True):
    volume_id: str = field(default="", name="volumeID")


class VSphereVolume(_Value, frozen=True):
    volume_path: str = ""


class Portworx(_Value, frozen=True):
    volume_id: str = field(default="", name="volumeID")


class CSISource(_Value, frozen=True):
    driver: str = ""
    volume_handle: str = ""


class Volume(_Part):
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


class PodResourceClaim(_Part):
    name: str = ""
    resource_claim_name: str | None = None
    resource_claim_template_name: str | None = None


class PodSpec(_Part):
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
    runtime_class_name: str | None = None
    active_deadline_seconds: int | None = None
    host_network: bool | None = None
    volumes: list[Volume] | None = None
    resource_claims: list[PodResourceClaim] | None = None


class DeviceHealth(_Part):
    resource_id: str = field(default="", name="resourceID")
    health: str | None = None


class DeviceStatus(_Part):
    name: str = ""
    resources: list[DeviceHealth] | None = None


class ContainerStatus(_Part):
    name: str = ""
    resources: Raw = EMPTY
    allocated_resources: Raw = EMPTY
    allocated_resources_status: list[DeviceStatus] | None = None


class Condition(_Part):
    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None


class PodCondition(_Part):
    type: str = ""
    status: str = ""
    reason: str | None = None


class PodStatus(_Part):
    phase: str | None = None
    nominated_node_name: str | None = None
    conditions: list[PodCondition] | None = None
    container_statuses: list[ContainerStatus] | None = None
    init_container_statuses: list[ContainerStatus] | None = None
    resources: Raw = EMPTY
    allocated_resources: Raw = EMPTY


# --- objects ----------------------------------------------------------------------------------------------------


class Object(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    """A kind that the API server stores."""

    KIND: ClassVar[str] = ""
    PLURAL: ClassVar[str] = ""
    metadata: ObjectMeta = msgspec.field(default_factory=ObjectMeta)


class Pod(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    KIND: ClassVar[str] = "Pod"
    PLURAL: ClassVar[str] = "pods"
    metadata: PodMeta = msgspec.field(default_factory=PodMeta)
    spec: PodSpec = msgspec.field(default_factory=PodSpec)
    status: PodStatus | None = None


# --- pods that run already: a third of the fields, since there may be 150,000 of them -----------------------------


class CountedMeta(_Part):
    name: str = ""
    namespace: str | None = None
    uid: str | None = None
    resource_version: str | None = None
    labels: Raw = EMPTY
    annotations: PodAnnotations | None = None
    deletion_timestamp: str | None = None


class CountedAffinity(_Part):
    pod_anti_affinity: PodAffinity | None = None


class CountedSpec(_Part):
    containers: list[CountedContainer] | None = None
    init_containers: list[CountedContainer] | None = None
    overhead: Raw = EMPTY
    resources: Raw = EMPTY
    node_name: str | None = None
    affinity: CountedAffinity | None = None
    scheduler_name: str | None = None
    priority: int | None = None
    volumes: list[Volume] | None = None
    resource_claims: list[PodResourceClaim] | None = None


class CountedStatus(_Part):
    phase: str | None = None
    nominated_node_name: str | None = None
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


# --- the other kinds --------------------------------------------------------------------------------------------


class Taint(_Value, frozen=True):
    key: str = ""
    value: str | None = None
    effect: str = ""


class NodeSpec(_Part):
    unschedulable: bool | None = None
    taints: tuple[Taint, ...] | None = None


class ContainerImage(_Part):
    names: list[str] | None = None
    size_bytes: int | None = None


class NodeStatus(_Part):
    capacity: Amounts | None = None
    allocatable: Amounts | None = None
    conditions: list[Condition] | None = None
    # Each a ContainerImage; raw, since hundreds of nodes tell the same ones.
    images: list[Raw] | None = None
    declared_features: list[str] | None = None


class Node(Object):
    KIND: ClassVar[str] = "Node"
    PLURAL: ClassVar[str] = "nodes"
    spec: NodeSpec | None = None
    status: NodeStatus | None = None


class StorageResources(_Part):
    requests: Amounts | None = None


class ClaimSpec(_Part):
    access_modes: list[str] | None = None
    selector: LabelSelector | None = None
    resources: StorageResources | None = None
    volume_name: str | None = None
    storage_class_name: str | None = None
    volume_mode: str | None = None
    volume_attributes_class_name: str | None = None


class ClaimStatus(_Part):
    phase: str | None = None


class PersistentVolumeClaim(Object):
    KIND: ClassVar[str] = "PersistentVolumeClaim"
    PLURAL: ClassVar[str] = "persistentvolumeclaims"
    spec: ClaimSpec | None = None
    status: ClaimStatus | None = None


class VolumeNodeAffinity(_Part):
    required: NodeSelector | None = None


class ObjectReference(_Part):
    namespace: str | None = None
    name: str = ""
    uid: str | None = None


class VolumeSpec(_Part):
    capacity: Amounts | None = None
    access_modes: list[str] | None = None
    claim_ref: ObjectReference | None = None
    storage_class_name: str | None = None
    volume_mode: str | None = None
    volume_attributes_class_name: str | None = None
    node_affinity: VolumeNodeAffinity | None = None
    csi: CSISource | None = None
    gce_persistent_disk: GCEPersistentDisk | None = field(default=None, name="gcePersistentDisk")
    aws_elastic_block_store: AWSElasticBlockStore | None = field(default=None, name="awsElasticBlockStore")
    azure_disk: AzureDisk | None = None
    cinder: Cinder | None = None
    vsphere_volume: VSphereVolume | None = None
    portworx_volume: Portworx | None = None


class VolumeStatus(_Part):
    phase: str | None = None


class PersistentVolume(Object):
    KIND: ClassVar[str] = "PersistentVolume"
    PLURAL: ClassVar[str] = "persistentvolumes"
    spec: VolumeSpec | None = None
    status: VolumeStatus | None = None


class TopologyExpression(_Part):
    key: str = ""
    values: list[str] | None = None


class TopologyTerm(_Part):
    match_label_expressions: list[TopologyExpression] | None = None


class StorageClass(Object):
    KIND: ClassVar[str] = "StorageClass"
    PLURAL: ClassVar[str] = "storageclasses"
    provisioner: str | None = None
    volume_binding_mode: str | None = None
    allowed_topologies: list[TopologyTerm] | None = None


class DriverAllocatable(_Part):
    count: int | None = None


class CSINodeDriver(_Part):
    name: str = ""
    allocatable: DriverAllocatable | None = None


class CSINodeSpec(_Part):
    drivers: list[CSINodeDriver] | None = None


class CSINode(Object):
    KIND: ClassVar[str] = "CSINode"
    PLURAL: ClassVar[str] = "csinodes"
    spec: CSINodeSpec | None = None


class AttachmentSource(_Part):
    persistent_volume_name: str | None = None


class AttachmentSpec(_Part):
    attacher: str = ""
    node_name: str = ""
    source: AttachmentSource | None = None


class VolumeAttachment(Object):
    KIND: ClassVar[str] = "VolumeAttachment"
    PLURAL: ClassVar[str] = "volumeattachments"
    spec: AttachmentSpec | None = None


class Namespace(Object):
    KIND: ClassVar[str] = "Namespace"
    PLURAL: ClassVar[str] = "namespaces"


class CSIDriverSpec(_Part):
    storage_capacity: bool | None = None


class CSIDriver(Object):
    KIND: ClassVar[str] = "CSIDriver"
    PLURAL: ClassVar[str] = "csidrivers"
    spec: CSIDriverSpec | None = None


class CSIStorageCapacity(Object):
    KIND: ClassVar[str] = "CSIStorageCapacity"
    PLURAL: ClassVar[str] = "csistoragecapacities"
    node_topology: LabelSelector | None = None
    storage_class_name: str = ""
    capacity: Amount = None
    maximum_volume_size: Amount = None


class ScopeRequirement(_Part):
    scope_name: str = ""
    operator: str = ""
    values: list[str] | None = None


class ScopeSelector(_Part):
    match_expressions: list[ScopeRequirement] | None = None


class QuotaSpec(_Part):
    hard: Amounts | None = None
    scopes: list[str] | None = None
    scope_selector: ScopeSelector | None = None


class QuotaStatus(_Part):
    hard: Amounts | None = None
    used: Amounts | None = None


class ResourceQuota(Object):
    KIND: ClassVar[str] = "ResourceQuota"
    PLURAL: ClassVar[str] = "resourcequotas"
    spec: QuotaSpec | None = None
    status: QuotaStatus | None = None


class LimitRangeItem(_Part):
    type: str = ""
    max: Amounts | None = None
    min: Amounts | None = None
    default: Amounts | None = None
    default_request: Amounts | None = None
    max_limit_request_ratio: Amounts | None = None


class LimitRangeSpec(_Part):
    limits: list[LimitRangeItem] | None = None


class LimitRange(Object):
    KIND: ClassVar[str] = "LimitRange"
    PLURAL: ClassVar[str] = "limitranges"
    spec: LimitRangeSpec | None = None


class Overhead(_Part):
    pod_fixed: Amounts | None = None


class RuntimeScheduling(_Part):
    node_selector: dict[str, str | None] | None = None
    tolerations: list[Toleration] | None = None


class RuntimeClass(Object):
    KIND: ClassVar[str] = "RuntimeClass"
    PLURAL: ClassVar[str] = "runtimeclasses"
    overhead: Overhead | None = None
    scheduling: RuntimeScheduling | None = None


class PriorityClass(Object):
    KIND: ClassVar[str] = "PriorityClass"
    PLURAL: ClassVar[str] = "priorityclasses"
    value: int = 0
    global_default: bool | None = None


class DeviceClassSpec(_Part):
    extended_resource_name: str | None = None


class DeviceClass(Object):
    KIND: ClassVar[str] = "DeviceClass"
    PLURAL: ClassVar[str] = "deviceclasses"
    spec: DeviceClassSpec | None = None


# --- decoding ---------------------------------------------------------------------------------------------------

T = TypeVar("T")

# What msgspec raises on JSON of another shape, on numbers and nesting beyond its bounds, and on lone surrogates.
UNREADABLE = (msgspec.MsgspecError, OverflowError, RecursionError, TypeError, ValueError)


class ListMeta(_Part):
    resource_version: str | None = None
    continue_: str | None = field(default=None, name="continue")
    remaining_item_count: int | None = None


class Page(msgspec.Struct, Generic[T], kw_only=True):
    """A List as the API server answers it."""

    metadata: ListMeta = msgspec.field(default_factory=ListMeta)
    items: list[T] | None = None


class _Named(_Part):
    metadata: ObjectMeta | None = None


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    if kind not in _decoders:
        _decoders[kind] = msgspec.json.Decoder(kind)
    return _decoders[kind]


class Identity(_Value, frozen=True):
    """Which object it is, as far as a text tells that can't be read otherwise."""

    kind: str = ""
    namespace: str | None = None
    name: str | None = None
    uid: str | None = None
    node_name: str | None = None

    def __str__(self) -> str:
        name = "/".join(part for part in (self.namespace, self.name) if part)
        return f"{self.kind} {repr(name)[1:-1][:300]}".rstrip()


class Unreadable(InvalidObject):
    """An `InvalidObject` that knows which object it was, so that it can be counted where it runs."""

    def __init__(self, identity: Identity, complaint: str) -> None:
        super().__init__(f"{identity} can't be read: {complaint}")
        self.identity = identity


def identify(kind: Any, data: Any) -> Identity:
    """What can still be said about an object that does not decode."""
    if not isinstance(data, dict):
        try:
            data = msgspec.json.decode(data)
        except UNREADABLE:
            data = None

    def text(part: str, key: str) -> str | None:
        found = data.get(part) if isinstance(data, dict) else None
        value = found.get(key) if isinstance(found, dict) else None
        return value if isinstance(value, str) else None

    return Identity(
        kind=str(getattr(kind, "KIND", "") or kind.__name__),
        namespace=text("metadata", "namespace"),
        name=text("metadata", "name"),
        uid=text("metadata", "uid"),
        node_name=text("spec", "nodeName"),
    )


def decode(kind: type[T], data: Any) -> T:
    """Read one object from JSON text or from the plain dict of its JSON.

    Raises `Unreadable`, an `InvalidObject` naming the object and the field.
    """
    try:
        text = data if isinstance(data, bytes | bytearray | memoryview | Raw) else msgspec.json.encode(data)
        decoded: T = _decoder(kind).decode(text)
    except UNREADABLE as error:
        raise Unreadable(identify(kind, data), _complaint(error)) from error
    return decoded


def decode_list(kind: type[T], data: bytes) -> tuple[ListMeta, list[T], list[Unreadable]]:
    """Read a whole List: its metadata, the objects that can be read, and what is wrong with each of the others.

    Raises `InvalidObject` only where the List itself can't be read.
    """
    try:
        page = _decoder(Page[kind]).decode(data)  # type: ignore[valid-type]
    except UNREADABLE:
        return _decode_one_by_one(kind, data)
    return page.metadata, page.items or [], []


def _decode_one_by_one(kind: type[T], data: bytes) -> tuple[ListMeta, list[T], list[Unreadable]]:
    try:
        page = _decoder(Page[Raw]).decode(data)
    except UNREADABLE as error:
        raise InvalidObject(
            f"a list of {identify(kind, None).kind} objects can't be read: {_complaint(error)}"
        ) from error
    readable: list[T] = []
    unreadable: list[Unreadable] = []
    for item in page.items or []:
        try:
            readable.append(decode(kind, item))
        except Unreadable as error:
            unreadable.append(error)
    return page.metadata, readable, unreadable


def _complaint(error: Exception) -> str:
    """What is wrong, with the field first: `spec.taints[0].key: expected `str`, got `int``."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    what, found, path = str(error).partition(" - at `$")
    return f"{path.strip('`.')}: {what[:1].lower()}{what[1:]}" if found and path.strip("`.") else what
