"""Which nodes the servers of a hub can never use, by its node selector, required node affinity and tolerations.

The hub knows some labels of each node, those that the service shows. A label that it shows of any node it shows of all
that have it; one that it shows of none is unknown and closes nothing, and neither does anything that can't be read.
Sources: kubernetes v1.36 component-helpers/scheduling/corev1/nodeaffinity, api/core/v1/toleration.go
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moorage.hub.amounts import is_gpu
from moorage.hub.selector import unmet
from moorage.texts import both, either, t

if TYPE_CHECKING:
    from moorage.hub.selector import Requirement
    from moorage.hub.view.facts import NodeFacts, Taint

# Taints of a node's condition pass by themselves.
_PASSING = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")
# Of a pod as a whole: what these say comes on top of the settings of the same name.
_WHOLE_POD = ("nodeSelector", "node_selector", "affinity", "tolerations", "runtimeClassName", "runtime_class_name")
_HOOKS = ("auth_state_hook", "apply_user_options", "pre_spawn_hook", "modify_pod_hook")


@dataclass(frozen=True)
class Placement:
    """What a pod says of the nodes that it may use: as KubeSpawner has it, unread."""

    selector: Mapping[str, Any]
    terms: Collection[Any] = ()
    tolerations: Collection[Any] = ()

    def tolerates(self, taint: Taint) -> bool:
        return any(_tolerates(toleration, taint) for toleration in self.tolerations)


def placement_of(spawner: Any, selector: Mapping[str, Any]) -> Placement | None:
    """What this spawner is configured to; None where something else may change it later."""
    if any(getattr(spawner, hook, None) for hook in _HOOKS) or not set(_WHOLE_POD).isdisjoint(spawner.extra_pod_config):
        return None
    terms, tolerations = spawner.node_affinity_required, spawner.tolerations
    return Placement(
        selector,
        tuple(terms.values() if isinstance(terms, Mapping) else terms or ()),
        tuple(tolerations.values() if isinstance(tolerations, Mapping) else tolerations or ()),
    )


def barred(placement: Placement | None, nodes: Mapping[str, NodeFacts] | None) -> dict[str, str]:
    """The nodes that the pod can never use, each with the reason in words that follow "the node is"."""
    if placement is None or not nodes:
        return {}
    expressions = [each for term in placement.terms for each in _expressions(term)]
    wanted = tuple({*placement.selector, *(str(each.get("key")) for each in expressions)})
    shown = {key for key in wanted if any(key in node.labels for node in nodes.values())}
    resources = {units.resource for node in nodes.values() for units in node.gpus}
    # Few kinds of node make up a large cluster.
    known: dict[tuple[Any, ...], str | None] = {}
    found: dict[str, str] = {}
    for name, node in nodes.items():
        if not wanted and not node.keeps_off:
            continue
        kind = (node.keeps_off, node.machine is None, *map(node.labels.get, wanted))
        if kind not in known:
            known[kind] = _unwanted(node, placement, _told(node, shown)) or _kept_off(node, placement, resources)
        if (reason := known[kind]) is not None:
            found[name] = reason
    return found


def outside(where: Sequence[Requirement], nodes: Mapping[str, NodeFacts] | None) -> frozenset[str]:
    """The nodes whose labels are known not to meet what a person's must."""
    shown = tuple(
        dict.fromkeys(each.key for each in where if any(each.key in node.labels for node in (nodes or {}).values()))
    )
    known: dict[tuple[Any, ...], bool] = {}
    found = set()
    for name, node in nodes.items() if nodes and shown else ():
        kind = node.machine is None, *map(node.labels.get, shown)
        if kind not in known:
            known[kind] = unmet(where, node.labels, shown=_told(node, shown))
        if known[kind]:
            found.add(name)
    return frozenset(found)


def _told(node: NodeFacts, shown: Collection[str]) -> Collection[str]:
    """Those of the labels of which it is known whether the node has them: a machine may get more once it is there."""
    return shown if node.machine is None else [key for key in shown if key in node.labels]


def packed(barred: Mapping[str, str], *, hidden: Collection[str] = ()) -> dict[str, Any]:
    """The same for a page, each reason once. Those of them that are not shown at all have the place -1."""
    reasons = {name: reason for name, reason in barred.items() if name not in hidden}
    places = {reason: place for place, reason in enumerate(dict.fromkeys(reasons.values()))}
    shown = {name: places[reason] for name, reason in reasons.items()}
    return {"reasons": list(places), "nodes": {**dict.fromkeys(sorted(hidden), -1), **shown}}


def _unwanted(node: NodeFacts, placement: Placement, shown: Collection[str]) -> str | None:
    for key, value in placement.selector.items():
        if key in shown and node.labels.get(key) != value:
            return t("not for this hub's servers ({labels} needed)", labels=f"{key}={value}")
    verdicts = [_meets(node, term, shown) for term in placement.terms]
    if not verdicts or not all(verdict is False for verdict in verdicts):
        return None
    words = [text for each in _expressions(next(iter(placement.terms))) if (text := _words(each))]
    if not words:
        return t("not for this hub's servers")
    return t("not for this hub's servers ({labels} needed)", labels=both(words))


def _expressions(term: Any) -> list[Mapping[str, Any]]:
    """The expressions on labels of one term; none where it has any that can't be read."""
    values = _either(term, "matchExpressions", "match_expressions")
    if not isinstance(values, list) or not all(isinstance(each, Mapping) for each in values):
        return []
    return values


def _meets(node: NodeFacts, term: Any, shown: Collection[str]) -> bool | None:
    """Whether the node meets all of one term; None where that is unknown."""
    expressions = _expressions(term)
    if not expressions or _either(term, "matchFields", "match_fields"):
        return None
    results = [_holds(node.labels, each) if each.get("key") in shown else None for each in expressions]
    return False if False in results else None if None in results else True


def _holds(labels: Mapping[str, str], expression: Mapping[str, Any]) -> bool | None:
    key, values = str(expression.get("key")), expression.get("values") or ()
    has = labels.get(key)
    match expression.get("operator"):
        case "In":
            return has in values
        case "NotIn":
            return has is None or has not in values
        case "Exists":
            return has is not None
        case "DoesNotExist":
            return has is None
    return None


def _words(expression: Mapping[str, Any]) -> str:
    key, values = str(expression.get("key")), [str(value) for value in expression.get("values") or ()]
    match expression.get("operator"):
        case "In":
            return f"{key}={either(values)}"
        case "NotIn":
            return t("{label} other than {values}", label=key, values=either(values))
        case "DoesNotExist":
            return t("no label {label}", label=key)
    return key


def _kept_off(node: NodeFacts, placement: Placement, resources: Collection[str]) -> str | None:
    for taint in node.keeps_off:
        # The API server may add a toleration for the resources that a pod asks for (ExtendedResourceToleration).
        if taint.key.startswith(_PASSING) or is_gpu(taint.key) or taint.key in resources:
            continue
        if not placement.tolerates(taint):
            return f"reserved ({taint.words()})"
    return None


def _tolerates(toleration: Any, taint: Taint) -> bool:
    if not isinstance(toleration, Mapping):
        return True
    key, effect, operator = (toleration.get(name) or "" for name in ("key", "effect", "operator"))
    if (effect and effect != taint.effect) or (key and key != taint.key):
        return False
    # What is neither of the two compares in a way that is not known here.
    return operator not in ("", "Equal") or (toleration.get("value") or "") == taint.value


def _either(term: Any, *names: str) -> Any:
    return next((term[name] for name in names if term.get(name)), None) if isinstance(term, Mapping) else None
