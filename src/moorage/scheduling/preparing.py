"""Nodes that are not yet what they will be, or not for long: being added, starting, about to be removed.

In flow a node, what its labels promise of cards, and the time; out flows why its numbers are not the whole truth. No
verdict depends on it: the filters go by taints and amounts alone. What is said of a promise ends: a node that offers no
card long after it became ready may be labelled by mistake, or its device plugin may be broken.

Sources: kubernetes v1.36 staging/src/k8s.io/cloud-provider/api/well_known_taints.go; cluster-autoscaler 1.36
utils/taints/taints.go; karpenter v1.8 pkg/apis/v1/taints.go; cluster-api v1.11 api/core/v1beta2/common_types.go
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import msgspec

from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moorage.objects import Condition, Taint
    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.accounting.promise import Promise
    from moorage.scheduling.state import State
    from moorage.scheduling.verdict import Shortage

Reason = Literal["being_added", "starting", "devices", "leaving"]

# Cluster Autoscaler gives a machine 15 minutes to become a node (--max-node-provision-time); drivers are built in less.
PATIENCE = 15 * 60.0
# A kubelet that registers its node says at once that it is not ready.
_FIRST_WORD = 60.0

_LEAVING = (
    "ToBeDeletedByClusterAutoscaler",
    "karpenter.sh/disrupted",
    "cloud.google.com/impending-node-termination",
    "aws-node-termination-handler/",
)
_ADDED = (
    "karpenter.sh/unregistered",
    "node.cloudprovider.kubernetes.io/uninitialized",
    "node.cluster.x-k8s.io/uninitialized",
)
_STARTUP = ("startup-taint.cluster-autoscaler.kubernetes.io/", "ignore-taint.cluster-autoscaler.kubernetes.io/")
# As the drivers of networks and disks call theirs: node.cilium.io/agent-not-ready, ebs.csi.aws.com/agent-not-ready.
_AGENT = "/agent-not-ready"

_TEXTS: dict[Reason, str] = {
    "being_added": later("being added"),
    "starting": later("still starting"),
    "devices": later("GPU driver is starting"),
    "leaving": later("about to be removed"),
}


class Preparing(msgspec.Struct, frozen=True):
    """Why a node is not what it seems. `since` is in seconds since 1970 by the cluster's clocks; `overdue`: it should
    be over by now.
    """

    reason: Reason
    text: str
    since: float | None = None
    overdue: bool = False
    promise: Promise | None = None

    @property
    def is_over_soon(self) -> bool:
        """Whether more may be had here in a moment than now."""
        return self.reason != "leaving" and not self.overdue


def preparing(cluster: State, node: NodeInfo, *, now: float) -> Preparing | None:
    """What is going on at this node, or None. `now` is in seconds since 1970."""
    if node.node is None:
        return None
    metadata = node.node.metadata
    created, condition = seconds_of(metadata.creation_timestamp), _ready(node)
    since = seconds_of(condition.last_transition_time) if condition is not None else None
    is_ready = condition is not None and condition.status == "True"
    kinds = {kind: taint for taint in reversed(node.blocking_taints) if (kind := kind_of(taint)) is not None}
    if "leaving" in kinds or metadata.deletion_timestamp:
        taint = kinds.get("leaving")
        return Preparing("leaving", _TEXTS["leaving"], _written(taint) or seconds_of(metadata.deletion_timestamp))
    if "being_added" in kinds:
        return _going_on("being_added", created, now=now, taint=kinds["being_added"])
    if "starting" in kinds:
        return _going_on("starting", since if is_ready and since else created, now=now, taint=kinds["starting"])
    if not is_ready:
        return _first_steps(created, since, now=now)
    promise = cluster.promised(node)
    if promise is not None and not _offers(cluster, node, promise):
        since = since or created
        overdue = since is None or now - since > PATIENCE
        text = _TEXTS["devices"]
        if overdue:
            # It may have been there before: since when the node is ready is all that is told.
            text = later("labelled as having a GPU, but no device plugin reports one")
            if since is not None:
                text = later("{state}, ready since {time}", state=text, time=_moment(since))
        return Preparing("devices", text, since, overdue, promise)
    return None


def kind_of(taint: Taint) -> Reason | None:
    """What a taint that goes away by itself says of its node; None for any other."""
    key = taint.key
    if key.startswith(_LEAVING):
        return "leaving"
    if key in _ADDED:
        return "being_added"
    return "starting" if key.startswith(_STARTUP) or key.endswith(_AGENT) else None


def lacks(preparing: Preparing, shortages: Iterable[Shortage]) -> bool:
    """Whether it is the promised cards that a pod lacks here."""
    promise = preparing.promise
    return promise is not None and any(short.allocatable <= 0 and promise.covers(short.resource) for short in shortages)


def _first_steps(created: float | None, since: float | None, *, now: float) -> Preparing | None:
    """A young node that has not been ready yet; one that broke down has another moment to tell than its beginning."""
    if created is None or since is None or since - created > _FIRST_WORD or now - created > PATIENCE:
        return None
    return Preparing("being_added", _TEXTS["being_added"], created)


def _going_on(reason: Reason, since: float | None, *, now: float, taint: Taint) -> Preparing:
    overdue = since is not None and now - since > PATIENCE
    text = _TEXTS[reason]
    if overdue and since is not None:
        time = _moment(since)
        text = later("{state} since {time}: the taint {taint} is still there", state=text, time=time, taint=taint.key)
    return Preparing(reason, text, since, overdue)


def _offers(cluster: State, node: NodeInfo, promise: Promise) -> bool:
    # Sick cards leave allocatable and stay in capacity: those were reported.
    amounts = {**node.allocatable.scalars, **node.capacity.scalars}
    if any(amount > 0 and (promise.covers(name) or "gpu" in name) for name, amount in amounts.items()):
        return True
    slices = cluster.devices.by_node.get(node.name, {}).values()
    return any(item.spec.devices and "gpu" in item.spec.driver for item in slices)


def _ready(node: NodeInfo) -> Condition | None:
    status = node.node.status if node.node is not None else None
    conditions = (status.conditions or ()) if status is not None else ()
    return next((c for c in conditions if c.type == "Ready"), None)


def _written(taint: Taint | None) -> float | None:
    """Cluster Autoscaler writes the moment into its taint, in seconds."""
    value = (taint.value or "") if taint is not None else ""
    return float(value) if value.isascii() and value.isdigit() and 9 <= len(value) <= 11 else None


def _moment(since: float) -> str:
    return f"{datetime.fromtimestamp(since, UTC):%Y-%m-%d %H:%M} UTC"


def seconds_of(moment: str | None) -> float | None:
    """A moment as the API writes it in seconds since 1970; None where there is none, or it can't be read."""
    try:
        return datetime.fromisoformat(moment).timestamp() if moment else None
    except (ValueError, OverflowError):
        return None
