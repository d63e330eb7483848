"""Labels by which clouds and their autoscalers say that a node has a card, and as far as they know, which.

Most come with the machine, before any driver runs. A vendor alone, as AKS writes it, names no model and no count.
Source: the label references of GKE, AKS, EKS Auto Mode, Karpenter for AWS and Azure, CoreWeave, DigitalOcean (DOKS) and
Alibaba Cloud (ACK); cluster-autoscaler's README of its providers for `accelerator` and `k8s.amazonaws.com/accelerator`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from moorage.gpus.labels.models import words

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES = {"nvidia": "NVIDIA", "amd": "AMD", "intel": "Intel"}


class CloudCard(msgspec.Struct, frozen=True, kw_only=True):
    """The cards of a node as its cloud labels them; memory in MiB, of one card."""

    origin: str
    vendor: str | None = None
    model: str | None = None
    count: int | None = None
    memory: int | None = None


class _Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of one cloud. `model` may begin with its vendor (`nvidia-tesla-t4`), or `vendor` tells that."""

    origin: str
    model: str | None = None
    vendor: str | None = None
    usual_vendor: str | None = None
    count: str | None = None
    memory: str | None = None
    memory_gigabytes: str | None = None


_CLOUDS = (
    _Keys(
        origin="gke",
        model="cloud.google.com/gke-accelerator",
        count="cloud.google.com/gke-accelerator-count",
    ),
    *(
        _Keys(
            origin=origin,
            model=f"{prefix}-name",
            vendor=f"{prefix}-manufacturer",
            usual_vendor="nvidia",
            count=f"{prefix}-count",
            memory=f"{prefix}-memory",
        )
        for origin, prefix in (
            ("karpenter", "karpenter.k8s.aws/instance-gpu"),
            ("eks", "eks.amazonaws.com/instance-gpu"),
            ("karpenter", "karpenter.azure.com/sku-gpu"),
        )
    ),
    _Keys(
        origin="coreweave",
        model="gpu.nvidia.com/class",
        usual_vendor="nvidia",
        count="gpu.nvidia.com/count",
        memory_gigabytes="gpu.nvidia.com/vram",
    ),
    _Keys(
        origin="doks",
        model="doks.digitalocean.com/gpu-model",
        vendor="doks.digitalocean.com/gpu-brand",
    ),
    _Keys(
        origin="ack",
        model="aliyun.accelerator/nvidia_name",
        usual_vendor="nvidia",
        count="aliyun.accelerator/nvidia_count",
    ),
    _Keys(origin="aks", model="kubernetes.azure.com/accelerator"),
    _Keys(origin="cluster-autoscaler", model="k8s.amazonaws.com/accelerator"),
    _Keys(origin="accelerator", model="accelerator"),
)
# Whoever writes one of these may mean any accelerator, so only a vendor that makes little else says that it is a card.
_OF_ANY_KIND = ("aks", "cluster-autoscaler", "accelerator")
_MAKES_CARDS = ("nvidia", "amd")
_PRESENT = {"cloud.google.com/gke-gpu": "gke", "k8s.amazonaws.com/accelerator": "cluster-autoscaler"}


def read(labels: Mapping[str, str]) -> CloudCard | None:
    """What the first of these clouds says that says anything; None where none does."""
    for keys in _CLOUDS:
        found = _read(labels, keys)
        if found is not None:
            return found
    return next(
        (CloudCard(origin=origin) for key, origin in _PRESENT.items() if labels.get(key, "").lower() == "true"), None
    )


def model_keys(labels: Mapping[str, str], vendor: str) -> list[str]:
    """The labels of clouds that name the model of this vendor's cards."""
    found = []
    for keys in _CLOUDS:
        card = _read(labels, keys) if keys.model else None
        if card is not None and card.model is not None and card.vendor == vendor:
            found.append(keys.model or "")
    return found


def _read(labels: Mapping[str, str], keys: _Keys) -> CloudCard | None:
    model, vendor = _of(labels, keys.model).strip(), _of(labels, keys.vendor).strip().lower()
    if not model and not vendor:
        return None
    first, _, rest = model.partition("-")
    if keys.origin in _OF_ANY_KIND and first.lower() not in _MAKES_CARDS:
        return None
    if first.lower() in _NAMES:
        vendor, model = first.lower(), rest
    vendor = vendor or keys.usual_vendor or ""
    gigabytes = number(labels.get(keys.memory_gigabytes or ""))
    return CloudCard(
        origin=keys.origin,
        vendor=vendor if vendor in _NAMES else None,
        model=_model(vendor, model),
        count=number(labels.get(keys.count or "")),
        memory=gigabytes * 1024 if gigabytes else number(labels.get(keys.memory or "")) or None,
    )


def _model(vendor: str, model: str) -> str | None:
    """`NVIDIA TESLA T4`: clouds write models in lower case. What has capitals already is left as it is."""
    text = words(model)
    if not text:
        return None
    text = text.upper() if text.islower() else text
    name = _NAMES.get(vendor, vendor.upper())
    return text if not name or text.upper().startswith(f"{name.upper()} ") else f"{name} {text}"


def _of(labels: Mapping[str, str], key: str | None) -> str:
    return labels.get(key, "") if key else ""


def number(text: str | None) -> int | None:
    """A whole number, or None: a label that is no number says nothing."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 9:
        return None
    return int(text)
