"""The one place where the state of the cluster lives.

In go whole lists and single changes of every followed kind (the store is the feeds' `Sink`); out comes an up-to-date
`scheduling.Cluster`, and the names of the nodes that may read differently now. An event costs the same whatever the
size of the cluster: one digest, one comparison, and only if something that counts has changed, one entry out of the
ledger and one in.

The first list is taken in page by page, since there is nothing yet that it could contradict. A later one is put in
place at once, when it is whole: until then only what differs is kept aside, so that it costs little memory.
"""

import contextlib
from collections.abc import Callable, Iterable
from typing import Any

from moorage.kube.following.pages import Page
from moorage.kube.following.sink import Health
from moorage.kube.resources import Resource
from moorage.objects import CountedPod, Node, Object, Pod, Unreadable
from moorage.scheduling.accounting.nodeinfo import NodeInfo, image_names
from moorage.scheduling.accounting.podinfo import PodInfo, digest
from moorage.scheduling.cluster import Cluster

Key = str | tuple[str, str]
_PODS = (CountedPod, Pod)


class Store:
    """What the feeds have told so far, in `cluster`."""

    def __init__(
        self,
        *,
        on_change: Callable[[], None] = lambda: None,
        on_health: Callable[[Resource, Health], None] = lambda _resource, _health: None,
        followed: Iterable[Resource] = (),
    ) -> None:
        self.cluster = Cluster()
        self.cluster.unknown_kinds = frozenset(kind.kind for kind in followed if not (kind.required or kind.addon))
        # Nodes that may read differently since someone last took this set away.
        self.changed: set[str] = set()
        self._lists: dict[str, _List] = {}
        self._listed: set[str] = set()
        self._on_change = on_change
        self._on_health = on_health

    # --- what a feed calls --------------------------------------------------------------------------------------

    def begin(self, resource: Resource) -> None:
        # Where nothing is known yet, nothing can have gone meanwhile.
        known = bool(self.cluster.unreadable_objects) or any(True for _ in self._known(resource))
        self._lists[resource.name] = _List(sweeps=known)

    def page(self, resource: Resource, page: Page) -> None:
        lot = self._lists[resource.name]
        lot.unreadable += page.unreadable
        in_place = resource.name not in self._listed
        if resource.name == Pod.PLURAL:
            self._page_of_pods(lot, page.objects, in_place=in_place)
            return
        for value in page.objects:
            lot.seen.add(key_of(value))
            if not self._is_known(value):
                if in_place:
                    self._set(value)
                else:
                    lot.changed.append(value)

    def _page_of_pods(self, lot: "_List", pods: Iterable[Any], *, in_place: bool) -> None:
        """The busiest lines of all: at a start they run 150,000 times in a row."""
        cluster, version, seen, sweeps = self.cluster, self.cluster.server_version, lot.seen, lot.sweeps
        known, add, changed = cluster.pods, cluster.add_pod, self.changed
        for item in pods:
            try:
                pod = digest(item, server_version=version)
            except Unreadable as error:
                lot.unreadable.append(error)
                continue
            uid = pod.uid
            if sweeps:
                seen.add(uid)
            old = known.get(uid)
            if old is None and in_place and not cluster.unreadable_objects:
                add(pod)
                if pod.node_name is not None:
                    changed.add(pod.node_name)
            elif old is None or old != pod:
                if in_place:
                    self._set(pod)
                else:
                    lot.changed.append(pod)

    def end(self, resource: Resource) -> None:
        lot = self._lists.pop(resource.name)
        if lot.sweeps:
            lot.seen.update(map(_key_of_unreadable, lot.unreadable))
            gone = [key for key in self._known(resource) if key not in lot.seen]
            mended = [_key_of_unreadable(e) for e in self.cluster.unreadable if e.identity.kind == resource.kind.KIND]
            for key in (*gone, *(key for key in mended if key not in lot.seen)):
                self._remove(resource, key)
        for value in lot.changed:
            self._set(value)
        for error in lot.unreadable:
            self.put_unreadable(resource, error)
        self._listed.add(resource.name)
        self.cluster.unknown_kinds -= {resource.kind}
        self._on_change()

    def put(self, resource: Resource, item: Any) -> None:
        value = self._read(item)
        if isinstance(value, Unreadable):
            self.put_unreadable(resource, value)
        elif not self._is_known(value):
            self._set(value)
            self._on_change()

    def put_unreadable(self, _resource: Resource, item: Unreadable) -> None:
        # What a pod was before no longer holds, and what it is now can't be read: it counts as unreadable and as
        # nothing else. A node keeps its former facts, and says so.
        if item.identity.kind == Pod.KIND:
            self._mark_pod(_uid_of(item))
        self.cluster.set_unreadable(item)
        self._mark_unreadable(item)
        self._on_change()

    def drop(self, resource: Resource, item: Any) -> None:
        self._remove(resource, _key_of_unreadable(item) if isinstance(item, Unreadable) else key_of(item))
        self._on_change()

    def report(self, resource: Resource, health: Health) -> None:
        self.cluster.former_kinds.pop(resource.kind, None)
        if not resource.required and health.listed and health.missing_right and health.since is not None:
            self.cluster.former_kinds[resource.kind] = health.since
        self._on_health(resource, health)

    # --- one object in, one object out --------------------------------------------------------------------------

    def _read(self, item: Any) -> Any:
        """A pod as its digest, anything else as it is."""
        if not isinstance(item, _PODS):
            return item
        try:
            return digest(item, server_version=self.cluster.server_version)
        except Unreadable as error:
            return error

    def _known(self, resource: Resource) -> Iterable[Key]:
        if resource.name == Pod.PLURAL:
            return self.cluster.pods
        if resource.name == Node.PLURAL:
            return self.cluster.nodes
        return [key_of(item) for item in self.cluster.all(resource.kind)]

    def _is_known(self, value: Any) -> bool:
        """Whether nothing that we read has changed. A kubelet rewrites its node every few minutes to say just that."""
        cluster = self.cluster
        if isinstance(value, PodInfo):
            return cluster.pods.get(value.uid) == value
        kind, meta = type(value), value.metadata
        if cluster.unreadable_objects and (kind.KIND, _full_name(meta)) in cluster.unreadable_objects:
            return False
        if isinstance(value, Node):
            return _is_same_node(cluster.nodes.get(meta.name), value)
        old = cluster.get(kind, meta.name, namespace=meta.namespace or "")
        return old is not None and _is_same(old, value)

    def _set(self, value: Any) -> None:
        cluster = self.cluster
        if isinstance(value, PodInfo):
            self._mark_pod(value.uid)
            cluster.set_pod(value)
            self._mark_pod(value.uid)
        elif isinstance(value, Node):
            self.changed.add(value.metadata.name)
            with contextlib.suppress(Unreadable):  # it is noted in the cluster
                cluster.set_node(value)
        else:
            self.changed.update(cluster.set_object(value))

    def _remove(self, resource: Resource, key: Key) -> None:
        cluster = self.cluster
        if isinstance(key, tuple):
            self.changed.update(cluster.remove_object(resource.kind, *key))
        elif resource.name == Node.PLURAL:
            cluster.remove_node(key)
            self.changed.add(key)
        else:
            self._mark_pod(key)
            cluster.remove_pod(key)

    # --- which nodes read differently now -----------------------------------------------------------------------

    def _mark_pod(self, uid: str) -> None:
        """The node whose sums this pod is part of, as far as it is known now."""
        pod = self.cluster.pods.get(uid)
        if pod is not None:
            name = pod.node_name or pod.nominated_node_name
            if name is not None:
                self.changed.add(name)
        elif self.cluster.unreadable_objects:
            error = self.cluster.unreadable_objects.get((Pod.KIND, uid))
            if error is not None:
                self._mark_unreadable(error)

    def _mark_unreadable(self, error: Unreadable) -> None:
        identity = error.identity
        name = identity.name if identity.kind == Node.KIND else identity.node_name
        if name:
            self.changed.add(name)


