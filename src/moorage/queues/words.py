"""What Kueue says of a workload, in plain words. What is not known is passed on as it is.

Source of the sentences: kueue v0.17 pkg/scheduler, pkg/scheduler/flavorassigner and pkg/controller/core
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from moorage.errors import InvalidQuantity
from moorage.quantity import Quantity
from moorage.scheduling.words.amounts import amount_words, resource_words
from moorage.texts import t

if TYPE_CHECKING:
    from collections.abc import Callable

_LONGEST = 2000


def units(resource: str, text: str | float | None) -> int:
    """An amount in base units: thousandths of a core for CPU. Raises `InvalidQuantity`."""
    amount = Quantity.parse(text)
    return amount.milli if resource == "cpu" else amount.value


def _amount(resource: str, text: str) -> str:
    try:
        return amount_words(resource, units(resource, text), up=True)
    except InvalidQuantity:
        return f"{text} {resource_words(resource)}"


def _short(found: re.Match[str]) -> str:
    lacking = _amount(found["resource"], found["amount"])
    return t("The quota lacks {amount} (flavor {flavor}).", amount=lacking, flavor=found["flavor"])


def _too_large(found: re.Match[str]) -> str:
    most = _amount(found["resource"], found["most"])
    return t(
        "The queue can never give this: its quota is at most {amount} (flavor {flavor}).",
        amount=most,
        flavor=found["flavor"],
    )


def _closed(found: re.Match[str]) -> str:
    if found["state"] == "is inactive":
        return t("The queue {name} is stopped, or not set up completely.", name=found["name"])
    return t("The queue {name} does not exist.", name=found["name"])


_SENTENCES: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"insufficient unused quota for (?P<resource>\S+) in flavor (?P<flavor>\S+), (?P<amount>\S+) more needed", _short),
    (
        r"insufficient quota for (?P<resource>\S+) in flavor (?P<flavor>\S+), .*?maximum capacity \((?P<most>.*?)\)",
        _too_large,
    ),
    (r"(?P<kind>LocalQueue|ClusterQueue) (?P<name>\S+) (?P<state>doesn't exist|not found|is inactive)", _closed),
    (
        r"untolerated taint (?P<taint>\{.*?\}|\S+) in flavor (?P<flavor>[^\s,;]+)",
        lambda found: t("The nodes of flavor {flavor} have a taint that it does not tolerate.", flavor=found["flavor"]),
    ),
    (
        r"flavor (?P<flavor>\S+) doesn't match node affinity",
        lambda found: t("The nodes that it may use are not those of flavor {flavor}.", flavor=found["flavor"]),
    ),
    (
        r"resource (?P<resource>\S+) unavailable in ClusterQueue",
        lambda found: t("The queue has no quota of {what} at all.", what=resource_words(found["resource"])),
    ),
    (
        r"Workload namespace doesn't match ClusterQueue selector",
        lambda _: t("The queue is not for this namespace."),
    ),
    (
        r"The workload is deactivated",
        lambda _: t("It was taken out of the queue; an administrator can put it back."),
    ),
    (
        r"The workload has failed admission checks",
        lambda _: t("A check that must pass before it starts has failed."),
    ),
)
_READ = [(re.compile(pattern), words) for pattern, words in _SENTENCES]


def in_words(message: str | None) -> str:
    """One sentence for each thing that Kueue names, in its order."""
    text = (message or "").strip()[:_LONGEST]
    if not text:
        return t("Kueue has not said anything about it yet.")
    found = {match.start(): words(match) for pattern, words in _READ for match in pattern.finditer(text)}
    return " ".join(dict.fromkeys(found[start] for start in sorted(found))) or text
