"""A node as the scheduler sees it: what it can give, and the sum of what its pods count.

Adding and removing a pod cost the same on an empty and on a full node.

Source: kubernetes v1.36 pkg/scheduler/framework/types.go (NodeInfo)
"""

from __future__ import annotations

from sys import intern
from typing import Any

import msgspec
from msgspec.structs import replace

from moorage.objects import UNREADABLE, ContainerImage, Identity, Node, NodeStatus, Taint, Unreadable
from moorage.scheduling.accounting.ladder import Ladder
from moorage.scheduling.accounting.podinfo import NO_EXTRA, Labels, PodInfo
from moorage.scheduling.accounting.totals import Totals, read_totals

_SHARED = 200_000
_shared_names: dict[bytes, tuple[str, ...]] = {}
_image = msgspec.json.Decoder(ContainerImage)


def image_names(node: Node) -> tuple[tuple[str, ...], ...]:
    """The names of each image that is present on a node; one copy for all nodes that tell the same."""
    images = (node.status.images if node.status else None) or ()
    return tuple([_shared_names.get(raw) or _share_names(raw, node) for raw in map(bytes, images)])


def _share_names(raw: bytes, node: Node) -> tuple[str, ...]:
    try:
        names = tuple(map(intern, _image.decode(raw).names or ()))
    except UNREADABLE as error:
        identity = Identity("Node", None, node.metadata.name, node.metadata.uid)
        raise Unreadable(identity, f"status.images: {error}") from error
    if len(_shared_names) >= _SHARED:
        _shared_names.clear()
    _shared_names[raw] = names
    return names


_shared_parts: dict[tuple[Any, ...], Any] = {}
# Few makes of nodes and few conditions are told by many; messages that differ each time must not pile up.
_SHARED_PARTS = 10_000


def _share_status(status: NodeStatus) -> NodeStatus:
    """The status without its images; nodes of one make share the text of what they have and how they do."""
    if len(_shared_parts) >= _SHARED_PARTS:
        _shared_parts.clear()
    share = _shared_parts.setdefault
    conditions = [
        c if c.last_transition_time else share((c.type, c.status, c.reason, c.message), c)
        for c in status.conditions or ()
    ]
    capacity, allocatable = [
        share(tuple(amounts.items()), amounts) if amounts else amounts
        for amounts in (status.capacity, status.allocatable)
    ]
    return replace(status, images=None, capacity=capacity, allocatable=allocatable, conditions=conditions or None)


class NodeInfo:
    """A node with its pods. `node` is None while pods name a node that the cluster doesn't know."""

    __slots__ = (
        "_ladder",
        "allocatable",
        "blocking_taints",
        "capacity",
        "generation",
        "images",
        "labels",
        "name",
        "node",
        "nominated",
        "pods",
        "requested",
        "special",
        "taints",
        "unreadable",
        "unschedulable",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.node: Node | None = None
        self.labels: Labels = {}
        self.taints: tuple[Taint, ...] = ()
        self.blocking_taints: tuple[Taint, ...] = ()
        self.unschedulable = False
        self.allocatable = Totals()
        self.capacity = Totals()
        self.images: tuple[tuple[str, ...], ...] = ()
        self.requested = Totals()
        self.pods: dict[str, PodInfo] = {}
        self.special: dict[str, PodInfo] = {}
        self.nominated: dict[str, PodInfo] = {}
        self.unreadable: dict[str, Unreadable] = {}
        self._ladder: tuple[int, Ladder] | None = None
        # Grows with each change of the node or of the pods on it, so that others see whether they need look again.
        self.generation = 0

    @property
    def unreadable_pods(self) -> int:
        return len(self.unreadable)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known about this name any more."""
        return self.node is None and not (self.pods or self.nominated or self.unreadable)

    @property
    def ladder(self) -> Ladder:
        """The node's pods by importance, kept until something changes here."""
        if self._ladder is None or self._ladder[0] != self.generation:
            self._ladder = self.generation, Ladder(self.pods.values())
        return self._ladder[1]

    def set_node(self, node: Node) -> None:
        """Take over the node's own facts; its pods stay.

        Raises `Unreadable` where one of its amounts is garbage, and then changes nothing.
        """
        status, spec = node.status, node.spec
        allocatable = read_totals(status.allocatable if status else None, node=node, at="allocatable")
        capacity = read_totals(status.capacity if status else None, node=node, at="capacity")
        images = image_names(node)
        # The API server copies capacity where allocatable is absent.
        if status is not None and status.allocatable is None:
            allocatable = capacity
        self.generation += 1
        self.allocatable, self.capacity = allocatable, capacity
        self.labels = {intern(name): intern(value or "") for name, value in (node.metadata.labels or {}).items()}
        self.unschedulable = bool(spec and spec.unschedulable)
        self.taints = (spec.taints or ()) if spec else ()
        self.blocking_taints = tuple(taint for taint in self.taints if taint.effect in ("NoSchedule", "NoExecute"))
        self.images = images
        # Nodes tell the same names of labels and images over and over: the shared ones above are enough.
        self.node = replace(
            node,
            metadata=replace(node.metadata, labels=self.labels),
            status=_share_status(status) if status is not None else None,
        )

    def forget_node(self) -> None:
        """The node is gone; pods that still name it stay counted until they go themselves."""
        self.generation += 1
        self.node = None
        self.labels, self.taints, self.blocking_taints, self.unschedulable = {}, (), (), False
        self.allocatable, self.capacity, self.images = Totals(), Totals(), ()

    def add(self, pod: PodInfo) -> None:
        """Count a pod here; the same uid counts once."""
        self.generation += 1
        uid = pod.uid
        former = self.pods.get(uid)
        self.pods[uid] = pod
        if pod.extra is not NO_EXTRA:
            self.special[uid] = pod
        elif former is not None:
            self.special.pop(uid, None)
        if former is not None:
            if former.requests is pod.requests:
                return
            self.requested.subtract(former.requests)
        self.requested.add(pod.requests)

    def remove(self, uid: str) -> None:
        """Stop counting a pod; an unknown uid changes nothing."""
        pod = self.pods.pop(uid, None)
        if pod is not None:
            self.generation += 1
            self.special.pop(uid, None)
            self.requested.subtract(pod.requests)

    def with_pods(self, extra: list[PodInfo]) -> NodeInfo:
        """A copy on which these pods run too."""
        copy = NodeInfo(self.name)
        for slot in NodeInfo.__slots__:
            setattr(copy, slot, getattr(self, slot))
        copy.pods, copy.special = dict(self.pods), dict(self.special)
        copy.requested = self.requested.copy()
        for pod in extra:
            copy.add(pod)
        return copy
