"""The pod that asks for a place, read once for all plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from moorage.objects import Identity, Pod, PodAffinityTerm, Toleration, Unreadable, Volume, decode
from moorage.scheduling.accounting.podinfo import PodInfo, digest

if TYPE_CHECKING:
    from moorage.scheduling.steps import Steps


class Ask:
    """What the plugins read of the incoming pod. It is measured by its spec alone: it has no status that counts."""

    __slots__ = (
        "affinity_terms",
        "ahead",
        "anti_affinity_terms",
        "doubts",
        "info",
        "labels",
        "name",
        "namespace",
        "pod",
        "tolerations",
        "volumes",
    )

    def __init__(self, pod: Pod | dict[str, Any]) -> None:
        if not isinstance(pod, Pod):
            pod = decode(Pod, pod)
        self.pod = pod
        self.info: PodInfo = digest(replace(pod, status=None))
        self.name, self.namespace, self.labels = self.info.name, self.info.namespace, self.info.labels
        spec = pod.spec
        self.tolerations: tuple[Toleration, ...] = tuple(spec.tolerations or ())
        self.volumes: list[Volume] = spec.volumes or []
        affinity = spec.affinity
        required = affinity.pod_affinity.required if affinity and affinity.pod_affinity else None
        self.affinity_terms: tuple[PodAffinityTerm, ...] = tuple(required or ())
        self.anti_affinity_terms = self.info.extra.anti_affinity
        # What plugins would look through before nodes are asked, so that no single node takes long.
        self.ahead: list[Steps[None]] = []
        # What plugins can't decide about this pod, and on which nodes; on all of them where none is named.
        self.doubts: dict[str, list[str]] = {}

    def doubt(self, what: str, node: str | None = None) -> None:
        """Note what can't be decided. It refuses nothing, and is told beside the verdict."""
        nodes = self.doubts.setdefault(what, [])
        if node is not None and node not in nodes[-1:]:
            nodes.append(node)

    def unreadable(self, complaint: str) -> Unreadable:
        """The error that names this pod."""
        return Unreadable(Identity("Pod", self.namespace, self.name, self.pod.metadata.uid), complaint)
