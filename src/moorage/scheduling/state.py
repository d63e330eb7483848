"""What a cluster is made of, as far as verdicts depend on it.

Each update costs the same whatever the size of the cluster, and the order of updates does not matter: a pod may come
before its node and outlive it. What can't be read is kept apart, under its own name, and hides nothing else.
"""

from __future__ import annotations

from collections import ChainMap
from typing import TYPE_CHECKING, Any, Self, TypeVar

from moorage.objects import (
    ClusterQueue,
    CountedPod,
    CSIDriver,
    CSINode,
    CSIStorageCapacity,
    DeviceClass,
    LocalQueue,
    Namespace,
    Node,
    NodeClaim,
    NodePool,
    Object,
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    PodDisruptionBudget,
    PriorityClass,
    ResourceClaim,
    ResourceClaimTemplate,
    ResourceSlice,
    StorageClass,
    Unreadable,
    VolumeAttachment,
    Workload,
    decode,
)
from moorage.scheduling.accounting.aggregate import SERVER_VERSION, Version
from moorage.scheduling.accounting.budgets import Budgets
from moorage.scheduling.accounting.daemonsets import Daemons
from moorage.scheduling.accounting.nodeinfo import NodeInfo
from moorage.scheduling.accounting.podinfo import DEFAULT_SCHEDULER, NO_EXTRA, TERMINAL, PodInfo, digest
from moorage.scheduling.devices.inventory import Inventory
from moorage.scheduling.volumes import class_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, MutableMapping
    from datetime import datetime

    from moorage.scheduling.accounting.promise import Promise
    from moorage.scheduling.profiles import Profile

# Zero to JupyterHub's user-scheduler is kube-scheduler with other scores, in the release's name.
SCHEDULERS = (DEFAULT_SCHEDULER, "user-scheduler", "*-user-scheduler")
Key = tuple[str, str]
T = TypeVar("T", bound=Object)
# The kinds beside nodes and pods that verdicts depend on, on machines that are not there yet too.
KINDS: tuple[type[Object], ...] = (
    PersistentVolumeClaim,
    PersistentVolume,
    StorageClass,
    CSINode,
    CSIDriver,
    CSIStorageCapacity,
    Namespace,
    VolumeAttachment,
    ResourceSlice,
    ResourceClaim,
    ResourceClaimTemplate,
    DeviceClass,
    PodDisruptionBudget,
    PriorityClass,
    NodePool,
    NodeClaim,
    LocalQueue,
    ClusterQueue,
    Workload,
)


