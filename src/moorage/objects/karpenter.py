"""What Karpenter adds machines by: pools of them, and each machine that it has asked a cloud for.

Source of the field names: karpenter v1.14 pkg/apis/v1
"""

from typing import ClassVar

from moorage.objects.base import Amounts, Object, Part
from moorage.objects.nodes import Condition, Taint
from moorage.objects.selectors import Requirement


class TemplateMeta(Part):
    labels: dict[str, str | None] | None = None


class NodeClassReference(Part):
    group: str = ""
    kind: str = ""
    name: str = ""


class TemplateSpec(Part):
    node_class_ref: NodeClassReference | None = None
    requirements: list[Requirement] | None = None
    taints: tuple[Taint, ...] | None = None
    startup_taints: tuple[Taint, ...] | None = None


class MachineTemplate(Part):
    metadata: TemplateMeta | None = None
    spec: TemplateSpec | None = None


class NodePoolSpec(Part):
    template: MachineTemplate | None = None
    limits: Amounts | None = None
    weight: int | None = None
    replicas: int | None = None


class NodePoolStatus(Part):
    resources: Amounts | None = None
    conditions: list[Condition] | None = None


class NodePool(Object):
    KIND: ClassVar[str] = "NodePool"
    PLURAL: ClassVar[str] = "nodepools"
    spec: NodePoolSpec | None = None
    status: NodePoolStatus | None = None


class Promised(Part):
    """What the pods ask for that a machine is brought for, with what the DaemonSets will take on it."""

    requests: Amounts | None = None


class NodeClaimSpec(Part):
    requirements: list[Requirement] | None = None
    taints: tuple[Taint, ...] | None = None
    startup_taints: tuple[Taint, ...] | None = None
    resources: Promised | None = None


class NodeClaimStatus(Part):
    node_name: str | None = None
    capacity: Amounts | None = None
    allocatable: Amounts | None = None
    conditions: list[Condition] | None = None


class NodeClaim(Object):
    KIND: ClassVar[str] = "NodeClaim"
    PLURAL: ClassVar[str] = "nodeclaims"
    spec: NodeClaimSpec | None = None
    status: NodeClaimStatus | None = None
