"""Whether waiting for room, or for quota in a queue, can help at all.

Pods that end make room. They move no taint, no selector and no volume, and make no node larger: what only these keep
out would wait in vain. A node that is cordoned, not ready or still being prepared may come back, so that it counts as
hope where it has what is asked for.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from moorage.errors import InvalidQuantity
from moorage.hub.amounts import read_count, read_cpu, read_memory
from moorage.hub.choice.offered.refusal import Refusal, gpus
from moorage.hub.start import manifest
from moorage.hub.view.checked import text
from moorage.hub.view.facts import HOSTNAME
from moorage.texts import t, tn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.hub.choice.offered.offer import Choice
    from moorage.hub.view.facts import NodeFacts
    from moorage.hub.view.queues import QueueFacts

_READERS = {"cpu": read_cpu, "memory": read_memory}
# Kubernetes itself sets and takes away taints of these.
_PASSING = ("node.kubernetes.io/", "node.cloudprovider.kubernetes.io/")
_MOST_REASONS = 3
_MOST_NAMED = 3


def beyond(queue: QueueFacts, choice: Choice) -> Refusal | None:
    """Why this queue would let a choice wait in vain; None where it may give what is asked for."""
    most = queue.most(choice.gpu_resource) if choice.gpu and choice.gpu_resource else None
    if most is None or choice.gpu <= most:
        return None
    return Refusal(
        t(
            "Queue {queue} has a quota of {most} GPU in all, so a server with {asked} would wait in vain.",
            queue=queue.name,
            most=most,
            asked=choice.gpu,
        ),
        field="gpu",
        ways=gpus(most),
    )


async def none_for(spawner: Any, pod: Any, claim: Any | None, *, namespace: str, timeout: float) -> str | None:
    """Why no waiting would help this pod, in words; None where it may, or where that can't be told."""
    service = spawner.service
    if not service.status.live:
        return None
    plain = spawner.api.api_client.sanitize_for_serialization
    asked = manifest.for_verdict(plain(pod), namespace=namespace)
    claims = [manifest.claim_for_verdict(plain(claim), namespace=namespace)] if claim else []
    answer = await service.fit(asked, claims=claims, timeout=timeout)
    return without_hope(answer, pod=asked, nodes=service.nodes) if answer else None


def without_hope(answer: Mapping[str, Any], *, pod: Mapping[str, Any], nodes: Mapping[str, NodeFacts]) -> str | None:
    """The same by the service's verdict."""
    if answer.get("answer") != "never" or answer.get("refusals"):
        return None
    told: Any = answer.get("nodes")
    verdicts = {name: node for name, node in told.items() if isinstance(node, dict)} if isinstance(told, dict) else {}
    asked = _requests(pod)
    if any(_may_come_back(node, nodes.get(name), asked) for name, node in verdicts.items()):
        return None
    if any(_may_come(machine) for machine in answer.get("machines") or ()):
        return None
    said = _where(verdicts, pinned=HOSTNAME in ((pod.get("spec") or {}).get("nodeSelector") or {}))
    prefilter = answer.get("prefilter")
    if isinstance(prefilter, dict):
        said = [*_texts(prefilter), *said]
    ways = answer.get("would_work")
    instead = [each for each in (ways.get("sentences") or ()) if text(each)] if isinstance(ways, dict) else []
    return " ".join([t("No node can take this server, and waiting would not help."), *said, *instead[:1]])


def _may_come_back(verdict: Mapping[str, Any], node: NodeFacts | None, asked: Mapping[str, int]) -> bool:
    plugin = verdict.get("plugin")
    if plugin not in ("NodeUnschedulable", "TaintToleration"):
        return node is not None and node.preparing is not None
    if node is None:
        return True
    if plugin == "TaintToleration" and any(not taint.key.startswith(_PASSING) for taint in node.keeps_off):
        return False
    return node.preparing is not None or all(_has(node, name, amount) for name, amount in asked.items())


def _may_come(machine: Any) -> bool:
    """Whether this is a machine that may still come and would do, as far as is known."""
    if not isinstance(machine, dict) or machine.get("fits") is False:
        return False
    return machine.get("state") in ("on_its_way", "can_be_added", "backing_off")


def _has(node: NodeFacts, resource: str, amount: int) -> bool:
    known = {"cpu": node.allocatable.cpu, "memory": node.allocatable.memory}
    if resource in known:
        most = known[resource]
        return most is None or amount <= most
    units = node.units(resource)
    return amount <= (units.capacity if units is not None else 0)


def _requests(pod: Mapping[str, Any]) -> dict[str, int]:
    found: dict[str, int] = {}
    for container in (pod.get("spec") or {}).get("containers") or ():
        for name, value in ((container.get("resources") or {}).get("requests") or {}).items():
            with suppress(InvalidQuantity):
                found[name] = found.get(name, 0) + _READERS.get(name, read_count)(value)
    return found


def _where(verdicts: Mapping[str, Mapping[str, Any]], *, pinned: bool) -> list[str]:
    """Each reason with its nodes; of a server for one node, those of that node."""
    places: dict[str, list[str]] = {}
    for name, verdict in sorted(verdicts.items()):
        if pinned and verdict.get("plugin") == "NodeAffinity" and len(verdicts) > 1:
            continue
        for reason in _texts(verdict):
            places.setdefault(reason, []).append(name)
    most = sorted(places.items(), key=lambda place: -len(place[1]))[:_MOST_REASONS]
    return [f"{_named(names)}: {reason}" for reason, names in most]


def _texts(verdict: Mapping[str, Any]) -> list[str]:
    reasons = verdict.get("reasons")
    said = [text(each.get("text") or each.get("message")) for each in reasons or () if isinstance(each, dict)]
    return [f"{each.rstrip('.')}." for each in said if each]


def _named(names: list[str]) -> str:
    if len(names) <= _MOST_NAMED:
        return ", ".join(names)
    rest = len(names) - _MOST_NAMED + 1
    return tn("{names} and {count} other", "{names} and {count} others", rest, names=", ".join(names[:-rest]))
