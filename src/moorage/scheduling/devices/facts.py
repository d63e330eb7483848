"""What selectors of devices compare: a device's facts, quantities and versions.

Source: kubernetes v1.36 apiserver pkg/cel/quantity.go and semver.go, dynamic-resource-allocation cel/compile.go
(DeviceMatches)
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

from moorage.errors import InvalidQuantity
from moorage.quantity import parse_nanos
from moorage.scheduling.devices.doubt import Doubt
from moorage.texts import later

if TYPE_CHECKING:
    from moorage.objects import DeviceAttribute, DeviceBody

_SEMVER = re.compile(
    r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)"
    r"(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)
_LONGEST = 256


class Facts:
    """One device as its selectors see it."""

    __slots__ = ("attributes", "body", "capacity", "driver", "is_shareable", "unread")

    def __init__(self, driver: str, body: DeviceBody) -> None:
        self.driver, self.body = driver, body
        self.is_shareable = bool(body.allow_multiple_allocations)
        self.unread: str | None = None
        self.attributes: dict[str, dict[str, Any]] = {}
        for name, attribute in (body.attributes or {}).items():
            domain, value = _domain(name, driver), _attribute(attribute)
            if value is None:
                self.unread = name
            self.attributes.setdefault(domain[0], {})[domain[1]] = value
        self.capacity: dict[str, dict[str, Any]] = {}
        for name, amount in (body.capacity or {}).items():
            domain = _domain(name, driver)
            self.capacity.setdefault(domain[0], {})[domain[1]] = amount.value


class Amount:
    """A quantity or a version: kinds of their own, which compare with their like alone."""

    __slots__ = ("kind", "rank")

    def __init__(self, kind: str, rank: Any) -> None:
        self.kind, self.rank = kind, rank


def fail(what: str) -> NoReturn:
    raise Doubt(later("{what}, on which the scheduler itself fails", what=what))


def rank(amount: Any, like: Any) -> Any:
    if not isinstance(amount, Amount) or not isinstance(like, Amount) or amount.kind != like.kind:
        fail(later("a selector compares unlike amounts"))
    return amount.rank


def compare(one: Any, other: Any) -> int:
    a, b = rank(one, other), rank(other, one)
    return int(a > b) - int(a < b)


def quantity(amount: Any) -> Amount:
    try:
        return Amount("quantity", parse_nanos(amount))
    except InvalidQuantity:
        fail(later("{value} is no quantity", value=repr(str(amount)[:80])))


def semver(text: str) -> Amount:
    found = _SEMVER.fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        fail(later("{value} is no version", value=repr(text[:80])))
    before = found[4]
    # A release comes after all that lead to it; numbers come before words, and the shorter of two alike first.
    parts = [(0, int(p), "") if p.isdigit() else (1, 0, p) for p in before.split(".")] if before else []
    return Amount("version", (int(found[1]), int(found[2]), int(found[3]), not before, parts))


def _attribute(attribute: DeviceAttribute) -> Any:
    if attribute.value is None or attribute.value is not attribute.version:
        return attribute.value
    try:
        return semver(attribute.version)
    except Doubt:
        return None


def _domain(name: str, driver: str) -> tuple[str, str]:
    domain, slash, own = name.partition("/")
    return (domain, own) if slash else (driver, name)
