"""The scheduler's reasons in plain words.

A reason that is not in the table is passed on as it is: better the scheduler's words than none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from moorage.scheduling import filters
from moorage.scheduling.preparing import kind_of, lacks
from moorage.scheduling.words.amounts import IN_BYTES, amount_words, resource_words, size, sizes
from moorage.scheduling.words.reasons import PASSING, TABLE, TAINTED
from moorage.texts import again, t

if TYPE_CHECKING:
    from moorage.objects import Taint
    from moorage.scheduling.preparing import Preparing
    from moorage.scheduling.verdict import Shortage


def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"(\{\{|\}\}|\{\w+\})", template)
    names = {"{{": r"\{", "}}": r"\}"}
    return re.compile(
        "".join(names.get(p) or (f"(?P<{p[1:-1]}>.+)" if p[:1] == "{" else re.escape(p)) for p in _once(parts)),
        re.DOTALL,
    )


def _once(parts: list[str]) -> list[str]:
    """A part that comes twice (a namespace, say) is named once and then only matched."""
    seen: set[str] = set()
    once: list[str] = []
    for part in parts:
        repeated = part in seen and part not in ("{{", "}}") and part[:1] == "{"
        once.append("{_" + str(len(once)) + "}" if repeated else part)
        seen.add(part)
    return once


_EXACT = {(plugin, reason): words for plugin, reason, words in TABLE if "{" not in reason}
_VARIABLE = [(plugin, _pattern(reason), words) for plugin, reason, words in TABLE if "{" in reason]


def sentence(
    plugin: str | None,
    reason: str,
    *,
    shortage: Shortage | None = None,
    taint: Taint | None = None,
    preparing: Preparing | None = None,
    by_maker: bool = False,
) -> str:
    """What a reason means, in plain words; by how much, where `shortage` tells it, by which `taint`, and what is going
    on at the node. `by_maker`: whole cards are told apart by who makes them.
    """
    if shortage is not None:
        if preparing is not None and lacks(preparing, [shortage]):
            asked = size(shortage.resource, shortage.asked, up=True)
            return t("{words} ({asked} asked)", words=again(preparing.text), asked=asked)
        return _short(shortage, by_maker=by_maker)
    if taint is not None and (plugin, reason) == (filters.tainttoleration.NAME, filters.tainttoleration.REASON):
        kind = kind_of(taint)
        words = PASSING[kind] if kind is not None else TAINTED
        return t(words, taint=filters.tainttoleration.taint_text(taint))
    for known in (plugin or "", ""):
        if (known, reason) in _EXACT:
            return t(_EXACT[known, reason])
    for known, pattern, words in _VARIABLE:
        if known in (plugin, "") or not plugin:
            found = pattern.fullmatch(reason)
            if found is not None:
                return t(words, **{key: resource_words(value) for key, value in found.groupdict().items()})
    if not plugin:
        return next((t(words) for _, known_reason, words in TABLE if known_reason == reason), reason)
    return reason


def _short(shortage: Shortage, *, by_maker: bool) -> str:
    """`6 GiB short of memory (60 asked, 54 free)`, `no GPU free (1 asked)`: a phrase, to stand behind a node's name."""
    name, asked, free, most = shortage.resource, shortage.asked, max(shortage.free, 0), shortage.allocatable
    what = resource_words(name, by_maker=by_maker)
    if name == "pods":
        return t("pod limit of {most} reached", most=most)
    if most <= 0:
        return t("has no {what} ({asked} asked)", what=what, asked=size(name, asked, up=True))
    if asked > most:
        wanted, _ = sizes(name, (asked, True), (most, False))
        return t("has only {amount} ({asked} asked)", amount=amount_words(name, most, by_maker=by_maker), asked=wanted)
    if not free:
        return t("no {what} free ({asked} asked)", what=what, asked=size(name, asked, up=True))
    lack = size(name, shortage.short_by, up=True)
    _, wanted, there = sizes(name, (shortage.short_by, True), (asked, True), (free, False))
    values = {"lack": lack, "what": what, "asked": wanted, "free": there}
    if name in IN_BYTES:
        return t("{lack} short of {what} ({asked} asked, {free} free)", **values)
    return t("{lack} {what} short ({asked} asked, {free} free)", **values)
