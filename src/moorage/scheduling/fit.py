"""One pod against the cluster: the scheduler's plugins in the scheduler's order.

A node shows the first plugin that refuses it and no other. Pods that are nominated to a node, with a priority at least
as high as the incoming pod's, count there as if they ran already; the pod must then fit with and without them.

Source: kubernetes v1.36 pkg/scheduler/apis/config/v1/default_plugins.go, pkg/scheduler/framework/runtime/framework.go
(RunPreFilterPlugins, RunFilterPluginsWithNominatedPods) and pkg/scheduler/schedule_one.go
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from moorage.objects import Pod, decode
from moorage.scheduling.accounting.podinfo import DEFAULT_SCHEDULER
from moorage.scheduling.ask import Ask
from moorage.scheduling.chain import steps_of
from moorage.scheduling.filters import nodeaffinity
from moorage.scheduling.priority import ranked
from moorage.scheduling.steps import at_once, in_parts
from moorage.scheduling.unknown import left_out
from moorage.scheduling.verdict import FITS, NodeVerdict, Verdict, refuse
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Sequence

    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.accounting.podinfo import PodInfo
    from moorage.scheduling.plugin import Check
    from moorage.scheduling.profiles import Profile
    from moorage.scheduling.state import State
    from moorage.scheduling.steps import Steps


class Trial:
    """One pod, prepared to be tried on any node of the cluster as it is now."""

    __slots__ = ("_beside", "_checks", "_named", "_undecided", "ask", "prefilter", "profile")

    def __init__(self, cluster: State, pod: Pod | dict[str, Any]) -> None:
        pod, unranked = ranked(pod if isinstance(pod, Pod) else decode(Pod, pod), cluster)
        self.ask = Ask(pod)
        skipped, unchecked = left_out(self.ask, cluster)
        unranked_told = (unranked,) if unranked else ()
        scheduler = self.ask.pod.spec.scheduler_name or DEFAULT_SCHEDULER
        # How the pod's scheduler is configured, where that is known and it may be more than scores.
        self.profile: Profile | None = cluster.profiles.get(scheduler)
        self._beside = frozenset((scheduler,)) if self.profile is None else self.profile.beside
        self._undecided = (*_undecided(self.ask, cluster, self.profile), *unranked_told, *unchecked)
        self.prefilter: NodeVerdict | None = None
        pinned = self.profile is None or nodeaffinity.NAME in self.profile.before
        self._named = nodeaffinity.names(self.ask) if pinned else None
        self._checks: list[tuple[str, Check]] = []
        for name, prepare in steps_of(self.profile):
            if name in skipped:
                continue
            prepared = prepare(self.ask, cluster)
            if isinstance(prepared, NodeVerdict):
                self.prefilter = prepared
                return
            if prepared is not None:
                self._checks.append((name, prepared))
        if self.profile is not None:
            order = self.profile.on_nodes
            self._checks.sort(key=lambda check: order.index(check[0]) if check[0] in order else -1)

    @property
    def undecided(self) -> tuple[str, ...]:
        """What no answer takes into account so far."""
        return (*self._undecided, *(_doubtful(what, nodes) for what, nodes in self.ask.doubts.items()))

    def on(
        self, infos: Iterable[NodeInfo], *, without: Container[str] = (), after: str | None = None
    ) -> Steps[dict[str, NodeVerdict]]:
        """The verdict of each of these nodes, as if the plugins `without` were switched off.

        Nodes that have passed all plugins up to `after` are asked from there on.
        """
        names = [name for name, _ in self._checks]
        passed = names.index(after) + 1 if after in names else 0
        checks = [check for name, check in self._checks[passed:] if name not in without]
        named = self._named
        verdicts: dict[str, NodeVerdict] = {}
        for part in in_parts(infos):
            for info in part:
                if named is not None and info.name not in named:
                    verdicts[info.name] = _NOT_NAMED
                elif info.nominated:
                    verdicts[info.name] = self._with_nominated(info, checks)
                else:
                    for check in checks:
                        refusal = check(info)
                        if refusal is not None:
                            verdicts[info.name] = refusal
                            break
                    else:
                        verdicts[info.name] = FITS
            yield
        return verdicts

    def nominated_on(self, info: NodeInfo) -> list[PodInfo]:
        """The pods that wait for room on this node and that the incoming one may not overtake: those of its own
        scheduler, since none knows whom another has nominated.
        """
        own, beside = self.ask.info, self._beside
        return [
            pod
            for pod in info.nominated.values()
            if pod.priority >= own.priority and pod.uid != own.uid and pod.scheduler_name in beside
        ]

    def checks(self, named: Callable[[str], bool]) -> dict[str, Check]:
        """The prepared plugins of these names, in the scheduler's order."""
        return {name: check for name, check in self._checks if named(name)}

    def after(self, info: NodeInfo, removed: Sequence[PodInfo], checks: Iterable[Check]) -> NodeVerdict:
        """The verdict of these plugins on a copy of a node that `removed` were taken from."""
        return self._with_nominated(info, checks, removed)

    def _with_nominated(self, info: NodeInfo, checks: Iterable[Check], removed: Sequence[PodInfo] = ()) -> NodeVerdict:
        added = self.nominated_on(info)
        if added:
            crowded = info.with_pods(added)
            for check in checks:
                if (refusal := check(crowded, added, removed)) is not None:
                    return refusal
        for check in checks:
            if (refusal := check(info, (), removed)) is not None:
                return refusal
        return FITS


