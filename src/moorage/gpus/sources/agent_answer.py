"""What the agent on a node answers, read by the service: the driver's own words are parsed here and not there.

Which container has which device comes beside them, where the agent was let at the kubelet's socket.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from moorage.gpus.details import timestamp
from moorage.gpus.facts import CardFact, Holder
from moorage.gpus.merge import DROPPED_AFTER
from moorage.gpus.sources import podstatus, smi
from moorage.gpus.sources.smi_xml import parse_xml
from moorage.gpus.sources.sweep import NoAnswer
from moorage.gpus.view import Holding
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Sequence


class Held(msgspec.Struct, kw_only=True):
    """Devices of one resource name that one container has."""

    namespace: str = ""
    pod: str = ""
    container: str | None = None
    resource: str = ""
    devices: list[str] = []


class Answer(msgspec.Struct, kw_only=True):
    """One answer of the agent."""

    age_seconds: float | None = None  # of the text; None: nvidia-smi has not answered yet
    running_seconds: float | None = None  # how long the call that has not ended yet has been running
    exit_code: int | None = None
    xml: str = ""
    list: str = ""
    memory_total_kib: int | None = None  # /proc/meminfo
    memory_available_kib: int | None = None
    holdings_age_seconds: float | None = None
    holdings: tuple[Held, ...] | None = None  # None: the agent was not given the kubelet's folder, or got no answer yet
    holdings_problem: str | None = None  # why the kubelet says nothing now; what it said before stands beside it


# A shell's word for a program that is not there: cards of another vendor, whose holders the kubelet tells all the same.
_NOT_THERE = 127
_LONGEST = 120  # of the kubelet's own words, so that the sentence stays one that pages show
_answer = msgspec.json.Decoder(Answer)


def cards(body: bytes, *, now: float, extra: frozenset[str] = frozenset()) -> list[CardFact]:
    """The cards of one answer. `extra` are resource names that count as GPUs beside the known ones.

    Raises `NoAnswer` where the driver told of none, `MsgspecError` on garbage.
    """
    answer = _answer.decode(body)
    problem = _problem(answer, now=now)
    held = _held(answer.holdings or (), extra=extra) if (answer.holdings_age_seconds or 0) <= DROPPED_AFTER else []
    if held and answer.exit_code == _NOT_THERE:
        return [_with_problem(card, problem) for card in held]
    if answer.age_seconds is None:
        raise NoAnswer(_both(later("nvidia-smi has not answered yet"), problem))
    taken_at = now - max(0.0, min(answer.age_seconds, 1e9))
    output = parse_xml(answer.xml, source="agent", taken_at=taken_at)
    if not output.cards:
        failure = output.failure or "; ".join(output.problems[:2]) or later("nvidia-smi reported no card")
        raise NoAnswer(_both(failure, problem))
    found = smi.with_list(output.cards, smi.parse_list(answer.list, source="agent").cards)
    found = [_shared(card, answer) if card.memory_kind == "unified" else card for card in found]
    return [*(_with_problem(card, problem) for card in found), *held]


def _problem(answer: Answer, *, now: float) -> str | None:
    """Why the agent can't tell who holds which card, and as of when it could."""
    if not answer.holdings_problem:
        return None
    text = later("the agent can't tell who holds which card: {why}", why=smi.cut(answer.holdings_problem)[:_LONGEST])
    age = answer.holdings_age_seconds
    if answer.holdings is None or age is None or not 0 <= age <= DROPPED_AFTER:
        return text
    since = later("what it tells is as of {time} UTC", time=timestamp(float(int(now - age)))[11:16])
    return f"{text}; {since}"


def _both(failure: str, problem: str | None) -> str:
    return f"{failure}; {problem}" if problem else failure


def _with_problem(card: CardFact, problem: str | None) -> CardFact:
    return msgspec.structs.replace(card, why={**card.why, "holder": problem}) if problem else card


def _held(holdings: Sequence[Held], *, extra: frozenset[str]) -> list[CardFact]:
    given = [
        Holding(
            resource=one.resource,
            device=device,
            holder=Holder(namespace=one.namespace, pod=one.pod, container=one.container),
        )
        for one in holdings
        for device in one.devices
    ]
    return podstatus.held(given, source="agent", extra=extra)


def _shared(card: CardFact, answer: Answer) -> CardFact:
    """A card without memory of its own: what the system has left is what the card has left."""
    total, free = answer.memory_total_kib, answer.memory_available_kib
    if total is None or free is None or not 0 < free <= total:
        return card
    return msgspec.structs.replace(
        card,
        memory_total=total >> 10,
        memory_used=(total - free) >> 10,
        memory_free=free >> 10,
        why={field: words for field, words in card.why.items() if not field.startswith("memory_")},
    )
