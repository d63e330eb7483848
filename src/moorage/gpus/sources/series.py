"""Samples of metrics, out of the text of exporters and out of the JSON of Prometheus. No text makes these raise."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_LINE = re.compile(
    r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]{0,200})(?:\{(?P<labels>.*)\})?[ \t]+(?P<value>[^ \t]+)(?:[ \t]+-?[0-9]+)?[ \t]*"
)
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_ESCAPED = re.compile(r"\\(.)")


class Sample(msgspec.Struct, frozen=True):
    """One series at one moment."""

    name: str
    labels: Mapping[str, str]
    value: str
    at: float | None = None


def parse_text(text: str, *, prefixes: tuple[str, ...] = ()) -> Iterator[Sample]:
    """The samples of a text exposition whose names start with one of the prefixes.

    A last line without its line end is left away: the body may have broken off in the middle of a number.
    """
    for line in text.split("\n")[:-1]:
        if not line or line[0] == "#" or (prefixes and not line.startswith(prefixes)):
            continue
        found = _LINE.fullmatch(line.rstrip("\r"))
        if found is None:
            continue
        labels = _labels(found["labels"] or "")
        if labels is not None:
            yield Sample(found["name"], labels, found["value"])


def _labels(text: str) -> dict[str, str] | None:
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _LABEL.match(text, position)
        if match is None:
            return None
        value = match[2]
        found[match[1]] = _ESCAPED.sub(_unescaped, value) if "\\" in value else value
        position = match.end()
    return found


def _unescaped(match: re.Match[str]) -> str:
    return "\n" if match[1] == "n" else match[1]


def parse_vector(body: bytes) -> tuple[list[Sample], str | None]:
    """The samples of an answer of `/api/v1/query`, or why there are none."""
    try:
        answer = _answer.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _tolerant(body)
    if answer.status != "success":
        error = answer.error or later("an error")
        return [], later("Prometheus answered: {error}", error=error[:200])
    if answer.data is None or answer.data.resultType != "vector":
        return [], later("Prometheus did not answer with a vector")
    return [
        Sample(item.metric.get("__name__", ""), item.metric, item.value[1], item.value[0])
        for item in answer.data.result
    ], None


class _Item(msgspec.Struct):
    metric: dict[str, str]
    value: tuple[float, str]


class _Data(msgspec.Struct):
    resultType: str  # noqa: N815 # Prometheus's name
    result: list[_Item] = []


class _Answer(msgspec.Struct):
    status: str
    data: _Data | None = None
    error: str | None = None


_answer = msgspec.json.Decoder(_Answer)


def _tolerant(body: bytes) -> tuple[list[Sample], str | None]:
    """One bad item must not hide the others."""
    try:
        answer: Any = msgspec.json.decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return [], later("Prometheus did not answer with JSON")
    data = answer.get("data") if isinstance(answer, dict) else None
    result = data.get("result") if isinstance(data, dict) else None
    if not isinstance(result, list):
        error = answer.get("error") if isinstance(answer, dict) else None
        text = str(error)[:200] if error else later("something else than a vector")
        return [], later("Prometheus answered: {error}", error=text)
    return list(_items(result)), None


def _items(result: Iterable[Any]) -> Iterator[Sample]:
    for item in result:
        try:
            good = msgspec.convert(item, _Item)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            continue
        yield Sample(good.metric.get("__name__", ""), good.metric, good.value[1], good.value[0])
