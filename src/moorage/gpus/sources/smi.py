"""Read what `nvidia-smi` prints: csv and `-L` (`smi_xml` reads `-q -x`). No text makes these raise, and no placeholder
becomes a number.

One bad card of several makes the tool fail and print good rows, a sentence and a row of errors, all to stdout: the
good rows count.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from moorage.gpus.facts import CardFact, Part, is_unified_model, plain_pci
from moorage.gpus.readings import percent, reason, whole
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# The name comes last: it is the only text that may hold anything.
FIELDS = (
    "index",
    "uuid",
    "pci.bus_id",
    "memory.total",
    "memory.used",
    "memory.free",
    "utilization.gpu",
    "mig.mode.current",
    "name",
)
# Drivers before 450 know no MIG and refuse the whole query for it.
OLD_FIELDS = tuple(field for field in FIELDS if field != "mig.mode.current")

_UUID = re.compile(r"(GPU|MIG)-[0-9A-Za-z/_-]{1,100}")
_HANDLE = re.compile(
    r"Unable to determine the device handle for GPU\s*"
    r"(?P<pci>[0-9A-Fa-f]{1,8}:[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\.[0-7]):\s*(?P<why>.*)"
)
_LISTED = re.compile(r"GPU (?P<index>[0-9]{1,4}): (?P<name>.*) \(UUID: (?P<uuid>[^()]*)\)\s*")
_LISTED_SLICE = re.compile(r"\s+MIG (?P<profile>\S+)\s+Device\s+(?P<device>[0-9]{1,4}): \(UUID: (?P<uuid>[^()]*)\)\s*")
_UNIFIED_WORDS = ("N/A", "Not Supported")
_FAILURES = (
    "failed to initialize nvml",
    "no devices were found",
    "nvidia-smi has failed",
    "unable to determine the number of gpus",
    "executable file not found",
    "command not found",
    "no such file or directory",
)
LARGEST = 8 << 20
_UNIT_OF_HEADER = re.compile(r"\s*\[(MiB|%|W)\]$")


class Output(msgspec.Struct, kw_only=True):
    """What one call said: the cards that it could read, and what went wrong besides."""

    cards: list[CardFact]
    problems: list[str] = []
    failure: str | None = None  # the whole tool failed
    unknown_field: str | None = None  # the driver is too old for the query


def parse_csv(
    text: str, *, fields: Sequence[str] = FIELDS, source: str = "exec", taken_at: float | None = None
) -> Output:
    """Rows of `--query-gpu=… --format=csv`, with or without header and units."""
    output = Output(cards=[], problems=[])
    for line in lines_of(text):
        names = _header(line)
        if names is not None:
            fields = names
            continue
        handle = _HANDLE.search(line)
        if handle is not None:
            output.cards.append(_lost(handle, source=source, taken_at=taken_at))
            output.problems.append(cut(line))
            continue
        if take_failure(output, line):
            continue
        card = _row(line, fields=fields, source=source, taken_at=taken_at)
        if card is not None:
            output.cards.append(card)
        elif line.strip():
            output.problems.append(cut(line))
    output.cards = without_twins(output.cards)
    return output


def parse_list(text: str, *, source: str = "exec", taken_at: float | None = None) -> Output:
    """`nvidia-smi -L`: the only place that names the UUIDs of slices."""
    output = Output(cards=[], problems=[])
    for line in lines_of(text):
        card = _LISTED.fullmatch(line)
        part = _LISTED_SLICE.fullmatch(line)
        if card is not None:
            model = card["name"].strip() or None
            output.cards.append(
                CardFact(
                    source=source,
                    taken_at=taken_at,
                    index=int(card["index"]),
                    uuid=uuid_of(card["uuid"]),
                    model=None if model is None or _is_placeholder(model) else cut(model) or None,
                )
            )
        elif part is not None and output.cards:
            last = output.cards[-1]
            piece = Part(profile=part["profile"][:40], uuid=uuid_of(part["uuid"]))
            output.cards[-1] = msgspec.structs.replace(last, parts=(*last.parts, piece), mig=True)
        elif line.strip() and not take_failure(output, line):
            output.problems.append(cut(line))
    output.cards = without_twins(output.cards)
    return output


def with_list(cards: Iterable[CardFact], listed: Iterable[CardFact]) -> list[CardFact]:
    """Cards of one call with what another (`-L`) told: the index, which the XML leaves out, and the names of slices,
    slice by slice in the driver's order.
    """
    by_uuid = {card.uuid: card for card in listed if card.uuid}
    found = []
    for card in cards:
        names = by_uuid.get(card.uuid) if card.uuid else None
        if names is not None and card.index is None:
            card = msgspec.structs.replace(card, index=names.index)  # noqa: PLW2901
        if names is None or not names.parts:
            found.append(card)
        elif not card.parts:
            found.append(msgspec.structs.replace(card, parts=names.parts, mig=True))
        elif len(card.parts) == len(names.parts):
            parts = tuple(
                msgspec.structs.replace(part, uuid=name.uuid, profile=part.profile or name.profile)
                for part, name in zip(card.parts, names.parts, strict=True)
            )
            found.append(msgspec.structs.replace(card, parts=parts))
        else:
            found.append(card)
    return found


def lines_of(text: str) -> list[str]:
    return text[:LARGEST].replace("\r", "\n").split("\n")


def cut(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:200]


def _is_placeholder(text: str) -> bool:
    plain = text.strip()
    return not plain or plain.startswith("[") or plain in ("N/A", "ERR!", "Unknown Error", "Not Supported")


def _header(line: str) -> tuple[str, ...] | None:
    names = tuple(_UNIT_OF_HEADER.sub("", name.strip()) for name in line.split(","))
    return names if "index" in names and names[0] in FIELDS else None


def take_failure(output: Output, line: str) -> bool:
    plain = line.strip()
    lower = plain.lower()
    if lower.startswith("field ") and "is not a valid field to query" in lower:
        parts = plain.split('"')
        output.unknown_field = parts[1][:60] if len(parts) > 2 else "?"
        output.failure = output.failure or cut(plain)
        return True
    if any(mark in lower for mark in _FAILURES):
        output.failure = output.failure or cut(plain)
        return True
    if lower.startswith("nvml library version"):
        output.failure = f"{output.failure} ({cut(plain)})" if output.failure else cut(plain)
        return True
    return False


def _lost(handle: re.Match[str], *, source: str, taken_at: float | None) -> CardFact:
    why = cut(handle["why"]).rstrip(".") or "Unknown Error"
    return CardFact(
        source=source,
        taken_at=taken_at,
        pci=plain_pci(handle["pci"]),
        problem=later("the driver can't reach the card: {why}", why=why),
        lost=True,
        counts_all=True,
    )


def uuid_of(text: str | None) -> str | None:
    found = _UUID.fullmatch((text or "").strip())
    return found.group(0) if found else None


def _row(line: str, *, fields: Sequence[str], source: str, taken_at: float | None) -> CardFact | None:
    cells = [cell.strip() for cell in line.split(",")]
    if len(cells) > len(fields) and fields[-1] == "name":
        cells = [*cells[: len(fields) - 1], ", ".join(cells[len(fields) - 1 :])]
    if len(cells) != len(fields):
        return None
    row = dict(zip(fields, cells, strict=True))
    index, uuid, pci = row.get("index", ""), uuid_of(row.get("uuid")), plain_pci(row.get("pci.bus_id"))
    known_index = index.isascii() and index.isdigit() and len(index) <= 4
    if not known_index and uuid is None and pci is None:
        return None
    return card_of(
        source=source,
        taken_at=taken_at,
        index=int(index) if known_index else None,
        uuid=uuid,
        pci=pci,
        name=row.get("name"),
        total=row.get("memory.total"),
        used=row.get("memory.used"),
        free=row.get("memory.free"),
        utilization=row.get("utilization.gpu"),
        mig=row.get("mig.mode.current"),
    )


def card_of(
    *,
    source: str,
    taken_at: float | None,
    index: int | None,
    uuid: str | None,
    pci: str | None,
    name: str | None,
    total: str | None,
    used: str | None,
    free: str | None,
    utilization: str | None,
    mig: str | None,
    temperature: str | None = None,
    parts: tuple[Part, ...] = (),
    processes: int | None = None,
) -> CardFact:
    why: dict[str, str] = {}
    memory_total, why_total = whole(total)
    memory_used, why_used = whole(used)
    memory_free, why_free = whole(free)
    busy, why_busy = percent(utilization)
    heat, _ = whole(temperature)
    model = None if name is None or _is_placeholder(name) else cut(name) or None
    if model is None and name is not None:
        why["model"] = reason(name)
    unified = is_unified_model(model) and memory_total is None and (total or "").strip().strip("[]") in _UNIFIED_WORDS
    told = (
        ("memory_total", memory_total, why_total, total),
        ("memory_used", memory_used, why_used, used),
        ("memory_free", memory_free, why_free, free),
        ("utilization", busy, why_busy, utilization),
    )
    why |= {field: words for field, value, words, text in told if value is None and words and text is not None}
    mode = (mig or "").strip()
    lost = _lost_words(total, used, utilization, name)
    return CardFact(
        source=source,
        taken_at=taken_at,
        index=index,
        uuid=uuid,
        pci=pci,
        model=model,
        memory_total=memory_total,
        memory_used=memory_used,
        memory_free=memory_free,
        utilization=busy,
        temperature=heat,
        memory_kind="unified" if unified else None,
        mig=True if mode == "Enabled" else False if mode == "Disabled" else None,
        parts=parts,
        processes=processes,
        problem=later("the driver says {word}", word=lost) if lost else None,
        lost=lost is not None,
        counts_all=True,
        why=why,
    )


def _lost_words(*cells: str | None) -> str | None:
    for cell in cells:
        plain = (cell or "").strip().strip("[]")
        if plain in ("GPU is lost", "GPU requires reset"):
            return plain
    return None


def without_twins(cards: list[CardFact]) -> list[CardFact]:
    """One record for each card: a second row with the same UUID or address says nothing new."""
    seen: set[str] = set()
    found = []
    for card in cards:
        keys = {key for key in (card.uuid, card.pci) if key}
        if keys & seen:
            continue
        seen |= keys
        found.append(card)
    return found
