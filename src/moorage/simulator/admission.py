"""Who may create what where: namespaces, service accounts, priority classes, limit ranges and quotas."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.simulator.resources import NAMESPACES, Kind
from moorage.simulator.status import forbidden, not_found

if TYPE_CHECKING:
    from moorage.simulator.api import Api

Json = dict[str, Any]


def admit(api: Api, kind: Kind, body: Json) -> None:
    """Refuse this new object, or change it, as the API server's admission plugins would."""
    if not kind.namespaced:
        return
    name = body["metadata"]["namespace"]
    namespace = api.find(NAMESPACES, None, name)
    if namespace is None:
        raise not_found(NAMESPACES, name)
    if namespace["metadata"].get("deletionTimestamp"):
        why = f"unable to create new content in namespace {name} because it is being terminated"
        raise forbidden(kind, body["metadata"].get("name"), why)
