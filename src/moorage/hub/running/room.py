"""How much a server that runs could have on its node, by the service's verdict on its very pod: what it has counts as
its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moorage.errors import InvalidQuantity
from moorage.hub.amounts import read_cpu, read_memory
from moorage.hub.running import pod as pods

if TYPE_CHECKING:
    from collections.abc import Mapping

Json = dict[str, Any]

# More than any node has: the service then says how much this one could give.
_FAR_TOO_MUCH: Json = {"cpu": "1000000", "memory": "1Ei"}
_TIMEOUT = 2.0
_MOST_REASONS = 3


@dataclass(frozen=True, slots=True)
class Room:
    """The service's word on a change, and how much the server's own container could ask for, where that is told."""

    fits: bool
    reasons: tuple[str, ...] = ()
    # Not even if nobody else were on the node.
    never: bool = False
    most_cpu_request: int | None = None
    most_memory: int | None = None


async def for_change(spawner: Any, pod: Json, resources: Json) -> Room | None:
    """Whether the node has room for these amounts now; None where the service can't tell."""
    node = str((pod.get("spec") or {}).get("nodeName"))
    answer = await spawner.service.fit(_question(pod, resources), timeout=_TIMEOUT)
    told = answer.get("nodes") if isinstance(answer, dict) else None
    verdict = told.get(node) if isinstance(told, dict) else None
    if not isinstance(verdict, dict) or not isinstance(verdict.get("fits"), bool):
        return None
    cpu, memory = _most(answer, node, pod)
    return Room(verdict["fits"], _reasons(verdict.get("reasons")), verdict.get("unresolvable") is True, cpu, memory)


async def largest(spawner: Any, pod: Json) -> Room | None:
    """How much it could have at most now; None where that can't be told."""
    resources = pods.container(pod).get("resources") or {}
    asked = {section: {**(resources.get(section) or {}), **_FAR_TOO_MUCH} for section in ("limits", "requests")}
    return await for_change(spawner, pod, asked)


def _question(pod: Json, resources: Json) -> Json:
    """The pod as the kubelet looks at it: on its node whatever has become of that since, and with what takes room."""
    metadata, spec = pod.get("metadata") or {}, pod.get("spec") or {}
    own = pods.container(pod)
    containers = [
        _bare(each, resources if each is own else each.get("resources")) for each in spec.get("containers") or ()
    ]
    terms = [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [spec.get("nodeName")]}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    kept = {name: spec[name] for name in ("overhead", "resources", "priority", "schedulerName") if spec.get(name)}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {name: metadata.get(name) for name in ("name", "namespace", "uid")},
        "spec": {
            **kept,
            "containers": containers,
            "initContainers": [_bare(each, each.get("resources")) for each in spec.get("initContainers") or ()],
            "affinity": {"nodeAffinity": required},
            "tolerations": [{"operator": "Exists"}],
        },
    }


def _bare(container: Mapping[str, Any], resources: Any) -> Json:
    kept = {name: container[name] for name in ("name", "restartPolicy") if container.get(name)}
    return {**kept, "image": "notebook", "resources": resources or {}}


def _reasons(value: Any) -> tuple[str, ...]:
    found = []
    for each in value[:_MOST_REASONS] if isinstance(value, list) else ():
        text = (each.get("text") or each.get("message")) if isinstance(each, dict) else each
        if isinstance(text, str) and text:
            found.append(text[:300])
    return tuple(found)


def _most(answer: Mapping[str, Any], node: str, pod: Json) -> tuple[int | None, int | None]:
    """Of the room that the whole pod could have, what is left for the server's own container."""
    advice = answer.get("would_work")
    rooms = advice.get("nodes") if isinstance(advice, dict) else None
    room = rooms.get(node) if isinstance(rooms, dict) else None
    if not isinstance(room, dict) or (pod.get("spec") or {}).get("resources"):
        return None, None
    found: list[int | None] = []
    for name, key, read in (("cpu", "cpu_millicores", read_cpu), ("memory", "memory_bytes", read_memory)):
        amount = room.get(key)
        try:
            beside = _beside(pod, name, read)
        except InvalidQuantity:
            amount = None
        found.append(max(0, amount - beside) if isinstance(amount, int) and not isinstance(amount, bool) else None)
    return found[0], found[1]


def _beside(pod: Json, name: str, read: Any) -> int:
    """What the containers beside it, and the pod's overhead, take."""
    spec, own = pod.get("spec") or {}, pods.container(pod)
    others = [each for each in spec.get("containers") or () if each is not own]
    others += [each for each in spec.get("initContainers") or () if each.get("restartPolicy") == "Always"]
    asked = [((each.get("resources") or {}).get("requests") or {}).get(name) for each in others]
    asked.append((spec.get("overhead") or {}).get(name))
    return sum(int(read(value)) for value in asked if value is not None)
