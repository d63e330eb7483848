"""The kinds that are followed, and how each is asked for."""

from dataclasses import dataclass, replace
from typing import Any

from moorage import objects
from moorage.texts import later

_PROMPT, _CALM = 1.8, 10.0


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object in one API group, followed in all namespaces."""

    name: str
    path: str
    kind: type[Any]
    selector: str | None = None
    # Without these there is no truth to tell; without the others only some verdicts are poorer.
    required: bool = False
    # What a node has is counted from these as well, where there are any: an old picture of them is an old one of nodes.
    counted: bool = False
    # A kind of an add-on, which most clusters do without: that it is not served, or not granted, is worth no word.
    addon: bool = False
    # A watch that says nothing for so long is doubted and replaced: it may hang on a connection that is long dead.
    silence: float = _CALM
    # What a page decodes into should stay in the cache until it is digested: measured, pages of 250 pods of 9 KB take
    # a tenth less time than 500, and hold the event loop for half as long.
    page: int = 250
    # The same kind in older versions of its group, for servers that do not serve the first.
    older: tuple[str, ...] = ()

    @property
    def missing_right(self) -> str:
        """What to tell the person who can grant it."""
        return later("not allowed to list {kind} cluster-wide: grant list and watch on {kind}", kind=self.name)

    def in_next_version(self) -> "Resource":
        """The same kind, asked for in the version that comes after this one, and after the last in the first again."""
        first, *rest = (*self.older, self.path)
        return replace(self, path=first, older=tuple(rest))

    def params(self, **more: str) -> dict[str, str]:
        """The query of a request for this kind."""
        return {"fieldSelector": self.selector, **more} if self.selector else more


def _devices(kind: type[Any], *, counted: bool = True) -> Resource:
    paths = [f"/apis/resource.k8s.io/{version}/{kind.PLURAL}" for version in ("v1", "v1beta2", "v1beta1")]
    silence = _PROMPT if counted else _CALM
    return Resource(kind.PLURAL, paths[0], kind, counted=counted, silence=silence, older=tuple(paths[1:]))


def _kueue(kind: type[Any]) -> Resource:
    paths = [f"/apis/kueue.x-k8s.io/{version}/{kind.PLURAL}" for version in ("v1beta2", "v1beta1")]
    return Resource(kind.PLURAL, paths[0], kind, addon=True, older=tuple(paths[1:]))


NODES = Resource("nodes", "/api/v1/nodes", objects.Node, required=True, silence=_PROMPT)
# The scheduler's own selector: a pod that ends then arrives as DELETED.
PODS = Resource(
    "pods",
    "/api/v1/pods",
    objects.CountedPod,
    selector="status.phase!=Succeeded,status.phase!=Failed",
    required=True,
    silence=_PROMPT,
)
FOLLOWED = (
    NODES,
    PODS,
    Resource("persistentvolumeclaims", "/api/v1/persistentvolumeclaims", objects.PersistentVolumeClaim),
    Resource("persistentvolumes", "/api/v1/persistentvolumes", objects.PersistentVolume),
    Resource("namespaces", "/api/v1/namespaces", objects.Namespace),
    Resource("storageclasses", "/apis/storage.k8s.io/v1/storageclasses", objects.StorageClass),
    Resource("csinodes", "/apis/storage.k8s.io/v1/csinodes", objects.CSINode),
    Resource("volumeattachments", "/apis/storage.k8s.io/v1/volumeattachments", objects.VolumeAttachment),
    Resource("csidrivers", "/apis/storage.k8s.io/v1/csidrivers", objects.CSIDriver),
    Resource("csistoragecapacities", "/apis/storage.k8s.io/v1/csistoragecapacities", objects.CSIStorageCapacity),
    Resource("poddisruptionbudgets", "/apis/policy/v1/poddisruptionbudgets", objects.PodDisruptionBudget),
    Resource("priorityclasses", "/apis/scheduling.k8s.io/v1/priorityclasses", objects.PriorityClass),
    _devices(objects.ResourceSlice),
    _devices(objects.ResourceClaim),
    _devices(objects.ResourceClaimTemplate, counted=False),
    _devices(objects.DeviceClass),
)
# Followed where their API exists and may be read.
ADDONS = (
    Resource("nodepools", "/apis/karpenter.sh/v1/nodepools", objects.NodePool, addon=True),
    Resource("nodeclaims", "/apis/karpenter.sh/v1/nodeclaims", objects.NodeClaim, addon=True),
    _kueue(objects.LocalQueue),
    _kueue(objects.ClusterQueue),
    _kueue(objects.Workload),
)
