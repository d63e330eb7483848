"""What kubectl's tables say of each kind: the columns that the real server prints for what people look at.

Source: kubernetes v1.36 pkg/printers/internalversion/printers.go
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]
Cells = list[Any]
# A name, and whether the column is shown without -o wide.
Column = tuple[str, bool]


def since(text: str | None) -> str:
    """How long ago, as kubectl writes it."""
    if not text:
        return "<unknown>"
    moment = datetime.fromisoformat(text)
    return duration(int((datetime.now(UTC) - moment).total_seconds()))


def duration(seconds: int) -> str:
    if seconds < 0:
        return "0s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    return f"{days}d"


def _age(body: Json) -> str:
    return since(body["metadata"].get("creationTimestamp"))


def _node(body: Json) -> Cells:
    status, spec = body.get("status") or {}, body.get("spec") or {}
    conditions = {held["type"]: held["status"] for held in status.get("conditions") or ()}
    words = [{"True": "Ready"}.get(conditions["Ready"], "NotReady")] if "Ready" in conditions else ["Unknown"]
    if spec.get("unschedulable"):
        words.append("SchedulingDisabled")
    labels = body["metadata"].get("labels") or {}
    prefix = "node-role.kubernetes.io/"
    roles = sorted(label.removeprefix(prefix) for label in labels if label.startswith(prefix))
    info = status.get("nodeInfo") or {}
    addresses = {held["type"]: held["address"] for held in status.get("addresses") or ()}
    return [
        ",".join(words),
        ",".join(roles) or "<none>",
        _age(body),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", "<none>"),
        addresses.get("ExternalIP", "<none>"),
        info.get("osImage", "<unknown>"),
        info.get("kernelVersion", "<unknown>"),
        info.get("containerRuntimeVersion", "<unknown>"),
    ]


def pod_reason(body: Json) -> str:
    """The STATUS column: the most telling of phase, reason and container states."""
    status = body.get("status") or {}
    said = str(status.get("reason") or status.get("phase") or "")
    for held in status.get("containerStatuses") or ():
        state = held.get("state") or {}
        if (waits := state.get("waiting")) and waits.get("reason"):
            said = waits["reason"]
        elif ended := state.get("terminated"):
            said = ended.get("reason") or f"ExitCode:{ended.get('exitCode')}"
    if body["metadata"].get("deletionTimestamp"):
        said = "Terminating" if status.get("reason") != "NodeLost" else "Unknown"
    elif any(
        held.get("type") == "PodScheduled" and held.get("reason") == "SchedulingGated"
        for held in status.get("conditions") or ()
    ):
        said = "SchedulingGated"
    return said


def _pod(body: Json) -> Cells:
    status, spec = body.get("status") or {}, body.get("spec") or {}
    statuses = status.get("containerStatuses") or ()
    ready = sum(bool(held.get("ready")) for held in statuses)
    restarts = sum(int(held.get("restartCount") or 0) for held in statuses)
    gates = spec.get("readinessGates") or ()
    return [
        f"{ready}/{len(spec.get('containers') or ())}",
        pod_reason(body),
        str(restarts),
        _age(body),
        status.get("podIP") or "<none>",
        spec.get("nodeName") or "<none>",
        status.get("nominatedNodeName") or "<none>",
        f"0/{len(gates)}" if gates else "<none>",
    ]


def _event(body: Json) -> Cells:
    subject = body.get("involvedObject") or {}
    source = body.get("source") or {}
    words = ", ".join(filter(None, (source.get("component"), source.get("host"))))
    return [
        since(body.get("lastTimestamp") or body.get("eventTime")),
        body.get("type", ""),
        body.get("reason", ""),
        f"{subject.get('kind', '').lower()}/{subject.get('name', '')}",
        str(body.get("message", "")).strip(),
        subject.get("fieldPath", ""),
        words or body.get("reportingComponent", ""),
        since(body.get("firstTimestamp") or body.get("eventTime")),
        str(body.get("count", 1)),
        body["metadata"]["name"],
    ]


def _claim(body: Json) -> Cells:
    spec, status = body.get("spec") or {}, body.get("status") or {}
    bound = bool(spec.get("volumeName"))
    phase = "Terminating" if body["metadata"].get("deletionTimestamp") else status.get("phase", "")
    return [
        phase,
        spec.get("volumeName", ""),
        (status.get("capacity") or {}).get("storage", "") if bound else "",
        _modes(status.get("accessModes") or ()) if bound else "",
        spec.get("storageClassName", ""),
        "<unset>",
        _age(body),
        spec.get("volumeMode", ""),
    ]


def _modes(modes: Any) -> str:
    short = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
    return ",".join(short.get(mode, mode) for mode in modes)


def _volume(body: Json) -> Cells:
    spec, status = body.get("spec") or {}, body.get("status") or {}
    claim = spec.get("claimRef") or {}
    return [
        (spec.get("capacity") or {}).get("storage", ""),
        _modes(spec.get("accessModes") or ()),
        spec.get("persistentVolumeReclaimPolicy", ""),
        status.get("phase", ""),
        f"{claim['namespace']}/{claim['name']}" if claim else "",
        spec.get("storageClassName", ""),
        "<unset>",
        status.get("reason", ""),
        _age(body),
        spec.get("volumeMode", ""),
    ]


def _class(body: Json) -> Cells:
    expands = "true" if body.get("allowVolumeExpansion") else "false"
    return [
        body.get("provisioner", ""),
        body.get("reclaimPolicy", "Delete"),
        body.get("volumeBindingMode", "Immediate"),
        expands,
        _age(body),
    ]


def _service(body: Json) -> Cells:
    spec = body.get("spec") or {}
    ports = ",".join(f"{port.get('port')}/{port.get('protocol', 'TCP')}" for port in spec.get("ports") or ())
    selector = ",".join(f"{key}={value}" for key, value in sorted((spec.get("selector") or {}).items()))
    kind = spec.get("type", "ClusterIP")
    return [kind, spec.get("clusterIP") or "<none>", "<none>", ports or "<none>", _age(body), selector or "<none>"]


def _priority(body: Json) -> Cells:
    is_default = "true" if body.get("globalDefault") else "false"
    return [
        str(body.get("value", 0)),
        is_default,
        _age(body),
        body.get("preemptionPolicy", "PreemptLowerPriority"),
    ]


def _quota(body: Json) -> Cells:
    status = body.get("status") or {}
    hard, used = status.get("hard") or (body.get("spec") or {}).get("hard") or {}, status.get("used") or {}

    def words(*, limits: bool) -> str:
        names = sorted(name for name in hard if name.startswith("limits") is limits)
        return ", ".join(f"{name}: {used.get(name, 0)}/{hard[name]}" for name in names)

    return [words(limits=False), words(limits=True), _age(body)]


def _lease(body: Json) -> Cells:
    return [(body.get("spec") or {}).get("holderIdentity", ""), _age(body)]


def _secret(body: Json) -> Cells:
    return [body.get("type", ""), str(len(body.get("data") or {})), _age(body)]


def _phase(body: Json) -> Cells:
    return [(body.get("status") or {}).get("phase", ""), _age(body)]


def _data(body: Json) -> Cells:
    return [str(len(body.get("data") or {})), _age(body)]


def _shown(*names: str, wide: tuple[str, ...] = ()) -> list[Column]:
    return [*((name, True) for name in names), *((name, False) for name in wide)]


def _named(
    cells: Callable[[Json], Cells], *names: str, wide: tuple[str, ...] = ()
) -> tuple[list[Column], Callable[[Json], Cells]]:
    """A printer whose first column is the object's name."""
    return _shown("Name", *names, wide=wide), lambda body: [body["metadata"]["name"], *cells(body)]


