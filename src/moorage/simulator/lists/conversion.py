"""Events are served as `v1` and as `events.k8s.io/v1`; they are stored as `v1`.

Source: kubernetes v1.36 pkg/apis/events/v1/conversion.go
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.simulator.store.storage import Stored

if TYPE_CHECKING:
    from moorage.simulator.store.resources import Kind

Json = dict[str, Any]

_PAIRS = (
    ("involvedObject", "regarding"),
    ("relatedObject", "related"),
    ("message", "note"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("reportingComponent", "reportingController"),
)


def outgoing(kind: Kind, stored: Stored) -> bytes:
    """The encoded object as this kind's API shows it."""
    return stored.encoded if kind.stored_as is None else _as_new(kind, stored).encoded


def item(kind: Kind, stored: Stored) -> bytes:
    """The encoded object as an item of a list."""
    return stored.encoded_in_list if kind.stored_as is None else _as_new(kind, stored).encoded_in_list


def _as_new(kind: Kind, stored: Stored) -> Stored:
    return Stored(as_new_event(stored.body, kind), stored.revision)


def as_new_event(body: Json, kind: Kind) -> Json:
    names = dict(_PAIRS)
    renamed = {names.get(key, key): value for key, value in body.items() if key != "apiVersion"}
    return {"kind": kind.name, "apiVersion": kind.api_version, **renamed}


def incoming(kind: Kind, body: Json) -> Json:
    """The object as it is stored."""
    if kind.stored_as is None:
        return body
    names = {new: old for old, new in _PAIRS}
    return {names.get(key, key): value for key, value in body.items()} | {"apiVersion": "v1"}
