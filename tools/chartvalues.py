"""What the chart's values.yaml says of itself: its keys, their comments, and the schema that Helm holds values to.

`python docs/reference.py` writes both into the pages and into charts/moorage/values.schema.json.
The comment above a key describes it. A map whose keys have comments is a group and takes no further keys; any other map
takes whatever people put into it. `settings` takes the service's settings, as its own code declares them.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).resolve().parents[1] / "charts" / "moorage"
SCHEMA = CHART / "values.schema.json"
ROLES = ["reader", "reader+holders", "admin", "admin+holders"]
# What the chart itself sets, and what must not stand in a ConfigMap.
NOT_SETTINGS = {"host", "port", "token_file", "registry_password"}
TEXTS = {"type": "array", "items": {"type": "string"}}
OBJECTS = {"type": "array", "items": {"type": "object"}}
LABELS = {"type": "object", "additionalProperties": {"type": "string"}}
NAME = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
# What a value may be where its default does not tell.
SHAPES: dict[str, dict[str, Any]] = {
    "image.repository": {"type": "string", "minLength": 1},
    "image.digest": {"type": "string", "pattern": "^(sha256:[0-9a-f]{64})?$"},
    "image.pullPolicy": {"enum": ["Always", "IfNotPresent", "Never"]},
    "imagePullSecrets": TEXTS,
    "fullnameOverride": {"type": "string", "pattern": f"^{NAME}$", "maxLength": 40},
    "replicas": {"type": "integer", "minimum": 0},
    "tokens.names": {
        "type": "object",
        "propertyNames": {"pattern": f"^{NAME}$", "not": {"const": "tokens"}},
        "additionalProperties": {"enum": ROLES},
        "required": ["hub"],
    },
    "rights.quotaNamespaces": TEXTS,
    "rights.schedulerConfigMap": {"type": "string", "pattern": f"^({NAME}/{NAME}(/[-._a-zA-Z0-9]+)?)?$"},
    "service.port": {"type": "integer", "minimum": 1, "maximum": 65535},
    "service.annotations": LABELS,
    "networkPolicy.from": OBJECTS,
    "metrics.serviceMonitor.labels": LABELS,
    "metrics.serviceMonitor.interval": {"type": "string", "pattern": "^([0-9]+(ms|[smhdwy]))+$"},
    "metrics.rules.labels": LABELS,
    "metrics.dashboard.labels": LABELS,
    "ingress.annotations": LABELS,
    "httpRoute.parentRefs": OBJECTS,
    "httpRoute.hostnames": TEXTS,
    "runAsUser": {"type": ["integer", "null"], "minimum": 1},
    "spreadOver": TEXTS,
    "nodeSelector": LABELS,
    "tolerations": OBJECTS,
    "podAnnotations": LABELS,
    "podLabels": LABELS,
    "extraEnv": OBJECTS,
    "extraVolumes": OBJECTS,
    "extraVolumeMounts": OBJECTS,
    "extraObjects": {"type": "array", "items": {"type": ["object", "string"]}},
}
TYPES = {str: "string", bool: "boolean", int: "integer", dict: "object", list: "array"}


@dataclass(frozen=True)
class Value:
    path: str
    default: Any
    description: str
    group: bool


def comments(text: str) -> dict[str, str]:
    """The comment above each key, by the key's path."""
    found: dict[str, str] = {}
    path: list[str] = []
    above: list[str] = []
    for line in text.splitlines():
        if said := re.match(r" *# (.*)", line):
            above.append(said[1])
            continue
        if key := re.match(r"( *)([A-Za-z]\w*):", line):
            path = [*path[: len(key[1]) // 2], key[2]]
            if above:
                found[".".join(path)] = " ".join(above)
        above = []
    return found


def values() -> Iterator[Value]:
    """Every value in the file's order, groups before what is in them."""
    text = (CHART / "values.yaml").read_text()
    said = comments(text)

    def walk(of: dict[str, Any], above: str) -> Iterator[Value]:
        for key, default in of.items():
            path = f"{above}{key}"
            group = isinstance(default, dict) and any(name.startswith(f"{path}.") for name in said)
            yield Value(path, default, said.get(path, ""), group)
            if group:
                yield from walk(default, f"{path}.")

    yield from walk(yaml.safe_load(text), "")


def settings() -> dict[str, Any]:
    """Every setting of the service that a ConfigMap may hold."""
    from moorage.service.settings import Settings

    found = {}
    for name, shape in Settings.model_json_schema()["properties"].items():
        if name in NOT_SETTINGS:
            continue
        one = next((each for each in shape.get("anyOf", []) if each.get("type") != "null"), shape)
        kept = {key: one[key] for key in ("type", "enum", "minimum", "maximum", "exclusiveMinimum") if key in one}
        if kept.get("type") == "array":
            kept = {"type": "array"} if name == "images" else {"anyOf": [TEXTS, {"type": "string"}]}
        found[name] = {**kept, "description": shape["description"]}
    return {"type": "object", "additionalProperties": False, "properties": found}


def schema() -> dict[str, Any]:
    """The whole of it, as JSON Schema."""
    root: dict[str, Any] = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Values of moorage's chart; written by docs/reference.py",
        "type": "object",
        "additionalProperties": False,
        # Helm hands these to every chart that is part of another.
        "properties": {"global": {"type": "object"}},
    }
    for value in values():
        into = root["properties"]
        for part in value.path.split(".")[:-1]:
            into = into[part]["properties"]
        shape = SHAPES.get(value.path) or {"type": TYPES[type(value.default)]}
        if value.path == "settings":
            shape = settings()
        if value.group:
            shape = {"type": "object", "additionalProperties": False, "properties": {}}
        into[value.path.rpartition(".")[2]] = shape | ({"description": value.description} if value.description else {})
    return root


def text() -> str:
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
