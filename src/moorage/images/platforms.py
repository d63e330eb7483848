"""Whether an image runs on a node, by the operating systems and architectures of both.

kube-scheduler doesn't know of images: it would bind the pod, and the node then finds no manifest for itself. What is
not known of either side speaks against nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.images.presence import references
from moorage.texts import either, t

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.images.image import Image
    from moorage.scheduling.accounting.nodeinfo import NodeInfo

OS, ARCH = "kubernetes.io/os", "kubernetes.io/arch"
_NAMES = {"linux": "Linux", "windows": "Windows"}
# What a container runtime also takes. Source: containerd v2 pkg platforms/compare.go (platformVector)
_ALSO = {"amd64": ("386",), "arm64": ("arm",)}


def misfit(*, os: tuple[str, ...], arch: tuple[str, ...], node: Mapping[str, str]) -> str | None:
    """Why an image for these systems can't run on a node with these labels, in plain words; None where it may."""
    runs, built = node.get(OS), node.get(ARCH)
    if os and runs and runs not in os:
        return t("Runs {system}; the image is for {others}.", system=_NAMES.get(runs, runs), others=_listed(os))
    if arch and built and not {built, *_ALSO.get(built, ())}.intersection(arch):
        return t("Its architecture is {arch}; the image is for {others}.", arch=built, others=_listed(arch))
    return None


def misfits(pod: Mapping[str, Any], images: Mapping[str, Image], *, nodes: Mapping[str, NodeInfo]) -> dict[str, str]:
    """By node, why one of the pod's images can't run there. `images` are those known, by their full reference."""
    known = [images[name] for name in references(pod) if name in images]
    found: dict[tuple[str | None, str | None], str | None] = {}
    reasons = {}
    for name, info in nodes.items() if any(image.os or image.arch for image in known) else ():
        labels = info.labels
        kind = labels.get(OS), labels.get(ARCH)
        if kind not in found:
            told = (misfit(os=image.os, arch=image.arch, node=labels) for image in known)
            found[kind] = next((reason for reason in told if reason is not None), None)
        if (reason := found[kind]) is not None:
            reasons[name] = reason
    return reasons


def _listed(names: tuple[str, ...]) -> str:
    return either([_NAMES.get(name, name) for name in names])
