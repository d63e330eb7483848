"""The fields of a choice: what they are called, and what a form or REST has in them, not yet held against anything."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from moorage.errors import InvalidQuantity, quoted
from moorage.hub import amounts
from moorage.hub.choice import spoken
from moorage.hub.choice.offered.kind import parted
from moorage.hub.choice.offered.offer import VERSION
from moorage.hub.choice.offered.refusal import Refusal
from moorage.texts import later, t

if TYPE_CHECKING:
    from moorage.hub.choice.offered.offer import Offer

FIELDS = ("preset", "node", "cpu", "memory", "gpu", "gpu_resource", "gpu_kind", "image", "queue")
# What people call the fields.
LABELS = {
    "preset": later("Preset"),
    "node": later("Node"),
    "cpu": later("CPU"),
    "memory": later("Memory"),
    "gpu": later("GPU"),
    "gpu_resource": later("Kind"),
    "gpu_kind": later("Kind"),
    "image": later("Image"),
    "queue": later("Queue"),
}
_KNOWN = ("moorage", *FIELDS, "profiles")
_SPOKEN = {"cpu": spoken.cpu, "memory": spoken.memory, "gpu": spoken.count}
# Other names of what is known, too far from it to be found by their letters.
_ALSO = {"ram": "memory", "cores": "cpu", "host": "node", "nodename": "node", "accelerators": "gpu"}


def posted(form: Mapping[str, Any]) -> dict[str, Any]:
    """The form's lists of strings as the versioned dictionary, as they were typed."""
    options: dict[str, Any] = {"moorage": VERSION}
    form = unfolded(form)
    for name in FIELDS:
        values = form.get(name)
        if values is None:
            continue
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values) or len(values) > 1:
            raise Refusal(
                t("“{name}” was sent more than once.", name=name)
                if isinstance(values, list)
                else t("“{name}” was sent in an unexpected form.", name=name)
            )
        text = values[0].strip() if values else ""
        options[name] = text or None
    return options


def unfolded(form: Mapping[str, Any]) -> Mapping[str, Any]:
    """The same where one field says both resource and model, as that of the page does."""
    values = form.get("gpu_kind")
    if not isinstance(values, list) or len(values) != 1 or not isinstance(values[0], str) or "/" not in values[0]:
        return form
    resource, name = parted(values[0].strip())
    return {**form, "gpu_resource": [resource], "gpu_kind": [name or ""]}


def from_form(form: Mapping[str, Any]) -> dict[str, Any]:
    """The same with what people type turned into quantities, nothing else judged. Raises `Refusal`."""
    options = posted(form)
    for name, read in _SPOKEN.items():
        if options.get(name) is not None:
            try:
                options[name] = read(options[name])
            except InvalidQuantity as error:
                raise Refusal(f"{t(LABELS[name])}: {error.message}.", field=name) from None
    return options


def refuse_empty(options: Mapping[str, Any], offer: Offer) -> None:
    """An amount that was deleted on the form is none. Raises `Refusal`."""
    usual = offer.defaults
    words = {"cpu": amounts.cpu_field(usual.cpu), "memory": amounts.memory_field(usual.memory), "gpu": str(usual.gpu)}
    for name, text in words.items():
        if name in options and options[name] is None and name not in usual.as_configured:
            label = f"{text} {t(LABELS[name])}" if name != "memory" else text
            raise Refusal(
                t("{field} is empty. Enter an amount, such as {amount}.", field=t(LABELS[name]), amount=text),
                field=name,
                ways=[(label, {name: text})],
            )


def is_ours(options: Any) -> bool:
    """Whether these user options are for us; others (profiles, another spawner's, none) are left alone."""
    return isinstance(options, Mapping) and "moorage" in options


def refuse_unknown(options: Mapping[str, Any]) -> None:
    """A key that nobody reads would be a choice that is lost. Raises `Refusal`, which names the nearest known one."""
    for key in options:
        if key not in _KNOWN:
            near = nearest(key)
            known = ", ".join(f"“{name}”" for name in _KNOWN)
            hint = t("Did you mean “{name}”?", name=near) if near else t("The options are {names}.", names=known)
            raise Refusal(t("There is no option {name}. {hint}", name=quoted(key), hint=hint))


def nearest(key: object) -> str | None:
    """The known key that this one is taken for, or None."""
    name = str(key)[:64].lower().replace("-", "_")
    found = difflib.get_close_matches(name, _KNOWN, n=1, cutoff=0.6)
    return _ALSO.get(name.replace("_", "")) or (found[0] if found else None)
