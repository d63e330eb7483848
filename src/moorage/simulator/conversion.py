"""Events are served as `v1` and as `events.k8s.io/v1`; they are stored as `v1`.

Source: kubernetes v1.36 pkg/apis/events/v1/conversion.go
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from moorage.simulator.resources import Kind
    from moorage.simulator.storage import Stored

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
    return stored.encoded if kind.stored_as is None else msgspec.json.encode(as_new_event(stored.body, kind))


def as_new_event(body: Json, kind: Kind) -> Json:
    names = dict(_PAIRS)
    return {names.get(key, key): value for key, value in body.items()} | {"apiVersion": kind.api_version}


def incoming(kind: Kind, body: Json) -> Json:
    """The object as it is stored."""
    if kind.stored_as is None:
        return body
    names = {new: old for old, new in _PAIRS}
    return {names.get(key, key): value for key, value in body.items()} | {"apiVersion": "v1"}
