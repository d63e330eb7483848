"""Amounts as people type them on the form, turned into the quantities of Kubernetes: "1,5", "4 GB", "2 cores", "４".

A single comma is the decimal sign. Only "1,125" could be meant otherwise, by who reads a language that sets off
thousands with it, and is asked about there; a single point is the decimal sign in every language, as fields have it.

What is not recognized passes as it is, so that the strict reader says what is wrong with it. A decimal unit means the
binary one, as the form's own labels have it: "4 GB" is 4Gi.
"""

from __future__ import annotations

import re
import unicodedata

from moorage.errors import InvalidQuantity, quoted
from moorage.texts import has_comma, t

# Above this a bare number in the memory field can't mean GiB; it is bytes then, as it is to Kubernetes.
_MOST_BARE_GIB = 4096
_LONGEST = 64
_CPU = re.compile(r"(cores?|v?cpus?|c|kerne?)", re.IGNORECASE)
_GPU = re.compile(r"(gpus?|cards?|karten?)", re.IGNORECASE)
_MEMORY = re.compile(r"([kmgtpe])(i?b?|(iga|ega|era|ilo|eta)bytes?|(ibi|ebi)bytes?)|(gigs?)", re.IGNORECASE)
_SPLIT = re.compile(r"([0-9., '’_]*[0-9.])\s*([^\W\d_]*)", re.ASCII)
_GROUPS = re.compile(r"(?<=\d)[ '’_](?=\d{3}(?!\d))")
_AMBIGUOUS = re.compile(r"[1-9]\d{0,2},\d{3}", re.ASCII)


def cpu(text: str) -> str:
    """Cores: "1,5" and "1.5 cores" are "1.5". Raises `InvalidQuantity`."""
    number, unit = _parts(text)
    return number if number and (not unit or _CPU.fullmatch(unit)) else _plain(text)


def memory(text: str) -> str:
    """Memory: "4", "4g" and "4 GB" are "4Gi". Raises `InvalidQuantity`."""
    number, unit = _parts(text)
    if not number:
        return _plain(text)
    if not unit:
        return f"{number}Gi" if len(number) <= 8 and float(number) <= _MOST_BARE_GIB else number
    if unit == "m":
        return f"{number}m"  # a thousandth to Kubernetes, which the reader asks about
    if re.fullmatch(r"b|bytes?", unit, re.IGNORECASE):
        return number
    found = _MEMORY.fullmatch(unit)
    return f"{number}{unit[0].upper()}i" if found else _plain(text)


def count(text: str) -> str:
    """A whole number of units: "1 GPU" is "1". Raises `InvalidQuantity`."""
    number, unit = _parts(text)
    return number if number and (not unit or _GPU.fullmatch(unit)) else _plain(text)


def _plain(text: str) -> str:
    """With the digits and the point of ASCII, whatever the keyboard."""
    text = unicodedata.normalize("NFKC", text).replace("٫", ".").strip()
    return "".join(str(unicodedata.decimal(letter)) if letter.isdecimal() else letter for letter in text)


def _parts(text: str) -> tuple[str, str]:
    """The number and what stands behind it; empty where it is no number."""
    found = _SPLIT.fullmatch(_plain(text)) if len(text) <= _LONGEST else None
    if found is None:
        return "", ""
    number = _GROUPS.sub("", found[1]).strip()
    comma, point = number.rfind(","), number.rfind(".")
    if comma >= 0 and point >= 0:
        # The last one is the decimal sign, the others set off thousands.
        decimal, other = (",", ".") if comma > point else (".", ",")
        number = number.replace(other, "").replace(decimal, ".")
    elif number.count(",") == 1:
        if _AMBIGUOUS.fullmatch(number) and not has_comma():
            whole, thousands = number.split(",")
            raise InvalidQuantity(
                t(
                    "{typed} can mean {one} or {other}. Write one of these",
                    typed=quoted(text),
                    one=f"{whole}{thousands}",
                    other=f"{whole}.{thousands}",
                )
            )
        number = number.replace(",", ".")
    elif re.fullmatch(r"\d{1,3}(,\d{3})+|\d{1,3}(\.\d{3}){2,}", number):
        number = number.replace(",", "").replace(".", "")
    number = number.removesuffix(".")
    return (number, found[2]) if re.fullmatch(r"\d+(\.\d+)?|\.\d+", number) else ("", "")