_NOT_NAMED = refuse(nodeaffinity.NAME, nodeaffinity.REASON_NOT_NAMED, unresolvable=True)


def fit(cluster: State, pod: Pod | dict[str, Any], *, nodes: Iterable[str] | None = None) -> Verdict:
    """What the scheduler would answer for this pod on every node, or on those named.

    Raises `InvalidObject` where the pod can't be read.
    """
    return at_once(fitting(cluster, Trial(cluster, pod), nodes=nodes))


def fitting(cluster: State, trial: Trial, *, nodes: Iterable[str] | None = None) -> Steps[Verdict]:
    """The same in steps, for a pod that is prepared."""
    if trial.prefilter is not None:
        return Verdict(prefilter=trial.prefilter, undecided=trial.undecided)
    yield
    for steps in trial.ask.ahead:
        yield from steps
    infos = cluster.nodes.values() if nodes is None else [cluster.nodes[n] for n in nodes if n in cluster.nodes]
    verdicts = yield from trial.on(infos)
    return Verdict(nodes=verdicts, undecided=trial.undecided)


def _doubtful(what: str, nodes: list[str]) -> str:
    if not nodes:
        return later("Only the cluster's scheduler can say whether the pod gets its devices: {why}.", why=what)
    return later(
        "Only the cluster's scheduler can say whether the pod gets its devices on {nodes}: {why}.",
        nodes=_some(nodes),
        why=what,
    )


def _some(names: list[str]) -> str:
    first = ", ".join(names[:3])
    return first if len(names) <= 3 else later("{nodes} and {rest} more", nodes=first, rest=len(names) - 3)


def _undecided(ask: Ask, cluster: State, profile: Profile | None) -> tuple[str, ...]:
    """What the real scheduler also looks at and this answer can't."""
    told: list[str] = []
    spec = ask.pod.spec
    if profile is not None:
        told += profile.undecided(spread=bool(spec.topology_spread_constraints), resources=ask.info.requests.scalars)
    elif spec.scheduler_name and not any(fnmatchcase(spec.scheduler_name, name) for name in cluster.schedulers):
        words = later("The pod uses another scheduler, {name}, which may decide otherwise.", name=spec.scheduler_name)
        told.append(words)
    crowded = sorted({error.identity.node_name or "" for error in cluster.unreadable} & cluster.nodes.keys())
    if crowded:
        words = later("Some pods on {nodes} can't be read, so there may be less room than shown.", nodes=_some(crowded))
        told.append(words)
    return tuple(told)
