"""Claims, volumes, classes, and what drivers tell about nodes."""

from typing import ClassVar

from msgspec import field

from moorage.objects.base import Amount, Amounts, Object, Part
from moorage.objects.disks import (
    AWSElasticBlockStore,
    AzureDisk,
    Cinder,
    CSISource,
    GCEPersistentDisk,
    Portworx,
    VSphereVolume,
)
from moorage.objects.selectors import LabelSelector, NodeSelector


class StorageResources(Part):
    requests: Amounts | None = None


class ClaimSpec(Part):
    access_modes: list[str] | None = None
    selector: LabelSelector | None = None
    resources: StorageResources | None = None
    volume_name: str | None = None
    storage_class_name: str | None = None
    volume_mode: str | None = None
    volume_attributes_class_name: str | None = None


class ClaimStatus(Part):
    phase: str | None = None


class PersistentVolumeClaim(Object):
    KIND: ClassVar[str] = "PersistentVolumeClaim"
    PLURAL: ClassVar[str] = "persistentvolumeclaims"
    spec: ClaimSpec | None = None
    status: ClaimStatus | None = None


class VolumeNodeAffinity(Part):
    required: NodeSelector | None = None


class ObjectReference(Part):
    namespace: str | None = None
    name: str = ""
    uid: str | None = None


class VolumeSpec(Part):
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


class VolumeStatus(Part):
    phase: str | None = None


class PersistentVolume(Object):
    KIND: ClassVar[str] = "PersistentVolume"
    PLURAL: ClassVar[str] = "persistentvolumes"
    spec: VolumeSpec | None = None
    status: VolumeStatus | None = None


class TopologyExpression(Part):
    key: str = ""
    values: list[str] | None = None


class TopologyTerm(Part):
    match_label_expressions: list[TopologyExpression] | None = None


class StorageClass(Object):
    KIND: ClassVar[str] = "StorageClass"
    PLURAL: ClassVar[str] = "storageclasses"
    provisioner: str | None = None
    volume_binding_mode: str | None = None
    allowed_topologies: list[TopologyTerm] | None = None


class DriverAllocatable(Part):
    count: int | None = None


class CSINodeDriver(Part):
    name: str = ""
    allocatable: DriverAllocatable | None = None


class CSINodeSpec(Part):
    drivers: list[CSINodeDriver] | None = None


class CSINode(Object):
    KIND: ClassVar[str] = "CSINode"
    PLURAL: ClassVar[str] = "csinodes"
    spec: CSINodeSpec | None = None


class AttachmentSource(Part):
    persistent_volume_name: str | None = None


class AttachmentSpec(Part):
    attacher: str = ""
    node_name: str = ""
    source: AttachmentSource | None = None


class VolumeAttachment(Object):
    KIND: ClassVar[str] = "VolumeAttachment"
    PLURAL: ClassVar[str] = "volumeattachments"
    spec: AttachmentSpec | None = None


class CSIDriverSpec(Part):
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
