"""Pods of DaemonSets: whose they are, and on which other nodes their set would run.

The controller puts each pod on its node by a required node affinity of its own, in place of the template's. What is
left of the set's choice of nodes are the nodeSelector and the tolerations.

Source: kubernetes v1.36 pkg/controller/daemon/util/daemonset_util.go (ReplaceDaemonSetPodNodeNameNodeAffinity)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from moorage.objects import UNREADABLE, OwnerReference, Pod, Toleration

if TYPE_CHECKING:
    from moorage.objects import CountedPod

_MARK = b'"DaemonSet"'
_SHARED, _LONGEST = 10_000, 16_384
_shared: dict[tuple[bytes, bytes, bytes], Daemon | None] = {}
_owners = msgspec.json.Decoder(list[OwnerReference])
_selector = msgspec.json.Decoder(dict[str, str | None] | None)
_tolerations = msgspec.json.Decoder(tuple[Toleration, ...] | None)


class Daemon(msgspec.Struct, frozen=True, gc=False):
    """A DaemonSet, as its pods tell it. All pods of one template share it. `owner` is the set's uid."""

    owner: str
    node_selector: dict[str, str | None]
    tolerations: tuple[Toleration, ...]


def daemon_of(pod: Pod | CountedPod) -> Daemon | None:
    """The DaemonSet that the pod belongs to; None for other pods, and where what it tells can't be read."""
    owners = bytes(pod.metadata.owner_references)
    if _MARK not in owners:
        return None
    spec = pod.spec
    if isinstance(pod, Pod):
        selector, tolerations = msgspec.json.encode(spec.node_selector), msgspec.json.encode(spec.tolerations)
    else:
        selector, tolerations = bytes(spec.node_selector), bytes(spec.tolerations)  # type: ignore[arg-type]
    key = owners, selector, tolerations
    if key in _shared:
        return _shared[key]
    daemon = _read(*key)
    if len(owners) + len(selector) + len(tolerations) <= _LONGEST:
        if len(_shared) >= _SHARED:
            _shared.clear()
        _shared[key] = daemon
    return daemon


def _read(owners: bytes, selector: bytes, tolerations: bytes) -> Daemon | None:
    try:
        owner = next((each for each in _owners.decode(owners) if each.kind == "DaemonSet" and each.controller), None)
        if owner is None:
            return None
        chosen = _selector.decode(selector) if selector else None
        tolerated = _tolerations.decode(tolerations) if tolerations else None
    except UNREADABLE:
        return None
    return Daemon(owner.uid or owner.name, chosen or {}, tolerated or ())
