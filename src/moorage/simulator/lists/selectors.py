"""Label and field selectors, as `labelSelector=` and `fieldSelector=` of the API.

Source: kubernetes v1.36 apimachinery pkg/labels/selector.go and pkg/fields/selector.go; the fields of each kind are
those of its `pkg/registry/.../strategy.go`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from moorage.simulator.store.status import Refusal, bad_request

if TYPE_CHECKING:
    from moorage.simulator.store.resources import Kind

Json = dict[str, Any]
Test = Callable[[Json], bool]

_SET = re.compile(r"\s*([^\s!=,()<>]+)\s+(in|notin)\s*\(([^()]*)\)\s*")
_EXISTS = re.compile(r"\s*(!?)\s*([^\s!=,()<>]+)\s*")
_EQUALS = re.compile(r"\s*([^\s!=,()<>]+)\s*(==|!=|=)\s*([^\s!=,()<>]*)\s*")
_ORDER = re.compile(r"\s*([^\s!=,()<>]+)\s*([<>])\s*([^\s!=,()<>]+)\s*")
_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
_KEY = re.compile(rf"(?:([a-z0-9]([-a-z0-9.]*[a-z0-9])?)/)?({_NAME})")
_VALUE = re.compile(rf"({_NAME})?")
_EVENT_FIELDS = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")


def parse_labels(text: str) -> list[Test]:
    """The tests that an object's labels must pass; 400 on a text that is no selector."""
    tests: list[Test] = []
    position = 0
    while position < len(text):
        for pattern, make in (
            (_SET, _set_test),
            (_EQUALS, _equals_test),
            (_ORDER, _order_test),
            (_EXISTS, _exists_test),
        ):
            found = pattern.match(text, position)
            if found and (found.end() == len(text) or text[found.end()] == ","):
                tests.append(make(found))
                position = found.end() + 1
                break
        else:
            raise bad_request(f"found '{text[position:]}', expected: identifier, '!', ',' or 'end of string'")
    if text.rstrip().endswith(",") and text.strip():
        raise bad_request("found '', expected: identifier after ','")
    return tests


def _key(text: str) -> str:
    found = _KEY.fullmatch(text)
    if found is None or len(found[3]) > 63 or len(found[1] or "") > 253:
        raise bad_request(f'unable to parse requirement: <nil>: Invalid value: "{text}": it is no name of a label')
    return text


def _value(text: str, key: str) -> str:
    if len(text) > 63 or _VALUE.fullmatch(text) is None:
        why = "must be no more than 63 bytes" if len(text) > 63 else "it is no value of a label"
        raise bad_request(f'unable to parse requirement: values[0][{key}]: Invalid value: "{text}": {why}')
    return text


def _labels(body: Json) -> Json:
    return (body.get("metadata") or {}).get("labels") or {}


def _set_test(found: re.Match[str]) -> Test:
    key = _key(found[1])
    wanted = {_value(value.strip(), key) for value in found[3].split(",")}
    if found[2] == "in":
        return lambda body: _labels(body).get(key) in wanted
    return lambda body: _labels(body).get(key) not in wanted


def _equals_test(found: re.Match[str]) -> Test:
    key = _key(found[1])
    value = _value(found[3], key)
    if found[2] == "!=":
        return lambda body: _labels(body).get(key) != value
    return lambda body: _labels(body).get(key) == value


def _order_test(found: re.Match[str]) -> Test:
    key, above = _key(found[1]), found[2] == ">"
    if re.fullmatch(r"-?[0-9]+", found[3]) is None:
        why = "for 'Gt', 'Lt' operators, the value must be an integer"
        raise bad_request(f'unable to parse requirement: values[0]: Invalid value: "{found[3]}": {why}')
    bound = int(found[3])

    def test(body: Json) -> bool:
        text = str(_labels(body).get(key, ""))
        if re.fullmatch(r"-?[0-9]+", text) is None:
            return False
        return int(text) > bound if above else int(text) < bound

    return test


def _exists_test(found: re.Match[str]) -> Test:
    key, absent = _key(found[2]), found[1] == "!"
    return lambda body: (key in _labels(body)) is not absent


def _dig(body: Json, *path: str) -> Any:
    value: Any = body
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _field(*path: str) -> Callable[[Json], str]:
    return lambda body: _text(_dig(body, *path))


def _fields_of(kind: Kind) -> dict[str, Callable[[Json], str]]:
    fields: dict[str, Callable[[Json], str]] = {"metadata.name": _field("metadata", "name")}
    if kind.namespaced:
        fields["metadata.namespace"] = _field("metadata", "namespace")
    match kind.plural:
        case "pods":
            for name in ("nodeName", "restartPolicy", "schedulerName", "serviceAccountName"):
                fields[f"spec.{name}"] = _field("spec", name)
            fields["spec.hostNetwork"] = lambda body: "true" if _dig(body, "spec", "hostNetwork") else "false"
            for name in ("phase", "podIP", "nominatedNodeName"):
                fields[f"status.{name}"] = _field("status", name)
            fields["status.podIPs"] = fields["status.podIP"]
        case "events":
            for name in _EVENT_FIELDS:
                fields[f"involvedObject.{name}"] = _field("involvedObject", name)
                fields[f"regarding.{name}"] = fields[f"involvedObject.{name}"]
            fields |= {
                "reason": _field("reason"),
                "type": _field("type"),
                "source": lambda body: _text(_dig(body, "source", "component") or body.get("reportingComponent")),
                "reportingComponent": _field("reportingComponent"),
            }
        case "nodes":
            fields["spec.unschedulable"] = lambda body: "true" if _dig(body, "spec", "unschedulable") else "false"
        case "namespaces":
            fields["status.phase"] = _field("status", "phase")
        case "secrets":
            fields["type"] = _field("type")
        case "resourceslices":
            fields |= {"spec.nodeName": _field("spec", "nodeName"), "spec.driver": _field("spec", "driver")}
        case "jobs":
            fields["status.successful"] = _field("status", "succeeded")
    return fields


def parse_fields(text: str, kind: Kind) -> list[Test]:
    """As `parse_labels`, for fields; 400 on a field that this kind can't be selected by."""
    tests: list[Test] = []
    known = _fields_of(kind)
    for part in filter(None, re.split(r"(?<!\\),", text)):
        found = re.fullmatch(r"([^=!]*)(==|!=|=)(.*)", part)
        if found is None:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        if not found[1] and not found[3]:
            continue
        if re.search(r"(?<!\\)=", found[3]):
            raise bad_request("invalid field selector: unescaped character in value: 61")
        field, sign, value = found[1], found[2], re.sub(r"\\([=,\\])", r"\1", found[3])
        if field not in known:
            raise _unsupported(field, kind)
        tests.append(_field_test(known[field], value, wanted=sign != "!="))
    return tests


def _unsupported(field: str, kind: Kind) -> Refusal:
    if kind.plural in ("pods", "nodes", "events", "namespaces", "secrets", "jobs"):
        return bad_request(f"field label not supported: {field}")
    return bad_request(f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"')


def _field_test(read: Callable[[Json], str], value: str, *, wanted: bool) -> Test:
    return lambda body: (read(body) == value) is wanted
