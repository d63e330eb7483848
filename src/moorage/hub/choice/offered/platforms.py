"""Whether an image runs on a node, by the operating systems and architectures of both.

Kubernetes would start it all the same, and the node then finds nothing to start. What is not known of either side
speaks against nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.texts import either, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.hub.view.facts import NodeFacts
    from moorage.hub.view.images import ImageFacts

_NAMES = {"linux": "Linux", "windows": "Windows"}
# What a container runtime also takes. Source: containerd v2 pkg platforms/compare.go (platformVector)
_ALSO = {"amd64": ("386",), "arm64": ("arm",)}


def misfit(image: ImageFacts | None, node: NodeFacts) -> str | None:
    """Why this image can't run on this node, in plain words; None where it may."""
    if image is None:
        return None
    if image.os and node.os and node.os not in image.os:
        return t(
            "Runs {system}; the image is for {others}.",
            system=_NAMES.get(node.os, node.os),
            others=_listed(image.os),
        )
    if image.arch and node.arch and not {node.arch, *_ALSO.get(node.arch, ())}.intersection(image.arch):
        return t("Its architecture is {arch}; the image is for {others}.", arch=node.arch, others=_listed(image.arch))
    return None


def misfits(image: ImageFacts | None, nodes: Mapping[str, NodeFacts] | None) -> dict[str, str]:
    """The reason for each of these nodes that can't run the image."""
    if image is None or not (image.os or image.arch):
        return {}
    return {name: reason for name, node in (nodes or {}).items() if (reason := misfit(image, node)) is not None}


def _listed(names: tuple[str, ...]) -> str:
    return either([_NAMES.get(name, name) for name in names])
