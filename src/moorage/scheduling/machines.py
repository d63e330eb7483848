"""Machines that are not there yet: what each would look like, whether it can come, and what a pod would find on it.

In flow machines as an autoscaler, a file or the past tells them; out flows each one's verdict, by the filters that
nodes are asked with. A machine is tried as it would be once it is ready: without the taints that go by themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from moorage.scheduling.accounting.nodeinfo import NodeInfo
from moorage.scheduling.accounting.totals import Totals, read_totals

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from moorage.objects import Amounts, Node, Taint
    from moorage.scheduling.fit import Trial
    from moorage.scheduling.steps import Steps
    from moorage.scheduling.verdict import NodeVerdict

Source = Literal["karpenter", "cluster-autoscaler", "configured", "seen"]
State = Literal["on_its_way", "can_be_added", "at_maximum", "backing_off", "unknown"]

# Taints that a controller takes away, or that mean this one node and not its kind.
# Sources: kubernetes v1.36 staging/src/k8s.io/api/core/v1/well_known_taints.go and
# staging/src/k8s.io/cloud-provider/api/well_known_taints.go, cluster-autoscaler utils/taints/taints.go, karpenter
# pkg/apis/v1/taints.go
_PASSING = frozenset(
    {
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
        "node.kubernetes.io/unschedulable",
        "node.kubernetes.io/memory-pressure",
        "node.kubernetes.io/disk-pressure",
        "node.kubernetes.io/pid-pressure",
        "node.kubernetes.io/network-unavailable",
        "node.kubernetes.io/out-of-service",
        "node.cloudprovider.kubernetes.io/uninitialized",
        "node.cloudprovider.kubernetes.io/shutdown",
        "ToBeDeletedByClusterAutoscaler",
        "DeletionCandidateOfClusterAutoscaler",
        "karpenter.sh/unregistered",
        "karpenter.sh/disrupted",
    }
)
_STARTUP = (
    "startup-taint.cluster-autoscaler.kubernetes.io/",
    "status-taint.cluster-autoscaler.kubernetes.io/",
    "ignore-taint.cluster-autoscaler.kubernetes.io/",
)
HOSTNAME = "kubernetes.io/hostname"


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of machine of a pool, or one machine that is on its way.

    `node` is what it would be once it is ready: labels, lasting taints, capacity and allocatable; None where nobody
    knows, and `why` then says so. `why` also says what keeps a pool from growing. `taken` are requests that are already
    promised to one on its way, DaemonSets included, as amounts of the API. `left` is how many more may come,
    `about_seconds` how long one takes, `since` when it began to come (seconds since 1970). `node_name` is its node
    where there is one already. `label` is the pool's label, by which a person chooses it. `zones` are those that it may
    come in, where that is not said by its labels.
    """

    pool: str
    source: Source
    state: State
    kind: str | None = None
    node: Node | None = None
    why: str | None = None
    gpu_model: str | None = None
    gpu_count: int | None = None
    taken: Amounts | None = None
    left: int | None = None
    about_seconds: int | None = None
    since: float | None = None
    node_name: str | None = None
    label: tuple[str, str] | None = None
    zones: tuple[str, ...] = ()

    @property
    def may_come(self) -> bool:
        """Whether there is hope of it."""
        return self.state in ("on_its_way", "can_be_added")


def lasting_taints(taints: Iterable[Taint], *, startup: Container[tuple[str, str]] = ()) -> tuple[Taint, ...]:
    """The taints that a machine keeps once it is ready. `startup` are further (key, effect) that go by themselves."""
    return tuple(
        taint
        for taint in taints
        if taint.key not in _PASSING and not taint.key.startswith(_STARTUP) and (taint.key, taint.effect) not in startup
    )


def on_machines(trial: Trial, machines: Sequence[Machine]) -> Steps[list[NodeVerdict | None]]:
    """The verdict on each machine, in order; None where nobody knows what it looks like.

    Raises `Unreadable` where an amount of a machine is garbage: whoever makes machines has tried `as_node`.
    """
    infos = {place: as_node(machine, place) for place, machine in enumerate(machines) if machine.node is not None}
    verdicts = yield from trial.on(infos.values())
    return [verdicts[infos[place].name] if place in infos else None for place in range(len(machines))]


def as_node(machine: Machine, place: int = 0) -> NodeInfo:
    """The machine as the plugins see it, under a name and a hostname that no pod can ask for.

    Raises `Unreadable` where an amount is garbage.
    """
    info = NodeInfo(f"a machine to come {place}")
    if machine.node is not None:
        info.set_node(machine.node)
        info.labels = {HOSTNAME: info.name, **info.labels}
        if machine.taken:
            taken = read_totals(machine.taken, node=machine.node, at="taken")
            info.requested = _copy(taken)
    return info


def _copy(totals: Totals) -> Totals:
    """Totals that were read are shared."""
    copy = Totals()
    copy.cpu_milli, copy.memory = totals.cpu_milli, totals.memory
    copy.ephemeral_storage, copy.pods = totals.ephemeral_storage, totals.pods
    copy.scalars = dict(totals.scalars)
    return copy
