"""Label selectors and node selectors."""

from moorage.objects.base import Value


class Requirement(Value, frozen=True):
    """One expression of a label selector or of a node selector."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] | None = None


class LabelSelector(Value, frozen=True):
    match_labels: dict[str, str | None] | None = None
    match_expressions: tuple[Requirement, ...] | None = None


class NodeSelectorTerm(Value, frozen=True):
    match_expressions: tuple[Requirement, ...] | None = None
    match_fields: tuple[Requirement, ...] | None = None


class NodeSelector(Value, frozen=True):
    node_selector_terms: tuple[NodeSelectorTerm, ...] | None = None
