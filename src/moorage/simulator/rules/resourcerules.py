"""Which amounts a pod may ask for: names, whole units, huge pages, requests within limits, containers within their pod.

Source: kubernetes v1.36 pkg/apis/core/validation/validation.go (ValidateContainerResourceRequirements and others)
"""

from __future__ import annotations

from typing import Any

from moorage.quantity import NANO, parse_nanos
from moorage.scheduling.accounting.names import is_extended
from moorage.scheduling.admission.amounts import requests_of, text_of

Json = dict[str, Any]
Cause = tuple[str, str, str]

_PAGES = "hugepages-"
_OF_CONTAINERS = ("cpu", "memory", "ephemeral-storage")
_STANDARD = (*_OF_CONTAINERS, "storage", "pods", "services", "secrets", "configmaps", "persistentvolumeclaims")
_UNSUPPORTED = 'Unsupported value: "{}": supported values: "cpu", "hugepages-", "memory"'


def invalid_value(field: str, value: str, why: str) -> Cause:
    return ("FieldValueInvalid", field, f'Invalid value: "{value}": {why}')


def container_causes(resources: Any, field: str) -> list[Cause]:
    """What is wrong with the amounts of one container."""
    if not isinstance(resources, dict):
        return []
    found: list[Cause] = []
    for section in ("limits", "requests"):
        for name, amount in (resources.get(section) or {}).items():
            place = f"{field}.{section}[{name}]"
            found += [*_name(name, place), *_value(name, amount, place)]
    return [*found, *_against_limits(resources, field), *_pages_alone(resources, field)]


def _pages_alone(resources: Json, field: str) -> list[Cause]:
    names = {name for section in ("limits", "requests") for name in resources.get(section) or ()}
    if any(name.startswith(_PAGES) for name in names) and not names & {"cpu", "memory"}:
        return [("FieldValueForbidden", field, "Forbidden: HugePages require cpu or memory")]
    return []


def pod_causes(pod: Json) -> list[Cause]:
    """What is wrong with the amounts of the pod as a whole, where it has any."""
    spec = pod["spec"]
    resources = spec.get("resources")
    if not isinstance(resources, dict):
        return []
    found: list[Cause] = []
    for section in ("limits", "requests"):
        for name, amount in (resources.get(section) or {}).items():
            place = f"spec.resources.{section}[{name}]"
            if name not in ("cpu", "memory") and not name.startswith(_PAGES):
                found.append(("FieldValueNotSupported", f"spec.resources.{section}", _UNSUPPORTED.format(name)))
            found += _value(name, amount, place)
    found += _against_limits(resources, "spec.resources")
    found += _pages_alone(resources, "spec.resources")
    asked = requests_of({**pod, "spec": {**spec, "resources": None}}, overhead=False)
    for name, amount in (resources.get("requests") or {}).items():
        if asked.get(name, 0) > parse_nanos(amount):
            why = f"must be greater than or equal to aggregate container requests of {text_of(name, asked[name])}"
            found.append(invalid_value(f"spec.resources.requests[{name}]", str(amount), why))
    limits = {name: parse_nanos(amount) for name, amount in (resources.get("limits") or {}).items()}
    for index, container in enumerate(spec.get("containers") or ()):
        for name, amount in ((container.get("resources") or {}).get("limits") or {}).items():
            if name in limits and parse_nanos(amount) > limits[name]:
                why = f"must be less than or equal to pod limits of {resources['limits'][name]}"
                found.append(invalid_value(f"spec.resources.containers[{index}][{name}].limits", str(amount), why))
    return found


def _name(name: str, place: str) -> list[Cause]:
    """A container may ask for cpu, memory, ephemeral storage, huge pages, and for what has a domain."""
    if name in _OF_CONTAINERS or name.startswith(_PAGES):
        return []
    if "/" not in name:
        wrong = [] if name in _STANDARD else ["must be a standard resource type or fully qualified"]
        return [invalid_value(place, name, why) for why in [*wrong, "must be a standard resource for containers"]]
    if "kubernetes.io/" not in name and not is_extended(name):
        return [invalid_value(place, name, "doesn't follow extended resource name standard")]
    return []


def _value(name: str, amount: Any, place: str) -> list[Cause]:
    nanos = parse_nanos(amount)
    if nanos < 0:
        return [invalid_value(place, str(amount), "must be greater than or equal to 0")]
    if is_extended(name) and nanos % NANO:
        return [invalid_value(place, str(amount), "must be an integer")]
    if name.startswith(_PAGES):
        page = parse_nanos(name.removeprefix(_PAGES))
        if nanos and page and nanos % page:
            return [invalid_value(place, str(amount), f"{amount} is not positive integer multiple of {name}")]
    return []


def _against_limits(resources: Json, field: str) -> list[Cause]:
    limits, found = resources.get("limits") or {}, []
    for name, amount in (resources.get("requests") or {}).items():
        firm = name.startswith(_PAGES) or ("/" in name and "kubernetes.io/" not in name)
        if name not in limits:
            if firm:
                why = "Required value: Limit must be set for non overcommitable resources"
                found.append(("FieldValueRequired", f"{field}.limits", why))
            continue
        request, limit = parse_nanos(amount), parse_nanos(limits[name])
        place = f"{field}.requests"
        if firm and request != limit:
            found.append(invalid_value(place, str(amount), f"must be equal to {name} limit of {limits[name]}"))
        elif request > limit:
            why = f"must be less than or equal to {name} limit of {limits[name]}"
            found.append(invalid_value(place, str(amount), why))
    return found
