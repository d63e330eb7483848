"""Numbers out of what drivers and exporters write. What is no number is None with its reason, never 0."""

from __future__ import annotations

import re

from moorage.texts import later

_NUMBER = re.compile(r"([0-9]{1,12})(?:\.[0-9]{1,9})?", re.ASCII)
_UNITS = (" MiB", " %", " C", " W")
_LARGEST = 10**9


def whole(text: str | None) -> tuple[int | None, str | None]:
    """A whole number with or without its unit; else why there is none, in the words of the tool."""
    plain = (text or "").strip()
    for unit in _UNITS:
        plain = plain.removesuffix(unit)
    found = _NUMBER.fullmatch(plain)
    if found is not None and int(found.group(1)) < _LARGEST:
        return int(found.group(1)), None
    return None, reason(text)


def percent(text: str | None) -> tuple[int | None, str | None]:
    """A whole number from 0 to 100."""
    value, why = whole(text)
    if value is not None and value > 100:
        return None, reason(text)
    return value, why


def reason(text: str | None) -> str:
    """Why a field has no value: the tool's own word, without its brackets, cut to a length that fits a page."""
    plain = (text or "").strip()
    if plain.startswith("[") and plain.endswith("]"):
        plain = plain[1:-1]
    plain = " ".join("".join(c if c.isprintable() else " " for c in plain).split())[:80]
    return later("the driver says {word}", word=plain) if plain else later("the driver says nothing")


def sample(value: float | str | None) -> float | None:
    """The number of a metric, or None for what stands for 'no value': NaN, infinities, DCGM's blanks, negatives."""
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    # DCGM writes 9223372036854775794 or 2147483632 (and its neighbours) for 'not supported'.
    if not 0 <= number <= 1e15 or 2147483632 <= number <= 2147483647:
        return None
    return number
