"""Machines that are not there yet: what each would look like, whether it can come, and what a pod would find on it.

In flow machines as an autoscaler, a file or the past tells them; out flows each one's verdict, by the filters that
nodes are asked with. A machine is tried as it would be once it is ready: without the taints that go by themselves.
"""

from __future__ import annotations

from copy import copy
from itertools import islice, product
from typing import TYPE_CHECKING, Literal

import msgspec

from moorage.scheduling.accounting.nodeinfo import NodeInfo
from moorage.scheduling.accounting.totals import read_totals
from moorage.scheduling.filters import dynamicresources, nodedeclaredfeatures
from moorage.scheduling.filters.tainttoleration import untolerated
from moorage.scheduling.fit import Trial
from moorage.scheduling.preparing import kind_of

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from moorage.objects import Amounts, Node, Taint
    from moorage.scheduling.accounting.podinfo import PodInfo
    from moorage.scheduling.state import State as Cluster
    from moorage.scheduling.steps import Steps
    from moorage.scheduling.verdict import NodeVerdict

Source = Literal["karpenter", "cluster-autoscaler", "configured", "seen"]
State = Literal["on_its_way", "can_be_added", "at_maximum", "backing_off", "unknown"]

# Taints that mean the state of one node and not its kind, beside those of `preparing`.
# Sources: kubernetes v1.36 staging/src/k8s.io/api/core/v1/well_known_taints.go and
# staging/src/k8s.io/cloud-provider/api/well_known_taints.go, cluster-autoscaler 1.36 utils/taints/taints.go
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
        "node.cloudprovider.kubernetes.io/shutdown",
        "DeletionCandidateOfClusterAutoscaler",
    }
)
_STATUS = "status-taint.cluster-autoscaler.kubernetes.io/"
HOSTNAME = "kubernetes.io/hostname"
_ZONE = "topology.kubernetes.io/zone"
_NAME = "a machine to come"
# Nodes of a pool that are looked at for what runs on all of them.
_ENOUGH = 3
# A pod is tried on one machine with so many sets of labels at most.
_MOST_TRIES = 64


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of machine of a pool, or one machine that is on its way.

    `node` is what it would be once it is ready: labels, lasting taints, capacity and allocatable; None where nobody
    knows, and `why` then says so. `why` also says what keeps a pool from growing. `taken` are requests that are already
    promised to one on its way, DaemonSets included, as amounts of the API. `left` is how many more may come,
    `about_seconds` how long one takes, `since` when it began to come (seconds since 1970). `node_name` is its node
    where there is one already. `label` is the pool's label, by which a person chooses it. `zones` are those that it may
    come in, and `choices` values that other labels of it may have, where its own labels don't say. `order` is the place
    of its pool among those that its autoscaler tries in turn.
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
    choices: tuple[tuple[str, tuple[str, ...]], ...] = ()
    order: int = 0

    @property
    def may_come(self) -> bool:
        """Whether there is hope of it."""
        return self.state in ("on_its_way", "can_be_added")


def lasting_taints(taints: Iterable[Taint], *, startup: Container[tuple[str, str]] = ()) -> tuple[Taint, ...]:
    """The taints that a machine keeps once it is ready. `startup` are further (key, effect) that go by themselves."""
    return tuple(
        taint
        for taint in taints
        if taint.key not in _PASSING
        and not taint.key.startswith(_STATUS)
        and kind_of(taint) is None
        and (taint.key, taint.effect) not in startup
    )


def on_machines(cluster: Cluster, trial: Trial, machines: Sequence[Machine]) -> Steps[list[NodeVerdict | None]]:
    """The verdict on each machine, in order; None where that is not known: what it would look like, or which devices it
    would bring for a claim, or for a name behind which a device class stands.

    Raises `Unreadable` where an amount of a machine is garbage: whoever makes machines has tried `as_node`.
    """
    if trial.prefilter is not None:
        return [_sure(trial.prefilter)] * len(machines)
    daemons = _Daemons(cluster, machines)
    yield
    verdicts: list[NodeVerdict | None] = []
    for machine in machines:
        tries = []
        for labels in _labels(machine):
            info = as_node(machine, labels=labels)
            if machine.taken is None:
                for pod in daemons.of(machine, info):
                    info.add(pod)
            tries.append((yield from _alone(cluster, trial, info)))
        sure = [_sure(verdict) for verdict in tries]
        found = next((verdict for verdict in sure if verdict is not None and verdict.fits), None)
        # All that is sure counts against a machine before what is not.
        found = found or (None if None in sure else sure[0])
        verdicts.append(found if machine.node is not None else None)
    return verdicts


