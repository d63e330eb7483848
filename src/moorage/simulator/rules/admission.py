"""Who may create what where, and what admission plugins add: namespaces, service accounts, priority and runtime
classes, limit ranges and quotas.

Whatever decides where a pod fits is `scheduling.admission`'s rule, asked here about what is stored.
Source of the other sentences: the plugins of that name in kubernetes v1.36 plugin/pkg/admission.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.objects import PriorityClass, RuntimeClass, StorageClass
from moorage.scheduling.admission import classes
from moorage.scheduling.volumes import CLASS, default_class
from moorage.simulator.rules import limitranges, quotas
from moorage.simulator.store.resources import BY_PLURAL, NAMESPACES, PODS, Kind
from moorage.simulator.store.status import forbidden, not_found

if TYPE_CHECKING:
    from moorage.simulator.store.reading import Reader

Json = dict[str, Any]

_ACCOUNTS = BY_PLURAL["serviceaccounts"]
_PRIORITIES = BY_PLURAL["priorityclasses"]
_RUNTIMES = BY_PLURAL["runtimeclasses"]
_CLASSES = BY_PLURAL["storageclasses"]
_QUEUES = BY_PLURAL["localqueues"]
_COUNTED = ("pods", "persistentvolumeclaims", "services", "secrets", "configmaps")


QUEUE_NAME, GATE = "kueue.x-k8s.io/queue-name", "kueue.x-k8s.io/admission"


def mutate(objects: Reader, kind: Kind, body: Json) -> None:
    """Change this new object, or refuse it, before it is validated."""
    if not kind.namespaced:
        return
    _namespace(objects, kind, body)
    if kind is PODS:
        _account(objects, body)
        _classes(objects, body)
        limitranges.fill_in(objects, body)
        _gate(objects, body)
    elif kind.plural == "persistentvolumeclaims":
        _storage_class(objects, body)


def validate(objects: Reader, kind: Kind, body: Json) -> None:
    """Refuse this new object, which is valid in itself; quotas come last."""
    if kind is PODS or kind.plural == "persistentvolumeclaims":
        limitranges.check(objects, kind, body)
    if kind.plural in _COUNTED:
        quotas.admit(objects, kind, body)


def _namespace(objects: Reader, kind: Kind, body: Json) -> None:
    name = body["metadata"]["namespace"]
    namespace = objects.find(NAMESPACES, None, name)
    if namespace is None:
        raise not_found(NAMESPACES, name)
    if namespace["metadata"].get("deletionTimestamp"):
        why = f"unable to create new content in namespace {name} because it is being terminated"
        raise forbidden(kind, body["metadata"].get("name"), why)


def _gate(objects: Reader, pod: Json) -> None:
    """What Kueue's webhook does to a pod that names a queue; it comes with the first queue."""
    labels = pod["metadata"].get("labels") or {}
    if not labels.get(QUEUE_NAME) or not objects.storage.has_shelf(_QUEUES.key) or not objects.all(_QUEUES):
        return
    pod["metadata"]["labels"] = {**labels, "kueue.x-k8s.io/managed": "true"}
    pod["spec"]["schedulingGates"] = [*(pod["spec"].get("schedulingGates") or ()), {"name": GATE}]


def _storage_class(objects: Reader, claim: Json) -> None:
    """A claim that names no class gets the default one."""
    spec = claim.get("spec") or {}
    if spec.get("storageClassName") is not None or CLASS in (claim["metadata"].get("annotations") or {}):
        return
    usual = default_class(objects.typed(_CLASSES, StorageClass))
    if usual is not None:
        spec["storageClassName"] = usual.metadata.name


def _account(objects: Reader, pod: Json) -> None:
    namespace, name = pod["metadata"]["namespace"], pod["spec"].get("serviceAccountName") or "default"
    if objects.find(_ACCOUNTS, namespace, name) is None:
        why = f'error looking up service account {namespace}/{name}: serviceaccount "{name}" not found'
        raise forbidden(PODS, pod["metadata"].get("name"), why)


def _classes(objects: Reader, pod: Json) -> None:
    """The runtime class and the priority class that the pod names, and what they bring."""
    name = pod["metadata"].get("name")
    priority = classes.apply_priority(pod, objects.typed(_PRIORITIES, PriorityClass))
    for refusal in (*priority, *classes.apply_runtime(pod, objects.typed(_RUNTIMES, RuntimeClass))):
        raise forbidden(PODS, name, refusal.message)
    held = objects.find(_PRIORITIES, None, pod["spec"].get("priorityClassName") or "")
    if held is not None:
        pod["spec"]["preemptionPolicy"] = held.get("preemptionPolicy") or "PreemptLowerPriority"
