"""What the API server fills in before it stores an object.

Source: kubernetes v1.36 pkg/apis/core/v1/defaults.go, and the admission plugins Priority, DefaultTolerationSeconds and
ServiceAccount.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.errors import InvalidObject
from moorage.scheduling.accounting.quality import quality_of
from moorage.scheduling.admission import defaults
from moorage.simulator.rules.limitranges import complete

if TYPE_CHECKING:
    from moorage.simulator.store.resources import Kind

Json = dict[str, Any]

_NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


def prepare(kind: Kind, body: Json, *, keep_status: bool) -> Json:
    """Fill in this object; a status sent by a creator is dropped, as the API server drops it."""
    if kind.has_status:
        body["metadata"].setdefault("generation", 1)
        if not keep_status or body.get("status") is None:
            body.pop("status", None)
    if kind.addon:
        return body
    match kind.plural:
        case "pods":
            _pod(body)
        case "nodes":
            _node(body)
        case "namespaces":
            body["metadata"].setdefault("labels", {}).setdefault(
                "kubernetes.io/metadata.name", body["metadata"].get("name")
            )
            body.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
            body.setdefault("status", {}).setdefault("phase", "Active")
        case "persistentvolumeclaims":
            body.setdefault("spec", {}).setdefault("volumeMode", "Filesystem")
            body.setdefault("status", {}).setdefault("phase", "Pending")
        case "persistentvolumes":
            spec = body.setdefault("spec", {})
            spec.setdefault("persistentVolumeReclaimPolicy", "Retain")
            spec.setdefault("volumeMode", "Filesystem")
            body.setdefault("status", {}).setdefault("phase", "Available")
        case "storageclasses":
            body.setdefault("reclaimPolicy", "Delete")
            body.setdefault("volumeBindingMode", "Immediate")
        case "services":
            _service(body)
        case "limitranges":
            for item in (body.get("spec") or {}).get("limits") or ():
                complete(item)
        case "secrets":
            body.setdefault("type", "Opaque")
            _string_data(body)
        case _:
            pass
    return body


def _string_data(body: Json) -> None:
    from base64 import b64encode

    for key, text in (body.pop("stringData", None) or {}).items():
        body.setdefault("data", {})[key] = b64encode(str(text).encode()).decode()


def _service(body: Json) -> None:
    spec = body.setdefault("spec", {})
    spec.setdefault("type", "ClusterIP")
    spec.setdefault("sessionAffinity", "None")
    for port in spec.get("ports") or ():
        port.setdefault("protocol", "TCP")
        port.setdefault("targetPort", port.get("port"))
    body.setdefault("status", {}).setdefault("loadBalancer", {})


def _node(body: Json) -> None:
    body.setdefault("spec", {})
    status = body.setdefault("status", {})
    if "allocatable" not in status and "capacity" in status:
        status["allocatable"] = dict(status["capacity"])


def taint_by_readiness(node: Json) -> None:
    """A new node can't be used before it is ready: admission adds a taint, the lifecycle controller takes it away."""
    conditions = (node.get("status") or {}).get("conditions") or ()
    ready = any(held.get("type") == "Ready" and held.get("status") == "True" for held in conditions)
    taints = [held for held in node["spec"].get("taints") or () if held.get("key") != _NOT_READY["key"]]
    if not ready:
        taints.append(dict(_NOT_READY))
    node["spec"].pop("taints", None)
    if taints:
        node["spec"]["taints"] = taints


def _pod(body: Json) -> None:
    spec = body.setdefault("spec", {})
    if not isinstance(spec, dict):
        return
    for field, value in (
        ("restartPolicy", "Always"),
        ("terminationGracePeriodSeconds", 30),
        ("dnsPolicy", "ClusterFirst"),
        ("schedulerName", "default-scheduler"),
        ("securityContext", {}),
        ("enableServiceLinks", True),
        ("preemptionPolicy", "PreemptLowerPriority"),
    ):
        if spec.get(field) is None:
            spec[field] = value
    if not spec.get("serviceAccountName"):
        spec["serviceAccountName"] = spec.get("serviceAccount") or "default"
    spec["serviceAccount"] = spec["serviceAccountName"]
    for container in [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]:
        if isinstance(container, dict):
            _container(container)
    _by_rule(body)
    status = body.setdefault("status", {})
    if isinstance(status, dict):
        status.setdefault("phase", "Pending")
        status.setdefault("qosClass", quality_of(spec))


def _by_rule(pod: Json) -> None:
    """What decides where the pod fits: amounts, ports of the node, tolerations, selectors."""
    try:
        defaults.tolerate_unwell_nodes(pod)
        defaults.fill_in(pod)
    except (InvalidObject, AttributeError, TypeError):
        return  # test data that nobody can read


def _container(container: Json) -> None:
    for field, value in (
        ("terminationMessagePath", "/dev/termination-log"),
        ("terminationMessagePolicy", "File"),
    ):
        container.setdefault(field, value)
    image = str(container.get("image") or "")
    latest = ":" not in image.rsplit("/", 1)[-1] or image.endswith(":latest")
    container.setdefault("imagePullPolicy", "Always" if latest and "@" not in image else "IfNotPresent")
    container.setdefault("resources", {})
