"""Cards that the labels of a node promise, before any driver or device plugin runs there.

That a card is built in (NFD's PCI labels) promises nothing: no one may ever have meant to offer it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from moorage.gpus.labels import vendors as node_labels
from moorage.scheduling.accounting.promise import Promise

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.scheduling.accounting.nodeinfo import NodeInfo

_DOMAINS = {"nvidia": ("nvidia.com",), "amd": ("amd.com",), "intel": ("gpu.intel.com",)}
# The GPU operator leaves such a node alone.
_NOT_MEANT = ("nvidia.com/gpu.deploy.device-plugin", "nvidia.com/gpu.deploy.operands")


def promise(labels: Mapping[str, str]) -> Promise | None:
    """What these labels promise, or None."""
    facts = node_labels.read(labels)
    only_built_in = facts.origin == "nfd" and not any(key.startswith("gpu.intel.com/") for key in labels)
    if facts.count == 0 or not (facts.present or facts.count) or only_built_in:
        return None
    if any(labels.get(key) == "false" for key in _NOT_MEANT):
        return None
    # Several profiles of slices, each under a name of its own, are no number of one resource.
    count = facts.count * (facts.replicas or 1) if facts.count is not None and not facts.slices else None
    return Promise(_DOMAINS.get(facts.vendor or "", ()), count)


class Promises:
    """The same for the nodes of a cluster; labels are read anew only where they have changed."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Mapping[str, str], Promise | None]] = {}

    def __call__(self, node: NodeInfo) -> Promise | None:
        known = self._known.get(node.name)
        if known is None or known[0] is not node.labels:
            if len(self._known) > _MOST:
                self._known.clear()
            known = self._known[node.name] = node.labels, promise(node.labels)
        return known[1]


_MOST = 20_000