class State:
    """Nodes with their pods, and the other objects that decide where a pod may go."""

    def __init__(self, *, server_version: Version = SERVER_VERSION) -> None:
        self.server_version = server_version
        self.nodes: dict[str, NodeInfo] = {}
        self.pods: dict[str, PodInfo] = {}
        # Those among them that are on no node yet.
        self.unbound: set[str] = set()
        self.unreadable_objects: dict[tuple[str, str], Unreadable] = {}
        # Kinds of which nothing is known, as opposed to kinds of which there is nothing.
        self.unknown_kinds: frozenset[type[Object]] = frozenset()
        # Kinds that may not be read any more, and as of when what is known of them holds.
        self.former_kinds: dict[type[Object], datetime] = {}
        # Names, or patterns of names, of schedulers whose filters are kube-scheduler's own.
        self.schedulers: tuple[str, ...] = SCHEDULERS
        # What a node's labels promise of cards; who knows labels sets it.
        self.promised: Callable[[NodeInfo], Promise | None] = lambda _: None
        # How schedulers are configured, by name, as far as that could be read.
        self.profiles: Mapping[str, Profile] = {}
        # The priority of people's servers: what is below makes room for them.
        self.user_priority = 0
        # Nearly every claim has one user, so a set is made only for the second one.
        self.claim_users: dict[Key, str | set[str]] = {}
        self.anti_affine: dict[str, PodInfo] = {}
        self.daemons = Daemons()
        self.devices = Inventory()
        self.budgets = Budgets()
        self._strangers: dict[str, NodeInfo] = {}
        # Claims that are not bound and never will be, as far as that is known, and why.
        self.never_bound: dict[Key, str] = {}
        self._objects: dict[type[Object], MutableMapping[Key, Any]] = {kind: {} for kind in KINDS}
        self._volumes_of_class: dict[str, dict[str, PersistentVolume]] = {}
        self._attachments_on: dict[str, dict[str, VolumeAttachment]] = {}

    @classmethod
    def from_objects(
        cls,
        *,
        nodes: Iterable[Any] | None = None,
        pods: Iterable[Any] | None = None,
        server_version: Version = SERVER_VERSION,
        **others: Iterable[Any] | None,
    ) -> Self:
        """A cluster from plain objects, as the API server writes them. `others` are named by their plurals.

        Objects that can't be read are listed in `unreadable` and counted on their node; the rest stands.
        """
        cluster = cls(server_version=server_version)
        kinds = {kind.PLURAL: kind for kind in KINDS}
        unknown = sorted(set(others) - set(kinds))
        if unknown:
            raise TypeError(f"no verdict depends on {', '.join(unknown)}; known are nodes, pods, {', '.join(kinds)}")
        for node in nodes or ():
            cluster._read(Node, node)
        for pod in pods or ():
            cluster._read(Pod, pod)
        for plural, objects in others.items():
            for item in objects or ():
                cluster._read(kinds[plural], item)
        return cluster

    @property
    def unreadable(self) -> list[Unreadable]:
        """What is wrong with each object that can't be read."""
        return list(self.unreadable_objects.values())

    # --- updates ------------------------------------------------------------------------------------------------

    def set_node(self, node: Node) -> None:
        """Add or replace a node. Raises `Unreadable` where its amounts are garbage; the former facts then stand."""
        name = node.metadata.name
        info = self.nodes.get(name)
        if info is None:
            info = self._strangers.get(name) or NodeInfo(name)
        try:
            info.set_node(node)
        except Unreadable as error:
            self.set_unreadable(error)
            raise
        self._strangers.pop(name, None)
        self.nodes[name] = info
        self.unreadable_objects.pop(("Node", name), None)

    def remove_node(self, name: str) -> None:
        """Take a node away; pods that still name it wait for it or for their own end."""
        self.unreadable_objects.pop(("Node", name), None)
        self.devices.forget_node(name)
        info = self.nodes.pop(name, None)
        if info is not None:
            info.forget_node()
            if not info.is_empty:
                self._strangers[name] = info

    def set_pod(self, pod: Pod | CountedPod | PodInfo) -> PodInfo:
        """Add or replace a pod; a terminal one no longer counts.

        Raises `Unreadable` where it can't be digested; it is then counted among its node's unreadable pods.
        """
        if not isinstance(pod, PodInfo):
            try:
                pod = digest(pod, server_version=self.server_version)
            except Unreadable as error:
                self.set_unreadable(error)
                raise
        former = self.pods.get(pod.uid)
        if former is not None or self.unreadable_objects:
            if former is not None and _stands_alike(former, pod):
                # Only amounts, labels or marks changed, as in most events: the indexes stand.
                self._replace(pod)
                return pod
            self.remove_pod(pod.uid)
        self.add_pod(pod)
        return pod

    def add_pod(self, pod: PodInfo) -> None:
        """Add a pod whose uid is not known here; a terminal one doesn't count."""
        if pod.phase in TERMINAL:
            return
        name = pod.node_name
        self.pods[pod.uid] = pod
        if pod.daemon is not None:
            self.daemons.add(pod.daemon, pod)
        if name is not None:
            (self.nodes.get(name) or self._place(name)).add(pod)
            if pod.extra is not NO_EXTRA:
                self._index(pod)
            return
        self.unbound.add(pod.uid)
        if pod.extra.nominated_node_name is not None:
            self._place(pod.extra.nominated_node_name).nominated[pod.uid] = pod

    def remove_pod(self, uid: str) -> None:
        """Take a pod away; an unknown uid changes nothing."""
        if self.unreadable_objects:
            self._forget_unreadable_pod(uid)
        pod = self.pods.pop(uid, None)
        if pod is None:
            return
        self.unbound.discard(uid)
        if pod.daemon is not None:
            self.daemons.remove(pod.daemon)
        name = pod.node_name
        if name is not None:
            info = self.nodes.get(name) or self._strangers[name]
            info.remove(uid)
            self.anti_affine.pop(uid, None)
            for claim in set(pod.extra.claims):
                users = self.claim_users[pod.namespace, claim]
                if isinstance(users, str):
                    del self.claim_users[pod.namespace, claim]
                else:
                    users.discard(uid)
                    if len(users) == 1:
                        self.claim_users[pod.namespace, claim] = users.pop()
        elif pod.extra.nominated_node_name is not None:
            name = pod.extra.nominated_node_name
            info = self.nodes.get(name) or self._strangers[name]
            del info.nominated[uid]
        else:
            return
        if info.is_empty:
            self._strangers.pop(name, None)

    def set_unreadable(self, error: Unreadable) -> None:
        """Note an object that can't be read; a pod among them counts as unreadable on its node."""
        identity = error.identity
        if identity.kind == "Pod":
            uid = identity.uid or f"{identity.namespace or 'default'}/{identity.name}"
            self.remove_pod(uid)
            self.unreadable_objects["Pod", uid] = error
            if identity.node_name:
                self._place(identity.node_name).unreadable[uid] = error
        else:
            name = "/".join(part for part in (identity.namespace, identity.name) if part)
            self.unreadable_objects[identity.kind, name] = error

    def set_object(self, item: Object) -> Iterable[str]:
        """Add or replace an object of `KINDS`; the names of the nodes that may read differently now."""
        kind, meta = type(item), item.metadata
        before = self._take(kind, meta.namespace, meta.name)
        self._objects[kind][meta.namespace or "", meta.name] = item
        if isinstance(item, PersistentVolume):
            self._volumes_of_class.setdefault(class_of(item), {})[meta.name] = item
        elif isinstance(item, VolumeAttachment) and item.spec is not None:
            self._attachments_on.setdefault(item.spec.node_name, {})[meta.name] = item
        elif isinstance(item, PodDisruptionBudget):
            self.budgets.put(item)
        return (*before, *self._named(self.devices.put(item)))

    def remove_object(self, kind: type[Object] | str, namespace: str | None, name: str) -> Iterable[str]:
        """Take an object away; an unknown one changes nothing. `kind` is the class or its name, as `"Namespace"`.

        Returns the names of the nodes that may read differently now.
        """
        if isinstance(kind, str):
            kind = next(known for known in KINDS if kind in (known.KIND, known.PLURAL))
        if kind is PodDisruptionBudget:
            self.budgets.drop(namespace, name)
        return self._take(kind, namespace, name)

    def _take(self, kind: type[Object], namespace: str | None, name: str) -> Iterable[str]:
        self.unreadable_objects.pop((kind.KIND, "/".join(part for part in (namespace, name) if part)), None)
        item = self._objects[kind].pop((namespace or "", name), None)
        if isinstance(item, PersistentVolume):
            _discard(self._volumes_of_class, class_of(item), name)
        elif isinstance(item, VolumeAttachment) and item.spec is not None:
            _discard(self._attachments_on, item.spec.node_name, name)
        return () if item is None else self._named(self.devices.drop(item))

    def put_beside(self, item: PersistentVolumeClaim | PersistentVolume) -> None:
        """Add or replace an object on a copy of a state; what the copy shares with the original stays as it is."""
        kind, meta = type(item), item.metadata
        self._objects = {
            **self._objects,
            kind: ChainMap({(meta.namespace or "", meta.name): item}, self._objects[kind]),
        }
        if isinstance(item, PersistentVolume):
            name = class_of(item)
            others = self._volumes_of_class.get(name, {})
            self._volumes_of_class = {**self._volumes_of_class, name: {**others, meta.name: item}}

    # --- what the plugins ask -----------------------------------------------------------------------------------

    def get(self, kind: type[T], name: str, *, namespace: str = "") -> T | None:
        found: T | None = self._objects[kind].get((namespace, name))
        return found

    def all(self, kind: type[T]) -> Iterable[T]:
        return self._objects[kind].values()

    def volumes_of_class(self, name: str) -> Iterable[PersistentVolume]:
        return self._volumes_of_class.get(name, {}).values()

    def attachments_on(self, node_name: str) -> Iterable[VolumeAttachment]:
        return self._attachments_on.get(node_name, {}).values()

    def is_claim_used(self, namespace: str, claim: str) -> bool:
        """Whether a pod on a known node mounts this claim."""
        users = self.claim_users.get((namespace, claim), ())
        return any(self.pods[uid].node_name in self.nodes for uid in ((users,) if isinstance(users, str) else users))

    # --- inner --------------------------------------------------------------------------------------------------

    def _named(self, nodes: Iterable[str] | None) -> Iterable[str]:
        return tuple(self.nodes) if nodes is None else nodes

    def _place(self, name: str) -> NodeInfo:
        info = self.nodes.get(name) or self._strangers.get(name)
        if info is None:
            info = self._strangers[name] = NodeInfo(name)
        return info

    def _index(self, pod: PodInfo) -> None:
        if pod.extra.anti_affinity:
            self.anti_affine[pod.uid] = pod
        for claim in pod.extra.claims:
            users = self.claim_users.setdefault((pod.namespace, claim), pod.uid)
            if isinstance(users, set):
                users.add(pod.uid)
            elif users != pod.uid:
                self.claim_users[pod.namespace, claim] = {users, pod.uid}

    def _replace(self, pod: PodInfo) -> None:
        uid, name = pod.uid, pod.node_name
        self.pods[uid] = pod
        if name is not None:
            (self.nodes.get(name) or self._place(name)).add(pod)
            if pod.extra.anti_affinity:
                self.anti_affine[uid] = pod
        elif pod.extra.nominated_node_name is not None:
            self._place(pod.extra.nominated_node_name).nominated[uid] = pod

    def _forget_unreadable_pod(self, uid: str) -> None:
        error = self.unreadable_objects.pop(("Pod", uid), None)
        if error is not None and (name := error.identity.node_name):
            info = self._place(name)
            info.unreadable.pop(uid, None)
            if info.is_empty:
                self._strangers.pop(name, None)

    def _read(self, kind: type[Any], item: Any) -> None:
        try:
            decoded = item if isinstance(item, kind) else decode(kind, item)
        except Unreadable as error:
            if error.identity.name is None and error.identity.uid is None:
                self.unreadable_objects[kind.KIND, f"nameless {len(self.unreadable_objects)}"] = error
            else:
                self.set_unreadable(error)
            return
        try:
            if isinstance(decoded, Pod):
                self.set_pod(decoded)
            elif isinstance(decoded, Node):
                self.set_node(decoded)
            else:
                self.set_object(decoded)
        except Unreadable:
            return  # it noted itself


def _discard(index: dict[str, dict[str, Any]], key: str, name: str) -> None:
    entries = index.get(key, {})
    entries.pop(name, None)
    if not entries:
        index.pop(key, None)


def _stands_alike(former: PodInfo, pod: PodInfo) -> bool:
    return _index_of(former) == _index_of(pod) and pod.phase not in TERMINAL


def _index_of(pod: PodInfo) -> tuple[Any, ...]:
    """What places a pod in the indexes."""
    return pod.node_name, pod.extra, pod.daemon
