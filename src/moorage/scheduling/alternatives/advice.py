"""What would work: how much room an ask has on each node, by the scheduler's own filters.

A node that only lacks room says how much it has, and so does one that lacks devices behind a plain name; one that
refuses for any other reason can't be helped by asking less, and is left out. Pods that wait for room on a node and may
not be overtaken take their share first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from moorage.scheduling.devicenames import holders_of
from moorage.scheduling.devices.counts import count
from moorage.scheduling.devices.pools import pools_of
from moorage.scheduling.filters import dynamicresources, noderesourcesfit
from moorage.scheduling.fit import Trial
from moorage.scheduling.steps import at_once, in_parts
from moorage.scheduling.words.amounts import amount_words, is_card, resource_words
from moorage.texts import either, t, tn

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from moorage.objects import DeviceClass, Pod
    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.accounting.requests import Requests
    from moorage.scheduling.state import State
    from moorage.scheduling.steps import Steps
    from moorage.scheduling.verdict import Verdict

NAMED = 20
# Nobody has any use for a pod that asks for some of these and is given none.
_NEEDED = ("cpu", "memory")


class Room(msgspec.Struct, frozen=True, gc=False):
    """The largest effective requests that a pod like this one could have on a node."""

    cpu_millicores: int
    memory_bytes: int
    ephemeral_storage_bytes: int
    extended: dict[str, int]


class Most(msgspec.Struct, frozen=True, gc=False):
    """The most of one resource that a single node could give, everything else being as asked."""

    amount: int
    node: str


class Closest(msgspec.Struct, frozen=True, gc=False):
    """The ask cut down to what the best of the refusing nodes has."""

    node: str
    room: Room
    cpu_millicores: int
    memory_bytes: int
    ephemeral_storage_bytes: int
    extended: dict[str, int]


class Advice(msgspec.Struct, frozen=True, gc=False):
    """`nodes` holds the room of each node that refuses for want of room alone; `fits_on` names at most 20 nodes."""

    fits_on: tuple[str, ...] = ()
    fits_on_count: int = 0
    closest: Closest | None = None
    largest: dict[str, Most] = {}
    nodes: dict[str, Room] = {}
    sentences: tuple[str, ...] = ()


class Holder(msgspec.Struct, frozen=True, gc=False):
    """A pod that holds some of a resource on a node, and when it has ended at the latest: in microseconds since 1970,
    None where it has no known end.
    """

    namespace: str
    name: str
    amount: int
    ends_by: int | None = None


_Measured = tuple[str, Room, list[int]]  # a node, its room, and of that what is asked, in the ask's order


def advise(
    cluster: State, pod: Pod | dict[str, Any], verdict: Verdict, *, without: Container[str] = frozenset()
) -> Advice:
    """What this pod could have instead, given its verdict on this very cluster; none of it on the nodes `without`."""
    return at_once(advising(cluster, pod, verdict, without=without))


def advising(
    cluster: State, pod: Pod | dict[str, Any], verdict: Verdict, *, without: Container[str] = frozenset()
) -> Steps[Advice]:
    """The same in steps."""
    if verdict.prefilter is not None:
        return Advice()
    trial = Trial(cluster, pod)
    yield
    asked = _asked(trial.ask.info.requests)
    fitting = [name for name in verdict.fitting if name not in without]
    eased = {noderesourcesfit.NAME}
    if not trial.ask.pod.spec.resource_claims:
        eased.add(dynamicresources.NAME)
    lacking = [
        cluster.nodes[name]
        for name, found in verdict.nodes.items()
        if found.plugin in eased and name in cluster.nodes and name not in without
    ]
    yield
    otherwise = yield from trial.on(lacking, without=eased, after=noderesourcesfit.NAME)
    helped = [info for info in lacking if otherwise[info.name].fits]
    behind = dynamicresources.classes_behind(trial.ask, cluster)

    def measured(infos: Iterable[NodeInfo]) -> Steps[list[_Measured]]:
        found: list[_Measured] = []
        for part in in_parts(infos):
            for info in part:
                room = _room_on(info, trial, cluster, behind=behind)
                if room is not None:
                    found.append((info.name, room, [_in(room, one) for one in asked]))
            yield
        return found

    lacks = yield from measured(helped)
    gives = yield from measured(cluster.nodes[name] for name in fitting if name in cluster.nodes)
    needed = [place for place, name in enumerate(asked) if name in _NEEDED]
    usable = [one for one in lacks if all(one[2][place] for place in needed)]
    yield
    closest = (yield from _closest(usable, asked)) if not fitting else None
    by_maker = closest is not None and has_several_makers(cluster, asked)
    largest = yield from _largest([*gives, *lacks], asked)
    return Advice(
        fits_on=tuple(fitting[:NAMED]),
        fits_on_count=len(fitting),
        closest=closest,
        largest=largest,
        nodes={name: room for name, room, _ in lacks},
        sentences=_sentences(fitting, closest, asked, nodes=len(verdict.nodes), rooms=len(lacks), by_maker=by_maker),
    )


def _room_on(info: NodeInfo, trial: Trial, cluster: State, *, behind: Mapping[str, DeviceClass]) -> Room | None:
    """What is free on a node for this pod, or None where not even an empty pod has a slot.

    `behind` are the device classes that stand behind resource names of the pod.
    """
    waiting = trial.nominated_on(info) if info.nominated else []
    used = (info.with_pods(waiting) if waiting else info).requested
    there = info.allocatable
    if used.pods + 1 > there.pods:
        return None
    names = there.scalars
    extended = {name: max(amount - used.scalars.get(name, 0), 0) for name, amount in names.items()} if names else {}
    for name, device_class in behind.items():
        if names.get(name, 0) <= 0:
            found = count(device_class, pools_of(cluster.devices, info.name, info.labels), cluster.devices)
            extended[name] = found.free or 0
    return Room(
        max(there.cpu_milli - used.cpu_milli, 0),
        max(there.memory - used.memory, 0),
        max(there.ephemeral_storage - used.ephemeral_storage, 0),
        extended,
    )


def has_several_makers(cluster: State, asked: Iterable[str]) -> bool:
    """Whether an ask for whole cards has to say whose, since the cluster has others, too."""
    cards = set(filter(is_card, asked))
    if not cards:
        return False
    cards.update(filter(is_card, cluster.devices.resource_names))
    for info in cluster.nodes.values():
        if info.allocatable.scalars:
            cards.update(name for name, amount in info.allocatable.scalars.items() if amount and is_card(name))
    return len(cards) > 1


def holders(cluster: State, node_name: str, resource: str, *, most: int = 10) -> list[Holder]:
    """The pods that hold most of a resource on a node. Whoever shows them asks first whether policy allows it."""
    info = cluster.nodes.get(node_name)
    if info is None:
        return []
    by_claims = holders_of(cluster, info, resource)
    ends = {(pod.namespace, pod.name): pod.ends_by for pod in info.pods.values()} if by_claims else {}
    found = [Holder(*pod, amount, ends.get(pod)) for pod, amount in (by_claims or {}).items()]
    for pod in info.pods.values() if by_claims is None else ():
        amount = 1 if resource == "pods" else _asked(pod.requests).get(resource, 0)
        if amount > 0:
            found.append(Holder(pod.namespace, pod.name, amount, pod.ends_by))
    return sorted(found, key=lambda holder: (-holder.amount, holder.namespace, holder.name))[:most]


def _asked(requests: Requests) -> dict[str, int]:
    plain = {
        "cpu": requests.cpu_milli,
        "memory": requests.memory,
        "ephemeral-storage": requests.ephemeral_storage,
        **requests.scalars,
    }
    return {name: amount for name, amount in plain.items() if amount > 0}


def _in(room: Room, resource: str) -> int:
    if resource == "cpu":
        return room.cpu_millicores
    if resource == "memory":
        return room.memory_bytes
    return room.ephemeral_storage_bytes if resource == "ephemeral-storage" else room.extended.get(resource, 0)


def _largest(measured: Iterable[_Measured], asked: dict[str, int]) -> Steps[dict[str, Most]]:
    """A node counts for one resource only if it has room for all the others as they are asked."""
    largest: dict[str, Most] = {}
    most = dict.fromkeys(asked, 0)
    amounts = list(asked.items())
    for part in in_parts(measured):
        for node, _, there in part:
            short = [place for place, (_, amount) in enumerate(amounts) if amount > there[place]]
            if len(short) > 1:
                continue
            for place in short or range(len(amounts)):
                name = amounts[place][0]
                if there[place] > most[name]:
                    most[name] = there[place]
                    largest[name] = Most(there[place], node)
        yield
    return largest


def _closest(measured: Iterable[_Measured], asked: dict[str, int]) -> Steps[Closest | None]:
    """The node that has the largest part of what it has least of, then of everything."""
    amounts = list(asked.values())
    best: tuple[tuple[float, float], _Measured] | None = None
    for part in in_parts(measured):
        for one in part:
            shares = [_share(there, amount) for there, amount in zip(one[2], amounts, strict=True)]
            score = (min(shares, default=1.0), sum(shares))
            if best is None or score > best[0]:
                best = (score, one)
        yield
    if best is None:
        return None
    node, room, there = best[1]
    cut = {name: min(amount, have) for (name, amount), have in zip(asked.items(), there, strict=True)}
    return Closest(
        node=node,
        room=room,
        cpu_millicores=cut.pop("cpu", 0),
        memory_bytes=cut.pop("memory", 0),
        ephemeral_storage_bytes=cut.pop("ephemeral-storage", 0),
        extended=cut,
    )


def _share(there: int, amount: int) -> float:
    return 1.0 if there >= amount else there / amount


def _sentences(
    fitting: list[str], closest: Closest | None, asked: dict[str, int], *, nodes: int, rooms: int, by_maker: bool
) -> tuple[str, ...]:
    if fitting:
        if len(fitting) == nodes:
            return (t("Fits on every node."),) if nodes > 1 else ()
        names, more = ", ".join(fitting[:3]), len(fitting) - 3
        if more > 0:
            return (tn("Fits on {nodes} and {count} more.", "Fits on {nodes} and {count} more.", more, nodes=names),)
        return (t("Fits on {nodes}.", nodes=names),)
    if closest is None and rooms:
        return (t("Asking for less would not help: no node has any {what} left.", what=_either(asked)),)
    if closest is None:
        return (t("Asking for less would not help: every node refuses for another reason."),) if nodes else ()
    have = {
        "cpu": closest.cpu_millicores,
        "memory": closest.memory_bytes,
        "ephemeral-storage": closest.ephemeral_storage_bytes,
        **closest.extended,
    }
    there = [amount_words(name, have[name], by_maker=by_maker) for name in asked if have.get(name)]
    there += [t("no {what}", what=resource_words(name, by_maker=by_maker)) for name in asked if not have.get(name)]
    return (t("The most that fits now, on {node}: {amounts}.", node=closest.node, amounts=", ".join(there)),)


def _either(asked: dict[str, int]) -> str:
    return either([resource_words(name) for name in _NEEDED if asked.get(name)])
