"""What a node's labels say about its cards: NVIDIA's GPU feature discovery, AMD's labeller, NFD's rules, the clouds.

Labels describe one model for each node. They are facts about the node, never about card i.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from moorage.gpus.facts import MemoryKind, is_unified_model
from moorage.gpus.labels import clouds
from moorage.gpus.labels.clouds import number
from moorage.gpus.labels.models import words
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Mapping

_MIG_LABEL = re.compile(r"nvidia\.com/mig-([0-9][a-z0-9.+-]*?)\.(count|memory|product|replicas|sharing-strategy)")
_MIG_PRODUCT = re.compile(r"-MIG-([0-9][A-Za-z0-9.+-]*|INVALID)$")
_SIZE = re.compile(r"([0-9]{1,9})\s*([GMT])i?B?", re.IGNORECASE)
_PCI_VENDORS = {"10de": "nvidia", "1002": "amd", "8086": "intel"}
_PCI_LABEL = re.compile(
    r"feature\.node\.kubernetes\.io/pci-(?:03[0-9a-f]{2}_)?(10de|1002|8086)(?:_[0-9a-f]+)?\.present"
)
# NFD marks any Intel PCI device with 8086 alone, so only its display class says that there is a card.
_INTEL_DISPLAY = re.compile(r"feature\.node\.kubernetes\.io/pci-03[0-9a-f]{2}_8086.*\.present")


class Slices(msgspec.Struct, frozen=True, kw_only=True):
    """The MIG slices of one profile that a node has, over all its cards."""

    profile: str
    count: int | None = None
    memory: int | None = None
    replicas: int | None = None


class LabelFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the labels of a node say."""

    vendor: str | None = None
    origin: str | None = None  # which labels
    model: str | None = None
    memory: int | None = None  # MiB of one card, or of one slice where `slice_profile` is set
    memory_kind: MemoryKind | None = None
    count: int | None = None  # as labelled: physical cards, but MIG slices where `slice_profile` is set
    replicas: int | None = None
    sharing: str | None = None  # "time-slicing" | "mps"
    mig_strategy: str | None = None
    slice_profile: str | None = None  # MIG single: what one `nvidia.com/gpu` of the node is
    slices: tuple[Slices, ...] = ()
    present: bool = False  # a card is in the machine, whoever says so
    notes: tuple[str, ...] = ()


def read(labels: Mapping[str, str]) -> LabelFacts:
    """All that labels say; an empty record where they say nothing."""
    found = next((facts for reader in _READERS.values() if (facts := reader(labels)) is not None), None)
    if found is not None and found.model is not None:
        return found
    cloud = _cloud(labels) or _present(labels)
    return cloud if found is None else _with(found, cloud)


def of_vendor(labels: Mapping[str, str], vendor: str) -> LabelFacts:
    """The same of one vendor's cards, where a node has those of several."""
    reader = _READERS.get(vendor)
    found = reader(labels) if reader is not None else None
    if found is not None and found.model is not None:
        return found
    cloud = _cloud(labels)
    if cloud is None or cloud.vendor != vendor:
        return found or LabelFacts()
    return cloud if found is None else _with(found, cloud)


def _with(found: LabelFacts, cloud: LabelFacts) -> LabelFacts:
    """A vendor's labels that name no model (its operator marks nodes before it knows), and what the cloud says."""
    if not cloud.present or (cloud.vendor or found.vendor) != found.vendor:
        return found
    return msgspec.structs.replace(
        found,
        origin=cloud.origin if cloud.model else found.origin,
        model=cloud.model,
        memory=found.memory or cloud.memory,
        count=cloud.count if found.count is None else found.count,
        present=True,
    )


