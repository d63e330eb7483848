"""Models of GPU as people say them: "RTX 4090 (24 GB)", "A100 40 GB", "MIG 1g.5gb slice", "T4, shared"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from moorage.hub.amounts import ANY_MAKER, is_card, short_resource
from moorage.texts import t

# What says nothing that the rest of a name does not.
_PLAIN = re.compile(r"\b(?:NVIDIA|GeForce|Tesla|SXM\d*|PCIe?|HBM\d+e?)\b", re.IGNORECASE)
_SIZE = re.compile(r"\b(\d+) ?GB\b", re.IGNORECASE)
_SLICE = re.compile(r"(?:-MIG-|/mig-)(\d[\w.+-]*?)(?:\.shared)?$")
_PARTITION = re.compile(r"/([a-z]{3}_nps\d+)$")
_SHARED = "-SHARED"
SHARING = ("time-slicing", "mps", "mig", "partition")


@dataclass(frozen=True, slots=True)
class Model:
    """What one unit of a resource is on a node. `labels` are pairs of key and value, each of which alone tells the
    model, the surest first; `memory` in MiB; `sharing` is time-slicing, mps, mig, partition or None.
    """

    labels: tuple[tuple[str, str], ...]
    model: str
    memory: int | None = None
    sharing: str | None = None
    slots: int | None = None
    profile: str | None = None

    @property
    def name(self) -> str:
        """As a choice names it."""
        return self.labels[0][1]

    def words(self) -> str:
        """For a list of kinds."""
        if self.sharing == "mig" and self.profile:
            return t("MIG {profile} slice", profile=self.profile)
        if self.sharing == "partition" and self.profile:
            return t("{model}, partition {profile}", model=short(self.model), profile=self.profile)
        if self.sharing in ("time-slicing", "mps") and (self.slots or 0) > 1:
            return t("{model}, shared (1 of {slots} slots)", model=short(self.model), slots=self.slots)
        if self.sharing in ("time-slicing", "mps"):
            return t("{model}, shared", model=short(self.model))
        text = short(self.model)
        return text if self.memory is None or _SIZE.search(text) else f"{text} ({round(self.memory / 1024)} GB)"

    def meaning(self) -> str:
        """What sharing means, in a sentence; empty where the whole card is one's own."""
        several = (self.slots or 0) > 1
        match self.sharing:
            case "time-slicing" if several:
                return t(
                    "Time-slicing: up to {slots} servers take turns on one card and share its memory without limits.",
                    slots=self.slots,
                )
            case "time-slicing":
                return t("Time-slicing: several servers take turns on one card and share its memory without limits.")
            case "mps" if several:
                return t(
                    "MPS: up to {slots} servers run on one card at the same time, each with 1/{slots} of its memory.",
                    slots=self.slots,
                )
            case "mps":
                return t("MPS: several servers run on one card at the same time, each with a part of its memory.")
            case "mig":
                return t("MIG: a fixed part of a card, with memory and processors that no other server uses.")
            case "partition":
                return t("A fixed part of a card, with processors that no other server uses.")
        return ""


def short(model: str) -> str:
    """A model without its maker's first names: "RTX 4090", "A100 40 GB", "AMD Instinct MI300X OAM"."""
    text = " ".join(_PLAIN.sub(" ", re.sub(r"[-_ ]+", " ", model)).split())
    return _SIZE.sub(r"\1 GB", text) or model


def spoken(name: str) -> str:
    """A model by its label alone, where no node tells more: "Tesla-T4-SHARED" is "T4, shared"."""
    if (found := _SLICE.search(name)) is not None:
        return t("MIG {profile} slice", profile=found[1])
    return t("{model}, shared", model=short(name.removesuffix(_SHARED))) if name.endswith(_SHARED) else short(name)


def resource_words(resource: str) -> str:
    """A resource name where no model is known: "NVIDIA GPU", "MIG 1g.5gb slice", "shared NVIDIA GPU"."""
    if (found := _SLICE.search(resource)) is not None:
        return t("MIG {profile} slice", profile=found[1])
    if (found := _PARTITION.search(resource)) is not None:
        return t("{model}, partition {profile}", model="AMD GPU", profile=found[1])
    if resource == "nvidia.com/gpu.shared":
        return t("{model}, shared", model="NVIDIA GPU")
    if resource.startswith("gpu.intel.com/"):
        return "Intel GPU"
    if is_card(resource):
        return short_resource(resource, among=ANY_MAKER)
    return short_resource(resource)
