"""A node."""

from typing import ClassVar

from msgspec import Raw

from moorage.objects.base import Amounts, Object, Part, Value


class Condition(Part):
    type: str = ""
    status: str = ""
    reason: str | None = None
    message: str | None = None
    # Of Ready alone: it differs from node to node, and nobody asks it of the others.
    last_transition_time: str | None = None

    def __post_init__(self) -> None:
        if self.type != "Ready":
            self.last_transition_time = None


class Taint(Value, frozen=True):
    key: str = ""
    value: str | None = None
    effect: str = ""


class NodeSpec(Part):
    unschedulable: bool | None = None
    taints: tuple[Taint, ...] | None = None


class ContainerImage(Part):
    names: list[str] | None = None
    size_bytes: int | None = None


class NodeStatus(Part):
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
