"""What else can be wrong with a pod: volumes and their mounts, variables, ports, tolerations, owners, finalizers.

Source: kubernetes v1.36 pkg/apis/core/validation/validation.go, apimachinery pkg/api/validation/objectmeta.go
"""

from __future__ import annotations

import re
from typing import Any

from moorage.simulator.rules.resourcerules import Cause, invalid_value

Json = dict[str, Any]

_QUALIFIED = re.compile(r"([a-z0-9.-]{1,253}/)?([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)")
_NOT_QUALIFIED = "name part must consist of alphanumeric characters, '-', '_' or '.'"
_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
_EFFECTS = ("", "NoSchedule", "PreferNoSchedule", "NoExecute")
_RESTARTS = ("Always", "OnFailure", "Never")


def _required(field: str) -> Cause:
    return ("FieldValueRequired", field, "Required value")


def _unsupported(field: str, value: str, known: tuple[str, ...]) -> Cause:
    shown = ", ".join(f'"{name}"' for name in sorted(known) if name)
    return ("FieldValueNotSupported", field, f'Unsupported value: "{value}": supported values: {shown}')


def metadata_causes(metadata: Json) -> list[Cause]:
    """Owners and finalizers of any object."""
    found: list[Cause] = []
    for owner in metadata.get("ownerReferences") or ():
        for name, words in (("apiVersion", "version must not be empty"), ("kind", ""), ("name", ""), ("uid", "")):
            if not owner.get(name):
                found.append(invalid_value(f"metadata.ownerReferences.{name}", "", words or "must not be empty"))
    names = metadata.get("finalizers") or ()
    bad = (name for name in names if _QUALIFIED.fullmatch(name) is None)
    found += [invalid_value("metadata.finalizers", name, _NOT_QUALIFIED) for name in bad]
    return found


def spec_causes(spec: Json) -> list[Cause]:
    """The pod's own fields, and which of its volumes there are."""
    found: list[Cause] = []
    volumes = enumerate(spec.get("volumes") or ())
    found += [_required(f"spec.volumes[{index}].name") for index, volume in volumes if not volume.get("name")]
    if spec.get("restartPolicy") not in _RESTARTS:
        found.append(_unsupported("spec.restartPolicy", str(spec.get("restartPolicy")), _RESTARTS))
    for index, toleration in enumerate(spec.get("tolerations") or ()):
        found += _toleration(toleration, f"spec.tolerations[{index}]")
    return found


def _toleration(toleration: Json, field: str) -> list[Cause]:
    found: list[Cause] = []
    key, operator, effect = (toleration.get(name) or "" for name in ("key", "operator", "effect"))
    if key and _QUALIFIED.fullmatch(key) is None:
        found.append(invalid_value(f"{field}.key", key, _NOT_QUALIFIED))
    if not key and operator != "Exists":
        why = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
        found.append(invalid_value(f"{field}.operator", operator, why))
    if operator not in ("", "Equal", "Exists"):
        found.append(_unsupported(f"{field}.operator", operator, ("Equal", "Exists")))
    if operator == "Exists" and toleration.get("value"):
        why = "value must be empty when `operator` is 'Exists'"
        found.append(invalid_value(f"{field}.operator", str(toleration["value"]), why))
    if effect not in _EFFECTS:
        found.append(_unsupported(f"{field}.effect", effect, _EFFECTS))
    if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
        why = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        found.append(invalid_value(f"{field}.effect", effect, why))
    return found


def container_causes(container: Json, field: str, volumes: set[str]) -> list[Cause]:
    """Variables, ports and mounts of one container."""
    found: list[Cause] = []
    for index, item in enumerate(container.get("env") or ()):
        found += _variable(item, f"{field}.env[{index}]")
    for index, port in enumerate(container.get("ports") or ()):
        number, place = port.get("containerPort") or 0, f"{field}.ports[{index}].containerPort"
        if number == 0:
            found.append(_required(place))
        elif not 0 < number < 65536:
            found.append(invalid_value(place, str(number), "must be between 1 and 65535, inclusive"))
    paths: set[str] = set()
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        place, name, path = f"{field}.volumeMounts[{index}]", mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            found.append(_required(f"{place}.name"))
        if name not in volumes:
            found.append(("FieldValueNotFound", f"{place}.name", f'Not found: "{name}"'))
        if not path:
            found.append(_required(f"{place}.mountPath"))
        if path in paths:
            found.append(invalid_value(f"{place}.mountPath", path, "must be unique"))
        paths.add(path)
    return found


def _variable(item: Json, field: str) -> list[Cause]:
    found: list[Cause] = []
    if not item.get("name"):
        found.append(_required(f"{field}.name"))
    source = item.get("valueFrom")
    if source is None:
        return found
    named = [name for name in _SOURCES if name in source]
    if not named:
        shown = ", ".join(f"`{name}`" for name in _SOURCES[:-1])
        found.append(invalid_value(f"{field}.valueFrom", "", f"must specify one of: {shown} or `{_SOURCES[-1]}`"))
    elif item.get("value"):
        found.append(invalid_value(f"{field}.valueFrom", "", "may not be specified when `value` is not empty"))
    elif len(named) > 1:
        found.append(invalid_value(f"{field}.valueFrom", "", "may not have more than one field specified at a time"))
    elif named == ["fieldRef"] and not source["fieldRef"].get("fieldPath"):
        found.append(_required(f"{field}.valueFrom.fieldRef.fieldPath"))
    elif named[0] in ("configMapKeyRef", "secretKeyRef") and not source[named[0]].get("key"):
        found.append(_required(f"{field}.valueFrom.{named[0]}.key"))
    return found
