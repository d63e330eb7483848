"""Selectors of devices: the part of CEL that drivers and classes use, evaluated exactly.

Understood are comparisons, `in`, `&&`, `||`, `!`, `has()`, `cel.bind()` of a domain, quantities, versions and plain
functions on text, on a device's driver, attributes and capacity. Anything else is a `Doubt`, and so is what upstream
ends with an error. As upstream, `&&` and `||` look past a side without an answer where the other side decides alone.

Source: kubernetes v1.36 dynamic-resource-allocation cel/compile.go and apiserver pkg/cel/library (quantity.go,
semverlib.go)
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from moorage.scheduling.devices.doubt import Doubt
from moorage.scheduling.devices.facts import Amount, Facts, compare, fail, quantity, rank, semver
from moorage.scheduling.devices.syntax import Tree, parse


class _Domains(dict[str, Any]):
    """A map that answers an unknown key with an empty map."""


_Evaluate = Callable[[Facts], Any]


def matches(expression: str, device: Facts) -> bool:
    """Whether a device is selected. Raises `Doubt` where that can't be told, or the scheduler would fail."""
    evaluate = _compiled(expression)
    if device.unread is not None:
        # Upstream fails on such a device whatever the expression says.
        raise Doubt(f"the attribute {device.unread} of a device is of a kind that is not read here")
    if isinstance(evaluate, str):
        raise Doubt(evaluate)
    found = evaluate(device)
    if not isinstance(found, bool):
        fail("a selector of devices answers neither yes nor no")
    return found


@lru_cache(maxsize=1024)
def _compiled(expression: str) -> _Evaluate | str:
    try:
        return _compile(parse(expression))
    except Doubt as doubt:
        return doubt.message
    except RecursionError:
        return "it selects devices by an expression that is nested too deeply"


# --- from tree to function ------------------------------------------------------------------------------------------


def _compile(tree: Tree) -> _Evaluate:
    return _NODES[tree[0]](*tree[1:])


def _value(value: Any) -> _Evaluate:
    return lambda _: value


def _name(name: str) -> _Evaluate:
    if name == "device":
        return lambda device: device
    return _unknown(name)


def _unknown(name: str) -> _Evaluate:
    message = f"it selects devices by {name[:80]}, which is not evaluated here"

    def evaluate(_: Facts) -> Any:
        raise Doubt(message)

    return evaluate


def _list(*trees: Tree) -> _Evaluate:
    if all(tree[0] == "value" for tree in trees):
        values = [tree[1] for tree in trees]
        return lambda _: values
    parts = [_compile(tree) for tree in trees]
    return lambda device: [part(device) for part in parts]


def _select(tree: Tree, name: str) -> _Evaluate:
    inner = _compile(tree)

    def evaluate(device: Facts) -> Any:
        return _look_up(inner(device), name)

    return evaluate


def _index(tree: Tree, key: Tree) -> _Evaluate:
    inner, asked = _compile(tree), _compile(key)

    def evaluate(device: Facts) -> Any:
        return _look_up(inner(device), asked(device))

    return evaluate


def _look_up(found: Any, name: Any) -> Any:
    if isinstance(found, Facts):
        if name == "driver":
            return found.driver
        if name == "allowMultipleAllocations":
            return found.is_shareable
        if name == "attributes":
            return _Domains(found.attributes)
        if name == "capacity":
            return _Domains(
                {domain: {n: quantity(a) for n, a in own.items()} for domain, own in found.capacity.items()}
            )
    if isinstance(found, dict) and isinstance(name, str):
        if name in found:
            return found[name]
        if isinstance(found, _Domains):
            return {}
        fail(f"a selector reads {name[:80]}, which a device does not have")
    raise Doubt("it selects devices by a part of them that is not read here")


def _not(tree: Tree) -> _Evaluate:
    inner = _compile(tree)

    def evaluate(device: Facts) -> bool:
        found = inner(device)
        if not isinstance(found, bool):
            fail("a selector negates what is neither true nor false")
        return not found

    return evaluate


def _and(left: Tree, right: Tree) -> _Evaluate:
    return _either(_compile(left), _compile(right), decides=False)


def _or(left: Tree, right: Tree) -> _Evaluate:
    return _either(_compile(left), _compile(right), decides=True)


def _either(left: _Evaluate, right: _Evaluate, *, decides: bool) -> _Evaluate:
    def evaluate(device: Facts) -> bool:
        doubt: Doubt | None = None
        for side in (left, right):
            try:
                found: object = side(device)
            except Doubt as raised:
                doubt = doubt or raised
                continue
            if found is decides:
                return decides
            if not isinstance(found, bool) and doubt is None:
                doubt = Doubt("a selector joins what is neither true nor false, on which the scheduler itself fails")
        if doubt is not None:
            raise doubt
        return not decides

    return evaluate


