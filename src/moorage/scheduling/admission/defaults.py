"""What the API server fills into a new pod, as far as it decides where the pod fits.

Source: kubernetes v1.36 pkg/apis/core/v1/defaults.go (SetDefaults_Pod, defaultPodRequests and the like),
plugin/pkg/admission/defaulttolerationseconds/admission.go and pkg/registry/core/pod/strategy.go (matchLabelKeys)
"""

from __future__ import annotations

from typing import Any

from moorage.quantity import ceil_div
from moorage.scheduling.accounting.names import is_pod_level
from moorage.scheduling.admission.amounts import identity_of, limits_of, nanos_of, requests_of, text_of

Json = dict[str, Any]
_MILLI = 10**6
_SECONDS = 300
_UNWELL = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def fill_in(pod: Json) -> None:
    """Defaults that are set before any admission plugin runs."""
    spec = pod["spec"]
    for field in ("initContainers", "containers"):
        for container in spec.get(field) or ():
            for port in container.get("ports") or ():
                port.setdefault("protocol", "TCP")
                if spec.get("hostNetwork") and not port.get("hostPort"):
                    port["hostPort"] = port.get("containerPort")
            _requests_from_limits(container)
    _pod_level_pages(pod)
    _pod_level_requests(pod)
    _round_up(pod)
    for which in ("podAffinity", "podAntiAffinity"):
        for term in _terms(spec, which):
            _merge_label_keys(term, (pod.get("metadata") or {}).get("labels") or {})


def tolerate_unwell_nodes(pod: Json) -> None:
    """For five minutes a pod stays on a node that is not ready or can't be reached, unless it says otherwise."""
    tolerations = pod["spec"].get("tolerations") or []
    missing = [
        {"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": _SECONDS}
        for key in _UNWELL
        if not any(t.get("key") in (key, None, "") and t.get("effect") in ("NoExecute", None, "") for t in tolerations)
    ]
    if missing:
        pod["spec"]["tolerations"] = [*tolerations, *missing]


def _requests_from_limits(container: Json) -> None:
    resources = container.get("resources") or {}
    limits = resources.get("limits") or {}
    if limits:
        container["resources"] = {**resources, "requests": {**limits, **(resources.get("requests") or {})}}


def _pod_level_pages(pod: Json) -> None:
    """Where the pod itself has amounts: limits on huge pages that its containers have are the pod's too."""
    resources = pod["spec"].get("resources") or {}
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    if not requests and not limits:
        return
    bare = {**pod, "spec": {**pod["spec"], "resources": None}}
    pages = {
        name: text_of(name, amount)
        for name, amount in limits_of(bare, overhead=False).items()
        if name.startswith("hugepages-") and name not in requests and name not in limits
    }
    if pages:
        pod["spec"]["resources"] = {**resources, "limits": {**limits, **pages}}


def _pod_level_requests(pod: Json) -> None:
    """Where the pod itself has limits: requests that it lacks are its containers' sum, or else those limits."""
    resources = pod["spec"].get("resources") or {}
    limits = resources.get("limits") or {}
    if not limits:
        return
    requests = dict(resources.get("requests") or {})
    bare = {**pod, "spec": {**pod["spec"], "resources": None}}
    for name, amount in requests_of(bare, overhead=False).items():
        if name in ("cpu", "memory") and name not in requests:
            requests[name] = text_of(name, amount)
    for name, amount in limits.items():
        if name not in requests and is_pod_level(name):
            requests[name] = amount
    pod["spec"]["resources"] = {**resources, "requests": requests}


def _round_up(pod: Json) -> None:
    """Amounts are stored in thousandths, rounded up."""
    who = identity_of(pod)
    for field in ("initContainers", "containers"):
        for index, container in enumerate(pod["spec"].get(field) or ()):
            resources = container.get("resources") or {}
            for section in ("requests", "limits"):
                amounts = resources.get(section) or {}
                exact = nanos_of(amounts, of=who, at=f"spec.{field}[{index}].resources.{section}")
                finer = {n: text_of(n, ceil_div(a, _MILLI) * _MILLI) for n, a in exact.items() if a % _MILLI}
                if finer:
                    resources[section] = {**amounts, **finer}


def _terms(spec: Json, which: str) -> list[Json]:
    affinity = (spec.get("affinity") or {}).get(which) or {}
    return list(affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or ())


def _merge_label_keys(term: Json, labels: Json) -> None:
    """Keys whose values are the pod's own become part of the selector."""
    if term.get("labelSelector") is None:
        return
    for field, operator in (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")):
        own = [
            {"key": key, "operator": operator, "values": [labels[key]]}
            for key in term.get(field) or ()
            if key in labels
        ]
        known = term["labelSelector"].get("matchExpressions") or []
        fresh = [expression for expression in own if expression not in known]
        if fresh:
            term["labelSelector"] = {**term["labelSelector"], "matchExpressions": [*known, *fresh]}
