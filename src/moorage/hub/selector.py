"""Label selectors as Kubernetes writes them, `pool=gpu,zone in (a,b),!spot`: read from text, held against labels, and
as the requirements of a node affinity, which have the same meaning.

Source: kubernetes v1.36 apimachinery/pkg/labels/selector.go
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from moorage.errors import MoorageError, quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_PREFIX = r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?"
_KEY = re.compile(_PREFIX + r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?", re.ASCII)
_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?", re.ASCII)
_ONE = re.compile(
    r"\s*(?:(?P<not>!)\s*(?P<absent>[^\s!=,()]+)"
    r"|(?P<key>[^\s!=,()]+)(?:\s*(?P<equal>==?|!=)\s*(?P<value>[^\s!=,()]*)"
    r"|\s+(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?)\s*(?:,|$)",
    re.ASCII,
)


class InvalidSelector(MoorageError, ValueError):
    """A text that is no label selector."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One of a selector's, all of which must be met. `operator`: In, NotIn, Exists, DoesNotExist."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def met(self, labels: Mapping[str, str]) -> bool:
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value is None or value not in self.values
            case "Exists":
                return value is not None
        return value is None

    def as_expression(self) -> dict[str, Any]:
        """As a node affinity's `matchExpressions` has it."""
        values = {"values": list(self.values)} if self.values else {}
        return {"key": self.key, "operator": self.operator, **values}


def read(text: str) -> tuple[Requirement, ...]:
    """The requirements; none for an empty text. Raises `InvalidSelector`."""
    found: list[Requirement] = []
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _ONE.match(text, at, end)
        if match is None:
            raise InvalidSelector(f"{quoted(text)} is not a label selector. Use one such as pool=gpu,zone in (a,b)")
        found.append(_requirement(match))
        at = match.end()
    if text.rstrip().endswith(","):
        raise InvalidSelector(f"{quoted(text)} ends with a comma")
    return tuple(found)


def _requirement(match: re.Match[str]) -> Requirement:
    key = match["absent"] or match["key"]
    if not _KEY.fullmatch(key):
        raise InvalidSelector(f"{quoted(key)} is not the key of a label")
    if match["not"]:
        return Requirement(key, "DoesNotExist")
    if match["equal"]:
        values = [match["value"]]
    elif match["set"]:
        values = [value.strip() for value in match["values"].split(",")]
    else:
        return Requirement(key, "Exists")
    for value in values:
        if not _VALUE.fullmatch(value):
            raise InvalidSelector(f"{quoted(value)} is not the value of a label")
    return Requirement(key, "In" if match["equal"] in ("=", "==") or match["set"] == "in" else "NotIn", tuple(values))


def unmet(requirements: Iterable[Requirement], labels: Mapping[str, str], *, shown: Collection[str]) -> bool:
    """Whether these labels are known not to meet all: of labels that are not `shown`, nothing is known."""
    return any(each.key in shown and not each.met(labels) for each in requirements)