PLAIN: list[Column] = [("Name", True), ("Age", True)]
_NODE_WIDE = ("Internal-IP", "External-IP", "OS-Image", "Kernel-Version", "Container-Runtime")
PRINTERS: dict[str, tuple[list[Column], Callable[[Json], Cells]]] = {
    "nodes": _named(_node, "Status", "Roles", "Age", "Version", wide=_NODE_WIDE),
    "pods": _named(
        _pod, "Ready", "Status", "Restarts", "Age", wide=("IP", "Node", "Nominated Node", "Readiness Gates")
    ),
    "events": (
        _shown(
            "Last Seen",
            "Type",
            "Reason",
            "Object",
            "Message",
            wide=("Subobject", "Source", "First Seen", "Count", "Name"),
        ),
        _event,
    ),
    "persistentvolumeclaims": _named(
        _claim,
        *("Status", "Volume", "Capacity", "Access Modes", "StorageClass", "VolumeAttributesClass", "Age"),
        wide=("VolumeMode",),
    ),
    "persistentvolumes": _named(
        _volume,
        *("Capacity", "Access Modes", "Reclaim Policy", "Status", "Claim", "StorageClass", "VolumeAttributesClass"),
        *("Reason", "Age"),
        wide=("VolumeMode",),
    ),
    "storageclasses": _named(
        _class, "Provisioner", "ReclaimPolicy", "VolumeBindingMode", "AllowVolumeExpansion", "Age"
    ),
    "services": _named(_service, "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", wide=("Selector",)),
    "priorityclasses": _named(_priority, "Value", "Global-Default", "Age", "PreemptionPolicy"),
    "resourcequotas": _named(_quota, "Request", "Limit", "Age"),
    "leases": _named(_lease, "Holder", "Age"),
    "secrets": _named(_secret, "Type", "Data", "Age"),
    "configmaps": _named(_data, "Data", "Age"),
    "namespaces": _named(_phase, "Status", "Age"),
}


def plain(body: Json) -> Cells:
    return [body["metadata"]["name"], _age(body)]
