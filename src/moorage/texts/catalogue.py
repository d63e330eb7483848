"""Catalogues of gettext, read as they are written: one file for each language, without a step that compiles it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import cached_property
from gettext import c2py
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_LINE = re.compile(r"(msgid|msgid_plural|msgstr)(?:\[(\d+)\])?\s+(\".*\")")
_FIELD = re.compile(r"\{(\w+)\}")
_SAYS_NOTHING = re.compile(r"\{\w+\}|\s")
# Where the texts of scripts stand, and those that are made once for many people, which scripts say again.
_OF_PAGES = re.compile(r"\.js\b|\b(?:hub/view|gpus|machines|kube|cluster|scheduling/preparing|scheduling/devices)\b")
# Patterns of less text than this would recognise what is none of ours.
_LEAST_LETTERS = 5


class Pattern:
    """Recognises a text with its values in. A regular expression with several fields takes seconds for a text that
    somebody made for that; this takes time by the length of the text alone.
    """

    def __init__(self, text: str) -> None:
        parts = _FIELD.split(text)
        self._said, self._names = parts[::2], parts[1::2]

    def values(self, text: str) -> dict[str, str] | None:
        """Each field's value, where earlier ones take all they can; None for a text that is another."""
        start, end = len(self._said[0]), len(text) - len(self._said[-1])
        if not (start < end and text.startswith(self._said[0]) and text.endswith(self._said[-1])):
            return None
        found: dict[str, str] = {}
        for name, said in zip(reversed(self._names[1:]), reversed(self._said[1:-1]), strict=True):
            place = text.rfind(said, start + 1, end - 1)
            if place < 0 or not _fits(found, name, text[place + len(said) : end]):
                return None
            end = place
        return found if _fits(found, self._names[0], text[start:end]) else None


def _fits(found: dict[str, str], name: str, value: str) -> bool:
    """A name that comes twice has one value, and a count is a number."""
    counts = name != "count" or (value.isascii() and value.isdigit())
    return counts and found.setdefault(name, value) == value


@dataclass(frozen=True)
class Catalogue:
    """The texts of one language by the English ones; those with a plural have several `forms`."""

    name: str
    direction: str = "ltr"
    decimal: str = "."
    texts: dict[str, str] = field(default_factory=dict)
    plurals: dict[str, list[str]] = field(default_factory=dict)
    manies: dict[str, str] = field(default_factory=dict)
    plural: Callable[[int], int] = field(default=lambda count: int(count != 1))
    # Those that the scripts of the pages need.
    of_pages: frozenset[str] = frozenset()

    def forms(self, one: str) -> Callable[[int], str] | None:
        """Gives the form for a number, or None where nothing is known of this text."""
        forms = self.plurals.get(one)
        return (lambda count: forms[min(self.plural(count), len(forms) - 1)]) if forms else None

    @cached_property
    def patterns(self) -> list[tuple[Pattern, str, str | None]]:
        """Recognise texts with their values in; the more they say, the earlier. With each its key, and again where it
        has a plural.
        """
        found: list[tuple[str, str, str | None]] = [(text, text, None) for text in self.texts if "{" in text]
        for one, many in self.manies.items():
            found += [(one, one, one), (many, one, one)]
        known = [
            (letters, each) for each in found if (letters := len(re.sub(r"\{\w+\}|\s", "", each[0]))) >= _LEAST_LETTERS
        ]
        known.sort(key=lambda each: -each[0])
        return [(Pattern(text), key, plural) for _, (text, key, plural) in known]

    @cached_property
    def page(self) -> dict[str, Any]:
        """What the scripts of the pages need."""
        texts: dict[str, Any] = {**self.texts, **self.plurals}
        used = {text: words for text, words in texts.items() if text in self.of_pages}
        return {"texts": used, "manies": {one: many for one, many in self.manies.items() if one in self.of_pages}}


def read(file: Path) -> Catalogue:
    """The catalogue of a file. Entries that are marked fuzzy or are not translated count as missing."""
    texts: dict[str, str] = {}
    plurals: dict[str, list[str]] = {}
    manies: dict[str, str] = {}
    of_pages = set()
    for comments, entry in _entries(file.read_text(encoding="utf-8")):
        key, forms = entry["msgid"], [text for name, text in entry.items() if name.startswith("msgstr")]
        if not all(forms) or any(line.startswith("#,") and "fuzzy" in line for line in comments):
            continue
        if "msgid_plural" in entry:
            plurals[key], manies[key] = forms, entry["msgid_plural"]
        else:
            texts[key] = forms[0]
        if any(line.startswith("#:") and _OF_PAGES.search(line) for line in comments):
            of_pages.add(key)
    header = dict(line.split(": ", 1) for line in texts.pop("", "").splitlines() if ": " in line)
    rule = header.get("Plural-Forms", "").partition("plural=")[2].strip(" ;")
    return Catalogue(
        name=header.get("X-Name", file.stem),
        direction=header.get("X-Direction", "ltr"),
        decimal=header.get("X-Decimal", "."),
        texts=texts,
        plurals=plurals,
        manies=manies,
        plural=c2py(rule or "n != 1"),
        of_pages=frozenset(of_pages),
    )


def _entries(text: str) -> list[tuple[list[str], dict[str, str]]]:
    """Comments, and texts by keyword, of each entry."""
    found = []
    for block in re.split(r"\n\s*\n", text):
        comments: list[str] = []
        entry: dict[str, str] = {}
        keyword = ""
        for line in block.splitlines():
            if line.startswith("#"):
                comments.append(line)
            elif match := _LINE.fullmatch(line.strip()):
                keyword = f"{match[1]}{match[2] or ''}"
                entry[keyword] = json.loads(match[3])
            elif line.startswith('"') and keyword:
                entry[keyword] += json.loads(line)
        if entry.get("msgid") is not None:
            found.append((comments, entry))
    return found