def _sure(verdict: NodeVerdict) -> NodeVerdict | None:
    """The plugin for devices is asked last, and a machine tells its devices only once it is there."""
    return None if verdict.plugin == dynamicresources.NAME else verdict


def as_node(machine: Machine, *, labels: Mapping[str, str] | None = None) -> NodeInfo:
    """The machine as the plugins see it, with these of its `choices`; no pod can ask by name or hostname for one that
    nobody has launched.

    Raises `Unreadable` where an amount is garbage.
    """
    info = NodeInfo(_NAME)
    if machine.node is not None:
        info.set_node(machine.node)
        host = info.labels.get(HOSTNAME) if machine.state == "on_its_way" else None
        zones = _zones(info.labels, labels[_ZONE]) if labels and _ZONE in labels else {}
        info.labels = {**info.labels, HOSTNAME: host or info.name, **zones, **(labels or {})}
        if machine.taken:
            info.requested = read_totals(machine.taken, node=machine.node, at="taken").copy()
    return info


def _labels(machine: Machine) -> Iterator[dict[str, str]]:
    """Each set of labels that it may come with, as far as they are still open."""
    open_ = (*([(_ZONE, machine.zones)] if machine.zones else ()), *machine.choices)
    for values in islice(product(*(values for _, values in open_)), _MOST_TRIES):
        yield dict(zip((key for key, _ in open_), values, strict=True))


def _zones(labels: Mapping[str, str], zone: str) -> dict[str, str]:
    """A zone under the labels that drivers of disks have for it, such as topology.gke.io/zone."""
    return {key: zone for key in labels if key.endswith("/zone")}


def _alone(cluster: Cluster, trial: Trial, info: NodeInfo) -> Steps[NodeVerdict]:
    """The verdict on this one machine, as if no other came. A new node is a new domain of what is spread over nodes."""
    if any(each.when_unsatisfiable == "DoNotSchedule" for each in trial.ask.pod.spec.topology_spread_constraints or ()):
        beside = copy(cluster)
        beside.nodes = {**cluster.nodes, info.name: info}
        trial = Trial(beside, trial.ask.pod)
    # Which features its kubelet will declare is not known.
    verdicts = yield from trial.on([info], without=(nodedeclaredfeatures.NAME,))
    return verdicts[info.name]


class _Daemons:
    """The DaemonSets of a cluster, and which of them would run on a machine.

    A set's own affinity is not told by its pods, so nodes of the same pool are asked first: what runs on them.
    """

    def __init__(self, cluster: Cluster, machines: Iterable[Machine]) -> None:
        self._all = list(cluster.daemons)
        labels = {machine.label for machine in machines if machine.label is not None} if self._all else set()
        self._seen = {label: found for label in labels if (found := _seen(cluster, *label))}

    def of(self, machine: Machine, info: NodeInfo) -> Iterator[PodInfo]:
        """A pod of each set that would run there."""
        seen = self._seen.get(machine.label) if machine.label is not None else None
        for daemon, pod in self._all:
            if seen is not None and daemon.owner not in seen:
                continue
            chosen = all(info.labels.get(key) == (value or "") for key, value in daemon.node_selector.items())
            if chosen and untolerated(info.blocking_taints, daemon.tolerations) is None:
                yield pod


def _seen(cluster: Cluster, key: str, value: str) -> set[str]:
    """The DaemonSets that have pods on nodes with this label; a few of the nodes are enough."""
    nodes = (info for info in cluster.nodes.values() if info.labels.get(key) == value)
    pods = (pod for info in islice(nodes, _ENOUGH) for pod in info.pods.values())
    return {pod.daemon.owner for pod in pods if pod.daemon is not None}
