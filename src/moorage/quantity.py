"""Exact Kubernetes quantities: text at the edges, integers inside.

A quantity is kept as an integer count of nano-units, the finest step that Kubernetes itself keeps, so that sums are
exact and rounding happens once, where a rule asks for it.

Source: kubernetes v1.36 apimachinery pkg/api/resource/quantity.go (ParseQuantity, Value, MilliValue) and suffix.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from moorage.errors import InvalidQuantity

NANO = 10**9
_GRAMMAR = re.compile(
    r"(?P<sign>[+-]?)(?P<whole>[0-9]*)(?:\.(?P<fraction>[0-9]*))?"
    r"(?:(?P<binary>[KMGTPE]i)|(?P<decimal>[numkMGTPE]?)|[eE](?P<exponent>[+-]?[0-9]+))",
    re.ASCII,
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
# Upstream caps binary amounts here and lets decimal ones overflow silently.
_LARGEST_BINARY = (2**63 - 1) * NANO
# Beyond these many digits nothing fits an int64 or changes a nano-unit; the bound keeps hostile text cheap.
_DIGITS = 400
# Longer than any amount that repeats; what is longer must not fill the memory.
_REMEMBERED = 64


def ceil_div(amount: int, step: int) -> int:
    """`amount / step` rounded away from zero, as upstream rounds quantities."""
    return amount // step if amount < 0 else -(-amount // step)


@dataclass(frozen=True, slots=True, order=True)
class Quantity:
    """An amount of a resource, exact to the nano-unit."""

    nanos: int

    @classmethod
    def parse(cls, text: str | float | None) -> Quantity:
        """Read a quantity as the API server does. JSON numbers are allowed and `null` is 0.

        Raises `InvalidQuantity` on anything that the grammar does not allow.
        """
        return cls(parse_nanos(text))

    @property
    def value(self) -> int:
        """Whole units, rounded away from zero (upstream's `Value()`)."""
        return ceil_div(self.nanos, NANO)

    @property
    def milli(self) -> int:
        """Thousandths, rounded away from zero (upstream's `MilliValue()`)."""
        return ceil_div(self.nanos, 10**6)


def parse_nanos(text: str | float | None) -> int:
    """The nano-units of a quantity; the fast path of `Quantity.parse`."""
    if text is None:
        return 0
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        raise InvalidQuantity(f"a quantity must be a string or a number, not {type(text).__name__}")
    if isinstance(text, int) and abs(text) > 10**_DIGITS:
        raise InvalidQuantity("a quantity of more than 400 digits can't be read")
    if not isinstance(text, str):
        text = repr(text)
    return _remembered(text) if len(text) <= _REMEMBERED else _parse(text)


@lru_cache(maxsize=65536)
def _remembered(text: str) -> int:
    return _parse(text)


def _parse(text: str) -> int:
    found = _GRAMMAR.fullmatch(text)
    if found is None or not text:
        shown = text if len(text) <= 40 else text[:40] + "…"
        raise InvalidQuantity(
            f"{shown!r} is not a Kubernetes quantity", hint="use an amount such as 500m, 2, 1.5Gi or 2e9"
        )
    whole = found["whole"].lstrip("0")
    fraction = (found["fraction"] or "").rstrip("0")
    exponent = _exponent(found["exponent"]) if found["exponent"] else _DECIMAL[found["decimal"] or ""]
    if len(whole) > _DIGITS:
        whole = whole[: _DIGITS + 1]
    if len(fraction) > _DIGITS:
        fraction = fraction[:_DIGITS] + "1"
    numerator, scale = int((whole + fraction) or "0"), exponent - len(fraction)
    if found["binary"]:
        nanos = ceil_div((numerator << _BINARY[found["binary"]]) * NANO, 10 ** len(fraction))
        nanos = min(nanos, _LARGEST_BINARY)
    elif scale + 9 >= 0:
        nanos = numerator * 10 ** (scale + 9)
    else:
        nanos = ceil_div(numerator, 10 ** -(scale + 9))
    return -nanos if found["sign"] == "-" else nanos


def _exponent(text: str) -> int:
    sign, digits = (text[0], text[1:]) if text[0] in "+-" else ("", text)
    digits = digits.lstrip("0")
    if len(digits) > 19 or (digits and int(digits) > 2**63 - 1):
        raise InvalidQuantity(f"the exponent {text[:40]!r} of a quantity is too large")
    size = min(int(digits or "0"), _DIGITS * 2)
    return -size if sign == "-" else size
