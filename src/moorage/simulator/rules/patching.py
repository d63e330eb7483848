"""The three kinds of patch: JSON merge (RFC 7386), JSON patch (RFC 6902) and Kubernetes' strategic merge.

Source of the merge keys: the `patchMergeKey` tags of kubernetes v1.36 staging/src/k8s.io/api/core/v1/types.go.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from moorage.simulator.store.status import Refusal, bad_request

Json = dict[str, Any]

_MERGE_KEYS = {
    "containers": "name",
    "initContainers": "name",
    "ephemeralContainers": "name",
    "volumes": "name",
    "env": "name",
    "volumeMounts": "mountPath",
    "volumeDevices": "devicePath",
    "conditions": "type",
    "addresses": "type",
    "taints": "key",
    "ownerReferences": "uid",
    "imagePullSecrets": "name",
    "hostAliases": "ip",
    "topologySpreadConstraints": "topologyKey",
    "resourceClaims": "name",
    "secrets": "name",
}
_PORTS = ("containerPort", "port")
_SETS = ("finalizers",)


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386: null deletes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return deepcopy(patch)
    result: Json = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def strategic(target: Any, patch: Any, *, field: str = "") -> Any:
    """As `merge`, but lists with a merge key are merged by it, and `$patch` says replace or delete."""
    if isinstance(patch, list):
        return _strategic_list(target if isinstance(target, list) else [], patch, field)
    if not isinstance(patch, dict):
        return deepcopy(patch)
    if patch.get("$patch") == "replace":
        return {key: deepcopy(value) for key, value in patch.items() if key != "$patch"}
    if patch.get("$patch") == "delete":
        return {}
    result: Json = dict(target) if isinstance(target, dict) else {}
    for key in patch.get("$retainKeys") or ():
        result = {held: value for held, value in result.items() if held in patch["$retainKeys"] or key == held}
    for key, value in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.split("/", 1)[1]
            result[name] = [held for held in result.get(name) or () if held not in value]
        elif key.startswith("$"):
            continue
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = strategic(result.get(key), value, field=key)
    return result


def _strategic_list(target: list[Any], patch: list[Any], field: str) -> list[Any]:
    if field in _SETS:
        return [*target, *(value for value in patch if value not in target)]
    merge_key = _MERGE_KEYS.get(field)
    if field == "ports" and patch and isinstance(patch[0], dict):
        merge_key = next((key for key in _PORTS if key in patch[0]), None)
    if merge_key is None or not all(isinstance(item, dict) for item in patch):
        return deepcopy(patch)
    if any(item.get("$patch") == "replace" for item in patch):
        return [deepcopy(item) for item in patch if item.get("$patch") != "replace"]
    result = list(target)
    for item in patch:
        place = next(
            (
                i
                for i, held in enumerate(result)
                if isinstance(held, dict) and held.get(merge_key) == item.get(merge_key)
            ),
            None,
        )
        if item.get("$patch") == "delete":
            if place is not None:
                del result[place]
        elif place is None:
            result.append(strategic({}, item))
        else:
            result[place] = strategic(result[place], item)
    return result


def json_patch(target: Json, operations: Any) -> Json:
    """RFC 6902; 400 where the patch can't be read, 422 where it can't be applied."""
    if not isinstance(operations, list):
        raise bad_request("a JSON patch is a list of operations")
    result: Any = deepcopy(target)
    for operation in operations:
        try:
            result = _apply(result, operation)
        except (KeyError, IndexError, ValueError, TypeError) as error:
            message = "the server rejected our request due to an error in our request"
            raise Refusal(422, "Invalid", message, details={}) from error
    if not isinstance(result, dict):
        raise Refusal(422, "Invalid", "the patched document is no object")
    return result


def _steps(pointer: str) -> list[str]:
    if pointer == "":
        return []
    if not pointer.startswith("/"):
        raise ValueError("a pointer starts with /")
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer[1:].split("/")]


def _walk(document: Any, steps: list[str]) -> Any:
    for step in steps:
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document


def _apply(document: Any, operation: Json) -> Any:
    steps = _steps(operation["path"])
    match operation["op"]:
        case "test":
            if _walk(document, steps) != operation["value"]:
                raise ValueError("test failed")
        case "add":
            return _add(document, steps, deepcopy(operation["value"]))
        case "replace":
            _walk(document, steps)
            return _add(_remove(document, steps), steps, deepcopy(operation["value"]))
        case "remove":
            return _remove(document, steps)
        case "copy":
            return _add(document, steps, deepcopy(_walk(document, _steps(operation["from"]))))
        case "move":
            source = _steps(operation["from"])
            value = _walk(document, source)
            return _add(_remove(document, source), steps, value)
        case unknown:
            raise ValueError(f"unknown operation {unknown}")
    return document


def _add(document: Any, steps: list[str], value: Any) -> Any:
    if not steps:
        return value
    parent, last = _walk(document, steps[:-1]), steps[-1]
    if isinstance(parent, list):
        place = len(parent) if last == "-" else int(last)
        if place > len(parent):
            raise IndexError(last)
        parent.insert(place, value)
    else:
        parent[last] = value
    return document


def _remove(document: Any, steps: list[str]) -> Any:
    if not steps:
        return None
    parent, last = _walk(document, steps[:-1]), steps[-1]
    if isinstance(parent, list):
        del parent[int(last)]
    else:
        del parent[last]
    return document
