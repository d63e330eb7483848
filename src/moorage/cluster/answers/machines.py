"""Machines that are not there yet, as JSON and in words, and whether one of them is an answer to a pod."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from moorage.cluster.amounts import GpuNames, shown
from moorage.cluster.answers.reasons import image_problem, reasons_of
from moorage.cluster.labels import DEFAULT_LABELS, AllowedLabels
from moorage.cluster.ledger import amounts
from moorage.objects import Taint
from moorage.scheduling.accounting.totals import Totals
from moorage.scheduling.alternatives.machines import Machine, as_node, on_machines
from moorage.scheduling.cluster import Cluster
from moorage.scheduling.filters import tainttoleration
from moorage.scheduling.fit import Trial
from moorage.scheduling.steps import Steps
from moorage.scheduling.verdict import NodeVerdict
from moorage.texts import again, later, t

Hope = Literal["on_its_way", "new_machine"]
_HOPES: dict[str, Hope] = {"on_its_way": "on_its_way", "can_be_added": "new_machine"}


UNKNOWN_DEVICES = later("Which devices a machine has is only told once it is there.")


class Tried(msgspec.Struct, frozen=True):
    """A machine, and what a pod would find on it: `verdict` is None where nobody knows; `unable` is why an image of the
    pod could not run there, `taint` the one that keeps the pod off.
    """

    machine: Machine
    verdict: NodeVerdict | None
    unable: str | None = None
    taint: Taint | None = None

    @property
    def fits(self) -> bool | None:
        if self.verdict is None:
            return None
        return self.verdict.fits and self.unable is None

    @property
    def why_unknown(self) -> str | None:
        """Where nobody knows whether it fits, why."""
        if self.fits is not None:
            return None
        return self.machine.why if self.machine.node is None else UNKNOWN_DEVICES


class Candidates(msgspec.Struct, frozen=True):
    """The machines that may come, and by their place why an image of the pod can't run there."""

    all: Sequence[Machine] = ()
    unable: Mapping[int, str] = {}


NO_CANDIDATES = Candidates()


def trying(cluster: Cluster, trial: Trial, machines: Candidates) -> Steps[tuple[Tried, ...]]:
    """The pod on each machine, in order."""
    if not machines.all:
        return ()
    verdicts = yield from on_machines(cluster, trial, machines.all)
    return tuple(
        Tried(machine, verdict, machines.unable.get(place), _taint(machine, verdict, trial))
        for place, (machine, verdict) in enumerate(zip(machines.all, verdicts, strict=True))
    )


def _taint(machine: Machine, verdict: NodeVerdict | None, trial: Trial) -> Taint | None:
    if verdict is None or verdict.plugin != tainttoleration.NAME:
        return None
    return tainttoleration.untolerated(as_node(machine).blocking_taints, trial.ask.tolerations)


def best(tried: Sequence[Tried]) -> Tried | None:
    """The answer where no node is one: a machine on its way before one that can be added, then as an autoscaler tries
    its pools, the sooner first.
    """

    def place(each: Tried) -> tuple[bool, int, float]:
        machine = each.machine
        return machine.state != "on_its_way", machine.order, machine.about_seconds or float("inf")

    return min((each for each in tried if each.fits and each.machine.may_come), key=place, default=None)


def hope_of(tried: Sequence[Tried]) -> Hope | None:
    """The answer that machines give, or None."""
    found = best(tried)
    return _HOPES[found.machine.state] if found is not None else None


def may_yet_fit(tried: Sequence[Tried]) -> bool:
    """Whether a machine may do of which that is not known, or one that is not to be had just now."""
    return any(
        each.machine.may_come if each.fits is None else each.fits and each.machine.state in ("backing_off", "unknown")
        for each in tried
    )


def hope_words(tried: Sequence[Tried]) -> str:
    """The best machine in a sentence or two. It may still not come: nobody knows what a cloud has left."""
    found = best(tried)
    if found is None:
        return ""
    machine = found.machine
    if machine.node_name is not None:
        told = [t("The pod fits on {node} once that is ready.", node=machine.node_name)]
    elif machine.state == "on_its_way":
        told = [t("The pod fits on a machine of {pool} that is on its way.", pool=_pool(machine))]
    else:
        fitting = (each.machine for each in tried if each.fits and each.machine.state == "can_be_added")
        # Of several kinds the autoscaler takes the one that it likes best.
        sure = sum(1 for each in fitting if each.pool == machine.pool) == 1
        pool = _pool(machine) if sure else t("pool {pool}", pool=machine.pool)
        told = [t("A machine of {pool} can be added; the cloud may not have one.", pool=pool)]
    if machine.about_seconds is not None:
        told.append(t("It usually takes about {time}.", time=duration(machine.about_seconds)))
    return " ".join(told)


