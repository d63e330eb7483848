"""ResourceQuota: what a namespace may have in all, counted from what is there.

Source: kubernetes v1.36 apiserver pkg/admission/plugin/resourcequota/controller.go,
pkg/quota/v1/evaluator/core/{pods,persistent_volume_claims}.go
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.simulator.amounts import Amounts, containers_of, list_of, nanos_of, sums, text_of
from moorage.simulator.resources import BY_PLURAL, PODS, Kind
from moorage.simulator.status import forbidden

if TYPE_CHECKING:
    from moorage.simulator.api import Api

Json = dict[str, Any]
QUOTAS = BY_PLURAL["resourcequotas"]
_ONE = 10**9
_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_BARE = (
    "pods",
    "persistentvolumeclaims",
    "services",
    "secrets",
    "configmaps",
    "resourcequotas",
    "replicationcontrollers",
)


def admit(api: Api, kind: Kind, body: Json) -> None:
    """Refuse a new object that would take its namespace over a quota."""
    namespace, name = body["metadata"]["namespace"], body["metadata"].get("name")
    for quota in sorted(api.all(QUOTAS, namespace), key=lambda held: str(held["metadata"]["name"])):
        if not _covers(quota, kind, body):
            continue
        hard = nanos_of(quota["spec"].get("hard"))
        asked = {held: amount for held, amount in usage(kind, body).items() if held in hard}
        quota_name = quota["metadata"]["name"]
        if kind is PODS and (missing := _unsaid(body, hard)):
            raise forbidden(kind, name, f"failed quota: {quota_name}: must specify {missing}")
        used = used_by(api, quota, namespace)
        over = [held for held, amount in asked.items() if amount and used.get(held, 0) + amount > hard[held]]
        if over:
            said = f"requested: {list_of(asked, over)}, used: {list_of(used, over)}, limited: {list_of(hard, over)}"
            raise forbidden(kind, name, f"exceeded quota: {quota_name}, {said}")


def refresh(api: Api, namespace: str) -> None:
    """Write what is used into the status of a namespace's quotas, as the quota controller does."""
    for quota in api.all(QUOTAS, namespace):
        hard = quota["spec"].get("hard") or {}
        used = used_by(api, quota, namespace)
        status = {"hard": hard, "used": {name: text_of(name, used.get(name, 0)) for name in hard}}
        if quota.get("status") != status:
            api.update(
                QUOTAS,
                namespace,
                quota["metadata"]["name"],
                lambda body, status=status: {**body, "status": status},  # type: ignore[misc]
                subresource="status",
                trusted=True,
            )


def used_by(api: Api, quota: Json, namespace: str) -> Amounts:
    total: Amounts = {}
    for plural in ("pods", "persistentvolumeclaims", "services", "secrets", "configmaps"):
        kind = BY_PLURAL[plural]
        for body in api.all(kind, namespace):
            if _covers(quota, kind, body):
                for name, amount in usage(kind, body).items():
                    total[name] = total.get(name, 0) + amount
    return total


def usage(kind: Kind, body: Json) -> Amounts:
    """What one object counts, under every name by which a quota may know it."""
    counts: Amounts = {f"count/{kind.qualified}": _ONE}
    if kind.plural in _BARE and kind is not PODS:
        counts[kind.plural] = _ONE
    if kind is PODS:
        if (body.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            return counts
        counts["pods"] = _ONE
        for name, amount in sums(body, "requests").items():
            counts[f"requests.{name}"] = amount
            if name in _COMPUTE or name.startswith("hugepages-"):
                counts[name] = amount
        for name, amount in sums(body, "limits").items():
            if name in _COMPUTE:
                counts[f"limits.{name}"] = amount
    elif kind.plural == "persistentvolumeclaims":
        spec = body.get("spec") or {}
        storage = nanos_of((spec.get("resources") or {}).get("requests")).get("storage", 0)
        counts["requests.storage"] = storage
        if named := spec.get("storageClassName"):
            counts[f"{named}.storageclass.storage.k8s.io/requests.storage"] = storage
            counts[f"{named}.storageclass.storage.k8s.io/persistentvolumeclaims"] = _ONE
    return counts


def _unsaid(pod: Json, hard: Amounts) -> str:
    """Containers that don't say what a quota counts, as `cpu for: main; limits.memory for: main`."""
    found: dict[str, list[str]] = {}
    for container in [*containers_of(pod), *(pod["spec"].get("initContainers") or ())]:
        resources = container.get("resources") or {}
        for name in hard:
            section, _, plain = name.partition(".")
            if section not in ("requests", "limits"):
                section, plain = "requests", name
            if plain in ("cpu", "memory") and plain not in (resources.get(section) or {}):
                found.setdefault(name, []).append(str(container["name"]))
    return "; ".join(f"{name} for: {','.join(sorted(names))}" for name, names in sorted(found.items()))


def _covers(quota: Json, kind: Kind, body: Json) -> bool:
    """Whether the quota's scopes speak of this object; scopes speak of pods alone."""
    spec = quota["spec"]
    scopes = [{"scopeName": name, "operator": "Exists"} for name in spec.get("scopes") or ()]
    scopes += (spec.get("scopeSelector") or {}).get("matchExpressions") or []
    if not scopes:
        return True
    return kind is PODS and all(_in_scope(scope, body) for scope in scopes)


def _in_scope(scope: Json, pod: Json) -> bool:
    name, operator, values = scope["scopeName"], scope.get("operator", "Exists"), scope.get("values") or ()
    best_effort = not any(
        (container.get("resources") or {}).get(section)
        for container in containers_of(pod)
        for section in ("requests", "limits")
    )
    ends = pod["spec"].get("activeDeadlineSeconds") is not None
    match name:
        case "BestEffort":
            return best_effort
        case "NotBestEffort":
            return not best_effort
        case "Terminating":
            return ends
        case "NotTerminating":
            return not ends
        case "PriorityClass":
            named = pod["spec"].get("priorityClassName") or ""
            if operator == "In":
                return named in values
            if operator == "NotIn":
                return named not in values
            return bool(named) is (operator == "Exists")
        case _:
            return False
