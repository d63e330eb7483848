"""Cards out of samples: those of NVIDIA's dcgm-exporter and those of AMD's device-metrics-exporter.

What forces the odd lines: a card that nobody holds has no pod labels, or empty ones; behind Prometheus the pod's
labels are called `exported_…` and `pod` is the exporter itself; with time slicing a card comes once for each pod; DCGM
names slices wrongly, so their instance id counts; series that a card does not support are absent, or carry a huge
number in old releases.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from moorage.gpus.facts import CardFact, Holder, Part, plain_pci
from moorage.gpus.readings import sample
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from moorage.gpus.sources.series import Sample

DCGM_PREFIXES = ("DCGM_FI_DEV_", "DCGM_FI_PROF_GR_ENGINE_ACTIVE", "dcgm_")
AMD_PREFIXES = ("gpu_", "amd_gpu_")

_DCGM = {
    "DCGM_FI_DEV_GPU_UTIL": "util",
    "DCGM_FI_DEV_FB_USED": "used",
    "DCGM_FI_DEV_FB_FREE": "free",
    "DCGM_FI_DEV_FB_RESERVED": "reserved",
    "DCGM_FI_DEV_FB_TOTAL": "total",
    "DCGM_FI_DEV_GPU_TEMP": "temp",
    "DCGM_FI_DEV_XID_ERRORS": "xid",
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE": "active",
    "dcgm_gpu_utilization": "util",
    "dcgm_fb_used": "used",
    "dcgm_fb_free": "free",
    "dcgm_gpu_temp": "temp",
    "dcgm_xid_errors": "xid",
}
_AMD = {
    "gpu_total_vram": "total",
    "gpu_used_vram": "used",
    "gpu_free_vram": "free",
    "gpu_gfx_activity": "util",
    "gpu_health": "health",
    "gpu_edge_temperature": "temp",
    "gpu_junction_temperature": "temp",
}


class _Reading(msgspec.Struct):
    """One card or one slice of it, as its samples fill it."""

    labels: Mapping[str, str]
    values: dict[str, float] = {}
    own: set[str] = set()  # fields whose value came from the row of the device, not of a pod on it
    holders: dict[tuple[str, str, str | None], Holder] = {}


def dcgm_cards(samples: Iterable[Sample], *, source: str = "dcgm", taken_at: float | None = None) -> list[CardFact]:
    """The cards of one node, out of a dcgm-exporter's samples."""
    cards: dict[str, _Reading] = {}
    slices: dict[str, dict[str, _Reading]] = {}
    for one in samples:
        field = _DCGM.get(one.name)
        if field is None:
            continue
        labels = one.labels
        identity = labels.get("UUID") or labels.get("uuid") or labels.get("pci_bus_id") or labels.get("gpu")
        if not identity:
            continue
        reading = cards.get(identity)
        if reading is None:
            reading = cards[identity] = _Reading(labels, {}, set(), {})
        instance = labels.get("GPU_I_ID")
        if instance:
            own = slices.setdefault(identity, {})
            if instance not in own:
                own[instance] = _Reading(labels, {}, set(), {})
            reading = own[instance]
        _take(reading, field, one)
    return [
        _dcgm_card(reading, slices.get(identity, {}), source=source, taken_at=taken_at)
        for identity, reading in cards.items()
    ]


def amd_cards(samples: Iterable[Sample], *, source: str = "amd", taken_at: float | None = None) -> list[CardFact]:
    """The cards of one node, out of AMD's exporter; partitions of a card stay rows of their own."""
    cards: dict[tuple[str, str], _Reading] = {}
    for one in samples:
        field = _AMD.get(one.name.removeprefix("amd_"))
        if field is None:
            continue
        labels = one.labels
        identity = labels.get("gpu_uuid") or labels.get("serial_number") or labels.get("gpu_id")
        if not identity:
            continue
        key = (identity, labels.get("gpu_partition_id") or "")
        if key not in cards:
            cards[key] = _Reading(labels, {}, set(), {})
        _take(cards[key], field, one)
    return [_amd_card(reading, source=source, taken_at=taken_at) for reading in cards.values()]


def holder_of(labels: Mapping[str, str]) -> Holder | None:
    """Who holds the card by the labels of one sample."""
    if labels.get("exported_pod"):
        pod, namespace = labels["exported_pod"], labels.get("exported_namespace", "")
        container = labels.get("exported_container")
    elif labels.get("pod"):
        pod, namespace, container = labels["pod"], labels.get("namespace", ""), labels.get("container")
        # Behind Prometheus, `pod` is the exporter's own.
        if "exporter" in pod and (container is None or "exporter" in container):
            return None
    elif labels.get("pod_name"):
        pod, namespace = labels["pod_name"], labels.get("pod_namespace", "")
        container = labels.get("container_name")
    else:
        return None
    return Holder(namespace=namespace, pod=pod, container=container or None)


