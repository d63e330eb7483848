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


class InvalidQuantity(MoorageError, ValueError):
    """A text that the Kubernetes quantity grammar does not allow."""


class InvalidObject(MoorageError, ValueError):
    """A Kubernetes object that can't be read; the message names the object and the field."""
