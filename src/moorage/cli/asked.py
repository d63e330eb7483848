"""The pods that a file asks for: pods themselves, and those that a workload would make. Claims beside them would be
created as well.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from moorage.errors import MoorageError

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]

# Where a workload keeps its pod template: most kinds, CronJob, PodTemplate.
_TEMPLATES = (("spec", "template"), ("spec", "jobTemplate", "spec", "template"), ("template",))
_COUNTS = ("replicas", "parallelism")
# Facts of the pod that runs, which a new one has not got.
_OF_ITS_LIFE = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generateName",
    "generation",
    "managedFields",
    "resourceVersion",
)
# What the DaemonSet controller adds to each pod: kubernetes v1.36 pkg/controller/daemon/util/daemonset_util.go.
_DAEMON_TAINTS = {
    "not-ready": "NoExecute",
    "unreachable": "NoExecute",
    "disk-pressure": "NoSchedule",
    "memory-pressure": "NoSchedule",
    "pid-pressure": "NoSchedule",
    "unschedulable": "NoSchedule",
}


class Refused(MoorageError):
    """An answer, which asking again would not change."""


@dataclass(frozen=True)
class Asked:
    """One pod to ask for. `notes` say in sentences what it is not, compared with what stands in the file."""

    kind: str
    namespace: str
    name: str
    pod: Json
    notes: tuple[str, ...] = ()
    claims: tuple[Json, ...] = ()

    @property
    def title(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"

    @property
    def request(self) -> Json:
        """As the service is asked."""
        return {"pod": self.pod, "claims": list(self.claims)} if self.claims else {"pod": self.pod}

    def shown(self) -> Json:
        return {"kind": self.kind, "namespace": self.namespace, "name": self.name, "notes": list(self.notes)}


def pods_of(objects: list[Json], *, namespace: str | None = None) -> tuple[list[Asked], list[str]]:
    """The pods that these objects are or make, all in `namespace` where one is given, each with the claims there; and
    the names of the others.
    """
    found, others = [], []
    claims: dict[str, list[Json]] = {}
    for body in objects:
        if body.get("kind") == "PersistentVolumeClaim":
            where = namespace or str(_metadata(body).get("namespace") or "default")
            claims.setdefault(where, []).append({**body, "metadata": {**_metadata(body), "namespace": where}})
        elif (asked := _asked(body, namespace=namespace)) is not None:
            found.append(asked)
        else:
            others.append(f"{body.get('kind') or 'an object'} {_metadata(body).get('name') or ''}".strip())
    return [replace(asked, claims=tuple(claims.get(asked.namespace, ()))) for asked in found], others


def _asked(body: Json, *, namespace: str | None) -> Asked | None:
    kind = str(body.get("kind") or "Pod")
    metadata = _metadata(body)
    where = namespace or str(metadata.get("namespace") or "default")
    name = str(metadata.get("name") or "")
    if kind == "Pod":
        pod = {**body, "metadata": {**metadata, "namespace": where}}
        node = _running_on(pod)
        if node is None:
            return Asked(kind, where, name, pod)
        pod, notes = _anew(pod, node=node)
        return Asked(kind, where, name, pod, notes)
    template = next((found for path in _TEMPLATES if (found := _at(body, path)) is not None), None)
    if template is None:
        return None
    spec = dict(template["spec"])
    if kind == "DaemonSet":
        spec["tolerations"] = [*(spec.get("tolerations") or ()), *_daemon_tolerations(spec)]
    made = {**_metadata(template), "namespace": where, "name": name}
    return Asked(
        kind,
        where,
        name,
        {"apiVersion": "v1", "kind": "Pod", "metadata": made, "spec": spec},
        tuple(_notes(body, kind=kind)),
    )


def _notes(body: Json, *, kind: str) -> list[str]:
    told = []
    spec = body.get("spec") or {}
    if kind == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    counts = [spec[name] for name in _COUNTS if isinstance(spec.get(name), int)]
    if counts and counts[0] != 1:
        told.append(f"Checked for one pod; the {kind} creates {counts[0]}.")
    if kind == "DaemonSet":
        told.append("Checked for one pod; the DaemonSet creates one on each eligible node.")
    if spec.get("volumeClaimTemplates"):
        told.append("Volumes from its volumeClaimTemplates are ignored.")
    return told


def _running_on(pod: Json) -> str | None:
    """The node of a pod that the cluster knows already; a pod that was written by hand may name a node, too."""
    spec, status = pod.get("spec"), pod.get("status")
    node = spec.get("nodeName") if isinstance(spec, dict) else None
    known = pod["metadata"].get("uid") or (isinstance(status, dict) and status.get("phase"))
    return node if node and isinstance(node, str) and known else None


def _anew(pod: Json, *, node: str) -> tuple[Json, tuple[str, ...]]:
    """The pod as if it were created now. Its uid says whose place is left aside."""
    metadata = {name: value for name, value in pod["metadata"].items() if name not in _OF_ITS_LIFE}
    # A pod without a uid counts under its name.
    metadata["uid"] = metadata.get("uid") or f"{metadata['namespace']}/{metadata.get('name')}"
    spec = {name: value for name, value in pod["spec"].items() if name != "nodeName"}
    notes = [f"It already runs on {node}. Checked as if it were new and did not hold its place there."]
    claims = spec.get("resourceClaims")
    if isinstance(claims, list) and any(isinstance(c, dict) and c.get("resourceClaimTemplateName") for c in claims):
        notes.append("Devices that its claims hold count as taken.")
    body = {name: value for name, value in pod.items() if name != "status"}
    return {**body, "metadata": metadata, "spec": spec}, tuple(notes)


def _daemon_tolerations(spec: Json) -> list[Json]:
    taints = dict(_DAEMON_TAINTS) | ({"network-unavailable": "NoSchedule"} if spec.get("hostNetwork") else {})
    return [
        {"key": f"node.kubernetes.io/{name}", "operator": "Exists", "effect": effect} for name, effect in taints.items()
    ]


def _metadata(body: Mapping[str, Any]) -> Json:
    metadata = body.get("metadata")
    return metadata if isinstance(metadata, dict) else {}


def _at(body: Json, path: tuple[str, ...]) -> Json | None:
    """The pod template at this path, if one is there."""
    place: Any = body
    for name in path:
        place = place.get(name) if isinstance(place, dict) else None
    spec = place.get("spec") if isinstance(place, dict) else None
    return place if isinstance(spec, dict) and isinstance(spec.get("containers"), list) else None
