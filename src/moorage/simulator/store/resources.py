"""The kinds of object that the simulator serves, as the API's discovery names them.

One `Kind` for each resource. `events` is served in two groups but stored once, as upstream does.
"""

from __future__ import annotations

from dataclasses import dataclass

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Kind:
    """One resource of the API: how it is addressed, named and stored."""

    plural: str
    name: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True
    short: tuple[str, ...] = ()
    has_status: bool = False
    subresources: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    stored_as: tuple[str, str] | None = None
    # Of an add-on: served once an object of it is there, as if its CustomResourceDefinition had come with the first.
    addon: bool = False

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def key(self) -> tuple[str, str]:
        """The shelf of the storage on which objects of this kind lie."""
        return self.stored_as or (self.group, self.plural)

    @property
    def singular(self) -> str:
        return self.name.lower()

    @property
    def qualified(self) -> str:
        """As the API server writes it in sentences: `pods`, `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, *, namespace: str | None = None, name: str | None = None) -> str:
        """The URL path of the collection, or of one object."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        place = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        return f"{root}{place}/{self.plural}" + (f"/{name}" if name else "")


_RBAC = "rbac.authorization.k8s.io"
_STORAGE = "storage.k8s.io"
_DRA = "resource.k8s.io"
_KARPENTER = "karpenter.sh"
_KUEUE = "kueue.x-k8s.io"

KINDS: tuple[Kind, ...] = (
    Kind("configmaps", "ConfigMap", short=("cm",)),
    Kind("endpoints", "Endpoints", short=("ep",)),
    Kind("events", "Event", short=("ev",)),
    Kind("limitranges", "LimitRange", short=("limits",)),
    Kind("namespaces", "Namespace", namespaced=False, short=("ns",), has_status=True),
    Kind("nodes", "Node", namespaced=False, short=("no",), has_status=True),
    Kind("persistentvolumeclaims", "PersistentVolumeClaim", short=("pvc",), has_status=True),
    Kind("persistentvolumes", "PersistentVolume", namespaced=False, short=("pv",), has_status=True),
    Kind(
        "pods", "Pod", short=("po",), has_status=True, subresources=("binding", "eviction", "log"), categories=("all",)
    ),
    Kind("podtemplates", "PodTemplate"),
    Kind("replicationcontrollers", "ReplicationController", short=("rc",), has_status=True, categories=("all",)),
    Kind("resourcequotas", "ResourceQuota", short=("quota",), has_status=True),
    Kind("secrets", "Secret"),
    Kind("serviceaccounts", "ServiceAccount", short=("sa",), subresources=("token",)),
    Kind("services", "Service", short=("svc",), has_status=True, categories=("all",)),
    Kind("controllerrevisions", "ControllerRevision", "apps"),
    Kind("daemonsets", "DaemonSet", "apps", short=("ds",), has_status=True, categories=("all",)),
    Kind("deployments", "Deployment", "apps", short=("deploy",), has_status=True, categories=("all",)),
    Kind("replicasets", "ReplicaSet", "apps", short=("rs",), has_status=True, categories=("all",)),
    Kind("statefulsets", "StatefulSet", "apps", short=("sts",), has_status=True, categories=("all",)),
    Kind("cronjobs", "CronJob", "batch", short=("cj",), has_status=True, categories=("all",)),
    Kind("jobs", "Job", "batch", has_status=True, categories=("all",)),
    Kind("leases", "Lease", "coordination.k8s.io"),
    Kind("endpointslices", "EndpointSlice", "discovery.k8s.io"),
    Kind("events", "Event", "events.k8s.io", short=("ev",), stored_as=("", "events")),
    Kind("ingresses", "Ingress", "networking.k8s.io", short=("ing",), has_status=True),
    Kind("networkpolicies", "NetworkPolicy", "networking.k8s.io", short=("netpol",)),
    Kind("runtimeclasses", "RuntimeClass", "node.k8s.io", namespaced=False),
    Kind("poddisruptionbudgets", "PodDisruptionBudget", "policy", short=("pdb",), has_status=True),
    Kind("clusterrolebindings", "ClusterRoleBinding", _RBAC, namespaced=False),
    Kind("clusterroles", "ClusterRole", _RBAC, namespaced=False),
    Kind("rolebindings", "RoleBinding", _RBAC),
    Kind("roles", "Role", _RBAC),
    Kind("deviceclasses", "DeviceClass", _DRA, namespaced=False),
    Kind("resourceclaims", "ResourceClaim", _DRA, has_status=True),
    Kind("resourceclaimtemplates", "ResourceClaimTemplate", _DRA),
    Kind("resourceslices", "ResourceSlice", _DRA, namespaced=False),
    Kind("priorityclasses", "PriorityClass", "scheduling.k8s.io", namespaced=False, short=("pc",)),
    Kind("csidrivers", "CSIDriver", _STORAGE, namespaced=False),
    Kind("csinodes", "CSINode", _STORAGE, namespaced=False),
    Kind("csistoragecapacities", "CSIStorageCapacity", _STORAGE),
    Kind("storageclasses", "StorageClass", _STORAGE, namespaced=False, short=("sc",)),
    Kind("volumeattachments", "VolumeAttachment", _STORAGE, namespaced=False, has_status=True),
    Kind("nodeclaims", "NodeClaim", _KARPENTER, namespaced=False, has_status=True, addon=True),
    Kind("nodepools", "NodePool", _KARPENTER, namespaced=False, has_status=True, addon=True),
    Kind("clusterqueues", "ClusterQueue", _KUEUE, "v1beta2", namespaced=False, has_status=True, addon=True),
    Kind("localqueues", "LocalQueue", _KUEUE, "v1beta2", has_status=True, addon=True),
    Kind("workloadpriorityclasses", "WorkloadPriorityClass", _KUEUE, "v1beta2", namespaced=False, addon=True),
    Kind("workloads", "Workload", _KUEUE, "v1beta2", has_status=True, addon=True),
    Kind("pods", "PodMetrics", "metrics.k8s.io", "v1beta1", addon=True),
)

BY_PATH = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
BY_PLURAL = {kind.plural: kind for kind in reversed(KINDS)}
BY_NAME = {(kind.api_version, kind.name): kind for kind in KINDS}
_BY_BARE_NAME = {kind.name: kind for kind in reversed(KINDS)}

PODS = BY_PLURAL["pods"]
NODES = BY_PLURAL["nodes"]
NAMESPACES = BY_PLURAL["namespaces"]
EVENTS = BY_PLURAL["events"]


def kind_of(text: str | Kind) -> Kind:
    """The kind that a caller means by `pods`, `Pod`, `pod` or a short name; KeyError when there is none."""
    if isinstance(text, Kind):
        return text
    if text in BY_PLURAL:
        return BY_PLURAL[text]
    for kind in KINDS:
        if text == kind.name or text.lower() == kind.singular or text in kind.short or text == kind.qualified:
            return kind
    raise KeyError(text)


def kind_of_object(body: dict[str, object]) -> Kind:
    """The kind of an object by its `apiVersion` and `kind`."""
    version, name = body.get("apiVersion"), body.get("kind")
    found = BY_NAME.get((str(version), str(name))) or (_BY_BARE_NAME.get(str(name)) if version is None else None)
    if found is None:
        raise KeyError(f"the simulator has no kind {name!r} of {version!r}")
    return found
