"""Volumes that one node at a time can have: what the scheduler does not look at, and the pod would wait for.

A ReadWriteOnce volume that is attached to one node is attached to no other while a pod uses it there; the pod is
scheduled all the same and hangs with `Multi-Attach error`.
Source: kubernetes v1.36 pkg/controller/volume/attachdetach/reconciler/reconciler.go (attachDesiredVolumes) and
util/util.go (IsMultiAttachAllowed)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.objects import PersistentVolume, PersistentVolumeClaim
from moorage.scheduling.ask import Ask
from moorage.scheduling.volumes import claim_name
from moorage.texts import later, t

if TYPE_CHECKING:
    from moorage.objects import Pod
    from moorage.scheduling.state import State
    from moorage.scheduling.verdict import Verdict

ELSEWHERE = later(
    "The volume of the storage claim {claim} is in use on {node}. On any other node the pod would wait until it is "
    "released there."
)
_SHARED = ("ReadWriteMany", "ReadOnlyMany")


def attached_elsewhere(cluster: State, pod: Pod | dict[str, Any], verdict: Verdict) -> tuple[str, ...]:
    """A sentence for each volume that another pod holds on one node while this pod may be placed on another."""
    fitting = set(verdict.fitting)
    if not fitting:
        return ()
    ask = Ask(pod)
    told = []
    for mount in ask.volumes:
        claim = claim_name(mount, ask.name)
        node = _holder(claim, ask, cluster) if claim is not None else None
        if node is not None and fitting - {node}:
            told.append(t(ELSEWHERE, claim=claim, node=node))
    return tuple(told)


def _holder(name: str, ask: Ask, cluster: State) -> str | None:
    """The node that has the claim's volume attached for a pod of its own."""
    claim = cluster.get(PersistentVolumeClaim, name, namespace=ask.namespace)
    volume = cluster.get(PersistentVolume, (claim.spec.volume_name if claim and claim.spec else None) or "")
    modes = (volume.spec.access_modes if volume is not None and volume.spec else None) or ()
    if volume is None or not modes or any(mode in _SHARED for mode in modes):
        return None
    users = cluster.claim_users.get((ask.namespace, name), ())
    for uid in (users,) if isinstance(users, str) else users:
        node = cluster.pods[uid].node_name or ""
        for attachment in cluster.attachments_on(node):
            source = attachment.spec.source if attachment.spec else None
            if source is not None and source.persistent_volume_name == volume.metadata.name:
                return node
    return None