class _List:
    """A list that is being read."""

    def __init__(self, *, sweeps: bool) -> None:
        self.sweeps = sweeps
        self.seen: set[Key] = set()
        self.changed: list[Any] = []
        self.unreadable: list[Unreadable] = []


def key_of(value: Any) -> Key:
    """By what an object is known: a pod by uid, since its name can come back as another pod; the rest by their name."""
    if isinstance(value, PodInfo):
        return value.uid
    meta = value.metadata
    if isinstance(value, _PODS):
        return str(meta.uid or f"{meta.namespace or 'default'}/{meta.name}")
    return str(meta.name) if isinstance(value, Node) else (meta.namespace or "", meta.name)


def _key_of_unreadable(error: Unreadable) -> Key:
    identity = error.identity
    if identity.kind == Pod.KIND:
        return _uid_of(error)
    return (identity.name or "") if identity.kind == Node.KIND else (identity.namespace or "", identity.name or "")


def _uid_of(error: Unreadable) -> str:
    identity = error.identity
    return identity.uid or f"{identity.namespace or 'default'}/{identity.name}"


def _full_name(meta: Any) -> str:
    return "/".join(part for part in (meta.namespace, meta.name) if part)


def _is_same(old: Object, new: Object, *, but: tuple[str, ...] = ()) -> bool:
    """Each write gives an object a new resourceVersion; only what else differs counts."""
    fields = [name for name in new.__struct_fields__ if name not in ("metadata", *but)]
    metas = [name for name in new.metadata.__struct_fields__ if name != "resource_version"]
    return all(getattr(old, name) == getattr(new, name) for name in fields) and all(
        getattr(old.metadata, name) == getattr(new.metadata, name) for name in metas
    )


def _is_same_node(old: NodeInfo | None, new: Node) -> bool:
    if old is None or old.node is None or not _is_same(old.node, new, but=("status",)):
        return False
    was, now = old.node.status, new.status
    if was is None or now is None:
        return was is now
    if any(getattr(was, name) != getattr(now, name) for name in now.__struct_fields__ if name != "images"):
        return False
    # The list of images is taken apart when a node is set, so it is compared where it is kept.
    try:
        return old.images == image_names(new)
    except Unreadable:
        return False
