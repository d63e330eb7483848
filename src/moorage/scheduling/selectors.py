"""Label selectors and node selectors, compiled once and matched often.

A selector that upstream can't parse matches nothing where upstream ignores the error, and raises `InvalidSelector`
where upstream refuses the pod.

Source: kubernetes v1.36 apimachinery pkg/labels/selector.go, pkg/apis/meta/v1/helpers.go and
component-helpers scheduling/corev1/nodeaffinity/nodeaffinity.go.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from moorage.errors import MoorageError

if TYPE_CHECKING:
    from moorage.objects import LabelSelector, NodeSelector, NodeSelectorTerm, Requirement

Labels = Mapping[str, str]
_DOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", re.ASCII)
_NAME = re.compile(r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]", re.ASCII)
_INTEGER = re.compile(r"[+-]?[0-9]+", re.ASCII)
_INT64 = range(-(2**63), 2**63)


class InvalidSelector(MoorageError, ValueError):
    """A selector that the API server would not have accepted."""


def is_label_key(key: str) -> bool:
    prefix, slash, name = key.rpartition("/")
    if slash and not (0 < len(prefix) <= 253 and all(_DOMAIN.fullmatch(part) for part in prefix.split("."))):
        return False
    return len(name) <= 63 and _NAME.fullmatch(name) is not None


def is_label_value(value: str) -> bool:
    return not value or (len(value) <= 63 and _NAME.fullmatch(value) is not None)


def parse_int64(text: str) -> int | None:
    """As Go's ParseInt with base 10."""
    if len(text) > 64 or _INTEGER.fullmatch(text) is None:
        return None
    number = int(text)
    return number if number in _INT64 else None


class Expression:
    """One requirement on labels."""

    __slots__ = ("key", "number", "operator", "values")

    def __init__(self, key: str, operator: str, values: Iterable[str]) -> None:
        self.key, self.operator, self.values = key, operator, frozenset(values)
        self.number = 0
        if not is_label_key(key):
            raise InvalidSelector(f"{key[:300]!r} is not a label key")
        if operator in ("In", "NotIn"):
            if not self.values:
                raise InvalidSelector(f"{operator} on {key!r} needs at least one value")
            if not all(is_label_value(value) for value in self.values):
                raise InvalidSelector(f"{operator} on {key!r} has a value that no label can have")
        elif operator in ("Exists", "DoesNotExist"):
            if self.values:
                raise InvalidSelector(f"{operator} on {key!r} takes no values")
        elif operator in ("Gt", "Lt"):
            numbers = [parse_int64(value) for value in values]
            if len(numbers) != 1 or numbers[0] is None:
                raise InvalidSelector(f"{operator} on {key!r} needs one whole number")
            self.number = numbers[0]
        else:
            raise InvalidSelector(f"{operator[:300]!r} is not an operator of selectors")

    def matches(self, labels: Labels) -> bool:
        value = labels.get(self.key)
        operator = self.operator
        if operator == "In":
            return value is not None and value in self.values
        if operator == "NotIn":
            return value is None or value not in self.values
        if operator == "Exists":
            return value is not None
        if operator == "DoesNotExist":
            return value is None
        number = None if value is None else parse_int64(value)
        if number is None:
            return False
        return number > self.number if operator == "Gt" else number < self.number


class Selector:
    """A compiled label selector: every expression must match. Without expressions it matches everything."""

    __slots__ = ("equal", "expressions", "nothing")

    def __init__(self, equal: Mapping[str, str], expressions: tuple[Expression, ...], *, nothing: bool = False) -> None:
        self.equal = tuple(equal.items())
        self.expressions = expressions
        self.nothing = nothing

    @property
    def is_empty(self) -> bool:
        return not (self.equal or self.expressions or self.nothing)

    @property
    def is_one_label(self) -> bool:
        return len(self.equal) == 1 and not (self.expressions or self.nothing)

    def matches(self, labels: Labels) -> bool:
        if self.nothing:
            return False
        for key, value in self.equal:
            if labels.get(key) != value:
                return False
        return all(expression.matches(labels) for expression in self.expressions)

    def also(self, equal: Mapping[str, str]) -> Selector:
        """Narrowed by more equalities; a selector that matches nothing stays so."""
        if self.nothing or not equal:
            return self
        narrowed = Selector({}, self.expressions)
        narrowed.equal = (*self.equal, *equal.items())
        return narrowed


NOTHING = Selector({}, (), nothing=True)


def compile_labels(selector: LabelSelector | None) -> Selector:
    """A selector over pods or namespaces: absent matches nothing, empty matches everything."""
    if selector is None:
        return NOTHING
    equal = {key: value or "" for key, value in (selector.match_labels or {}).items()}
    for key, value in equal.items():
        if not is_label_key(key) or not is_label_value(value):
            raise InvalidSelector(f"{key[:300]!r}: {value[:300]!r} is not a label")
    expressions = []
    for requirement in selector.match_expressions or ():
        if requirement.operator in ("Gt", "Lt"):
            raise InvalidSelector(f"{requirement.operator!r} is not an operator of label selectors")
        expressions.append(Expression(requirement.key, requirement.operator, requirement.values or ()))
    return Selector(equal, tuple(expressions))


class _Term:
    """One term of a node selector: all its expressions and fields must match."""

    __slots__ = ("expressions", "fields")

    def __init__(self, term: NodeSelectorTerm) -> None:
        self.expressions = [Expression(r.key, r.operator, r.values or ()) for r in term.match_expressions or ()]
        self.fields = [_field(requirement) for requirement in term.match_fields or ()]

    def matches(self, labels: Labels, name: str) -> bool:
        for key, value, wanted in self.fields:
            # Only the name is a field of nodes; upstream reads any other as empty, and none where there is no name.
            if name and ((name if key == "metadata.name" else "") == value) is not wanted:
                return False
        return all(expression.matches(labels) for expression in self.expressions)


def _field(requirement: Requirement) -> tuple[str, str, bool]:
    values = requirement.values or ()
    if requirement.operator not in ("In", "NotIn") or len(values) != 1:
        raise InvalidSelector(f"a field needs In or NotIn with one value, not {requirement.operator[:300]!r}")
    return requirement.key, values[0], requirement.operator == "In"


class NodeTerms:
    """A compiled node selector: one term must match. Empty terms match nothing, nor do terms that can't be parsed."""

    __slots__ = ("terms",)

    def __init__(self, selector: NodeSelector) -> None:
        self.terms: list[_Term] = []
        for term in selector.node_selector_terms or ():
            if term.match_expressions or term.match_fields:
                try:
                    self.terms.append(_Term(term))
                except InvalidSelector:
                    continue

    def matches(self, labels: Labels, name: str = "") -> bool:
        return any(term.matches(labels, name) for term in self.terms)
