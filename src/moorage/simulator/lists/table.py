"""Tables, as kubectl asks for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.simulator.lists.printers import PLAIN, PRINTERS, Cells, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from moorage.simulator.store.resources import Kind
    from moorage.simulator.store.storage import Stored

Json = dict[str, Any]


def wanted(request: web.Request) -> bool:
    return "as=Table" in request.headers.get("Accept", "")


def included(request: web.Request) -> str:
    return request.query.get("includeObject") or "Metadata"


def of(kind: Kind, items: list[Stored], *, revision: int, meta: Json | None = None, include: str = "Metadata") -> Json:
    """The table of these objects; `include` is what each row carries of its object: Metadata, Object or None."""
    columns, cells = PRINTERS.get(kind.plural, (PLAIN, plain))
    rows = []
    for stored in items:
        body = stored.body
        row: Json = {"cells": _safely(cells, body, len(columns))}
        if include == "Object":
            row["object"] = body
        elif include != "None":
            row["object"] = {
                "kind": "PartialObjectMetadata",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": body["metadata"],
            }
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": meta or {"resourceVersion": str(revision)},
        "columnDefinitions": [_column(name, shown=shown) for name, shown in columns],
        "rows": rows,
    }


def _column(name: str, *, shown: bool) -> Json:
    format = "name" if name == "Name" else ""
    return {"name": name, "type": "string", "format": format, "description": "", "priority": 0 if shown else 1}


def _safely(cells: Callable[[Json], Cells], body: Json, count: int) -> Cells:
    """An object of odd shape gets empty cells; it doesn't hide the others."""
    try:
        return cells(body)
    except (TypeError, KeyError, ValueError, AttributeError):
        return [body["metadata"]["name"], *["<invalid>"] * (count - 1)]
