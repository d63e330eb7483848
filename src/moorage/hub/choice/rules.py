"""What the rules of a namespace leave of a choice, read from the API server's exact words on the very pod.

Both the service and a dry run bring these words, and what they count is the whole pod: by how much it is too much is
what the choice has to give up, side containers or not.
Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go and
plugin/pkg/admission/limitranger/admission.go
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from moorage.errors import InvalidQuantity
from moorage.hub.amounts import cpu_field, cpu_words, memory_field, memory_words, read_count, read_cpu, read_memory
from moorage.hub.choice.offered.refusal import Refusal
from moorage.hub.choice.options import decide
from moorage.texts import both, t

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moorage.hub.choice.offered.offer import Choice, Offer
    from moorage.hub.choice.offered.refusal import Ways

_QUOTA = re.compile(r"exceeded quota: [^,]+, requested: (\S+), used: (\S+), limited: ([^\s,]+(?:,[^\s,=]+=[^\s,]+)*)")
_BOUND = re.compile(
    r"(maximum|minimum) (\S+) usage per (?:Container|Pod) is ([^\s,]+), "
    r"but (limit|request) is ([^\s,\]]+?)\.?(?=[\s,\]]|$)"
)
_GRAIN = {"cpu": 100, "memory": 128 << 20}
_PODS = ("pods", "count/pods")


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that a choice breaks: in words, what would keep it, and whether others hold what it lacks."""

    text: str
    field: str | None = None
    ways: Ways = ()
    waits: bool = False


@dataclass(frozen=True, slots=True)
class _Short:
    """How far an amount is off: less than 0 where there is too little of it."""

    field: str
    by: int
    waits: bool


def broken(message: str, choice: Choice, offer: Offer) -> Broken | None:
    """What these words say of a choice; None where they speak of something else."""
    try:
        quota = _QUOTA.search(message)
        if quota is not None:
            asked, used, hard = (_amounts(text) for text in quota.groups())
            for name in _PODS:
                if name in asked:
                    return Broken(
                        t("Your team may run {pods} pods at a time, and all are in use.", pods=hard[name]), waits=True
                    )
            return _told([_quota(name, asked, used, hard, choice) for name in asked], choice, offer)
        bounds = [_bound(found, choice) for found in _BOUND.finditer(message)]
        return _told(bounds, choice, offer) if bounds else None
    except (InvalidQuantity, KeyError, ValueError):
        return None


def _amounts(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split(","))


def _quota(
    name: str, asked: dict[str, str], used: dict[str, str], hard: dict[str, str], choice: Choice
) -> _Short | None:
    resource = name.removeprefix("requests.").removeprefix("limits.")
    read = _READ.get(resource, read_count)
    by = read(asked[name]) + read(used[name]) - read(hard[name])
    return _short(resource, by, is_limit=name.startswith("limits."), choice=choice, waits=True)


def _bound(found: re.Match[str], choice: Choice) -> _Short | None:
    _, resource, bound, what, said = found.groups()
    read = _READ.get(resource, read_count)
    return _short(resource, read(said) - read(bound), is_limit=what == "limit", choice=choice, waits=False)


def _short(resource: str, by: int, *, is_limit: bool, choice: Choice, waits: bool) -> _Short | None:
    if resource == "cpu":
        return _Short("cpu", by if is_limit else _of_limit(by, choice), waits)
    if resource == "memory":
        beyond = 0 if is_limit else choice.memory_bytes - choice.requested("memory")
        return _Short("memory", by + beyond, waits)
    return _Short("gpu", by, waits) if resource == choice.gpu_resource else None


def _of_limit(by: int, choice: Choice) -> int:
    """What part of a choice of CPU so much of its request is, rounded away from 0."""
    request = choice.cpu_request_milli
    if not request or "cpu" in choice.as_configured:
        raise ValueError("nothing of the request is chosen")
    part = -(-abs(by) * choice.cpu_milli // request)
    return part if by > 0 else -part


def _told(found: Iterable[_Short | None], choice: Choice, offer: Offer) -> Broken | None:
    shorts = list(found)
    if not shorts or None in shorts:
        return None
    worst: dict[str, _Short] = {}
    for short in shorts:
        if short is not None and (short.field not in worst or abs(short.by) > abs(worst[short.field].by)):
            worst[short.field] = short
    smaller = _changed(choice, offer, worst)
    kind = choice.gpu_words(offer.gpu_resources)
    words = {
        "cpu": t("{amount} CPU", amount=cpu_words(smaller.cpu_milli)) if smaller.cpu_milli > 0 else t("no CPU"),
        "memory": memory_words(smaller.memory_bytes) if smaller.memory_bytes > 0 else t("no memory"),
        "gpu": f"{smaller.gpu} {kind}" if smaller.gpu else t("no {what}", what=kind),
    }
    said = both([words[field] for field in worst])
    waits = any(short.waits for short in worst.values())
    least = any(short.by < 0 for short in worst.values())
    if waits:
        text = t("Your team has {amounts} left.", amounts=said)
    elif least:
        text = t("Your team needs at least {amounts}.", amounts=said)
    else:
        text = t("Your team may have at most {amounts} for one server.", amounts=said)
    field = next(iter(worst))
    texts = {
        "cpu": cpu_field(smaller.cpu_milli),
        "memory": memory_field(smaller.memory_bytes),
        "gpu": str(smaller.gpu),
    }
    try:
        decide({**smaller.as_options(), "gpu": smaller.gpu}, offer)
    except Refusal:
        return Broken(text, field, waits=waits)
    ways = [(", ".join(words[name] for name in worst), {name: texts[name] for name in worst})]
    return Broken(text, field, ways, waits=False)


def _changed(choice: Choice, offer: Offer, worst: dict[str, _Short]) -> Choice:
    made = choice
    for field, bounds, have in (("cpu", offer.cpu, choice.cpu_milli), ("memory", offer.memory, choice.memory_bytes)):
        short = worst.get(field)
        if short is None:
            continue
        wanted = max(0, have - short.by)
        amount = bounds.down(wanted, grain=_GRAIN[field]) if short.by > 0 else bounds.nearest(wanted)
        made = made.with_amounts(cpu_milli=amount) if field == "cpu" else made.with_amounts(memory_bytes=amount)
    if "gpu" in worst:
        made = replace(made, gpu=max(0, choice.gpu - worst["gpu"].by))
    return made


_READ = {"cpu": read_cpu, "memory": read_memory}
