"""What is really free on a Kubernetes cluster, and what would fit where.

The names below are imported on first use, so that the hub's part of moorage needs none of what the service needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from moorage.quantity import Quantity
    from moorage.scheduling.accounting.requests import effective_requests
    from moorage.scheduling.cluster import Cluster

__version__ = "0.1.0"
__all__ = ["Cluster", "Quantity", "effective_requests"]

_HOME = {
    "Cluster": "moorage.scheduling.cluster",
    "Quantity": "moorage.quantity",
    "effective_requests": "moorage.scheduling.accounting.requests",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'moorage' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME[name]), name)
