"""How much one question may ask of this service.

A verdict costs nodes times what the pod asks for, and its answer grows the same way. The API server bounds neither, so
a few kilobytes could hold up the loop for seconds and be answered by a gigabyte. Real pods are far below these bounds.
"""

from typing import Any

from moorage.service.http.errors import ApiError
from moorage.service.http.inputs import MOST_CLAIMS

# Names of resources, each of which every refusing node is told the shortage of.
MOST_RESOURCES = 32
# Rules that are held against each node: expressions of selectors, tolerations.
MOST_NODE_RULES = 256
# Rules that are held against each pod of the cluster: affinity to other pods, spreading.
MOST_POD_RULES = 32
# Volumes and ports, which are also looked for on each node.
MOST_PARTS = 256
# Rules that are held against each volume of a new claim's class.
MOST_VOLUME_RULES = 32


def check(pod: dict[str, Any]) -> None:
    """Raises `ApiError` where the pod asks for more than any real one. What has another shape is for others to tell."""
    spec = _dict(pod.get("spec"))
    affinity = _dict(spec.get("affinity"))
    others = [_required(affinity, "podAffinity"), _required(affinity, "podAntiAffinity")]
    rules = sum(len(_list(terms)) for terms in (*others, spec.get("topologySpreadConstraints")))
    terms = _list(_dict(_required(affinity, "nodeAffinity")).get("nodeSelectorTerms"))
    expressions = sum(
        1 + len(_list(_dict(term).get("matchExpressions"))) + len(_list(_dict(term).get("matchFields")))
        for term in terms
    )
    selected = expressions + len(_list(spec.get("tolerations"))) + len(_dict(spec.get("nodeSelector")))
    _refuse_above(MOST_RESOURCES, len(_resources(spec)), "names of resources")
    _refuse_above(MOST_POD_RULES, rules, "rules on other pods")
    _refuse_above(MOST_NODE_RULES, selected, "rules on nodes")
    ports = sum(len(_list(_dict(container).get("ports"))) for container in _containers(spec))
    _refuse_above(MOST_PARTS, len(_list(spec.get("volumes"))) + ports, "volumes and ports")


def check_claims(claims: list[dict[str, Any]]) -> None:
    """The same for the claims that come with it."""
    _refuse_above(MOST_CLAIMS, len(claims), "new claims")
    selectors = [_dict(_dict(claim.get("spec")).get("selector")) for claim in claims]
    rules = sum(len(_dict(one.get("matchLabels"))) + len(_list(one.get("matchExpressions"))) for one in selectors)
    _refuse_above(MOST_VOLUME_RULES, rules, "rules on volumes")


def _containers(spec: dict[str, Any]) -> list[Any]:
    return [*_list(spec.get("containers")), *_list(spec.get("initContainers"))]


def _resources(spec: dict[str, Any]) -> set[str]:
    names = set(_dict(spec.get("overhead")))
    for owner in (*_containers(spec), spec):
        resources = _dict(_dict(owner).get("resources"))
        names.update(_dict(resources.get("requests")), _dict(resources.get("limits")))
    return names


def _refuse_above(most: int, found: int, what: str) -> None:
    if found > most:
        raise ApiError(
            422,
            "too_many",
            f"The pod has {found} {what}; this service answers for up to {most}.",
            hint="Send a simpler pod.",
        )


def _required(affinity: dict[str, Any], kind: str) -> Any:
    return _dict(affinity.get(kind)).get("requiredDuringSchedulingIgnoredDuringExecution")


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
