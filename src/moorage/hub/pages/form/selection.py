"""What each field of the form has selected, and what to tell of that."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from moorage.errors import InvalidQuantity, quoted
from moorage.hub.amounts import cpu_field, memory_field, read_cpu, read_memory
from moorage.hub.choice import fields, options
from moorage.hub.choice.offered.offer import VERSION
from moorage.hub.choice.offered.refusal import Refusal
from moorage.texts import t

if TYPE_CHECKING:
    from moorage.hub.choice.offered.offer import Offer

_AMOUNTS = ("cpu", "memory", "gpu")
_KIND = ("gpu_resource", "gpu_kind")
_LONGEST = {"cpu": 64, "memory": 64, "gpu": 64, "node": 253, "gpu_resource": 316, "gpu_kind": 63}


def selected(
    saved: Any, offer: Offer, *, filled: bool = False, by_link: bool = False
) -> tuple[dict[str, Any], list[str]]:
    """The last choice as far as it is still offered, the defaults otherwise, and a note for what is not. A form that
    somebody `filled` in keeps all that stood in it: what can't be had any more must not turn into something else.
    `by_link`: it is no choice of this person's.
    """
    defaults = offer.defaults
    image = offer.default_image()
    chosen: dict[str, Any] = {
        "node": defaults.node or "",
        "cpu": "" if "cpu" in defaults.as_configured else cpu_field(defaults.cpu),
        "memory": "" if "memory" in defaults.as_configured else memory_field(defaults.memory),
        "gpu": str(defaults.gpu),
        "gpu_resource": offer.gpu_resources[0] if offer.gpu_resources else "",
        "gpu_kind": "",
        "image": "" if image is None or image.own else image.name,
        "queue": offer.queues[0] if offer.queues else "",
    }
    usual = offer.default_preset()
    chosen["preset"] = usual.name if usual else ""
    notes: list[str] = []
    if not fields.is_ours(saved):
        return {**chosen, **(usual.shown() if usual else {})}, notes
    if offer.presets and not offer.presets_only:
        chosen["preset"] = ""
    loose = offer.for_one_field()
    for name in fields.FIELDS:
        value = saved.get(name)
        if value is None:
            if name == "node" and name in saved:
                chosen["node"] = ""
            continue
        if filled and name in _AMOUNTS:
            chosen[name] = str(value)[: _LONGEST[name]]
            continue
        if name == "preset":
            preset = offer.preset(value) if isinstance(value, str) else None
            chosen[name] = preset.name if preset else chosen[name]
            if preset is None and not filled:
                notes.append(_lost(t("preset {name}.", name=quoted(value)), by_link=by_link))
            continue
        probe: dict[str, Any] = {
            "moorage": VERSION,
            "node": None,
            "gpu": 1 if name in _KIND else 0,
            **({"gpu_resource": saved.get("gpu_resource")} if name == "gpu_kind" else {}),
            name: value,
        }
        try:
            choice = options.decide(probe, loose)
        except Refusal as refusal:
            if name in _KIND and not saved.get("gpu"):
                continue
            # A kind of GPU never becomes another one.
            if filled or name in _KIND:
                chosen[name] = str(value)[: _LONGEST.get(name, 512)]
            if not filled:
                notes.append(_lost(refusal.message, by_link=by_link))
            continue
        value = choice.queue if name == "queue" else choice.as_options().get(name)
        chosen[name] = _text(name, value)
    preset = offer.preset(chosen["preset"])
    return {**chosen, **(preset.shown() if preset else {})}, notes


def as_fields(saved: Any) -> dict[str, str] | None:
    """A saved choice as the form's fields hold it, whether or not it can still be had; None where there is none."""
    if not fields.is_ours(saved):
        return None
    texts = {name: saved.get(name) for name in fields.FIELDS}
    kind = {"gpu_kind": ""} if "gpu_resource" in saved else {}
    return {**kind, **{name: _text(name, text) for name, text in texts.items() if name in saved}}


def _text(name: str, value: Any) -> str:
    """An option as its field holds it."""
    with suppress(InvalidQuantity):
        if name == "cpu":
            return cpu_field(read_cpu(value))
        if name == "memory":
            return memory_field(read_memory(value))
    return "" if value is None else str(value)[:512]


def by_link(filled: dict[str, Any], offer: Offer) -> list[str]:
    """What a form says that a link has filled in: that nothing was started, and what of the link can't be had."""
    _, lost = selected({key: value for key, value in filled.items() if key not in _AMOUNTS}, offer, by_link=True)
    done = t("This link has filled in the form. Nothing has been started: check the choice, then press Start.")
    return [done, *lost]


def _lost(why: str, *, by_link: bool) -> str:
    if by_link:
        return t("What the link says is no longer available: {why}", why=why)
    return t("Your last choice is no longer available: {why}", why=why)
