"""What Karpenter asks of the labels of its machines: for each key, the set of values that may stand there.

Several requirements on one key make one set. Numbers are bounds: `Gt`, `Lt`, and Karpenter's own `Gte` and `Lte`.
Source: karpenter v1.14 pkg/scheduling/requirement.go, pkg/apis/v1/labels.go
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from moorage.objects import Requirement

# Names that Karpenter reads as others.
_OLD_NAMES = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
}
_WHOLE = re.compile(r"[+-]?[0-9]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class LabelSet:
    """Values of a label: of `only`, or any (None); none of `but`; whole numbers from `least` to `most` where given."""

    only: frozenset[str] | None = None
    but: frozenset[str] = frozenset()
    least: int | None = None
    most: int | None = None

    def has(self, value: str) -> bool:
        if (self.only is not None and value not in self.only) or value in self.but:
            return False
        if self.least is None and self.most is None:
            return True
        if not _WHOLE.fullmatch(value):
            return False
        number = int(value)
        return (self.least is None or number >= self.least) and (self.most is None or number <= self.most)

    @property
    def values(self) -> tuple[str, ...] | None:
        """Every value that may stand there, sorted; None where they can't be counted."""
        return None if self.only is None else tuple(sorted(value for value in self.only if self.has(value)))

    def __and__(self, other: LabelSet) -> LabelSet:
        only = self.only if other.only is None else other.only if self.only is None else self.only & other.only
        return LabelSet(
            only,
            self.but | other.but,
            max((each.least for each in (self, other) if each.least is not None), default=None),
            min((each.most for each in (self, other) if each.most is not None), default=None),
        )


def label_sets(
    requirements: Iterable[Requirement] | None, labels: Mapping[str, str | None] | None = None
) -> dict[str, LabelSet]:
    """The set for each key that is asked of, from requirements and from labels that are always there."""
    sets: dict[str, LabelSet] = {}
    told = [(asked.key, _set_of(asked)) for asked in requirements or ()]
    told += [(key, LabelSet(frozenset({value or ""}))) for key, value in (labels or {}).items()]
    for key, found in told:
        name = new_name(key)
        sets[name] = sets[name] & found if name in sets else found
    return sets


def new_name(key: str) -> str:
    return _OLD_NAMES.get(key, key)


def _set_of(asked: Requirement) -> LabelSet:
    values = asked.values or ()
    match asked.operator:
        case "In":
            return LabelSet(frozenset(values))
        case "NotIn":
            return LabelSet(but=frozenset(values))
        case "DoesNotExist":
            return LabelSet(frozenset())
        case "Gt" | "Gte" | "Lt" | "Lte" if values and _WHOLE.fullmatch(values[0]):
            bound = int(values[0])
            if asked.operator.startswith("G"):
                return LabelSet(least=bound + (asked.operator == "Gt"))
            return LabelSet(most=bound - (asked.operator == "Lt"))
        case _:
            return LabelSet()
