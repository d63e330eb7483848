"""Who may create what where, and what admission plugins add: namespaces, service accounts, priority and runtime
classes, limit ranges and quotas.

Source of the sentences: the plugins of that name in kubernetes v1.36 plugin/pkg/admission.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.simulator import limitranges, quotas
from moorage.simulator.resources import BY_PLURAL, NAMESPACES, PODS, Kind
from moorage.simulator.status import forbidden, not_found

if TYPE_CHECKING:
    from moorage.simulator.api import Api

Json = dict[str, Any]

_ACCOUNTS = BY_PLURAL["serviceaccounts"]
_PRIORITIES = BY_PLURAL["priorityclasses"]
_RUNTIMES = BY_PLURAL["runtimeclasses"]
_CLASSES = BY_PLURAL["storageclasses"]
_COUNTED = ("pods", "persistentvolumeclaims", "services", "secrets", "configmaps")


def mutate(api: Api, kind: Kind, body: Json) -> None:
    """Change this new object, or refuse it, before it is validated."""
    if not kind.namespaced:
        return
    _namespace(api, kind, body)
    if kind is PODS:
        _account(api, body)
        _priority(api, body)
        _runtime(api, body)
        limitranges.fill_in(api, body)
    elif kind.plural == "persistentvolumeclaims":
        _storage_class(api, body)


def validate(api: Api, kind: Kind, body: Json) -> None:
    """Refuse this new object, which is valid in itself; quotas come last."""
    if kind is PODS:
        _overhead(api, body)
    if kind is PODS or kind.plural == "persistentvolumeclaims":
        limitranges.check(api, kind, body)
    if kind.plural in _COUNTED:
        quotas.admit(api, kind, body)


def _namespace(api: Api, kind: Kind, body: Json) -> None:
    name = body["metadata"]["namespace"]
    namespace = api.find(NAMESPACES, None, name)
    if namespace is None:
        raise not_found(NAMESPACES, name)
    if namespace["metadata"].get("deletionTimestamp"):
        why = f"unable to create new content in namespace {name} because it is being terminated"
        raise forbidden(kind, body["metadata"].get("name"), why)


def _storage_class(api: Api, claim: Json) -> None:
    """A claim that names no class gets the default one, the newest where there are several."""
    spec = claim.get("spec") or {}
    if spec.get("storageClassName") is not None:
        return
    mark = "storageclass.kubernetes.io/is-default-class"
    marked = [held for held in api.all(_CLASSES) if (held["metadata"].get("annotations") or {}).get(mark) == "true"]
    if marked:
        newest = max(marked, key=lambda held: (held["metadata"]["creationTimestamp"], held["metadata"]["name"]))
        spec["storageClassName"] = newest["metadata"]["name"]


def _account(api: Api, pod: Json) -> None:
    namespace, name = pod["metadata"]["namespace"], pod["spec"].get("serviceAccountName") or "default"
    if api.find(_ACCOUNTS, namespace, name) is None:
        why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
        raise forbidden(PODS, pod["metadata"].get("name"), why)


def _priority(api: Api, pod: Json) -> None:
    spec, name = pod["spec"], pod["metadata"].get("name")
    wanted = spec.get("priorityClassName")
    if wanted:
        held = api.find(_PRIORITIES, None, wanted)
        if held is None:
            raise forbidden(PODS, name, f"no PriorityClass with name {wanted} was found")
    else:
        held = next((found for found in api.all(_PRIORITIES) if found.get("globalDefault")), None)
        if held is not None:
            spec["priorityClassName"] = held["metadata"]["name"]
    value = int(held.get("value", 0)) if held else 0
    if spec.get("priority") not in (None, 0, value):
        why = (
            f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; "
            f"priority admission controller computed {value} from the given PriorityClass name"
        )
        raise forbidden(PODS, name, why)
    spec["priority"] = value
    if held is not None:
        spec["preemptionPolicy"] = held.get("preemptionPolicy") or "PreemptLowerPriority"


def _runtime(api: Api, pod: Json) -> None:
    spec, name = pod["spec"], pod["metadata"].get("name")
    wanted = spec.get("runtimeClassName")
    if not wanted:
        return
    held = api.find(_RUNTIMES, None, wanted)
    if held is None:
        raise forbidden(PODS, name, f'pod rejected: RuntimeClass "{wanted}" not found')
    overhead = (held.get("overhead") or {}).get("podFixed")
    if overhead:
        if spec.get("overhead") not in (None, overhead):
            raise forbidden(PODS, name, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead")
        spec["overhead"] = dict(overhead)
    scheduling = held.get("scheduling") or {}
    selector, own = scheduling.get("nodeSelector") or {}, spec.get("nodeSelector") or {}
    for key, value in selector.items():
        if own.get(key, value) != value:
            place = f"nodeSelector[{key}]"
            why = f"conflict: runtimeClass.scheduling.{place} = {value}; pod.spec.{place} = {own[key]}"
            raise forbidden(PODS, name, f"pod rejected: {why}")
    if selector:
        spec["nodeSelector"] = {**own, **selector}
    for toleration in scheduling.get("tolerations") or ():
        if toleration not in spec.setdefault("tolerations", []):
            spec["tolerations"].append(toleration)


def _overhead(api: Api, pod: Json) -> None:
    wanted = pod["spec"].get("runtimeClassName")
    held = api.find(_RUNTIMES, None, wanted) if wanted else None
    if pod["spec"].get("overhead") and not ((held or {}).get("overhead") or {}).get("podFixed"):
        why = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
        raise forbidden(PODS, pod["metadata"].get("name"), why)