def _relation(sign: str, left: Tree, right: Tree) -> _Evaluate:
    one, other = _compile(left), _compile(right)
    compare = _RELATIONS[sign]
    return lambda device: compare(one(device), other(device))


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, Amount) or isinstance(other, Amount):
        return bool(rank(one, other) == rank(other, one))
    if not isinstance(one, str | int) or not isinstance(other, str | int):
        raise Doubt("it compares what is not compared here")
    # True is no number, and text is no number either: unlike kinds are just not equal.
    return type(one) is type(other) and bool(one == other)


def _before(one: Any, other: Any) -> bool:
    if type(one) is not type(other) or not isinstance(one, str | int) or isinstance(one, bool):
        fail("a selector orders what has no order")
    return bool(one < other) if isinstance(one, int) else one.encode() < other.encode()


def _within(one: Any, many: Any) -> bool:
    if isinstance(many, _Domains) or not isinstance(many, list | dict) or isinstance(one, Amount):
        raise Doubt("it looks for something in what is not read here")
    if isinstance(many, dict):
        return isinstance(one, str) and one in many
    return any(_equal(one, each) for each in many)


_RELATIONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": _equal,
    "!=": lambda one, other: not _equal(one, other),
    "<": _before,
    "<=": lambda one, other: not _before(other, one),
    ">": lambda one, other: _before(other, one),
    ">=": lambda one, other: not _before(one, other),
    "in": _within,
}


# --- functions ------------------------------------------------------------------------------------------------------


def _function(name: str, *trees: Tree) -> _Evaluate:
    if name == "has" and len(trees) == 1 and trees[0][0] == "select":
        inner, key = _compile(trees[0][1]), trees[0][2]
        return lambda device: _has(inner(device), key)
    if name in _MAKERS and len(trees) == 1:
        make, argument = _MAKERS[name], _compile(trees[0])
        return lambda device: make(_text(argument(device)))
    return _unknown(f"{name}()")


def _has(found: Any, key: str) -> bool:
    if isinstance(found, _Domains) or not isinstance(found, dict):
        raise Doubt("it asks for the presence of what is not read here")
    return key in found


def _call(name: str, target: Tree, *trees: Tree) -> _Evaluate:
    if (name, target, len(trees)) == ("bind", ("name", "cel"), 3) and trees[0][0] == "name" and _never_fails(trees[1]):
        return _compile(_with(trees[2], trees[0], trees[1]))
    method = _METHODS.get((name, len(trees)))
    if method is None:
        return _unknown(f"{name}()")
    inner, arguments = _compile(target), [_compile(tree) for tree in trees]
    return lambda device: method(inner(device), *[argument(device) for argument in arguments])


def _never_fails(tree: Tree) -> bool:
    """Whether it is the attributes or the capacity of one domain, which at worst are empty."""
    device = ("name", "device")
    maps = (("select", device, "attributes"), ("select", device, "capacity"))
    return tree[0] == "index" and tree[1] in maps and tree[2][0] == "value" and isinstance(tree[2][1], str)


def _with(tree: Tree, name: Tree, meaning: Tree) -> Tree:
    """A tree in which a name has been given its meaning."""
    if tree == name:
        return meaning
    return tuple(_with(part, name, meaning) if isinstance(part, tuple) else part for part in tree)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        fail("a selector takes for text what is none")
    return value


_MAKERS: dict[str, Callable[[str], Amount]] = {"quantity": quantity, "semver": semver}
_METHODS: dict[tuple[str, int], Callable[..., Any]] = {
    ("compareTo", 1): compare,
    ("isGreaterThan", 1): lambda one, other: compare(one, other) > 0,
    ("isLessThan", 1): lambda one, other: compare(one, other) < 0,
    ("startsWith", 1): lambda one, other: _text(one).startswith(_text(other)),
    ("endsWith", 1): lambda one, other: _text(one).endswith(_text(other)),
    ("contains", 1): lambda one, other: _text(other) in _text(one),
    ("lowerAscii", 0): lambda one: "".join(c.lower() if c.isascii() else c for c in _text(one)),
    ("upperAscii", 0): lambda one: "".join(c.upper() if c.isascii() else c for c in _text(one)),
}
_NODES: dict[str, Callable[..., _Evaluate]] = {
    "value": _value,
    "name": _name,
    "list": _list,
    "select": _select,
    "index": _index,
    "not": _not,
    "and": _and,
    "or": _or,
    "relation": _relation,
    "function": _function,
    "call": _call,
}
