"""A pod bound to the nodes that its person may use: requirements on labels, joined to those that it has already.

The terms of a required node affinity are alternatives, so each gets the further requirements. A term without any of its
own matches no node, and is left so.
"""

from __future__ import annotations

from copy import copy
from typing import TYPE_CHECKING, Any

from kubernetes_asyncio.client import models
from kubespawner.utils import get_k8s_model

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from moorage.hub.selector import Requirement


def bind(pod: Any, requirements: Iterable[Requirement], *, either: Sequence[Mapping[str, Any]] = ()) -> Any:
    """The same pod, on nodes that meet these alone, and one of the expressions `either`. What it has already is objects
    of the Kubernetes client, or dictionaries of an administrator's `extra_pod_config`.
    """
    expressions = [each.as_expression() for each in requirements]
    if not expressions and not either:
        return pod
    ways: list[list[Mapping[str, Any]]] = [[*expressions, each] for each in either] or [[*expressions]]
    affinity = get_k8s_model(models.V1Affinity, pod.spec.affinity or {})
    nodes = get_k8s_model(models.V1NodeAffinity, affinity.node_affinity or {})
    required = nodes.required_during_scheduling_ignored_during_execution
    terms = get_k8s_model(models.V1NodeSelector, required).node_selector_terms if required else [{}]
    nodes.required_during_scheduling_ignored_during_execution = models.V1NodeSelector(
        node_selector_terms=[_joined(term, way, alone=not required) for term in terms for way in ways]
    )
    affinity.node_affinity = nodes
    pod.spec.affinity = affinity
    return pod


def _joined(term: Any, expressions: Sequence[Mapping[str, Any]], *, alone: bool) -> Any:
    joined = get_k8s_model(models.V1NodeSelectorTerm, copy(term))
    if alone or joined.match_expressions or joined.match_fields:
        joined.match_expressions = [*(joined.match_expressions or []), *expressions]
    return joined