def _nvidia(labels: Mapping[str, str]) -> LabelFacts | None:
    product = labels.get("nvidia.com/gpu.product")
    if not product and not any(key.startswith(("nvidia.com/gpu.", "nvidia.com/mig-")) for key in labels):
        return None
    notes = []
    profile = None
    text = product or ""
    shared = text.endswith("-SHARED")
    text = text.removesuffix("-SHARED")
    mig = _MIG_PRODUCT.search(text)
    if mig is not None:
        text = text[: mig.start()]
        if mig.group(1) == "INVALID":
            notes.append(
                later(
                    "MIG profiles are mixed although the strategy is single, so the device plugin offers none of them"
                )
            )
        else:
            profile = mig.group(1)
    replicas = number(labels.get("nvidia.com/gpu.replicas"))
    strategy = labels.get("nvidia.com/gpu.sharing-strategy")
    sharing: str | None = strategy if strategy in ("time-slicing", "mps") else None
    if sharing is None and (shared or (replicas or 0) > 1):
        sharing = "time-slicing"
    model = words(text) or None
    memory = number(labels.get("nvidia.com/gpu.memory")) or None
    present = labels.get("nvidia.com/gpu.present") == "true" or model is not None
    return LabelFacts(
        vendor="nvidia",
        origin="gpu-feature-discovery",
        model=model,
        memory=memory,
        memory_kind="unified" if memory is None and is_unified_model(model) else None,
        count=number(labels.get("nvidia.com/gpu.count")),
        replicas=replicas,
        sharing=sharing,
        mig_strategy=labels.get("nvidia.com/mig.strategy"),
        slice_profile=profile,
        slices=_slices(labels),
        present=present,
        notes=tuple(notes),
    )


def _slices(labels: Mapping[str, str]) -> tuple[Slices, ...]:
    found: dict[str, dict[str, str]] = {}
    for key, value in labels.items():
        match = _MIG_LABEL.fullmatch(key)
        if match is not None:
            found.setdefault(match.group(1), {})[match.group(2)] = value
    return tuple(
        Slices(
            profile=profile,
            count=number(fields.get("count")),
            memory=number(fields.get("memory")) or None,
            replicas=number(fields.get("replicas")),
        )
        for profile, fields in sorted(found.items())
    )


def _amd(labels: Mapping[str, str]) -> LabelFacts | None:
    keys = [key for key in labels if key.startswith(("amd.com/gpu.", "beta.amd.com/gpu."))]
    if not keys:
        return None

    def value(field: str) -> str | None:
        found = labels.get(f"amd.com/gpu.{field}") or labels.get(f"beta.amd.com/gpu.{field}")
        if found:
            return found
        # The beta labels also come as amd.com/gpu.<field>.<value>=<count>.
        for key in keys:
            head, _, tail = key.partition(f"/gpu.{field}.")
            if head in ("amd.com", "beta.amd.com") and tail:
                return tail
        return None

    product = value("product-name")
    return LabelFacts(
        vendor="amd",
        origin="amd-node-labeller",
        model=words(product) if product else None,
        memory=_mebibytes(value("vram")),
        count=number(labels.get("amd.com/gpu.count")),
        present=True,
    )


def _intel(labels: Mapping[str, str]) -> LabelFacts | None:
    if not any(key.startswith("gpu.intel.com/") for key in labels):
        return None
    product = labels.get("gpu.intel.com/product")
    return LabelFacts(
        vendor="intel",
        origin="nfd",
        model=f"Intel {words(product)}" if product else None,
        count=number(labels.get("gpu.intel.com/device.count")),
        memory=_mebibytes(labels.get("gpu.intel.com/memory.max")),
        present=True,
    )


_READERS = {"nvidia": _nvidia, "amd": _amd, "intel": _intel}


def _cloud(labels: Mapping[str, str]) -> LabelFacts | None:
    found = clouds.read(labels)
    if found is None:
        return None
    return LabelFacts(
        vendor=found.vendor,
        origin=found.origin,
        model=found.model,
        count=found.count,
        memory=found.memory,
        present=True,
    )


def _present(labels: Mapping[str, str]) -> LabelFacts:
    for key, value in labels.items():
        if value != "true":
            continue
        found = _PCI_LABEL.fullmatch(key)
        if found is not None and (found.group(1) != "8086" or _INTEL_DISPLAY.fullmatch(key)):
            return LabelFacts(vendor=_PCI_VENDORS[found.group(1)], origin="nfd", present=True)
    return LabelFacts()


def _mebibytes(text: str | None) -> int | None:
    """`192G` as AMD's labeller writes it, in MiB."""
    found = _SIZE.fullmatch(text.strip()) if text else None
    if found is None:
        return number(text) or None
    amount = int(found.group(1))
    return amount * {"M": 1, "G": 1024, "T": 1024 * 1024}[found.group(2).upper()] or None
