"""A node of the service's answer, checked field by field.

The service is another process that may be older, newer or broken. A field of the wrong type becomes unknown, an object
without a name is left out, and nothing that it sends can raise here.
"""

from __future__ import annotations

from typing import Any

from moorage.hub.view.cards import read_cards
from moorage.hub.view.checked import text, whole
from moorage.hub.view.encoding import encoded
from moorage.hub.view.facts import HOSTNAME, Amounts, NodeFacts, Taint, Units
from moorage.hub.view.models import models_of
from moorage.texts import later

# Those that keep pods off a node.
_TAINT_EFFECTS = ("NoSchedule", "NoExecute")


def read_node(value: Any) -> NodeFacts | None:
    """A node of the service's answer, or None when it can't be told which node it is."""
    if not isinstance(value, dict) or not (name := text(value.get("name"), 253)):
        return None
    labels = value.get("labels")
    hostname = text(value.get("hostname_label"), 63)
    if hostname is None and isinstance(labels, dict):
        hostname = text(labels.get(HOSTNAME), 63)
    capacity, allocatable, available = (amounts_of(value.get(key)) for key in ("capacity", "allocatable", "available"))
    closed, cards = _closed(value), read_cards(value.get("gpu_details"), claims=value.get("gpu_claims"))
    node = NodeFacts(
        name=name,
        hostname=hostname,
        capacity=capacity,
        allocatable=allocatable,
        available=available,
        evictable=amounts_of(value.get("evictable")),
        gpus=_units(value),
        cards=cards,
        holders=cards.holders,
        schedulable=closed is None,
        closed=closed,
        preparing=_preparing(value.get("preparing"))[1],
        keeps_off=taints_of(value.get("taints")),
        labels=labels_of(labels),
        os=text(value.get("os"), 63),
        arch=text(value.get("arch"), 63),
        zone=text(value.get("zone"), 63),
    )
    return encoded(node)


def _closed(value: dict[str, Any]) -> str | None:
    """Why the node takes no new pods now, or None."""
    reason, words = _preparing(value.get("preparing"))
    if reason == "leaving" or (reason == "being_added" and value.get("ready") is False):
        return words
    if value.get("cordoned") is True:
        return later("cordoned")
    if value.get("ready") is False:
        return later("not ready")
    if value.get("schedulable") is False:
        return later("closed")
    return None


def _preparing(value: Any) -> tuple[str | None, str | None]:
    """The service's word for what is going on at a node, and the words for people."""
    if not isinstance(value, dict):
        return None, None
    words = text(value.get("text"), 200)
    return text(value.get("reason"), 40) if words else None, words


def taints_of(value: Any) -> tuple[Taint, ...]:
    return tuple(
        Taint(key, text(taint.get("value")) or "", taint["effect"])
        for taint in (value[:20] if isinstance(value, list) else ())
        if isinstance(taint, dict)
        and taint.get("effect") in _TAINT_EFFECTS
        and taint.get("passes") is not True
        and (key := text(taint.get("key")))
    )


def labels_of(value: Any) -> dict[str, str]:
    # The empty text is a label's value, too.
    items = value.items() if isinstance(value, dict) else ()
    return {key: content for key, content in items if text(key) and (content == "" or text(content))}


def amounts_of(value: Any) -> Amounts:
    if not isinstance(value, dict):
        return Amounts()
    return Amounts(cpu=whole(value.get("cpu_millicores")), memory=whole(value.get("memory_bytes")))


def _units(value: dict[str, Any]) -> tuple[Units, ...]:
    found = []
    models = models_of(value.get("gpu_kinds"))
    listed = value.get("gpu_units")
    for item in listed[:50] if isinstance(listed, list) else ():
        if not isinstance(item, dict) or not (resource := text(item.get("resource"), 316)):
            continue
        if item.get("kind") == "amount":  # a share of a card's memory or cores, not something to count in cards
            continue
        capacity, allocatable, available = (whole(item.get(key)) for key in ("capacity", "allocatable", "available"))
        if allocatable is None:
            continue
        found.append(
            Units(
                resource,
                allocatable if capacity is None else capacity,
                allocatable,
                None if available is None else max(0, available),
                models.get(resource),
            )
        )
    return tuple(found)
