"""What the system writes into an object's metadata itself: times, random names, and the key under which it lies."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def random_suffix(length: int = 5) -> str:
    """Letters as the API server appends them to `generateName`."""
    return "".join(secrets.choice(_LETTERS) for _ in range(length))


def key_of(namespace: str | None, name: str) -> str:
    return f"{namespace}/{name}" if namespace else name
