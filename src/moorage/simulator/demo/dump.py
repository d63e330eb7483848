"""Objects from a file: what `kubectl get … -o json` or `-o yaml` wrote, one List or several documents."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
import yaml

from moorage.errors import MoorageError

Json = dict[str, Any]


def read_dump(path: str) -> list[Json]:
    """The objects of a dump, nodes first; `-` reads standard input. Raises `MoorageError` with what to do about it."""
    try:
        data = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise MoorageError(
            f"{path} can't be read: {error.strerror}", hint="give the path of a dump, or - for standard input"
        ) from error
    try:
        documents = [msgspec.json.decode(data)]
    except (msgspec.DecodeError, UnicodeDecodeError):
        try:
            documents = list(yaml.safe_load_all(data))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise MoorageError(
                f"{path} is neither JSON nor YAML",
                hint="make it with: kubectl get nodes,pods,pvc,pv,sc,csinodes,ns -A -o json",
            ) from error
    found = [item for document in documents for item in _items(document)]
    if not found:
        raise MoorageError(
            f"{path} holds no Kubernetes objects",
            hint="make it with: kubectl get nodes,pods,pvc,pv,sc,csinodes,ns -A -o json",
        )
    order = {"Namespace": 0, "Node": 1}
    return sorted(found, key=lambda body: order.get(str(body.get("kind")), 2))


def _items(document: Any) -> list[Json]:
    if not isinstance(document, dict):
        return []
    if isinstance(document.get("items"), list):
        kind = str(document.get("kind") or "List").removesuffix("List")
        defaults = {"apiVersion": document.get("apiVersion") or "v1", "kind": kind} if kind else {}
        return [{**defaults, **item} for item in document["items"] if isinstance(item, dict)]
    return [document] if document.get("kind") else []
