"""What the API server calls invalid (422), for the kinds that moorage writes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moorage.simulator.status import invalid

if TYPE_CHECKING:
    from moorage.simulator.resources import Kind

Json = dict[str, Any]
Cause = tuple[str, str, str]

_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


def check(kind: Kind, body: Json) -> None:
    """Raise 422 with every cause, as the API server lists them."""
    name = str(body["metadata"].get("name") or "")
    causes: list[Cause] = []
    if not name:
        causes.append(("FieldValueRequired", "metadata.name", "Required value: name or generateName is required"))
    if causes:
        raise invalid(kind, name, causes)


def check_update(kind: Kind, old: Json, body: Json, *, subresource: str | None) -> None:
    """As `check`, and that nothing changed which must not."""
    check(kind, body)