def no_hope_words(tried: Sequence[Tried]) -> str:
    """What keeps a machine away that would do, and what nobody knows of others; empty where there is nothing to say."""
    kept = next((each.machine for each in tried if each.fits and not each.machine.may_come), None)
    if kept is not None:
        if kept.why:
            why = again(kept.why)
            return t("It would fit on a machine of {pool}, but none can be expected: {why}", pool=_pool(kept), why=why)
        return t("It would fit on a machine of {pool}, but none can be expected.", pool=_pool(kept))
    unsure = next((each for each in tried if each.fits is None and each.machine.may_come), None)
    if unsure is None:
        return ""
    unknown = unsure.machine
    devices = t(UNKNOWN_DEVICES) if unsure.why_unknown == UNKNOWN_DEVICES else ""
    if unknown.node_name is not None:
        said = t("Whether it will fit on {node} once that is ready is not known.", node=unknown.node_name)
    else:
        said = t("Whether it would fit on a new machine of {pool} is not known.", pool=_pool(unknown))
    return f"{said} {devices}".rstrip()


def _pool(machine: Machine) -> str:
    if machine.kind:
        return t("pool {pool} ({kind})", pool=machine.pool, kind=machine.kind)
    return t("pool {pool}", pool=machine.pool)


def duration(seconds: int) -> str:
    """`40 s` or `4 min`."""
    if seconds < 90:
        return t("{seconds} s", seconds=seconds)
    return t("{minutes} min", minutes=round(seconds / 60))


class MachineJson:
    """Machines in the shape of `GET /api/v1/cluster/machines`."""

    def __init__(
        self,
        *,
        labels: Sequence[str] = DEFAULT_LABELS,
        gpus: GpuNames | None = None,
        gpu_kinds: Callable[[Mapping[str, str], Mapping[str, int]], list[dict[str, Any]]] | None = None,
    ) -> None:
        self._labels = AllowedLabels(labels)
        self._gpus = gpus or GpuNames()
        self._gpu_kinds = gpu_kinds

    def encoded(self, machines: Sequence[Machine]) -> bytes:
        """All of them as JSON."""
        return msgspec.json.encode([self.of(machine) for machine in machines])

    def of(self, machine: Machine) -> dict[str, Any]:
        """One machine."""
        info = as_node(machine) if machine.node is not None else None
        labels = (machine.node.metadata.labels or {}) if machine.node is not None else {}
        since = machine.since
        return {
            "pool": machine.pool,
            "kind": machine.kind,
            "source": machine.source,
            "state": machine.state,
            "why": machine.why,
            "capacity": self._block(info.capacity) if info is not None else None,
            "allocatable": self._block(info.allocatable) if info is not None else None,
            "labels": self._labels.of(labels),
            "taints": [{"key": t.key, "value": t.value, "effect": t.effect} for t in (info.taints if info else ())],
            "zones": machine.zones,
            "gpu": {"model": machine.gpu_model, "count": machine.gpu_count} if machine.gpu_count else None,
            "gpu_kinds": self._gpu_kinds(info.labels, info.allocatable.scalars) if info and self._gpu_kinds else [],
            "left": machine.left,
            "about_seconds": machine.about_seconds,
            "since": datetime.fromtimestamp(since, UTC).isoformat() if since is not None else None,
            "node": machine.node_name,
            "label": {"key": machine.label[0], "value": machine.label[1]} if machine.label is not None else None,
        }

    def tried(self, tried: Tried, *, by_maker: bool = False) -> dict[str, Any]:
        """One machine with its verdict, as in the answer to a fit."""
        verdict = tried.verdict
        return {
            **self.of(tried.machine),
            "fits": tried.fits,
            "why": tried.why_unknown or tried.machine.why,
            "reasons": reasons_of(verdict, taint=tried.taint, by_maker=by_maker) if verdict is not None else [],
            "image_problem": image_problem(tried.unable),
        }

    def _block(self, totals: Totals) -> dict[str, Any]:
        names = tuple(sorted(name for name, amount in totals.scalars.items() if amount))
        return shown(amounts(totals), names=names, gpus=self._gpus)
