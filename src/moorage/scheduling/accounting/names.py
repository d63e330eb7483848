"""Names of resources: which of them the scheduler counts, and as what.

Source: kubernetes v1.36 pkg/scheduler/util/utils.go (IsScalarResourceName) and pkg/apis/core/v1/helper/helpers.go
"""

from __future__ import annotations

import re

_KEPT = 100_000
_LONGEST = 317  # of a resource that Kubernetes accepts
_QUALIFIED = re.compile(
    r"(?P<domain>[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)/"
    r"(?P<name>([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])",
    re.ASCII,
)
_scalars: dict[str, bool] = {"cpu": False, "memory": False, "ephemeral-storage": False, "pods": False}


def is_scalar(name: str) -> bool:
    """Whether the scheduler counts this resource in units of its own (extended resources, huge pages, volumes)."""
    known = _scalars.get(name)
    if known is None:
        known = is_extended(name) or name.startswith(("hugepages-", "attachable-volumes-")) or "kubernetes.io/" in name
        if len(_scalars) < _KEPT and len(name) <= _LONGEST:
            _scalars[name] = known
    return known


def is_extended(name: str) -> bool:
    """A device plugin's or an administrator's resource, such as `nvidia.com/gpu`."""
    if "/" not in name or "kubernetes.io/" in name or name.startswith("requests.") or len(name) > _LONGEST:
        return False
    # Upstream asks that `requests.<name>` be a valid name too, since quota uses it.
    found = _QUALIFIED.fullmatch("requests." + name)
    return found is not None and len(found["domain"]) <= 253 and len(found["name"]) <= 63


def is_pod_level(name: str) -> bool:
    """Whether a pod may ask for it as a whole, beside what its containers ask."""
    return name in ("cpu", "memory") or name.startswith("hugepages-")
