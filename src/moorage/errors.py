"""The errors that moorage raises on purpose; everything else is a bug.

Each carries a sentence for the person who reads it, and where it helps a `hint` that says what to do next.
"""

from __future__ import annotations


class MoorageError(Exception):
    """Base of all errors of moorage."""

    hint: str | None = None

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if hint is not None:
            self.hint = hint


class MissingPackage(MoorageError, ImportError):
    """A package of others is not installed; the sentence names the extra of moorage that brings it."""

    def __init__(self, what: str, *, package: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the package {package}, which is not installed; run `pip install 'moorage[{extra}]'`"
        )


class InvalidQuantity(MoorageError, ValueError):
    """A text that the Kubernetes quantity grammar does not allow."""


class InvalidObject(MoorageError, ValueError):
    """A Kubernetes object that can't be read; the message names the object and the field."""


def quoted(value: object) -> str:
    """Somebody's input inside our sentence: short, whatever it was."""
    if isinstance(value, str):
        text = "".join(letter if letter.isprintable() else "?" for letter in value[:41])
        return f"“{text[:40]}…”" if len(value) > 40 else f"“{text}”"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        text = repr(value) if not isinstance(value, int) or abs(value) < 10**40 else "a number of more than 40 digits"
        return text[:41]
    return "an object" if isinstance(value, dict) else "a list"
