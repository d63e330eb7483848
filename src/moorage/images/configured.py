"""Images that an administrator wrote down: references, or objects with a reference and what to show."""

import logging
from pathlib import Path
from typing import Any

import yaml

from moorage.errors import MoorageError
from moorage.images.image import Image, split_reference

log = logging.getLogger(__name__)

TEXT_FIELDS = ("name", "display_name", "description")


class ImageListError(MoorageError):
    """The file as a whole can't be used; a single bad entry is logged and left out."""


def read_file(path: Path) -> list[Image]:
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise ImageListError(
            f"the list of images {path} can't be read: {type(exc).__name__}",
            hint="Use a YAML or JSON list of references, or of objects with a reference.",
        ) from exc
    if isinstance(entries, dict) and "images" in entries:
        entries = entries["images"]
    if entries is None:
        return []
    if not isinstance(entries, list):
        raise ImageListError(f"the list of images {path} is not a list", hint="Write one `- reference: …` per image.")
    return read_images(entries)


def read_images(entries: list[Any]) -> list[Image]:
    images = []
    for number, entry in enumerate(entries, start=1):
        try:
            images.append(_image(entry))
        except ValueError as exc:
            log.warning("image left out", extra={"entry": number, "reason": str(exc)})
    return images


def _reference(fields: dict[str, Any]) -> Any:
    return fields.get("reference") or fields.get("image") or fields.get("name")


def _image(entry: Any) -> Image:
    fields = {"reference": entry} if isinstance(entry, str) else entry
    reference = _reference(fields) if isinstance(fields, dict) else None
    if not isinstance(reference, str) or not reference or reference != reference.strip():
        raise ValueError("it has no reference")
    if bad := [name for name in TEXT_FIELDS if not isinstance(fields.get(name), str | None)]:
        raise ValueError(f"{bad[0]} is not a string")
    repository, tag, digest = split_reference(reference)
    os, arch = (_names(fields, field) for field in ("os", "arch"))
    name = fields.get("name") or reference
    return Image(
        name=name,
        display_name=fields.get("display_name") or repository.rpartition("/")[2] + (f" ({tag})" if tag else ""),
        description=fields.get("description"),
        default=fields.get("default") is True,
        reference=reference,
        tag=tag,
        digest=digest,
        os=os,
        arch=arch,
    )


def _names(fields: dict[str, Any], field: str) -> tuple[str, ...]:
    """One name or a list of them."""
    value = fields.get(field)
    names = [value] if isinstance(value, str) else value or []
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise ValueError(f"{field} is neither a text nor a list of texts")
    return tuple(names)
