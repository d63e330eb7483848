"""Who waits for a place: for what, since when and why, as far as a reader may know whose pods these are.

A pod without a node says itself what holds it up: a gate, the scheduler's last word, or nothing yet. Which other system
decides about it, where one does, is named by its scheduler; what that system has in mind is not guessed at.
"""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, Literal

from msgspec import Struct

from moorage.cluster.amounts import Amounts, GpuNames, shown
from moorage.cluster.answers.held import HolderPolicy
from moorage.cluster.answers.made import PLACEHOLDER, component
from moorage.scheduling.accounting.podinfo import PodInfo, Wait
from moorage.scheduling.cluster import Cluster
from moorage.scheduling.words.sentences import sentence
from moorage.texts import t, tn

State = Literal["gated", "new", "no_room", "makes_room"]
# KubeSpawner's label of a person's pods; its value is the name as labels may have it.
USER = "hub.jupyter.org/username"
_OTHERS = {
    "volcano": "Volcano",
    "yunikorn": "YuniKorn",
    "runai-scheduler": "Run:ai",
    "kai-scheduler": "KAI",
    "koord-scheduler": "Koordinator",
}
_SAID = re.compile(r"0/(\d+) nodes are available: (.*?)\.?(?: (?:no new claims|still not|preemption: ).*)?", re.DOTALL)
_COUNTED = re.compile(r"(?:^|, )(\d+) (.+?)(?=, \d+ |$)", re.DOTALL)
_LONGEST = 2000


class Reason(Struct, frozen=True):
    """What the scheduler has against some of the nodes: how many (None for all), in its own words and in plain ones."""

    nodes: int | None
    message: str
    text: str


def waiting(cluster: Cluster) -> list[PodInfo]:
    """The pods that wait for a place, in the order in which a scheduler would try them: by priority, then by age."""
    found = [cluster.pods[uid] for uid in cluster.unbound]
    return sorted((pod for pod in found if not pod.terminating), key=_order)


def _order(pod: PodInfo) -> tuple[int, str, str, str]:
    return -pod.priority, (pod.extra.wait or Wait()).since or "", pod.namespace, pod.name


def state_of(pod: PodInfo) -> State:
    wait = pod.extra.wait or Wait()
    if wait.gates:
        return "gated"
    if pod.nominated_node_name:
        return "makes_room"
    return "new" if wait.reason is None else "no_room"


def is_placeholder(pod: PodInfo) -> bool:
    """Whether it only keeps room for others: that it waits is how it is meant."""
    return component(pod) == PLACEHOLDER


def entry(pod: PodInfo, cluster: Cluster, *, policy: HolderPolicy, gpus: GpuNames) -> dict[str, Any]:
    """One pod that waits, as JSON. Names are null where they may not be seen."""
    wait = pod.extra.wait or Wait()
    asks = pod.requests
    amounts = Amounts(asks.cpu_milli, asks.memory, asks.ephemeral_storage, 1, asks.scalars)
    reasons = list(_reasons(wait))
    named = policy == "pod"
    return {
        "namespace": pod.namespace if policy != "hidden" else None,
        "pod": pod.name if named else None,
        "uid": pod.uid if named else None,
        "user": pod.labels.get(USER) if named else None,
        "component": component(pod),
        "asks": shown(amounts, names=tuple(sorted(asks.scalars)), gpus=gpus, up=True),
        "since": wait.since,
        "state": state_of(pod),
        "text": _text(pod, wait, reasons, cluster),
        "reasons": reasons,
        "priority": pod.priority,
        "scheduler": wait.scheduler,
        "decided_by": other_scheduler(wait.scheduler, cluster),
    }


def other_scheduler(name: str, cluster: Cluster) -> str | None:
    """What decides about such pods in place of kube-scheduler, or None where that does."""
    if any(fnmatchcase(name, known) for known in cluster.schedulers):
        return None
    return _OTHERS.get(name, name)


def _text(pod: PodInfo, wait: Wait, reasons: list[Reason], cluster: Cluster) -> str:
    if wait.gates:
        return t("Held back until its scheduling gates are gone: {gates}.", gates=", ".join(wait.gates))
    if (other := other_scheduler(wait.scheduler, cluster)) is not None:
        decides = t("{scheduler} decides when it may start.", scheduler=other)
        if not wait.message:
            return decides
        return f"{decides} {t('It says: {message}', message=wait.message[:_LONGEST])}"
    if pod.nominated_node_name:
        return t("Room is being made for it: pods with a lower priority are ending.")
    if wait.reason is None:
        return t("No scheduler has said anything about it yet.")
    if len(reasons) == 1 and reasons[0].nodes in (None, _nodes_of(wait)):
        return reasons[0].text
    return (
        " ".join(t("On {nodes}: {reason}", nodes=_count(reason.nodes), reason=reason.text) for reason in reasons)
        or wait.message[:_LONGEST]
    )


def _count(nodes: int | None) -> str:
    return tn("{count} node", "{count} nodes", nodes) if nodes is not None else t("some nodes")


def _nodes_of(wait: Wait) -> int | None:
    said = _SAID.fullmatch(wait.message[:_LONGEST])
    return int(said[1]) if said else None


def _reasons(wait: Wait) -> Iterator[Reason]:
    """Source: FitError.Error in pkg/scheduler/framework/types.go, kubernetes v1.36."""
    if wait.gates or wait.reason is None:
        return
    message = wait.message[:_LONGEST]
    said = _SAID.fullmatch(message)
    counted = _COUNTED.findall(said[2]) if said else []
    for count, reason in counted:
        yield Reason(int(count), reason, sentence(None, reason))
    if not counted and message:
        bare = said[2] if said else message
        yield Reason(None, bare, sentence(None, bare))
