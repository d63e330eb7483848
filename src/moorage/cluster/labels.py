"""Which labels of nodes everybody may see."""

import re
from collections.abc import Mapping, Sequence
from fnmatch import translate

# Labels that help to choose a node and give nothing away; an administrator adds others.
DEFAULT_LABELS = (
    "kubernetes.io/*",
    "node.kubernetes.io/*",
    "node-role.kubernetes.io/*",
    "topology.kubernetes.io/*",
    "hub.jupyter.org/*",
    "nvidia.com/*",
    "amd.com/*",
    "gpu.intel.com/*",
)


class AllowedLabels:
    """An allow-list of keys; * matches any text."""

    def __init__(self, patterns: Sequence[str] = DEFAULT_LABELS) -> None:
        self._allowed = re.compile("|".join(map(translate, patterns)) or r"(?!)")
        self._known: dict[str, bool] = {}

    def of(self, labels: Mapping[str, str | None]) -> dict[str, str]:
        """Those of a node's labels that may be shown, sorted."""
        return {key: value or "" for key, value in sorted(labels.items()) if self._is_allowed(key)}

    def _is_allowed(self, label: str) -> bool:
        known = self._known.get(label)
        if known is None:
            known = self._known[label] = self._allowed.fullmatch(label) is not None
        return known
