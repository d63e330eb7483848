"""What no node could give even if it were empty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moorage.hub.amounts import cpu_field, cpu_words, memory_field, memory_words
from moorage.hub.choice.offered.platforms import misfit
from moorage.hub.choice.offered.refusal import Refusal, automatic, gpus
from moorage.texts import again, t

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moorage.hub.choice.offered.offer import Bounds, Choice, Offer
    from moorage.hub.choice.offered.refusal import Ways
    from moorage.hub.view.facts import NodeFacts

_GRAIN = {"cpu": 100, "memory": 128 << 20}


@dataclass(frozen=True, slots=True)
class Ask:
    """One amount of a choice, and how much of it each node has."""

    field: str
    what: str
    amount: int
    sizes: list[int | None]
    # How much of it each could give now.
    free: list[int | None]
    words: Callable[[int], str]

    def most(self) -> int | None:
        """The most that a node has; None where that is unknown of any."""
        known = [size for size in self.sizes if size is not None]
        return max(known) if len(known) == len(self.sizes) else None


def refuse_too_large(choice: Choice, nodes: Sequence[NodeFacts], *, offer: Offer) -> None:
    """Refuse what no node, or not the chosen one, could give. Unknown sizes never refuse. Raises `Refusal`."""
    candidates = [choice.node] if choice.node else [node for node in nodes if not misfit(choice.image, node)]
    if not candidates:
        raise Refusal(t("No node can run this image. {why}", why=misfit(choice.image, nodes[0])), field="image")
    asks = _asks(choice, candidates, offer)
    able = set(range(len(candidates)))
    for ask in asks:
        most = ask.most()
        if most is not None and ask.amount > most:
            others = _asks(choice, nodes, offer) if choice.node else []
            elsewhere = any(other.field == ask.field and (other.most() or 0) >= ask.amount for other in others)
            size = ask.words(most) if most else t("none")
            if choice.node:
                title = again(choice.node.title)
                why = t("{what} is too much: {node} has {most}.", what=ask.what, node=title, most=size)
            else:
                why = t("{what} is too much: the largest node has {most}.", what=ask.what, most=size)
            raise Refusal(
                " ".join([why, t("Choose less, or another node.")]),
                field=ask.field,
                ways=[*_less(ask, _free(ask, asks) or most, offer), *(automatic() if elsewhere else ())],
            )
        able -= {position for position, size in enumerate(ask.sizes) if size is not None and ask.amount > size}
    if not able:
        together = ", ".join(ask.what for ask in asks)
        raise Refusal(
            t(
                "No node is large enough for {amounts} together, even when empty. Choose less of one of them.",
                amounts=together,
            )
        )


def _free(ask: Ask, asks: Sequence[Ask]) -> int:
    """The most of it that can be had now where all else of the choice can, too; 0 where that is nothing or unknown."""
    others = [other for other in asks if other is not ask]
    places = [
        free for place, free in enumerate(ask.free) if all((other.free[place] or 0) >= other.amount for other in others)
    ]
    return max((free for free in places if free is not None), default=0)


def _asks(choice: Choice, nodes: Sequence[NodeFacts], offer: Offer) -> list[Ask]:
    cpu, memory = choice.requested("cpu"), choice.requested("memory")
    asks = [
        Ask(
            "cpu",
            t("{amount} CPU", amount=cpu_words(cpu)),
            cpu,
            [node.capacity.cpu for node in nodes],
            [_limit(node, offer) for node in nodes],
            cpu_words,
        ),
        Ask(
            "memory",
            t("{amount} memory", amount=memory_words(memory, up=True)),
            memory,
            [node.allocatable.memory for node in nodes],
            [node.available.memory for node in nodes],
            memory_words,
        ),
    ]
    if choice.gpu and choice.gpu_resource:
        units = [choice.units_on(node) for node in nodes]
        kind = choice.gpu_words(offer.gpu_resources)
        sizes: list[int | None] = [each.capacity if each else 0 for each in units]
        free = [each.available if each else 0 for each in units]
        asks.append(Ask("gpu", f"{choice.gpu} {kind}", choice.gpu, sizes, free, str))
    return asks


def _limit(node: NodeFacts, offer: Offer) -> int | None:
    """The most CPU that can be chosen on what the node has free, of which only a share is requested."""
    free, ratio = node.available.cpu, offer.cpu_guarantee_ratio
    if free is None or node.capacity.cpu is None:
        return None
    return min(int(free / ratio), node.capacity.cpu) if ratio else node.capacity.cpu


def _less(ask: Ask, most: int, offer: Offer) -> Ways:
    if ask.field == "gpu":
        return gpus(most)
    bounds: Bounds = getattr(offer, ask.field)
    amount = bounds.down(most, grain=_GRAIN[ask.field])
    if not bounds.offers(amount):
        return ()
    if ask.field == "cpu":
        return ((t("{amount} CPU", amount=cpu_words(amount)), {"cpu": cpu_field(amount)}),)
    return ((memory_words(amount), {"memory": memory_field(amount)}),)
