"""The shape that an object must have to be decoded at all: the Go types of the fields that clients of notebooks send.

What does not fit is refused with 400 before anything looks at it; `null` fits everywhere, and unknown fields are let
through. The sentence says where, if not in Go's own words.
Source: kubernetes v1.36 staging/src/k8s.io/api/core/v1/types.go, apimachinery pkg/apis/meta/v1/types.go
"""

from __future__ import annotations

from typing import Any

import msgspec

Json = dict[str, Any]
Text = str | None
Number = int | None
Flag = bool | None
Texts = list[Text] | None
Map = dict[str, Text] | None
Amounts = dict[str, str | int | float | None] | None
Object = Json | None
Objects = list[Object] | None


class _Shape(msgspec.Struct, rename="camel"):
    pass


class OwnerReference(_Shape):
    api_version: Text = None
    kind: Text = None
    name: Text = None
    uid: Text = None
    controller: Flag = None
    block_owner_deletion: Flag = None


class Metadata(_Shape):
    name: Text = None
    generate_name: Text = None
    namespace: Text = None
    uid: Text = None
    resource_version: Text = None
    labels: Map = None
    annotations: Map = None
    finalizers: Texts = None
    owner_references: list[OwnerReference | None] | None = None


class FieldRef(_Shape):
    api_version: Text = None
    field_path: Text = None


class ResourceFieldRef(_Shape):
    container_name: Text = None
    resource: Text = None
    divisor: str | int | float | None = None


class KeyRef(_Shape):
    name: Text = None
    key: Text = None
    optional: Flag = None


class EnvSource(_Shape):
    field_ref: FieldRef | None = None
    resource_field_ref: ResourceFieldRef | None = None
    config_map_key_ref: KeyRef | None = None
    secret_key_ref: KeyRef | None = None


class Env(_Shape):
    name: Text = None
    value: Text = None
    value_from: EnvSource | None = None


class EnvFrom(_Shape):
    prefix: Text = None
    config_map_ref: KeyRef | None = None
    secret_ref: KeyRef | None = None


class Port(_Shape):
    name: Text = None
    container_port: Number = None
    host_port: Number = None
    protocol: Text = None
    host_ip: Text = msgspec.field(default=None, name="hostIP")


class Mount(_Shape):
    name: Text = None
    mount_path: Text = None
    sub_path: Text = None
    read_only: Flag = None


class Resources(_Shape):
    limits: Amounts = None
    requests: Amounts = None


class Container(_Shape):
    name: Text = None
    image: Text = None
    image_pull_policy: Text = None
    restart_policy: Text = None
    working_dir: Text = None
    command: Texts = None
    args: Texts = None
    env: list[Env | None] | None = None
    env_from: list[EnvFrom | None] | None = None
    ports: list[Port | None] | None = None
    volume_mounts: list[Mount | None] | None = None
    resources: Resources | None = None
    security_context: Object = None
    readiness_probe: Object = None
    liveness_probe: Object = None
    lifecycle: Object = None


class Claim(_Shape):
    claim_name: Text = None
    read_only: Flag = None


class Volume(_Shape):
    name: Text = None
    empty_dir: Object = None
    secret: Object = None
    config_map: Object = None
    projected: Object = None
    host_path: Object = None
    persistent_volume_claim: Claim | None = None


class Toleration(_Shape):
    key: Text = None
    operator: Text = None
    value: Text = None
    effect: Text = None
    toleration_seconds: Number = None


class NodeAffinity(_Shape):
    required: Object = msgspec.field(default=None, name="requiredDuringSchedulingIgnoredDuringExecution")
    preferred: Objects = msgspec.field(default=None, name="preferredDuringSchedulingIgnoredDuringExecution")


class PodAffinity(_Shape):
    required: Objects = msgspec.field(default=None, name="requiredDuringSchedulingIgnoredDuringExecution")
    preferred: Objects = msgspec.field(default=None, name="preferredDuringSchedulingIgnoredDuringExecution")


