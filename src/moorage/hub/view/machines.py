"""Machines that are not there yet, as the hub knows them: chosen like nodes, by the label of their pool.

One for each pool and instance type. A pool of which nobody knows whether it may grow is none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.hub.amounts import is_gpu
from moorage.hub.view.cards import Cards
from moorage.hub.view.checked import text, whole
from moorage.hub.view.encoding import encoded
from moorage.hub.view.facts import Coming, NodeFacts, Units
from moorage.hub.view.models import models_of
from moorage.hub.view.nodes import amounts_of, labels_of, taints_of
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.hub.models import Model

# No node is called so, and it sorts behind all that are.
MARK = "~"
_INSTANCE_TYPE = "node.kubernetes.io/instance-type"
_MOST = 200
_CLOSED = {"at_maximum": later("at its maximum"), "backing_off": later("the cloud has none right now")}


def name_of(machine: Any) -> str | None:
    """What a machine of the service's answer is called here; None where it can't be told."""
    pool = text(machine.get("pool"), 253) if isinstance(machine, dict) else None
    if pool is None:
        return None
    kind = text(machine.get("kind"), 63)
    return f"{MARK}{pool}/{kind}" if kind else f"{MARK}{pool}"


def read_machines(value: Any) -> dict[str, NodeFacts]:
    """The machines of the service's answer that can be chosen, by name."""
    kinds: dict[str, set[str | None]] = {}
    told: dict[str, list[dict[str, Any]]] = {}
    for machine in value[:_MOST] if isinstance(value, list) else ():
        name = name_of(machine)
        if name is None or machine.get("state") not in ("on_its_way", "can_be_added", *_CLOSED):
            continue
        kinds.setdefault(machine["pool"], set()).add(text(machine.get("kind"), 63))
        told.setdefault(name, []).append(machine)
    return {name: _place(name, machines, alone=len(kinds[machines[0]["pool"]]) == 1) for name, machines in told.items()}


def _place(name: str, machines: list[dict[str, Any]], *, alone: bool) -> NodeFacts:
    """One place of all that is told of a pool and kind. `alone`: the pool has no other kind."""
    machine = next((each for each in machines if each["state"] != "on_its_way"), machines[0])
    coming = sum(each["state"] == "on_its_way" for each in machines)
    size, labels = amounts_of(machine.get("allocatable")), labels_of(machine.get("labels"))
    kind, pool = text(machine.get("kind"), 63), machine["pool"]
    label = _label(machine.get("label"))
    selector = label and {**label, **({_INSTANCE_TYPE: kind} if kind and not alone else {})}
    closed = _CLOSED.get(machine["state"]) if not coming else None
    return encoded(
        NodeFacts(
            name=name,
            hostname=None,
            capacity=amounts_of(machine.get("capacity")),
            allocatable=size,
            available=size,
            gpus=_units(machine.get("allocatable"), models_of(machine.get("gpu_kinds"))),
            cards=Cards(),
            schedulable=closed is None,
            closed=closed,
            keeps_off=taints_of(machine.get("taints")),
            labels={**labels, **(label or {})},
            os=labels.get("kubernetes.io/os"),
            arch=labels.get("kubernetes.io/arch"),
            machine=Coming(later("New machine {name}", name=kind or pool), selector or {}, _words(machine, coming)),
        )
    )


def _label(value: Any) -> dict[str, str] | None:
    if not isinstance(value, dict):
        return None
    key, content = text(value.get("key")), text(value.get("value"))
    return {key: content} if key and content else None


def _units(allocatable: Any, models: Mapping[str, Model]) -> tuple[Units, ...]:
    extended = allocatable.get("extended") if isinstance(allocatable, dict) else None
    if not isinstance(extended, dict):
        return ()
    amounts = ((name, whole(amount)) for name, amount in extended.items() if text(name, 316) and is_gpu(name))
    return tuple(Units(name, amount, amount, amount, models.get(name)) for name, amount in amounts if amount)


def _words(machine: Mapping[str, Any], coming: int) -> str:
    """`NVIDIA A10G; can be added, about 4 min`, as far as it is known."""
    gpu = machine.get("gpu")
    model = text(gpu.get("model"), 100) if isinstance(gpu, dict) else None
    words, about = _state(coming), whole(machine.get("about_seconds"))
    if about is not None and about >= 0:
        words = (
            later("{state}, about {seconds} s", state=words, seconds=about)
            if about < 90
            else later("{state}, about {minutes} min", state=words, minutes=round(about / 60))
        )
    return f"{model}; {words}" if model else words


def _state(coming: int) -> str:
    if not coming:
        return later("can be added")
    return later("on its way") if coming == 1 else later("{coming} on their way", coming=coming)
