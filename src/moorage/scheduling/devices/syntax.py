"""The grammar of CEL, as far as selectors of devices use it: from text to a tree of tuples.

Macros, maps, optional fields, conditionals, arithmetic, and strings with escapes are not read.

Source: the CEL specification, doc/langdef.md (Syntax)
"""

from __future__ import annotations

import re
from typing import Any

from moorage.scheduling.devices.doubt import Doubt
from moorage.scheduling.selectors import parse_int64
from moorage.texts import later

Tree = tuple[Any, ...]
_TOKEN = re.compile(
    r"\s*(?:(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>[0-9]+)(?![0-9A-Za-z_.])"
    r"|(?P<text>\"[^\"\\\n]*\"(?!\")|'[^'\\\n]*'(?!'))|(?P<sign>&&|\|\||==|!=|<=|>=|[<>!()\[\].,-]))",
    re.ASCII,
)
_RELATIONS = ("==", "!=", "<", "<=", ">", ">=", "in")
_LONGEST = 10 * 1024  # upstream accepts no more


def parse(expression: str) -> Tree:
    """The tree of an expression. Raises `Doubt` where it is written in a way that is not read."""
    try:
        return _Parser(_tokens(expression)).whole()
    except RecursionError:
        raise _unread() from None


def _unread() -> Doubt:
    return Doubt(later("it selects devices by an expression of a kind that is not evaluated here"))


def _tokens(expression: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    text = expression.rstrip()
    if len(text) > _LONGEST:
        raise _unread()
    while at < len(text):
        token = _TOKEN.match(text, at)
        if token is None or token.lastgroup is None:
            raise _unread()
        # A name that runs into a string is a prefix that changes what the string means.
        if token.lastgroup == "text" and found and found[-1][0] == "name" and not token[0][0].isspace():
            raise _unread()
        found.append((token.lastgroup, token[token.lastgroup]))
        at = token.end()
    return found


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = [*tokens, ("end", "")]
        self._at = 0

    def whole(self) -> Tree:
        tree = self._or()
        if self._peek()[0] != "end":
            raise _unread()
        return tree

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at]

    def _next(self) -> tuple[str, str]:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _take(self, text: str) -> bool:
        kind, found = self._peek()
        if found != text or kind not in ("sign", "name"):
            return False
        self._at += 1
        return True

    def _need(self, text: str) -> None:
        if not self._take(text):
            raise _unread()

    def _or(self) -> Tree:
        tree = self._and()
        while self._take("||"):
            tree = ("or", tree, self._and())
        return tree

    def _and(self) -> Tree:
        tree = self._relation()
        while self._take("&&"):
            tree = ("and", tree, self._relation())
        return tree

    def _relation(self) -> Tree:
        tree = self._unary()
        while (sign := self._peek()[1]) in _RELATIONS and self._peek()[0] != "text":
            self._next()
            tree = ("relation", sign, tree, self._unary())
        return tree

    def _unary(self) -> Tree:
        if self._take("!"):
            return ("not", self._unary())
        if self._take("-"):
            kind, text = self._next()
            if kind != "number":
                raise _unread()
            return self._member(_number("-" + text))
        return self._member(self._primary())

    def _member(self, tree: Tree) -> Tree:
        while True:
            if self._take("."):
                kind, name = self._next()
                if kind != "name":
                    raise _unread()
                tree = ("call", name, tree, *self._arguments(")")) if self._take("(") else ("select", tree, name)
            elif self._take("["):
                tree = ("index", tree, self._or())
                self._need("]")
            else:
                return tree

    def _primary(self) -> Tree:
        kind, text = self._next()
        if kind == "number":
            return _number(text)
        if kind == "text":
            return ("value", text[1:-1])
        if kind == "name":
            if text in ("true", "false"):
                return ("value", text == "true")
            return ("function", text, *self._arguments(")")) if self._take("(") else ("name", text)
        if (kind, text) == ("sign", "("):
            tree = self._or()
            self._need(")")
            return tree
        if (kind, text) == ("sign", "["):
            return ("list", *self._arguments("]"))
        raise _unread()

    def _arguments(self, end: str) -> list[Tree]:
        found: list[Tree] = []
        while not self._take(end):
            if found:
                self._need(",")
            found.append(self._or())
        return found


def _number(text: str) -> Tree:
    value = parse_int64(text)
    if value is None:
        raise _unread()
    return ("value", value)
