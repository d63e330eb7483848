"""Amounts and resources as people say them: exact, or rounded so that nobody is promised more than there is."""

from __future__ import annotations

from moorage.texts import decimal, later, t

_RESOURCES = {"cpu": later("CPU"), "memory": later("memory"), "ephemeral-storage": later("local disk space")}
IN_BYTES = ("memory", "ephemeral-storage")
_UNITS = (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


_CARD = "/gpu"
_MAKERS = {"nvidia.com": "NVIDIA", "amd.com": "AMD", "intel.com": "Intel"}


def is_card(resource: str) -> bool:
    """Whether a resource name counts whole cards, which people call GPU."""
    return resource.endswith(_CARD)


def resource_words(name: str, *, by_maker: bool = False) -> str:
    """What people call a resource; a whole card is a GPU, or an `NVIDIA GPU` where there are others."""
    if not is_card(name):
        return t(_RESOURCES[name]) if name in _RESOURCES else name
    domain = name.removesuffix(_CARD)
    return f"{_MAKERS.get(domain, domain)} GPU" if by_maker else "GPU"


def amount_words(resource: str, amount: int, *, up: bool = False, by_maker: bool = False) -> str:
    """`1.5 CPU`, `3.25 GiB of memory`, `2 GPU`.

    Rounded down, so that nobody is promised more than there is; `up` is for what is asked or missing.
    """
    number, unit = _number(resource, amount, up=up)
    what = resource_words(resource, by_maker=by_maker)
    return t("{amount} of {what}", amount=f"{number} {unit}", what=what) if unit else f"{number} {what}"


def size(resource: str, amount: int, *, up: bool) -> str:
    """An amount without its resource: `3.25 GiB`, `2`."""
    number, unit = _number(resource, amount, up=up)
    return f"{number} {unit}" if unit else number


def sizes(resource: str, *amounts: tuple[int, bool]) -> list[str]:
    """The amounts (each with whether it is rounded up) without their unit where all of them have the same."""
    told = [_number(resource, amount, up=up) for amount, up in amounts]
    alike = len({unit for _, unit in told}) == 1
    return [number if alike else f"{number} {unit}" for number, unit in told]


def _number(resource: str, amount: int, *, up: bool) -> tuple[str, str]:
    """The number that people read, and its unit, which only bytes have."""
    if resource == "cpu":
        return _decimal(amount, 1000, places=3, up=up), ""
    if resource not in IN_BYTES:
        return str(amount), ""
    for unit, size in _UNITS:
        if abs(amount) >= size:
            return _decimal(amount, size, places=2, up=up), unit
    return str(amount), "B"


def _decimal(amount: int, size: int, *, places: int, up: bool) -> str:
    scaled = -(-abs(amount) * 10**places // size) if up else abs(amount) * 10**places // size
    whole, rest = divmod(scaled, 10**places)
    fraction = f"{rest:0{places}d}".rstrip("0")
    return ("-" if amount < 0 else "") + (decimal(f"{whole}.{fraction}") if fraction else str(whole))