def _take(reading: _Reading, field: str, one: Sample) -> None:
    holder = holder_of(one.labels)
    if holder is not None:
        reading.holders.setdefault((holder.namespace, holder.pod, holder.container), holder)
    value = sample(one.value)
    if value is None:
        return
    # The row without a pod is the card's; rows of pods are shares of it or copies, and the largest says most.
    if holder is None:
        reading.values[field] = value
        reading.own.add(field)
    elif field not in reading.own:
        reading.values[field] = max(value, reading.values.get(field, 0.0))


def _dcgm_card(reading: _Reading, slices: Mapping[str, _Reading], *, source: str, taken_at: float | None) -> CardFact:
    labels, values = reading.labels, reading.values
    uuid = labels.get("UUID") or labels.get("uuid") or None
    memory = _memory(values)
    # Exporters that print a utilization of a card in MIG mode print 0.
    busy = _busy(values) if not slices else _busy(values) or None
    why = {}
    if memory[1] is None:
        why["memory_used"] = later("dcgm-exporter has no memory figures for this card")
    if busy is None:
        mig = later("a card in MIG mode has no utilization of its own")
        why["utilization"] = mig if slices else later("dcgm-exporter has none")
    return CardFact(
        source=source,
        taken_at=taken_at,
        uuid=uuid if uuid and uuid.startswith("GPU-") else None,
        pci=plain_pci(labels.get("pci_bus_id")),
        index=_index(labels.get("gpu")),
        model=labels.get("modelName", "").strip()[:200] or None,
        memory_total=memory[0],
        memory_used=memory[1],
        memory_free=memory[2],
        utilization=busy,
        temperature=_int(values.get("temp")),
        xid=_int(values.get("xid")),
        mig=True if slices else None,
        parts=tuple(_part(part) for _, part in sorted(slices.items(), key=lambda item: (len(item[0]), item[0]))),
        holders=tuple(reading.holders.values()),
        counts_all=True,
        why=why,
    )


def _part(reading: _Reading) -> Part:
    total, used, free = _memory(reading.values)
    active = reading.values.get("active")
    return Part(
        profile=reading.labels.get("GPU_I_PROFILE", "")[:40] or None,
        instance=_index(reading.labels.get("GPU_I_ID")),
        memory_total=total,
        memory_used=used,
        memory_free=free,
        # A slice has no GPU_UTIL; exporters that print one print 0.
        utilization=round(active * 100) if active is not None and active <= 1 else None,
        holders=tuple(reading.holders.values()),
    )


def _amd_card(reading: _Reading, *, source: str, taken_at: float | None) -> CardFact:
    labels, values = reading.labels, reading.values
    total, used, free = _memory(values)
    health = values.get("health")
    model = (labels.get("card_model") or labels.get("card_series") or "").strip()[:200]
    partition = labels.get("gpu_partition_id")
    busy = values.get("util")
    return CardFact(
        source=source,
        taken_at=taken_at,
        uuid=labels.get("gpu_uuid") or None,
        pci=plain_pci(labels.get("pcie_address") or labels.get("pci_bus_id")),
        index=_index(labels.get("gpu_id")) if partition in (None, "", "0", "NA") else None,
        model=model or None,
        memory_total=total,
        memory_used=used,
        memory_free=free,
        utilization=round(busy) if busy is not None and busy <= 100 else None,
        temperature=_int(values.get("temp")),
        health=None if health is None else "healthy" if health > 0 else "unhealthy",
        problem=later("AMD's exporter reports the card as unhealthy") if health == 0 else None,
        holders=tuple(reading.holders.values()),
        counts_all=True,
    )


def _memory(values: Mapping[str, float]) -> tuple[int | None, int | None, int | None]:
    """Total, used and free in MiB. Without a total of its own it is the sum of its parts."""
    used, free = _int(values.get("used")), _int(values.get("free"))
    total = _int(values.get("total"))
    if total is None and used is not None and free is not None:
        total = used + free + (_int(values.get("reserved")) or 0)
    # All zero is how exporters print 'no memory of its own'.
    if not total and not used and not free:
        return None, None, None
    return total or None, used, free


def _busy(values: Mapping[str, float]) -> int | None:
    util, active = values.get("util"), values.get("active")
    if util is not None and util <= 100:
        return round(util)
    return round(active * 100) if active is not None and active <= 1 else None


def _int(value: float | None) -> int | None:
    return None if value is None or value >= 10**9 else round(value)


def _index(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= 4 else None
