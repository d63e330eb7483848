"""What the API server calls invalid (422) or can't read at all (400), for the kinds that moorage has to do with.

Source of the sentences: kubernetes v1.36 pkg/apis/core/validation/validation.go, apimachinery
pkg/util/validation/validation.go.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from moorage.errors import InvalidQuantity
from moorage.quantity import parse_nanos
from moorage.simulator.rules import podrules, resizing, resourcerules
from moorage.simulator.rules.resourcerules import invalid_value
from moorage.simulator.rules.shapes import misfit
from moorage.simulator.store.status import bad_request, invalid

if TYPE_CHECKING:
    from moorage.simulator.store.resources import Kind

Json = dict[str, Any]
Cause = tuple[str, str, str]

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_VALUE = r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
_ENDS = "and must start and end with an alphanumeric character"
_NOT_SUBDOMAIN = (
    f"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', {_ENDS} "
    f"(e.g. 'example.com', regex used for validation is '{_SUBDOMAIN}')"
)
_NOT_LABEL = (
    f"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', {_ENDS} "
    f"(e.g. 'my-name',  or '123-abc', regex used for validation is '{_LABEL}')"
)
_NOT_VALUE = (
    f"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', {_ENDS} "
    f"(e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '{_VALUE}')"
)
_NOT_QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_SHORT_NAMES = ("namespaces", "services")


def readable(kind: Kind, body: Json) -> None:
    """Raise 400 where an object has a shape or an amount that the API server can't decode."""
    start = f'{kind.name} in version "{kind.version}" cannot be handled as a {kind.name}'
    if (wrong := misfit(kind.plural, body)) is not None:
        raise bad_request(f"{start}: json: cannot unmarshal: {wrong}")
    spec, status = body.get("spec") or {}, body.get("status") or {}
    held: list[Json] = []
    match kind.plural:
        case "pods":
            held = [spec, *(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
            held = [(item or {}).get("resources") or {} for item in held]
            held.append({"requests": spec.get("overhead")})
        case "nodes":
            held = [{"limits": status.get("capacity"), "requests": status.get("allocatable")}]
        case "persistentvolumeclaims":
            held = [spec.get("resources") or {}]
        case "resourcequotas":
            held = [{"limits": spec.get("hard")}]
        case "limitranges":
            for item in spec.get("limits") or ():
                held += [{"limits": amounts} for amounts in (item or {}).values() if isinstance(amounts, dict)]
        case _:
            pass
    for resources in held:
        for section in ("limits", "requests"):
            _quantities(start, resources.get(section))


def check(kind: Kind, body: Json) -> None:
    """Raise 422 with every cause, as the API server lists them, or 400 where the object can't even be decoded."""
    metadata = body["metadata"]
    name = str(metadata.get("name") or "")
    causes = [*_names(kind, name), *_labels(metadata.get("labels"), "metadata.labels")]
    causes += podrules.metadata_causes(metadata)
    match kind.plural:
        case "pods":
            causes += _pod(body)
        case "persistentvolumeclaims":
            causes += _claim(body)
        case _:
            pass
    if causes:
        raise invalid(kind, name, causes)


def _names(kind: Kind, name: str) -> list[Cause]:
    if not name:
        return [("FieldValueRequired", "metadata.name", "Required value: name or generateName is required")]
    short = kind.plural in _SHORT_NAMES
    longest, pattern, words = (63, _LABEL, _NOT_LABEL) if short else (253, _SUBDOMAIN, _NOT_SUBDOMAIN)
    if kind.group == "rbac.authorization.k8s.io":
        return []
    found: list[Cause] = []
    if len(name) > longest:
        found.append(invalid_value("metadata.name", name, f"must be no more than {longest} characters"))
    if re.fullmatch(pattern, name) is None:
        found.append(invalid_value("metadata.name", name, words))
    return found


def _labels(labels: Any, field: str) -> list[Cause]:
    found: list[Cause] = []
    for value in (labels or {}).values():
        if len(value) > 63:
            found.append(invalid_value(field, value, "must be no more than 63 bytes"))
        if re.fullmatch(_VALUE, value) is None:
            found.append(invalid_value(field, value, _NOT_VALUE))
    return found


def _quantities(start: str, amounts: Json | None) -> None:
    try:
        for amount in (amounts or {}).values():
            parse_nanos(amount)
    except InvalidQuantity as error:
        raise bad_request(f"{start}: {_NOT_QUANTITY}") from error


def _pod(pod: Json) -> list[Cause]:
    spec = pod["spec"]
    containers = spec.get("containers")
    if not containers:
        return [("FieldValueRequired", "spec.containers", "Required value")]
    found = podrules.spec_causes(spec)
    volumes = {str(volume.get("name") or "") for volume in spec.get("volumes") or ()} - {""}
    for field in ("initContainers", "containers"):
        seen: set[str] = set()
        for index, container in enumerate(spec.get(field) or ()):
            found += _container(container, f"spec.{field}[{index}]", seen)
            found += podrules.container_causes(container, f"spec.{field}[{index}]", volumes)
    found += resourcerules.pod_causes(pod)
    found += _labels(spec.get("nodeSelector"), "spec.nodeSelector")
    return found


def _container(container: Json, field: str, seen: set[str]) -> list[Cause]:
    found: list[Cause] = []
    name = str(container.get("name") or "")
    if not name:
        found.append(("FieldValueRequired", f"{field}.name", "Required value"))
    elif len(name) > 63 or re.fullmatch(_LABEL, name) is None:
        found.append(invalid_value(f"{field}.name", name, _NOT_LABEL))
    elif name in seen:
        found.append(("FieldValueDuplicate", f"{field}.name", f'Duplicate value: "{name}"'))
    seen.add(name)
    if not container.get("image"):
        found.append(("FieldValueRequired", f"{field}.image", "Required value"))
    found += resourcerules.container_causes(container.get("resources"), f"{field}.resources")
    return found


def _claim(claim: Json) -> list[Cause]:
    spec = claim.get("spec") or {}
    found: list[Cause] = []
    if not spec.get("accessModes"):
        found.append(("FieldValueRequired", "spec.accessModes", "Required value: at least 1 access mode is required"))
    storage = ((spec.get("resources") or {}).get("requests") or {}).get("storage")
    if storage is None:
        found.append(("FieldValueRequired", "spec.resources[storage]", "Required value"))
    elif parse_nanos(storage) <= 0:
        found.append(invalid_value("spec.resources[storage]", str(storage), "must be greater than zero"))
    return found


_MUTABLE = ("activeDeadlineSeconds", "terminationGracePeriodSeconds", "tolerations", "schedulingGates")
_FIXED = (
    "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"
)


def check_update(kind: Kind, old: Json, body: Json, *, subresource: str | None) -> None:
    """As `check`, and that nothing changed which must not."""
    if subresource == "status":
        return
    check(kind, body)
    name = str(old["metadata"]["name"])
    if subresource == "resize":
        if causes := resizing.causes(old, body):
            raise invalid(kind, name, causes)
        return
    if kind.plural == "pods" and _fixed(old) != _fixed(body):
        raise invalid(kind, name, [("FieldValueForbidden", "spec", _FIXED)])
    if kind.plural in ("secrets", "configmaps") and old.get("immutable") and old.get("data") != body.get("data"):
        why = "Forbidden: field is immutable when `immutable` is set"
        raise invalid(kind, name, [("FieldValueForbidden", "data", why)])


def _fixed(pod: Json) -> Json:
    spec = {name: value for name, value in (pod.get("spec") or {}).items() if name not in _MUTABLE}
    for field in ("containers", "initContainers"):
        if field in spec:
            spec[field] = [{k: v for k, v in container.items() if k != "image"} for container in spec[field] or ()]
    return spec
