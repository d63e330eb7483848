"""What a request asks for, read from its path and query alone: `RequestInfo` of the real API server.

Source: kubernetes v1.36 apiserver pkg/endpoints/request/requestinfo.go
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from moorage.simulator.lists.listing import is_true
from moorage.simulator.store.resources import BY_PATH, Kind
from moorage.simulator.store.status import no_such_path, not_allowed

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMESPACE_SUBRESOURCES = ("status", "finalize")
_ONE = {"GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "POST": "create"}
_MANY = {"GET": "list", "HEAD": "list", "POST": "create", "DELETE": "deletecollection"}


@dataclass(frozen=True, slots=True)
class Target:
    """One request, in the API's own terms."""

    path: str
    verb: str
    kind: Kind
    namespace: str | None = None
    name: str | None = None
    subresource: str | None = None


def read_target(method: str, path: str, query: Mapping[str, str]) -> Target:
    """Raises the real server's 404 when no resource has this path, and 405 when the method makes no sense there."""
    parts = [part for part in path.split("/") if part]
    match parts:
        case ["api", version, *rest]:
            group = ""
        case ["apis", group, version, *rest]:
            pass
        case _:
            raise no_such_path()
    namespace = None
    if len(rest) >= 3 and rest[0] == "namespaces" and rest[2] not in _NAMESPACE_SUBRESOURCES:
        namespace, rest = rest[1], rest[2:]
    if not 1 <= len(rest) <= 3:
        raise no_such_path()
    kind = BY_PATH.get((group, version, rest[0]))
    if kind is None or (namespace is not None and not kind.namespaced):
        raise no_such_path()
    name = rest[1] if len(rest) > 1 else None
    subresource = rest[2] if len(rest) > 2 else None
    if kind.namespaced and name is not None and namespace is None:
        raise no_such_path()
    verb = (_ONE if name else _MANY).get(method)
    if verb is None or (verb == "create" and name and subresource is None):
        raise not_allowed()
    if verb == "list" and is_true(query.get("watch")):
        verb = "watch"
    if verb in ("create", "deletecollection") and kind.namespaced and namespace is None and name is None:
        raise not_allowed()
    return Target(path, verb, kind, namespace, name, subresource)
