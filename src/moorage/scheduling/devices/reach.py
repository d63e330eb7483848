"""Whose a device is: one node's own, or one that several nodes reach over a network."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from moorage.objects import DeviceBody, NodeSelectorTerm, SliceSpec

_HOSTNAME, _NAME = "kubernetes.io/hostname", "metadata.name"


def is_local(spec: SliceSpec, body: DeviceBody) -> bool:
    """Whether a device of this slice names one node, be it by a selector."""
    where = body if spec.per_device_node_selection else spec
    if where.node_name:
        return True
    if where.all_nodes or where.node_selector is None:
        return False
    named = {_only_node(term) for term in where.node_selector.node_selector_terms or ()}
    return len(named) == 1 and None not in named


def _only_node(term: NodeSelectorTerm) -> str | None:
    asked = [
        *((_HOSTNAME, one) for one in term.match_expressions or ()),
        *((_NAME, one) for one in term.match_fields or ()),
    ]
    for key, one in asked:
        if one.key == key and one.operator == "In" and len(one.values or ()) == 1:
            return (one.values or [""])[0]
    return None
