"""Kinds of GPU on a node, as its labels tell them: which model stands behind each resource name, how it is shared, and
the labels by which a pod asks for that model.

One resource name may be many models; only labels bind a pod to one of them. Where a node offers more units than its
labels account for, cards are mixed or the labels wrong, so no model is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.gpus.labels import clouds
from moorage.gpus.labels import vendors as node_labels
from moorage.gpus.units import family

if TYPE_CHECKING:
    from collections.abc import Mapping

    from moorage.gpus.labels.vendors import LabelFacts
    from moorage.gpus.units import Family

# Where vendors name the model, the surest first.
_LABELS = {
    "nvidia": ("nvidia.com/gpu.product",),
    "amd": ("amd.com/gpu.product-name", "beta.amd.com/gpu.product-name"),
    "intel": ("gpu.intel.com/product",),
}


def kinds(
    labels: Mapping[str, str], units: Mapping[str, int], *, extra: frozenset[str] = frozenset()
) -> list[dict[str, Any]]:
    """Each resource name of a node (`units` of it there are) whose model is known: `model`, `memory_mib` of one unit or
    null, `sharing` (time-slicing, mps, mig, partition or null), `slots` of one card or null, the `profile` of a slice
    or null, and `labels`, each of which alone tells the model.
    """
    found: list[dict[str, Any]] = []
    for resource, count in sorted(units.items()):
        kind = family(resource, extra=extra)
        if kind is None or kind.kind == "amount" or count <= 0:
            continue
        facts = node_labels.of_vendor(labels, kind.vendor)
        by = _labels(labels, kind.vendor)
        if facts.model is None or not by or _is_mixed(facts, kind, count):
            continue
        profile = kind.profile or facts.slice_profile
        sharing = "partition" if kind.kind == "partition" else "mig" if profile else facts.sharing
        found.append(
            {
                "resource": resource,
                "model": facts.model,
                "memory_mib": _memory(facts, kind),
                "sharing": sharing,
                "slots": facts.replicas if sharing in ("time-slicing", "mps") else None,
                "profile": profile,
                "labels": [{"key": key, "value": value} for key, value in by],
            }
        )
    return found


def _labels(labels: Mapping[str, str], vendor: str) -> list[tuple[str, str]]:
    keys = (*_LABELS.get(vendor, ()), *clouds.model_keys(labels, vendor))
    return [(key, value) for key in keys if (value := labels.get(key))]


def _is_mixed(facts: LabelFacts, kind: Family, count: int) -> bool:
    """GFD's labels describe one of several models: its count, too."""
    if kind.kind != "card" or facts.slices or facts.count is None:
        return False
    return count > facts.count * max(facts.replicas or 1, 1)


def _memory(facts: LabelFacts, kind: Family) -> int | None:
    if kind.kind == "slice":
        return next((each.memory for each in facts.slices if each.profile == kind.profile), None)
    return None if kind.kind == "partition" else facts.memory
