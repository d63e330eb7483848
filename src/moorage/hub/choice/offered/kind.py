"""One kind of GPU: a resource name, and which of the models behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moorage.hub.view.facts import NodeFacts, Units

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Kind:
    """`name` is a model as a label has it, or None for any of the resource's; a pod needs one of `labels` then."""

    resource: str
    words: str
    name: str | None = None
    help: str = ""
    labels: tuple[Pair, ...] = ()
    # Whether any node is known to have it.
    seen: bool = True

    @property
    def value(self) -> str:
        """As the form's field holds it."""
        return joint(self.resource, self.name)

    @property
    def fields(self) -> dict[str, str]:
        """What puts it into the form."""
        return {"gpu_resource": self.resource, "gpu_kind": self.name or ""}

    def has(self, units: Units) -> bool:
        """Whether these units are of this kind, as far as is known."""
        if units.resource != self.resource:
            return False
        return (
            self.name is None
            or not self.seen
            or (units.model is not None and any(pair in self.labels for pair in units.model.labels))
        )

    def units(self, node: NodeFacts) -> Units | None:
        for units in node.gpus:  # a loop, since thousands of nodes are asked
            if self.has(units):
                return units
        return None

    def terms(self) -> list[dict[str, Any]]:
        """The expressions of a node affinity of which one has to be met; none where any model will do."""
        values: dict[str, list[str]] = {}
        for key, value in self.labels:
            values.setdefault(key, []).append(value)
        return [{"key": key, "operator": "In", "values": each} for key, each in values.items()]


def joint(resource: str, name: str | None) -> str:
    """A kind in one text. Neither part can have an equals sign."""
    return f"{resource}={name}" if name else resource


def parted(value: str) -> tuple[str | None, str | None]:
    """Resource and model of such a text, or of a model alone."""
    if "/" not in value:
        return None, value or None
    resource, _, name = value.partition("=")
    return resource, name or None
