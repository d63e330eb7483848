"""A card's model: from a label's spelling, which has no spaces, to the name that people write."""

from __future__ import annotations

import re
from functools import lru_cache

# A100-SXM4-40GB and A100-PCIE-40GB keep their dashes, as the driver writes them.
_BUS = re.compile(r"SXM[0-9]*|PCIE", re.IGNORECASE)
_BOARD = re.compile(r"[A-Z]+[0-9]+")
_SIZE = re.compile(r"[0-9]+GB")
_AFTER_BUS = re.compile(r"-(SXM[0-9]*|PCIE)$", re.IGNORECASE)
# A virtual card: board, slices of it where it is backed by MIG, GB, and the series of its license (Q, C, B, A, …).
# Source: NVIDIA vGPU software, "Virtual GPU Types": A100D-7-80C, H100-1-10CME, RTX6000-Ada-48Q, M10-0B4
_VIRTUAL = re.compile(r"(?:^|[-_ ])([A-Z][A-Za-z0-9]*(?:-Ada)?-(?:[0-9]{1,2}-)?[0-9]{1,3}(?:[ACQ]|B4?)(?:ME)?)$")


@lru_cache(maxsize=4096)
def words(product: str) -> str:
    """A label's spelling of a model as people write it: `NVIDIA-GeForce-RTX-4090` is `NVIDIA GeForce RTX 4090`."""
    virtual = _VIRTUAL.search(product)
    if virtual is not None:
        return f"{words(product[: virtual.start()])} {virtual[1]}".lstrip()
    joined: list[str] = []
    for part in re.split(r"[-_]", product):
        before = joined[-1] if joined else ""
        bus = _BUS.fullmatch(part) and _BOARD.fullmatch(before)
        size = _SIZE.fullmatch(part) and _AFTER_BUS.search(before)
        if bus or size:
            joined[-1] = f"{before}-{part}"
        elif part:
            joined.append(part)
    return " ".join(joined)
