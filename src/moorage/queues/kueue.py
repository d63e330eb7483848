"""Kueue's queues of one cluster, as values: what each may still give, and who waits in it.

In flow LocalQueues, ClusterQueues and Workloads, as they are followed where they exist and may be read. Places are told
by Kueue itself where that may be asked; otherwise workloads are counted in the order in which Kueue takes them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from moorage.errors import InvalidQuantity
from moorage.objects import ClusterQueue, LocalQueue, Workload
from moorage.queues.words import in_words, units
from moorage.texts import t

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from moorage.objects import QueueCondition
    from moorage.scheduling.state import State

# The label by which a pod asks for a queue, and the gate that Kueue holds it back by until it is admitted.
QUEUE_NAME = "kueue.x-k8s.io/queue-name"
GATES = ("kueue.x-k8s.io/admission", "kueue.x-k8s.io/topology")
Key = tuple[str, str]
Standing = Literal["waiting", "reserved", "admitted", "given_up", "finished"]
_STOPPED = ("Hold", "HoldAndDrain")


class Share(Struct, frozen=True):
    """The quota of one resource in one flavor, in base units (CPU in thousandths). `left` is of the queue's own quota;
    where it `borrows`, others of its cohort may lend more. Amounts are None where they can't be read, with the reason.
    """

    resource: str
    flavor: str
    quota: int | None
    used: int | None
    left: int | None
    borrows: bool
    unknown: str | None = None


class Place(Struct, frozen=True):
    """How many workloads come before one: in all of its cluster queue, and of its own queue."""

    ahead: int
    ahead_in_queue: int


class InLine(Struct, frozen=True):
    """One workload that has no quota yet. `place` is None while Kueue does not list it."""

    namespace: str
    workload: str
    queue: str
    cluster_queue: str | None
    pod_uid: str | None
    priority: int
    since: str | None
    place: Place | None
    reason: str | None
    message: str
    text: str
    standing: Standing


class Queue(Struct, frozen=True):
    """One LocalQueue. `closed` is why nothing is admitted from it, where that is so."""

    namespace: str
    name: str
    cluster_queue: str | None
    cohort: str | None
    closed: str | None
    shares: tuple[Share, ...]
    running: int
    waiting: tuple[InLine, ...]


def queues(state: State, *, places: Mapping[str, Mapping[Key, Place]] | None = None) -> list[Queue]:
    """All queues, sorted by namespace and name. `places` are Kueue's own, by cluster queue; what is missing there is
    counted.
    """
    lines = _lines(state, places or {})
    running: dict[Key, int] = {}
    for workload in state.all(Workload):
        if standing_of(workload) in ("reserved", "admitted"):
            key = workload.metadata.namespace or "", _queue_name(workload)
            running[key] = running.get(key, 0) + 1
    found = sorted(state.all(LocalQueue), key=lambda each: (each.metadata.namespace or "", each.metadata.name))
    return [_queue(state, queue, lines=lines, running=running) for queue in found]


def in_line_of(state: State, uid: str, *, places: Mapping[str, Mapping[Key, Place]] | None = None) -> InLine | None:
    """The workload of this pod, waiting or not; None where it has none."""
    workload = next((each for each in state.all(Workload) if _pod_of(each) == uid), None)
    if workload is None:
        return None
    if standing_of(workload) == "waiting":
        for each in _lines(state, places or {}).get((workload.metadata.namespace or "", _queue_name(workload)), ()):
            if each.workload == workload.metadata.name:
                return each
    return _in_line(workload, _cluster_queue_of(state, workload), None)


def waited_for(state: State) -> set[str]:
    """The cluster queues in which somebody waits."""
    found = (_cluster_queue_of(state, each) for each in state.all(Workload) if standing_of(each) == "waiting")
    return {name for name in found if name}


def standing_of(workload: Workload) -> Standing:
    """Source: pkg/workload/workload.go Status, kueue v0.17"""
    if _is(workload, "Finished"):
        return "finished"
    if _is(workload, "Admitted"):
        return "admitted"
    if _is(workload, "QuotaReserved"):
        return "reserved"
    return "given_up" if workload.spec is not None and workload.spec.active is False else "waiting"


def _lines(state: State, places: Mapping[str, Mapping[Key, Place]]) -> dict[Key, list[InLine]]:
    """Who waits in each queue, in order."""
    by_cluster_queue: dict[str | None, list[Workload]] = {}
    for workload in state.all(Workload):
        if standing_of(workload) == "waiting":
            by_cluster_queue.setdefault(_cluster_queue_of(state, workload), []).append(workload)
    lines: dict[Key, list[InLine]] = {}
    for name, workloads in by_cluster_queue.items():
        told = places.get(name or "")
        known = told if told is not None else dict(_counted(workloads))
        for workload in sorted(workloads, key=lambda each: _by_place(each, known)):
            line = lines.setdefault((workload.metadata.namespace or "", _queue_name(workload)), [])
            line.append(_in_line(workload, name, known.get(_key(workload)) if name else None))
    return lines


def _by_place(workload: Workload, places: Mapping[Key, Place]) -> tuple[float, tuple[int, str, str]]:
    place = places.get(_key(workload))
    return place.ahead if place is not None else float("inf"), _order(workload)


def _counted(workloads: Iterable[Workload]) -> Iterator[tuple[Key, Place]]:
    before: dict[Key, int] = {}
    for ahead, workload in enumerate(sorted(workloads, key=_order)):
        queue = workload.metadata.namespace or "", _queue_name(workload)
        yield _key(workload), Place(ahead, before.get(queue, 0))
        before[queue] = before.get(queue, 0) + 1


def _order(workload: Workload) -> tuple[int, str, str]:
    """Higher priority first, then by age; who lost a place through no fault of its own keeps its age, and who was not
    ready in time goes to the back. Source: GetQueueOrderTimestamp in pkg/workload/workload.go, kueue v0.17
    """
    priority = (workload.spec.priority if workload.spec is not None else None) or 0
    evicted = _condition(workload, "Evicted")
    back = evicted is not None and evicted.status == "True" and evicted.reason in ("PodsReadyTimeout", "AdmissionCheck")
    moment = evicted.last_transition_time if evicted is not None and back else workload.metadata.creation_timestamp
    return -priority, moment or "", workload.metadata.uid or ""


def _in_line(workload: Workload, cluster_queue: str | None, place: Place | None) -> InLine:
    said = _condition(workload, "QuotaReserved")
    message = (said.message or "") if said is not None and said.status != "True" else ""
    return InLine(
        workload.metadata.namespace or "",
        workload.metadata.name,
        _queue_name(workload),
        cluster_queue,
        _pod_of(workload),
        (workload.spec.priority if workload.spec is not None else None) or 0,
        workload.metadata.creation_timestamp,
        place,
        said.reason if said is not None else None,
        message,
        _text(workload, message),
        standing_of(workload),
    )


def _text(workload: Workload, message: str) -> str:
    match standing_of(workload):
        case "admitted":
            return t("Kueue has admitted it.")
        case "reserved":
            return t("Its quota is reserved; a check must pass before it starts.")
        case "given_up":
            return t("It was taken out of the queue; an administrator can put it back.")
    return in_words(message)


def _queue(state: State, queue: LocalQueue, *, lines: Mapping[Key, list[InLine]], running: Mapping[Key, int]) -> Queue:
    namespace, name = queue.metadata.namespace or "", queue.metadata.name
    wanted = queue.spec.cluster_queue if queue.spec is not None else None
    behind = state.get(ClusterQueue, wanted) if wanted else None
    spec = behind.spec if behind is not None else None
    return Queue(
        namespace,
        name,
        wanted,
        (spec.cohort_name or spec.cohort) if spec is not None else None,
        _closed(queue, behind),
        tuple(_shares(behind)) if behind is not None else (),
        running.get((namespace, name), 0),
        tuple(lines.get((namespace, name), ())),
    )


def _closed(queue: LocalQueue, behind: ClusterQueue | None) -> str | None:
    if behind is None:
        return t("Its cluster queue does not exist.")
    for each in (queue, behind):
        if each.spec is not None and each.spec.stop_policy in _STOPPED:
            return t("The queue is stopped.")
        conditions = (each.status.conditions if each.status is not None else None) or ()
        active = next((one for one in conditions if one.type == "Active"), None)
        if active is not None and active.status == "False":
            return t("The queue is not active: {why}", why=active.message or active.reason or "?")
    return None


def _shares(behind: ClusterQueue) -> Iterator[Share]:
    spec, status = behind.spec, behind.status
    told = (status.flavors_reservation if status is not None else None) or ()
    used = {(flavor.name, use.name): use.total for flavor in told for use in flavor.resources or ()}
    in_cohort = spec is not None and bool(spec.cohort_name or spec.cohort)
    for group in (spec.resource_groups if spec is not None else None) or ():
        for flavor in group.flavors or ():
            for quota in flavor.resources or ():
                try:
                    most = units(quota.name, quota.nominal_quota)
                    taken = units(quota.name, used.get((flavor.name, quota.name)))
                    borrows = in_cohort and (
                        quota.borrowing_limit is None or units(quota.name, quota.borrowing_limit) > 0
                    )
                except InvalidQuantity as error:
                    yield Share(quota.name, flavor.name, None, None, None, in_cohort, unknown=error.message)
                    continue
                yield Share(quota.name, flavor.name, most, taken, max(0, most - taken), borrows)


def _cluster_queue_of(state: State, workload: Workload) -> str | None:
    admission = workload.status.admission if workload.status is not None else None
    if admission is not None and admission.cluster_queue:
        return admission.cluster_queue
    queue = state.get(LocalQueue, _queue_name(workload), namespace=workload.metadata.namespace or "")
    return queue.spec.cluster_queue if queue is not None and queue.spec is not None else None


def _key(workload: Workload) -> Key:
    return workload.metadata.namespace or "", workload.metadata.name


def _queue_name(workload: Workload) -> str:
    return (workload.spec.queue_name if workload.spec is not None else None) or ""


def _pod_of(workload: Workload) -> str | None:
    owners = workload.metadata.owner_references or ()
    return next((owner.uid for owner in owners if owner.kind == "Pod"), None)


def _condition(workload: Workload, kind: str) -> QueueCondition | None:
    conditions = (workload.status.conditions if workload.status is not None else None) or ()
    return next((each for each in conditions if each.type == kind), None)


def _is(workload: Workload, kind: str) -> bool:
    found = _condition(workload, kind)
    return found is not None and found.status == "True"
