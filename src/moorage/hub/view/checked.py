"""Values of another process's JSON, taken only where they are what they should be."""

from __future__ import annotations

from typing import Any

_LONGEST_TEXT = 512


def text(value: Any, longest: int = _LONGEST_TEXT) -> str | None:
    """The value, where it is text, not empty and not too long."""
    return value if isinstance(value, str) and 0 < len(value) <= longest else None


def whole(value: Any) -> int | None:
    """The value, where it is a whole number."""
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else None
