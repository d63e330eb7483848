"""Disks that a pod or a volume names directly."""

from msgspec import field

from moorage.objects.base import Value


class GCEPersistentDisk(Value, frozen=True):
    pd_name: str = ""
    read_only: bool | None = None


class AWSElasticBlockStore(Value, frozen=True):
    volume_id: str = field(default="", name="volumeID")


class ISCSI(Value, frozen=True):
    iqn: str = ""
    read_only: bool | None = None


class RBD(Value, frozen=True):
    monitors: tuple[str, ...] | None = None
    pool: str | None = None
    image: str = ""
    read_only: bool | None = None


class AzureDisk(Value, frozen=True):
    disk_name: str = ""
    disk_uri: str = field(default="", name="diskURI")
    kind: str | None = None


class Cinder(Value, frozen=True):
    volume_id: str = field(default="", name="volumeID")


class VSphereVolume(Value, frozen=True):
    volume_path: str = ""


class Portworx(Value, frozen=True):
    volume_id: str = field(default="", name="volumeID")


class CSISource(Value, frozen=True):
    driver: str = ""
    volume_handle: str = ""