class Affinity(_Shape):
    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class PodSpec(_Shape):
    containers: list[Container | None] | None = None
    init_containers: list[Container | None] | None = None
    volumes: list[Volume | None] | None = None
    tolerations: list[Toleration | None] | None = None
    affinity: Affinity | None = None
    node_selector: Map = None
    node_name: Text = None
    scheduler_name: Text = None
    service_account_name: Text = None
    service_account: Text = None
    priority_class_name: Text = None
    priority: Number = None
    runtime_class_name: Text = None
    restart_policy: Text = None
    termination_grace_period_seconds: Number = None
    active_deadline_seconds: Number = None
    host_network: Flag = None
    automount_service_account_token: Flag = None
    enable_service_links: Flag = None
    overhead: Amounts = None
    resources: Resources | None = None
    security_context: Object = None
    image_pull_secrets: Objects = None
    scheduling_gates: Objects = None
    topology_spread_constraints: Objects = None
    resource_claims: Objects = None


class PodStatus(_Shape):
    phase: Text = None
    reason: Text = None
    message: Text = None
    conditions: Objects = None
    container_statuses: Objects = None
    init_container_statuses: Objects = None


class Pod(_Shape):
    metadata: Metadata | None = None
    spec: PodSpec | None = None
    status: PodStatus | None = None


class Taint(_Shape):
    key: Text = None
    value: Text = None
    effect: Text = None


class NodeSpec(_Shape):
    taints: list[Taint | None] | None = None
    unschedulable: Flag = None


class NodeStatus(_Shape):
    capacity: Amounts = None
    allocatable: Amounts = None
    conditions: Objects = None
    addresses: Objects = None
    images: Objects = None
    node_info: Object = None


class Node(_Shape):
    metadata: Metadata | None = None
    spec: NodeSpec | None = None
    status: NodeStatus | None = None


class ClaimSpec(_Shape):
    access_modes: Texts = None
    storage_class_name: Text = None
    volume_name: Text = None
    volume_mode: Text = None
    resources: Resources | None = None


class PersistentVolumeClaim(_Shape):
    metadata: Metadata | None = None
    spec: ClaimSpec | None = None
    status: Object = None


class LimitRangeItem(_Shape):
    type: Text = None
    max: Amounts = None
    min: Amounts = None
    default: Amounts = None
    default_request: Amounts = None
    max_limit_request_ratio: Amounts = None


class LimitRangeSpec(_Shape):
    limits: list[LimitRangeItem | None] | None = None


class LimitRange(_Shape):
    metadata: Metadata | None = None
    spec: LimitRangeSpec | None = None


class QuotaSpec(_Shape):
    hard: Amounts = None
    scopes: Texts = None
    scope_selector: Object = None


class ResourceQuota(_Shape):
    metadata: Metadata | None = None
    spec: QuotaSpec | None = None
    status: Object = None


class Keyed(_Shape):
    """A secret or a config map."""

    metadata: Metadata | None = None
    data: Map = None
    string_data: Map = None
    immutable: Flag = None
    type: Text = None


class Plain(_Shape):
    """Any other kind: its metadata must be right."""

    metadata: Metadata | None = None
    spec: Object = None
    status: Object = None


_SHAPES: dict[str, type[_Shape]] = {
    "pods": Pod,
    "nodes": Node,
    "persistentvolumeclaims": PersistentVolumeClaim,
    "limitranges": LimitRange,
    "resourcequotas": ResourceQuota,
    "secrets": Keyed,
    "configmaps": Keyed,
}
_TEXTS = ("args", "command", "finalizers", "accessModes", "scopes")
# In these maps a value that is null is the empty one; it doesn't take its key away.
_EMPTY = dict.fromkeys(("limits", "requests", "overhead", "hard", "capacity", "allocatable"), "0") | dict.fromkeys(
    ("labels", "annotations", "nodeSelector", "data", "stringData"), ""
)


def misfit(plural: str, body: Json) -> str | None:
    """What doesn't fit, and where; None where all does."""
    try:
        msgspec.convert(body, _SHAPES.get(plural, Plain))
    except msgspec.ValidationError as error:
        return str(error)
    return None


def without_nulls(body: Any, *, field: str = "") -> Any:
    """The body as Go has it after decoding: `null` in an object is nothing, in a list the empty value."""
    if isinstance(body, dict) and field in _EMPTY:
        return {key: _EMPTY[field] if value is None else value for key, value in body.items()}
    if isinstance(body, dict):
        return {key: without_nulls(value, field=key) for key, value in body.items() if value is not None}
    if isinstance(body, list):
        empty: Any = "" if field in _TEXTS else {}
        return [empty if item is None else without_nulls(item, field=field) for item in body]
    return body
