"""The fields of `resource.k8s.io` objects that are read, in all versions that API servers serve."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from moorage.objects import ObjectMeta


class Attribute(msgspec.Struct, gc=False):
    string: str | None = None
    version: str | None = None
    number: int | None = msgspec.field(default=None, name="int")
    flag: bool | None = msgspec.field(default=None, name="bool")

    @property
    def value(self) -> Any:
        for value in (self.string, self.version, self.number, self.flag):
            if value is not None:
                return value
        return None


class Capacity(msgspec.Struct, gc=False):
    value: str | float | None = None


class DeviceTaint(msgspec.Struct, gc=False):
    key: str = ""
    value: str | None = None
    effect: str = ""


class Basic(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    attributes: dict[str, Attribute] | None = None
    capacity: dict[str, Any] | None = None
    node_name: str | None = None
    taints: list[DeviceTaint] | None = None


class SliceDevice(Basic, rename="camel", gc=False, kw_only=True):
    name: str = ""
    basic: Basic | None = None  # v1beta1


class Pool(msgspec.Struct, rename="camel", gc=False):
    name: str = ""
    generation: int = 0
    resource_slice_count: int | None = None


class SliceSpec(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    driver: str = ""
    pool: Pool = msgspec.field(default_factory=Pool)
    node_name: str | None = None
    all_nodes: bool | None = None
    per_device_node_selection: bool | None = None
    devices: list[SliceDevice] | None = None


class ResourceSlice(msgspec.Struct, rename="camel", kw_only=True):
    KIND: ClassVar[str] = "ResourceSlice"
    PLURAL: ClassVar[str] = "resourceslices"
    metadata: ObjectMeta = msgspec.field(default_factory=ObjectMeta)
    spec: SliceSpec = msgspec.field(default_factory=SliceSpec)


class Result(msgspec.Struct, rename="camel", gc=False):
    driver: str = ""
    pool: str = ""
    device: str = ""
    admin_access: bool | None = None
    share_id: str | None = msgspec.field(default=None, name="shareID")


class Devices(msgspec.Struct, gc=False):
    results: list[Result] | None = None


class Allocation(msgspec.Struct, gc=False):
    devices: Devices | None = None


class Consumer(msgspec.Struct, gc=False):
    resource: str = ""
    name: str = ""


class ClaimStatus(msgspec.Struct, rename="camel", gc=False):
    allocation: Allocation | None = None
    reserved_for: list[Consumer] | None = None


class ResourceClaim(msgspec.Struct, rename="camel", kw_only=True):
    KIND: ClassVar[str] = "ResourceClaim"
    PLURAL: ClassVar[str] = "resourceclaims"
    metadata: ObjectMeta = msgspec.field(default_factory=ObjectMeta)
    status: ClaimStatus | None = None


class Cel(msgspec.Struct, gc=False):
    expression: str = ""


class Selector(msgspec.Struct, gc=False):
    cel: Cel | None = None


class ClassSpec(msgspec.Struct, gc=False):
    selectors: list[Selector] | None = None


class DeviceClass(msgspec.Struct, rename="camel", kw_only=True):
    KIND: ClassVar[str] = "DeviceClass"
    PLURAL: ClassVar[str] = "deviceclasses"
    metadata: ObjectMeta = msgspec.field(default_factory=ObjectMeta)
    spec: ClassSpec = msgspec.field(default_factory=ClassSpec)
