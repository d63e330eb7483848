"""A person's choice: options from the form or from REST, held against what is offered, and either taken exactly or
refused with a sentence.

Pure: no spawner, no network. The same `decide` serves the form, REST, an administrator's start and a restart with saved
options, so that none of them can differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.errors import InvalidQuantity, quoted
from moorage.hub import amounts
from moorage.hub.amounts import cpu_words, memory_words
from moorage.hub.choice import cards
from moorage.hub.choice.fields import LABELS, refuse_unknown
from moorage.hub.choice.holding import hold
from moorage.hub.choice.largest import refuse_too_large
from moorage.hub.choice.offered import preset as presets
from moorage.hub.choice.offered.offer import VERSION, Bounds, Choice, Offer, request_of
from moorage.hub.choice.offered.platforms import misfit
from moorage.hub.choice.offered.refusal import Refusal, automatic, maximum
from moorage.hub.limits import words as limit_words
from moorage.hub.view.machines import MARK
from moorage.texts import again, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.hub.presets import Preset
    from moorage.hub.view.facts import NodeFacts
    from moorage.hub.view.images import ImageFacts


def decide(options: Mapping[str, Any], offer: Offer) -> Choice:
    """The choice that these options make, or `Refusal`. A field that is missing or null takes its default."""
    if options.get("moorage") != VERSION or isinstance(options.get("moorage"), bool):
        raise Refusal(
            t(
                "These options have version {version}, but this hub reads version {known}.",
                version=quoted(options.get("moorage")),
                known=VERSION,
            ),
            hint=t("open the spawn page and choose again"),
        )
    refuse_unknown(options)
    if offer.closed is not None:
        raise Refusal(offer.closed)
    preset = presets.chosen(options, offer)
    cpu = _amount(
        "cpu",
        options.get("cpu"),
        default=offer.defaults.cpu,
        bounds=offer.cpu,
        read=amounts.read_cpu,
        words=cpu_words,
        group=offer.group_of("cpu"),
    )
    memory = _amount(
        "memory",
        options.get("memory"),
        default=offer.defaults.memory,
        bounds=offer.memory,
        read=amounts.read_memory,
        words=memory_words,
        group=offer.group_of("memory"),
    )
    gpu, kind = cards.chosen(options, offer, preset)
    image = _image(options, offer)
    if preset is not None:
        cpu = cpu if preset.cpu is None else preset.cpu
        memory = memory if preset.memory is None else preset.memory
        image = presets.image(preset, offer) or image
    node = _node({**options, "node": preset.node} if preset and preset.node else options, offer)
    kept = _as_configured(options, offer, preset)
    request = request_of(cpu, offer.cpu_guarantee_ratio)
    choice = Choice(
        cpu,
        memory,
        gpu,
        kind.resource if kind is not None else None,
        node,
        image,
        kept.get("cpu", request),
        preset,
        offer.presets_only,
        kind=kind,
        as_configured=kept,
        unlimited=offer.defaults.unlimited & kept.keys(),
        queue=_queue(options.get("queue"), offer),
        picks_queue=len(offer.queues) > 1,
    )
    hold(choice.asked(), offer)
    if node is not None and node.name in offer.barred:
        raise Refusal(
            t(
                "{node} is {reason}. Choose another node or Automatic.",
                node=again(node.title),
                reason=again(offer.barred[node.name]),
            ),
            field="node",
            ways=automatic(),
        )
    # Where no node is for these servers, those that are will come when they are needed.
    if offer.refuse_too_large and (nodes := offer.usable()):
        refuse_too_large(choice, nodes, offer=offer)
    if node is not None and (reason := misfit(image, node)):
        raise Refusal(
            t(
                "{node} is closed for this image. {reason} Choose another node or image.",
                node=again(node.title),
                reason=reason,
            ),
            field="node",
            ways=automatic(),
        )
    # A pool that can't grow now may have a node that is there.
    if node is not None and node.closed and node.machine is None:
        raise Refusal(
            t(
                "{node} is {reason} and takes no new servers. Choose another node or Automatic.",
                node=node.name,
                reason=again(node.closed),
            ),
            field="node",
            ways=automatic(),
        )
    return choice


def _as_configured(options: Mapping[str, Any], offer: Offer, preset: Preset | None) -> dict[str, int]:
    """The amounts that neither the person nor the preset has chosen, and that stay as KubeSpawner is configured."""
    set_by_it = preset.values() if preset else {}
    left = offer.defaults.as_configured.items()
    return {name: amount for name, amount in left if options.get(name) in (None, "") and name not in set_by_it}


def _amount(what: str, value: Any, *, default: int, bounds: Bounds, read: Any, words: Any, group: str | None) -> int:
    if value is None or value == "":
        return default
    name = what
    try:
        amount: int = read(value)
    except InvalidQuantity as error:
        raise Refusal(f"{t(LABELS[name])}: {error.message}.", field=name) from None
    if bounds.offers(amount):
        return amount
    text = amounts.cpu_field if name == "cpu" else amounts.memory_field
    near = min(bounds.choices, key=lambda choice: abs(choice - amount), default=bounds.nearest(amount))
    button = t("{amount} CPU", amount=words(near)) if name == "cpu" else words(near)
    ways = [(button, {name: text(near)})] if near > 0 else []
    what = limit_words(name, amount)
    if bounds.choices:
        offered = ", ".join(words(choice) for choice in bounds.choices)
        why = t("{what} is not offered. Choose one of: {names}.", what=what, names=offered)
    elif amount < bounds.least:
        why = t("{what} is too little. The minimum is {amount}.", what=what, amount=words(bounds.least))
    elif bounds.most is not None and amount > bounds.most:
        limit = maximum(words(bounds.most), by_hub=bounds.most == bounds.given, group=group)
        why = t("{what} is too much. {limit}", what=what, limit=limit)
    else:
        why = t("{what} is not offered. Choose a multiple of {amount}.", what=what, amount=words(bounds.step))
    raise Refusal(why, field=name, ways=ways)


def _queue(value: Any, offer: Offer) -> str | None:
    if value is None or value == "":
        return next(iter(offer.queues), None)
    if not isinstance(value, str):
        raise Refusal(t("The queue must be a name, not {value}.", value=quoted(value)))
    if value in offer.queues:
        return value
    if not offer.queues:
        raise Refusal(t("This hub has no queues. Leave the queue out."), field="queue")
    raise Refusal(
        t("Queue {queue} is not offered. Choose one of: {names}.", queue=quoted(value), names=", ".join(offer.queues)),
        field="queue",
        ways=[(name, {"queue": name}) for name in offer.queues[:3]],
    )


def _image(options: Mapping[str, Any], offer: Offer) -> ImageFacts | None:
    wanted = options.get("image")
    if wanted is None or wanted == "":
        return offer.default_image()
    if not isinstance(wanted, str):
        raise Refusal(t("The image must be text, not {value}.", value=quoted(wanted)))
    found = offer.image(wanted)
    if found is not None:
        return found
    usual = offer.default_image()
    ways = [(usual.display_name, {"image": "" if usual.own else usual.name})] if usual else []
    if offer.images is None:
        raise Refusal(
            t(
                "Image {name} can't be checked: the image list is unavailable right now. "
                "Choose the default image, or try again in a minute.",
                name=quoted(wanted),
            ),
            field="image",
            ways=ways,
        )
    if not offer.images:
        why = t("Image {name} is not offered by this hub.", name=quoted(wanted))
        only = t("The only one is {name}.", name=quoted(usual.reference)) if usual else t("It has no list of images.")
        raise Refusal(f"{why} {only}", field="image", ways=ways)
    raise Refusal(
        t("Image {name} is not offered. Choose one from the list.", name=quoted(wanted)), field="image", ways=ways
    )


def _node(options: Mapping[str, Any], offer: Offer) -> NodeFacts | None:
    wanted = options.get("node", offer.defaults.node)
    if wanted is None or wanted == "":
        return None
    if not isinstance(wanted, str):
        raise Refusal(t("The node must be a name, not {value}.", value=quoted(wanted)))
    if offer.nodes is None:
        raise Refusal(
            t(
                "Node {name} can't be checked: the node list is unavailable right now. "
                "Choose Automatic, or try again in a minute.",
                name=quoted(wanted),
            ),
            field="node",
            ways=automatic(),
        )
    found = offer.nodes.get(wanted)
    if found is None and wanted.startswith(MARK):
        raise Refusal(
            t("There is no pool {name} any more. Choose another node or Automatic.", name=quoted(wanted[1:])),
            field="node",
            ways=automatic(),
        )
    if found is None:
        raise Refusal(
            t("There is no node {name}. Choose another node or Automatic.", name=quoted(wanted)),
            field="node",
            ways=automatic(),
        )
    if not found.selector:
        lacks = t("a label of its pool is not known") if found.machine else t("it has no hostname label")
        raise Refusal(
            t(
                "{node} can't be chosen: {reason}. Choose another node or Automatic.",
                node=again(found.title),
                reason=lacks,
            ),
            field="node",
            ways=automatic(),
        )
    return found
