"""LimitRange: defaults for containers that say nothing, and bounds for those that say something.

Source: kubernetes v1.36 plugin/pkg/admission/limitranger/admission.go, pkg/apis/core/v1/defaults.go
(SetDefaults_LimitRangeItem)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.quantity import parse_nanos
from moorage.simulator.amounts import Amounts, containers_of, nanos_of, sums, text_of
from moorage.simulator.resources import BY_PLURAL, Kind
from moorage.simulator.status import forbidden

if TYPE_CHECKING:
    from moorage.simulator.api import Api

Json = dict[str, Any]
LIMIT_RANGES = BY_PLURAL["limitranges"]


def complete(item: Json) -> None:
    """What the API server fills into a LimitRange itself."""
    if item.get("type") != "Container":
        return
    default = item["default"] = {**(item.get("max") or {}), **(item.get("default") or {})}
    item["defaultRequest"] = {**(item.get("min") or {}), **default, **(item.get("defaultRequest") or {})}
    for field in ("default", "defaultRequest"):
        if not item[field]:
            del item[field]


def _items(api: Api, namespace: str) -> list[Json]:
    return [item for limits in api.all(LIMIT_RANGES, namespace) for item in limits["spec"].get("limits") or ()]


def fill_in(api: Api, pod: Json) -> None:
    """Give the containers of a new pod what they don't say."""
    for item in _items(api, pod["metadata"]["namespace"]):
        if item.get("type") == "Container":
            _fill_in(pod, item)


def check(api: Api, kind: Kind, body: Json) -> None:
    """Refuse a new pod or claim that asks for too little or too much."""
    items = _items(api, body["metadata"]["namespace"])
    wrong = [sentence for item in items for sentence in _check(kind, body, item)]
    if wrong:
        said = wrong[0] if len(wrong) == 1 else "[" + ", ".join(wrong) + "]"
        raise forbidden(kind, body["metadata"].get("name"), said)


def _fill_in(pod: Json, item: Json) -> None:
    told = []
    for plural, containers in (("", containers_of(pod)), ("init ", (pod["spec"].get("initContainers") or ()))):
        for container in containers:
            resources = container.setdefault("resources", {})
            for section, defaults in (("requests", item.get("defaultRequest")), ("limits", item.get("default"))):
                missing = {n: a for n, a in (defaults or {}).items() if n not in (resources.get(section) or {})}
                if missing:
                    resources[section] = {**(resources.get(section) or {}), **missing}
                    names = ", ".join(sorted(missing))
                    told.append(f"{names} {section[:-1]} for {plural}container {container['name']}")
    if told:
        annotations = pod["metadata"].setdefault("annotations", {})
        annotations["kubernetes.io/limit-ranger"] = "LimitRanger plugin set: " + "; ".join(told)


def _check(kind: Kind, body: Json, item: Json) -> list[str]:
    what = item.get("type")
    if kind.plural == "persistentvolumeclaims" and what == "PersistentVolumeClaim":
        asked = nanos_of(((body.get("spec") or {}).get("resources") or {}).get("requests"))
        return [*_least(item, what, asked, {}), *_most_asked(item, what, asked)]
    if kind.plural != "pods":
        return []
    if what == "Container":
        found: list[str] = []
        for container in [*containers_of(body), *(body["spec"].get("initContainers") or ())]:
            resources = container.get("resources") or {}
            found += _bounds(item, what, nanos_of(resources.get("requests")), nanos_of(resources.get("limits")))
        return found
    if what == "Pod":
        return _bounds(item, what, sums(body, "requests"), sums(body, "limits"))
    return []


def _bounds(item: Json, what: str, requests: Amounts, limits: Amounts) -> list[str]:
    return [
        *_least(item, what, requests, limits),
        *_most(item, what, requests, limits),
        *_ratio(item, what, requests, limits),
    ]


def _least(item: Json, what: str, requests: Amounts, limits: Amounts) -> list[str]:
    found = []
    for name, amount in sorted((item.get("min") or {}).items()):
        bound, start = parse_nanos(amount), f"minimum {name} usage per {what} is {amount}"
        if name not in requests:
            found.append(f"{start}.  No request is specified")
        elif requests[name] < bound:
            found.append(f"{start}, but request is {text_of(name, requests[name])}")
        elif name in limits and limits[name] < bound:
            found.append(f"{start}, but limit is {text_of(name, limits[name])}")
    return found


def _most(item: Json, what: str, requests: Amounts, limits: Amounts) -> list[str]:
    found = []
    for name, amount in sorted((item.get("max") or {}).items()):
        bound, start = parse_nanos(amount), f"maximum {name} usage per {what} is {amount}"
        if name not in limits:
            found.append(f"{start}.  No limit is specified")
        elif limits[name] > bound:
            found.append(f"{start}, but limit is {text_of(name, limits[name])}")
        elif requests.get(name, 0) > bound:
            found.append(f"{start}, but request is {text_of(name, requests[name])}")
    return found


def _most_asked(item: Json, what: str, requests: Amounts) -> list[str]:
    found = []
    for name, amount in sorted((item.get("max") or {}).items()):
        start = f"maximum {name} usage per {what} is {amount}"
        if name not in requests:
            found.append(f"{start}.  No request is specified")
        elif requests[name] > parse_nanos(amount):
            found.append(f"{start}, but request is {text_of(name, requests[name])}")
    return found


def _ratio(item: Json, what: str, requests: Amounts, limits: Amounts) -> list[str]:
    found = []
    for name, amount in sorted((item.get("maxLimitRequestRatio") or {}).items()):
        start = f"{name} max limit to request ratio per {what} is {amount}"
        if not requests.get(name):
            found.append(f"{start}, but no request is specified or request is 0")
        elif not limits.get(name):
            found.append(f"{start}, but no limit is specified or limit is 0")
        elif limits[name] * 10**9 > parse_nanos(amount) * requests[name]:
            found.append(f"{start}, but provided ratio is {limits[name] / requests[name]:f}")
    return found
