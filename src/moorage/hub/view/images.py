"""What the hub knows about an image: an entry of the catalogue, checked field by field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from moorage.hub.view.checked import text, whole


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """One image of the catalogue."""

    name: str
    reference: str
    display_name: str
    description: str = ""
    default: bool = False
    # In bytes, as its registry has it; None is unknown.
    size: int | None = None
    # All that it is built for; none where that is unknown.
    os: tuple[str, ...] = ()
    arch: tuple[str, ...] = ()
    # KubeSpawner's own, which is in no list: whatever it is at the time of a start.
    own: bool = False


def read_images(value: Any) -> tuple[ImageFacts, ...]:
    """The catalogue's images that can be read; each name once."""
    found: dict[str, ImageFacts] = {}
    for item in value[:2000] if isinstance(value, list) else ():
        if not isinstance(item, dict):
            continue
        reference = text(item.get("reference"))
        name = text(item.get("name")) or reference
        if not name or not reference or any(letter.isspace() for letter in reference):
            continue
        if name in found:
            name = reference
        found[name] = ImageFacts(
            name=name,
            reference=reference,
            display_name=text(item.get("display_name")) or name,
            description=text(item.get("description")) or "",
            default=item.get("default") is True,
            size=whole(item.get("size_bytes")),
            os=_names(item.get("os")),
            arch=_names(item.get("arch")),
        )
    return tuple(found.values())


def _names(value: Any) -> tuple[str, ...]:
    """One name or a list of them; none where any can't be read, since the others would not be all."""
    names = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(names[:20]) if all(text(name, 63) for name in names) else ()
