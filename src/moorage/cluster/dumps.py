"""Objects from files: what `kubectl get … -o json` or `-o yaml` wrote.

A file holds one object, a List, lists by kind such as a NodeList, or several documents of these one after the other.
Several files make one cluster; where an object stands in them more than once, the last one counts.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from moorage.errors import MoorageError

if TYPE_CHECKING:
    from collections.abc import Sequence

Json = dict[str, Any]
HINT = "make one with: kubectl get nodes,pods,pvc,pv,sc,csinodes,ns -A -o json"
# More sentences than this about objects that differ help nobody.
_MOST_TOLD = 5


def read(names: Sequence[str]) -> tuple[list[Json], list[str]]:
    """The objects of these files, `-` being standard input, and in sentences which of them differ between the files.

    Raises `MoorageError` where a file can't be read or holds no objects.
    """
    found: dict[Any, tuple[Json, str]] = {}
    differing: dict[Any, str] = {}
    for name in names:
        shown = shown_name(name)
        objects = read_file(name)
        if not any(body.get("kind") for body in objects):
            raise MoorageError(f"{shown} holds no Kubernetes objects", hint=HINT)
        for body in objects:
            key = _identity(body) or len(found)
            before = found.get(key)
            if before is not None and before[0] != body:
                where = f"twice in {shown}" if before[1] == shown else f"in {before[1]} and in {shown}"
                differing[key] = f"{_words(body)} is {where}, and not the same: the last one counts"
            found[key] = (body, shown)
    told = list(differing.values())
    if len(told) > _MOST_TOLD:
        told[_MOST_TOLD:] = [
            f"{len(told) - _MOST_TOLD} more objects are there twice and not the same: the last one counts"
        ]
    return [body for body, _ in found.values()], told


def read_file(name: str) -> list[Json]:
    """The objects of one file as they stand there; `-` is standard input."""
    return _objects(_parsed(_read(name), name=shown_name(name)))


def shown_name(name: str) -> str:
    return "standard input" if name == "-" else name


def _identity(body: Json) -> tuple[str, str, str, str] | None:
    """What may be there once; None where that can't be told."""
    metadata = body.get("metadata")
    if not isinstance(metadata, dict) or not isinstance(metadata.get("name"), str):
        return None
    group = str(body.get("apiVersion") or "").rpartition("/")[0]
    return group, str(body.get("kind")), str(metadata.get("namespace") or "default"), metadata["name"]


def _words(body: Json) -> str:
    metadata = body["metadata"]
    full = "/".join(str(part) for part in (metadata.get("namespace"), metadata["name"]) if part)
    return f"{body.get('kind')} {full}"


def _read(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as exc:
        raise MoorageError(f"{name} can't be read: {exc.strerror}") from exc


def _parsed(data: bytes, *, name: str) -> Any:
    """JSON, several JSON documents one after the other (as `kubectl` prints for several commands), or YAML."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        pass
    if (several := _several(data)) is not None:
        return several
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        documents = [document for document in yaml.load_all(data, Loader=loader) if document is not None]
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as exc:
        raise MoorageError(f"{name} is neither JSON nor YAML", hint=HINT) from exc
    if not documents:
        raise MoorageError(f"{name} is empty", hint=HINT)
    return documents


def _several(data: bytes) -> list[Any] | None:
    """JSON documents one after the other; None where it is something else."""
    decoder, documents = json.JSONDecoder(), []
    try:
        text = data.decode().strip()
        while text:
            document, end = decoder.raw_decode(text)
            documents.append(document)
            text = text[end:].lstrip()
    except (ValueError, RecursionError):
        return None
    return documents or None


def _objects(parsed: Any) -> list[Json]:
    """The objects of a List, or of a list by kind such as NodeList, whose items may leave out their kind."""
    if isinstance(parsed, list):
        return [found for part in parsed for found in _objects(part)]
    if not isinstance(parsed, dict):
        return []
    kind = str(parsed.get("kind"))
    if not isinstance(parsed.get("items"), list) or not kind.endswith("List"):
        return [parsed]
    single = kind.removesuffix("List")
    defaults = {"apiVersion": parsed.get("apiVersion") or "v1", "kind": single} if single else {}
    items = [{**defaults, **item} for item in parsed["items"] if isinstance(item, dict)]
    return [found for item in items for found in _objects(item)]
