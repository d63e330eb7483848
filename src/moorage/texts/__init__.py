"""What people read, in their language: `t("Fits on {node} right now.", node=name)`.

The English text is its own key, so that code reads as what it says, and whoever asks for no language gets English. The
language is that of the request that is being answered. What is made once for many people stays English, and who shows
it turns it with `again`.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from moorage.texts.catalogue import Catalogue, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ENGLISH = "en"
COOKIE = "moorage-language"
# A folder of further catalogues, `fr.po` and the like.
FOLDER = "MOORAGE_TEXTS"

_language: ContextVar[str] = ContextVar("moorage_language", default=ENGLISH)
# A text about somebody may be what another says.
_MOST_NAMES = 4
_WEIGHT = re.compile(r"q=([01](?:\.\d{0,3})?)", re.ASCII)


@cache
def languages() -> Mapping[str, Catalogue]:
    """The catalogues by language."""
    folders = [Path(__file__).parent, *(Path(folder) for folder in (os.environ.get(FOLDER),) if folder)]
    found = {ENGLISH: Catalogue(name="English")}
    for folder in folders:
        found.update((file.stem.lower(), read(file)) for file in sorted(folder.glob("*.po")))
    return found


def t(text: str, **values: object) -> str:
    """A text with its values, in the language of who reads."""
    language = _language.get()
    if language != ENGLISH:
        text = languages()[language].texts.get(text, text)
    return text.format(**values) if values else text


def tn(one: str, many: str, count: int, **values: object) -> str:
    """The text for so many, which is the value `count`."""
    language = _language.get()
    forms = languages()[language].forms(one) if language != ENGLISH else None
    text = forms(count) if forms else one if count == 1 else many
    return text.format(count=count, **values)


def later(text: str, **values: object) -> str:
    """A text that is made once for many people: in English, until `again` turns it."""
    return text.format(**values) if values else text


def again(text: str) -> str:
    """A text that was made in English, before anybody knew who reads it, in the language of who does. What is none of
    ours stays as it is; what is joined by "; " is several, and "name: text" is a text about somebody.
    """
    language = _language.get()
    return text if language == ENGLISH else _recognised(language, text)


@lru_cache(4096)
def _recognised(language: str, text: str) -> str:
    texts = languages()[language].texts
    if text in texts:
        return texts[text]
    if "; " in text:
        said = _by_pattern(language, text, has="; ")
        several = said or "; ".join(_recognised(language, part) for part in text.split("; "))
        if several != text:
            return several
    who, colon, what = text.partition(": ")
    if colon and " " not in who and text.count(": ") <= _MOST_NAMES:
        return _by_pattern(language, text, has=": ") or f"{who}: {_recognised(language, what)}"
    return _by_pattern(language, text) or text


def _by_pattern(language: str, text: str, *, has: str = "") -> str | None:
    """By the first text that fits it, of those that have these letters themselves; None where none does."""
    catalogue = languages()[language]
    for pattern, known, count in catalogue.patterns:
        found = pattern.values(text) if has in known else None
        if found is None:
            continue
        values = {name: _recognised(language, value) for name, value in found.items()}
        forms = catalogue.forms(known) if count else None
        return (forms(int(values["count"])) if forms else catalogue.texts[known]).format(**values)
    return None


def both(parts: Sequence[str]) -> str:
    """As people list them: "a", "a and b", "a, b and c"."""
    return t("{first} and {last}", first=", ".join(parts[:-1]), last=parts[-1]) if len(parts) > 1 else "".join(parts)


def either(parts: Sequence[str]) -> str:
    """As people list alternatives: "a", "a or b", "a, b or c"."""
    return t("{first} or {last}", first=", ".join(parts[:-1]), last=parts[-1]) if len(parts) > 1 else "".join(parts)


def decimal(text: str) -> str:
    """A number as English writes it ("1.5") with the decimal mark of who reads."""
    mark = languages()[_language.get()].decimal
    return text if mark == "." else text.replace(".", mark)


def has_comma() -> bool:
    """Whether a comma is the decimal mark of who reads."""
    return languages()[_language.get()].decimal == ","


def current() -> str:
    """The language of who reads."""
    return _language.get()


def direction() -> str:
    """Which way that is written: "ltr" or "rtl"."""
    return languages()[_language.get()].direction


def speak(language: str) -> None:
    """Answer in this language from now on, in this task and those that it starts."""
    _language.set(language)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    token = _language.set(language)
    try:
        yield
    finally:
        _language.reset(token)


def preferred(accepted: str | None, *, chosen: str | None = None) -> str:
    """The language for somebody whose browser accepts these (`Accept-Language`); one that was `chosen` comes first."""
    if chosen and chosen in languages():
        return chosen
    weighed = [_weighed(part) for part in (accepted or "")[:500].split(",")]
    # Where two are as good, the first one is meant.
    for weight, tag in sorted(weighed, key=lambda each: -each[0]):
        for known in (tag, tag.partition("-")[0]):
            if weight > 0 and known in languages():
                return known
    return ENGLISH


def _weighed(part: str) -> tuple[float, str]:
    tag, _, parameters = part.partition(";")
    found = _WEIGHT.fullmatch(parameters.replace(" ", ""))
    return float(found[1]) if found else 0.0 if parameters else 1.0, tag.strip().lower()
