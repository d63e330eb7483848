"""Amounts as people and Kubernetes write them: exact integers in, canonical text out.

CPU is kept in thousandths of a core and memory in bytes. What leaves here is the text that the API server itself would
store, so that a pod's manifest carries what was chosen to the letter: 3 GiB is "3Gi", never 3221225472.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from moorage.errors import InvalidQuantity, quoted
from moorage.quantity import NANO, parse_nanos
from moorage.texts import decimal, later, t

if TYPE_CHECKING:
    from collections.abc import Iterable

_BINARY = ("Ei", 60), ("Pi", 50), ("Ti", 40), ("Gi", 30), ("Mi", 20), ("Ki", 10)
_DECIMAL = ("E", 18), ("P", 15), ("T", 12), ("G", 9), ("M", 6), ("k", 3)
_LONGEST = 64
# The largest quantity of Kubernetes, so that no sentence has hundreds of digits.
_MOST = (2**63 - 1) * NANO
# How people write memory beside the Kubernetes grammar, where only one reading makes sense: "3 GiB", "512 MiB".
_SPOKEN = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([KMGTPE]i)B?\s*", re.ASCII)


def read_cpu(value: object) -> int:
    """Thousandths of a core. Raises `InvalidQuantity` with a sentence that says what to write instead."""
    nanos = _nanos(value, example=t("2, 0.5 or 500m"))
    if nanos % 10**6:
        raise InvalidQuantity(
            t("{value} is finer than a thousandth of a core. Use an amount such as 0.5 or 500m", value=quoted(value))
        )
    return nanos // 10**6


def read_memory(value: object) -> int:
    """Bytes. Raises `InvalidQuantity` with a sentence that says what to write instead."""
    if isinstance(value, str) and (spoken := _SPOKEN.fullmatch(value)):
        value = spoken[1] + spoken[2]
    nanos = _nanos(value, example=t("512Mi, 3Gi or 1.5Gi"))
    if isinstance(value, str) and value.endswith("m"):
        raise InvalidQuantity(
            t(
                "{value} means thousandths of a byte. For mebibytes, write {meant}",
                value=quoted(value),
                meant=f"{value[:-1]}Mi",
            )
        )
    return -(-nanos // NANO)  # a part of a byte is rounded up, as Kubernetes does


def read_count(value: object) -> int:
    """A whole number of units."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,9}\s*", value, re.ASCII):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**9:
        raise InvalidQuantity(t("{value} is not a whole number. Use a number such as 0 or 1", value=quoted(value)))
    return value


def _nanos(value: object, *, example: str) -> int:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _wrong(later("{value} is not a valid amount. Use one such as {example}"), value, example)
    if isinstance(value, str):
        value = value.strip()
    if len(str(value) if isinstance(value, str | float) else "") > _LONGEST:
        raise _wrong(later("{value} is too long for an amount. Use one such as {example}"), value, example)
    try:
        nanos = parse_nanos(value)
    except (InvalidQuantity, ValueError):
        raise _wrong(later("{value} is not a valid amount. Use one such as {example}"), value, example) from None
    if nanos < 0:
        raise _wrong(later("{value} is negative. Use an amount such as {example}"), value, example)
    if nanos >= _MOST:
        raise _wrong(later("{value} is more than any machine has. Use an amount such as {example}"), value, example)
    return nanos


def _wrong(text: str, value: object, example: str) -> InvalidQuantity:
    return InvalidQuantity(t(text, value=quoted(value), example=example))


def cpu_text(milli: int) -> str:
    """The canonical quantity: "2", "1500m"."""
    return f"{milli}m" if milli % 1000 else str(milli // 1000)


def memory_text(amount: int) -> str:
    """The canonical quantity: the largest suffix in which it is whole, binary before decimal."""
    if amount == 0:
        return "0"
    for suffix, bits in _BINARY:
        if amount % (1 << bits) == 0:
            return f"{amount >> bits}{suffix}"
    for suffix, digits in _DECIMAL:
        if amount % 10**digits == 0:
            return f"{amount // 10**digits}{suffix}"
    return str(amount)


def cpu_words(milli: int) -> str:
    """Cores for people: "1.5"."""
    return decimal(cpu_field(milli))


def cpu_field(milli: int) -> str:
    """The same for a field that people type into, with the point that is read everywhere."""
    whole, rest = divmod(milli, 1000)
    return f"{whole}.{rest:03d}".rstrip("0") if rest else str(whole)


def memory_words(amount: int, *, up: bool = False) -> str:
    """Memory for people, at most one digit after the point: "3 GiB", "1.5 GiB", "512 MiB". Rounded down unless told
    otherwise.
    """
    for unit, bits in ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10):
        if amount >= 1 << bits:
            tenths = amount * 10 >> bits
            if up and tenths << bits < amount * 10:
                tenths += 1
            return f"{decimal(f'{tenths / 10:.1f}')} {unit}" if tenths % 10 else f"{tenths // 10} {unit}"
    return f"{amount} B"


def memory_field(amount: int) -> str:
    """Memory for a field that people type into: "2.5 GiB". The fewest digits that are read as this very amount."""
    for unit, bits in ("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10):
        for digits in range(4) if amount >= 1 << bits else ():
            number = amount * 10**digits >> bits
            if -(-(number << bits) // 10**digits) == amount:
                whole, part = divmod(number, 10**digits)
                return f"{whole}.{part:0{digits}d} {unit}" if digits else f"{whole} {unit}"
    return f"{amount} B"


_CARD = "/gpu"
_SLICE = re.compile(r"(?<=^nvidia\.com/)mig-(?=\d)")
_MAKERS = {"nvidia.com": "NVIDIA", "amd.com": "AMD", "intel.com": "Intel"}
# Among these no card is the only one.
ANY_MAKER = tuple(f"{domain}{_CARD}" for domain in _MAKERS)


_GPU = re.compile(
    r"[^/]+/gpu|nvidia\.com/(gpu\.shared|mig-.+)|amd\.com/[a-z]{3}_nps[0-9]+|gpu\.intel\.com/(i915|xe)", re.ASCII
)


def is_gpu(resource: str) -> bool:
    """Whether a resource name is known to count GPUs or parts of them."""
    return _GPU.fullmatch(resource) is not None


def is_card(resource: str) -> bool:
    """Whether a resource name counts whole cards."""
    return resource.endswith(_CARD)


def short_resource(resource: str, *, among: Iterable[str] = ()) -> str:
    """A GPU resource as people say it: "GPU" for whole cards, "MIG 1g.5gb" for a slice. Where whole cards of another
    name are `among` those that are there or offered, it says whose: "NVIDIA GPU".
    """
    if not is_card(resource):
        return _SLICE.sub("MIG ", resource).rpartition("/")[2]
    domain = resource.removesuffix(_CARD)
    others = any(other != resource and is_card(other) for other in among)
    return f"{_MAKERS.get(domain, domain)} GPU" if others else "GPU"
