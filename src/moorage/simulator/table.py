"""Tables, as kubectl asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiohttp import web

    from moorage.simulator.resources import Kind
    from moorage.simulator.storage import Stored

Json = dict[str, Any]


def wanted(request: web.Request) -> bool:
    return "as=Table" in request.headers.get("Accept", "")


def of(kind: Kind, items: list[Stored], *, revision: int, meta: Json | None = None) -> Json:
    columns = [{"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0}]
    rows = [{"cells": [stored.body["metadata"]["name"]], "object": stored.body} for stored in items]
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta or {"resourceVersion": str(revision)},
        "columnDefinitions": columns,
        "rows": rows,
    }
