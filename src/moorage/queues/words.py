"""What Kueue says of a workload, in plain words. What is not known is passed on as it is.

Source of the sentences: kueue v0.17 pkg/scheduler, pkg/scheduler/flavorassigner and pkg/controller/core
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from moorage.errors import InvalidQuantity
from moorage.quantity import Quantity
from moorage.scheduling.amount_words import amount_words, resource_words

if TYPE_CHECKING:
    from collections.abc import Callable

NOTHING_YET = "Kueue has not said anything about it yet."
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
    return f"The quota lacks {_amount(found['resource'], found['amount'])} (flavor {found['flavor']})."


def _too_large(found: re.Match[str]) -> str:
    most = _amount(found["resource"], found["most"])
    return f"The queue can never give this: its quota is at most {most} (flavor {found['flavor']})."


def _closed(found: re.Match[str]) -> str:
    what = "queue" if found["kind"] == "LocalQueue" else "cluster queue"
    state = {"is inactive": "is stopped, or not set up completely"}.get(found["state"], "does not exist")
    return f"The {what} {found['name']} {state}."


_SENTENCES: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
    (r"insufficient unused quota for (?P<resource>\S+) in flavor (?P<flavor>\S+), (?P<amount>\S+) more needed", _short),
    (
        r"insufficient quota for (?P<resource>\S+) in flavor (?P<flavor>\S+), .*?maximum capacity \((?P<most>.*?)\)",
        _too_large,
    ),
    (r"(?P<kind>LocalQueue|ClusterQueue) (?P<name>\S+) (?P<state>doesn't exist|not found|is inactive)", _closed),
    (
        r"untolerated taint (?P<taint>\{.*?\}|\S+) in flavor (?P<flavor>[^\s,;]+)",
        lambda found: f"The nodes of flavor {found['flavor']} have a taint that it does not tolerate.",
    ),
    (
        r"flavor (?P<flavor>\S+) doesn't match node affinity",
        lambda found: f"The nodes that it may use are not those of flavor {found['flavor']}.",
    ),
    (
        r"resource (?P<resource>\S+) unavailable in ClusterQueue",
        lambda found: f"The queue has no quota of {resource_words(found['resource'])} at all.",
    ),
    (r"Workload namespace doesn't match ClusterQueue selector", lambda _: "The queue is not for this namespace."),
    (r"The workload is deactivated", lambda _: "It was taken out of the queue; an administrator can put it back."),
    (r"The workload has failed admission checks", lambda _: "A check that must pass before it starts has failed."),
)
_READ = [(re.compile(pattern), words) for pattern, words in _SENTENCES]


def in_words(message: str | None) -> str:
    """One sentence for each thing that Kueue names, in its order."""
    text = (message or "").strip()[:_LONGEST]
    if not text:
        return NOTHING_YET
    found = {match.start(): words(match) for pattern, words in _READ for match in pattern.finditer(text)}
    return " ".join(dict.fromkeys(found[start] for start in sorted(found))) or text
