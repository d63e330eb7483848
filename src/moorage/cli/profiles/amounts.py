"""Amounts as profiles write them, as the quantities that moorage's options take.

Source: jupyterhub 5.3 traitlets.py (ByteSpecification): K, M, G and T are powers of 1024; kubespawner 7.0 objects.py
"""

import re

from moorage.errors import InvalidQuantity
from moorage.quantity import Quantity

_BYTES = re.compile(r"\s*([0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*([KMGTkmgt]?)\s*", re.ASCII)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_WRITTEN = ("Ti", 1 << 40), ("Gi", 1 << 30), ("Mi", 1 << 20), ("Ki", 1 << 10)
_LARGEST, _MOST_MILLI = 1 << 60, 10**9


def cpu_milli(written: str) -> int | None:
    """Thousandths of a core, rounded up as Kubernetes does; None for what is no amount."""
    try:
        milli = Quantity.parse(written.strip()).milli
    except InvalidQuantity:
        return None
    return milli if 0 < milli < _MOST_MILLI else None


def memory_bytes(written: str) -> int | None:
    found = _BYTES.fullmatch(written) if len(written) < 64 else None
    size = int(float(found[1]) * _UNITS[found[2].upper()]) if found else 0
    return size if 0 < size < _LARGEST else None


def cpu_text(milli: int) -> str:
    return f"{milli}m" if milli % 1000 else str(milli // 1000)


def memory_text(size: int) -> str:
    """Exact, in the largest unit that keeps it whole."""
    unit, factor = next(((unit, factor) for unit, factor in _WRITTEN if size % factor == 0), ("", 1))
    return f"{size // factor}{unit}"
