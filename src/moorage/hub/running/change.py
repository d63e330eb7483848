"""What of CPU and memory is asked for, held against what the person may have and what the pod allows: before anybody
else is asked.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from moorage.errors import InvalidQuantity, quoted
from moorage.hub.amounts import (
    cpu_field,
    cpu_text,
    cpu_words,
    is_gpu,
    memory_field,
    memory_text,
    memory_words,
    read_cpu,
    read_memory,
)
from moorage.hub.choice import fields, options, profiles, spoken
from moorage.hub.choice.holding import hold
from moorage.hub.choice.offered.offer import VERSION, Choice, Defaults, Offer, request_of
from moorage.hub.choice.offered.refusal import Refusal
from moorage.hub.limits import SERVERS
from moorage.hub.running import pod as pods
from moorage.texts import t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.hub.view.facts import NodeFacts

Json = dict[str, Any]

KEYS = ("user", "server", "cpu", "memory", "dry_run", "typed")
_GPUS = ("gpu", "gpus", "gpu_resource", "gpu_kind")


@dataclass(frozen=True, slots=True)
class Change:
    """New amounts of a running server; `resources` is what its container would have."""

    cpu: int
    memory: int | None
    cpu_request: int
    resources: Json
    offer: Offer
    # The preset that has these very amounts, where nothing else may be chosen.
    preset: str | None = None
    # Nothing of it is new.
    is_none: bool = False
    shrinks_memory: bool = False

    @property
    def choice(self) -> Choice:
        """The same as a choice, for the rules that know choices."""
        return Choice(self.cpu, self.memory or 0, cpu_request_milli=self.cpu_request)


def read(body: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """CPU and memory of a request; None for what stays. Raises `Refusal`."""
    for key in body:
        if key in _GPUS:
            raise Refusal(t("GPUs can't be changed while a server runs. Only CPU and memory can."))
        if key not in KEYS:
            near = difflib.get_close_matches(str(key)[:64].lower(), KEYS, n=1)
            raise Refusal(f"There is no option {quoted(key)}.{f' Did you mean “{near[0]}”?' if near else ''}")
    typed = body.get("typed") is True
    cpu = _amount(body.get("cpu"), "cpu", read_cpu, spoken.cpu if typed else None)
    memory = _amount(body.get("memory"), "memory", read_memory, spoken.memory if typed else None)
    if cpu is None and memory is None:
        raise Refusal(t("Say how much CPU or memory the server should have."), field="cpu")
    return cpu, memory


def _amount(value: Any, field: str, read: Any, understood: Any) -> int | None:
    if value is None or value == "":
        return None
    try:
        return int(read(understood(value) if understood and isinstance(value, str) else value))
    except InvalidQuantity as error:
        raise Refusal(f"{t(fields.LABELS[field])}: {error.message}.", field=field) from None


async def of(spawner: Any, pod: Json, body: Mapping[str, Any]) -> Change:
    """The change that a request means for this pod. Raises `Refusal`."""
    cpu, memory = read(body)
    had = pods.asked(pod)
    offer = await offer_of(spawner)
    if offer.closed is not None:
        raise Refusal(offer.closed)
    # What stays as it is was allowed when it was chosen.
    cpu, memory = (None if cpu == had.cpu else cpu), (None if memory == had.memory else memory)
    preset = _allowed(cpu, memory, had=had, gpus=pods.gpus(pod, is_gpu), offer=offer)
    request = None
    if cpu is not None:
        ratio = offer.cpu_guarantee_ratio
        request = request_of(cpu, ratio)
    resources = pods.changed(pod, cpu=cpu, cpu_request=request, memory=memory)
    _refuse_what_restarts(pod, [name for name, amount in (("cpu", cpu), ("memory", memory)) if amount is not None])
    _refuse_another_quality(pod, resources)
    _refuse_too_large(cpu, memory, node=_node(spawner, pod))
    return Change(
        cpu=(had.cpu or 0) if cpu is None else cpu,
        memory=had.memory if memory is None else memory,
        cpu_request=(had.cpu_request or 0) if request is None else request,
        resources=resources,
        offer=offer,
        preset=preset,
        is_none=cpu is None and memory is None,
        shrinks_memory=memory is not None and memory < (pods.in_force(pod).memory or 0),
    )


async def offer_of(spawner: Any) -> Offer:
    """What the person may have now, with the profile that the server was started with."""
    chosen = profiles.selection(spawner.user_options) if spawner.profile_list else None
    standing = await spawner.standing(chosen)
    offer: Offer = await standing.offer()
    return offer


def _allowed(
    cpu: int | None, memory: int | None, *, had: pods.Sizes, gpus: Mapping[str, int], offer: Offer
) -> str | None:
    """The preset with these amounts, where only those may be had. Raises `Refusal`."""
    preset = None
    wanted = {"cpu": had.cpu if cpu is None else cpu, "memory": had.memory if memory is None else memory}
    if offer.presets_only and (cpu, memory) != (None, None):
        count = sum(gpus.values())
        fitting = [each for each in offer.presets if (each.gpu or 0) == count]
        same = [each for each in fitting if (each.cpu, each.memory) == (wanted["cpu"], wanted["memory"])]
        if not same:
            ways = [(each.display_name, _fields(each.cpu, each.memory)) for each in fitting if each.cpu and each.memory]
            raise Refusal(t("This hub offers presets only. Choose the amounts of one."), field="cpu", ways=ways[:3])
        preset = same[0].name
    else:
        # The node and the image stay, whatever has become of them.
        plain = replace(offer.for_one_field(), presets=(), defaults=Defaults())
        texts = {
            "cpu": None if cpu is None else cpu_text(cpu),
            "memory": None if memory is None else memory_text(memory),
        }
        options.decide({"moorage": VERSION, "gpu": 0, **texts}, plain)
    grows = {name: amount for name, amount in wanted.items() if amount and amount > (getattr(had, name) or 0)}
    most = {name: amount for name, amount in offer.limits.most.items() if name in grows and name != SERVERS}
    hold(grows, replace(offer, limits=replace(offer.limits, most=most)))
    return preset


def _fields(cpu: int | None, memory: int | None) -> dict[str, str]:
    return {"cpu": cpu_field(cpu or 0), "memory": memory_field(memory or 0)}


def _refuse_what_restarts(pod: Json, names: list[str]) -> None:
    restarts = pods.restarts(pod, names)
    if restarts:
        raise Refusal(
            t(
                "This change would restart the server's container, and whatever runs in it would be lost. Save your "
                "work, stop the server and start it with the new size."
            ),
            field=restarts[0],
        )


def _refuse_another_quality(pod: Json, resources: Json) -> None:
    spec = pod.get("spec") or {}
    had, becomes = pods.quality(spec), pods.quality(spec, resources=resources)
    if had != becomes:
        raise Refusal(
            t(
                "With these amounts Kubernetes would put this server into another class of service ({new} in place of "
                "{old}), which it doesn't do while the server runs. Save your work, stop the server and start it with "
                "the new size.",
                new=becomes,
                old=had,
            ),
            field="cpu",
        )


def _node(spawner: Any, pod: Json) -> NodeFacts | None:
    found: NodeFacts | None = (spawner.service.nodes or {}).get((pod.get("spec") or {}).get("nodeName"))
    return found


def _refuse_too_large(cpu: int | None, memory: int | None, *, node: NodeFacts | None) -> None:
    """What the node could not give even if it were empty."""
    if node is None:
        return
    most = node.capacity.cpu
    if cpu is not None and most is not None and cpu > most:
        way = (f"{cpu_words(most)} CPU", {"cpu": cpu_field(most)})
        raise Refusal(_too_much(f"{cpu_words(cpu)} CPU", node, cpu_words(most)), field="cpu", ways=[way])
    most = node.allocatable.memory
    if memory is not None and most is not None and memory > most:
        raise Refusal(_too_much(memory_words(memory, up=True), node, memory_words(most)), field="memory")


def _too_much(asked: str, node: NodeFacts, most: str) -> str:
    return t("{asked} is too much: {node} has {most}.", asked=asked, node=node.name, most=most)
