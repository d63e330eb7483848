"""What an image says of itself, by the labels of the OCI image specification."""

from collections.abc import Mapping
from typing import Any

_TITLE = "org.opencontainers.image.title"
_DESCRIPTION = "org.opencontainers.image.description"
_LONGEST = 500


def described(labels: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Title and description, each None where the image has none."""
    return _text(labels.get(_TITLE)), _text(labels.get(_DESCRIPTION))


def _text(value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    return " ".join(value.split())[:_LONGEST] or None
