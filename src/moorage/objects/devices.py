"""Devices of Dynamic Resource Allocation: what drivers offer, what pods claim, and what has been given.

All versions that API servers serve are read into one shape: v1beta1 nests a device under `basic`, and writes a request
without `exactly`.

Source of the field names: kubernetes v1.36 staging/src/k8s.io/api (resource/v1, resource/v1beta1, resource/v1beta2).
"""

from typing import Any, ClassVar

from msgspec import field

from moorage.objects.base import Amount, Amounts, Object, Part
from moorage.objects.selectors import NodeSelector

# --- what there is --------------------------------------------------------------------------------------------------


class DeviceAttribute(Part):
    string: str | None = None
    version: str | None = None
    number: int | None = field(default=None, name="int")
    flag: bool | None = field(default=None, name="bool")

    @property
    def value(self) -> str | int | bool | None:
        """The one that is set; None where it is of a kind that is not read, such as a list."""
        for value in (self.number, self.flag, self.string, self.version):
            if value is not None:
                return value
        return None


class DeviceCapacity(Part):
    value: Amount = None
    request_policy: dict[str, Any] | None = None


class DeviceTaint(Part):
    key: str = ""
    value: str | None = None
    effect: str = ""


class DeviceCounters(Part):
    """What a device takes of the counters that it shares with others, or what there is of them."""

    counter_set: str = ""
    counters: dict[str, DeviceCapacity] | None = None


class CounterSet(Part):
    name: str = ""
    counters: dict[str, DeviceCapacity] | None = None


class DeviceBody(Part):
    attributes: dict[str, DeviceAttribute] | None = None
    capacity: dict[str, DeviceCapacity] | None = None
    node_name: str | None = None
    node_selector: NodeSelector | None = None
    all_nodes: bool | None = None
    taints: list[DeviceTaint] | None = None
    consumes_counters: list[DeviceCounters] | None = None
    allow_multiple_allocations: bool | None = None
    binding_conditions: list[str] | None = None


class Device(DeviceBody):
    name: str = ""
    basic: DeviceBody | None = None

    @property
    def body(self) -> DeviceBody:
        return self.basic or self


class DevicePool(Part):
    name: str = ""
    generation: int = 0
    resource_slice_count: int | None = None


class SliceSpec(Part):
    driver: str = ""
    pool: DevicePool = field(default_factory=DevicePool)
    node_name: str | None = None
    node_selector: NodeSelector | None = None
    all_nodes: bool | None = None
    per_device_node_selection: bool | None = None
    shared_counters: list[CounterSet] | None = None
    devices: list[Device] | None = None


class ResourceSlice(Object):
    KIND: ClassVar[str] = "ResourceSlice"
    PLURAL: ClassVar[str] = "resourceslices"
    spec: SliceSpec = field(default_factory=SliceSpec)


# --- what is asked --------------------------------------------------------------------------------------------------


class DeviceExpression(Part):
    expression: str = ""


class DeviceSelector(Part):
    cel: DeviceExpression | None = None


class DeviceClassSpec(Part):
    selectors: list[DeviceSelector] | None = None
    extended_resource_name: str | None = None


class DeviceClass(Object):
    KIND: ClassVar[str] = "DeviceClass"
    PLURAL: ClassVar[str] = "deviceclasses"
    spec: DeviceClassSpec = field(default_factory=DeviceClassSpec)


class DeviceToleration(Part):
    key: str | None = None
    operator: str | None = None
    value: str | None = None
    effect: str | None = None


class ExactRequest(Part):
    device_class_name: str = ""
    selectors: list[DeviceSelector] | None = None
    allocation_mode: str | None = None
    count: int | None = None
    admin_access: bool | None = None
    tolerations: list[DeviceToleration] | None = None
    # Only whether a part of a device is asked is of interest.
    capacity: dict[str, Any] | None = None


class SubRequest(ExactRequest):
    name: str = ""


class DeviceRequest(SubRequest):
    exactly: ExactRequest | None = None
    first_available: list[SubRequest] | None = None

    @property
    def exact(self) -> ExactRequest | None:
        """What is asked where there is no choice."""
        return self.exactly or (self if self.device_class_name else None)


class DeviceConstraint(Part):
    requests: list[str] | None = None
    match_attribute: str | None = None


class ClaimedDevices(Part):
    requests: list[DeviceRequest] | None = None
    constraints: list[DeviceConstraint] | None = None


class ResourceClaimSpec(Part):
    devices: ClaimedDevices = field(default_factory=ClaimedDevices)


class AllocatedDevice(Part):
    driver: str = ""
    pool: str = ""
    device: str = ""
    admin_access: bool | None = None
    share_id: str | None = field(default=None, name="shareID")
    consumed_capacity: Amounts | None = None
    binding_conditions: list[str] | None = None


class AllocatedDevices(Part):
    results: list[AllocatedDevice] | None = None


class Allocation(Part):
    devices: AllocatedDevices | None = None
    node_selector: NodeSelector | None = None


class ClaimConsumer(Part):
    resource: str = ""
    name: str = ""


class ResourceClaimStatus(Part):
    allocation: Allocation | None = None
    reserved_for: list[ClaimConsumer] | None = None


class ResourceClaim(Object):
    KIND: ClassVar[str] = "ResourceClaim"
    PLURAL: ClassVar[str] = "resourceclaims"
    spec: ResourceClaimSpec = field(default_factory=ResourceClaimSpec)
    status: ResourceClaimStatus | None = None

    @property
    def allocation(self) -> Allocation | None:
        return self.status.allocation if self.status is not None else None


class ClaimTemplateSpec(Part):
    spec: ResourceClaimSpec = field(default_factory=ResourceClaimSpec)


class ResourceClaimTemplate(Object):
    KIND: ClassVar[str] = "ResourceClaimTemplate"
    PLURAL: ClassVar[str] = "resourceclaimtemplates"
    spec: ClaimTemplateSpec = field(default_factory=ClaimTemplateSpec)
