"""One image on offer."""

from collections.abc import Callable
from typing import Any

import msgspec


class Image(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    display_name: str
    description: str | None = None
    default: bool = False
    reference: str
    tag: str | None = None
    digest: str | None = None
    size_bytes: int | None = None
    # All that it is built for, as Go names them (linux, amd64); none where that is not known of every manifest.
    os: tuple[str, ...] = ()
    arch: tuple[str, ...] = ()
    pushed_at: str | None = None
    # What it asks of a node's NVIDIA driver, as its NVIDIA_REQUIRE_CUDA has it.
    cuda: str | None = None

    def answers_to(self, text: str) -> bool:
        """Whether a person who wrote this means this image."""
        return text in (self.name, self.reference)


class Shown(msgspec.Struct, frozen=True):
    """As the API answers it: the image, and where it lies already."""

    name: str
    display_name: str
    description: str | None
    default: bool
    reference: str
    tag: str | None
    digest: str | None
    size_bytes: int | None
    os: tuple[str, ...]
    arch: tuple[str, ...]
    pushed_at: str | None
    nodes_present: list[str] | None


# From an image to the nodes that hold it; None where nobody knows.
Present = Callable[[Image], list[str] | None]


def shown(image: Image, *, present: Present) -> Shown:
    return Shown(
        image.name,
        image.display_name,
        image.description,
        image.default,
        image.reference,
        image.tag,
        image.digest,
        image.size_bytes,
        image.os,
        image.arch,
        image.pushed_at,
        present(image),
    )


def built_for(platforms: list[dict[str, Any]], field: str) -> tuple[str, ...]:
    """What an image's manifests are for in one field of their platforms, sorted; none unless all of them say it.

    Attestations beside the images are for `unknown`.
    """
    found = {platform.get(field) for platform in platforms} - {"unknown"}
    named = {name for name in found if isinstance(name, str) and name}
    return tuple(sorted(named)) if named == found else ()


def split_reference(reference: str) -> tuple[str, str | None, str | None]:
    """`host:5000/a/b:tag@sha256:…` as repository, tag and digest."""
    rest, _, digest = reference.partition("@")
    head, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        return rest, None, digest or None
    return head, tag, digest or None
