"""A pod's amounts changed while it runs (`pods/resize`): what may change, and who else has a say.

Source: kubernetes v1.36 pkg/apis/core/validation/validation.go (ValidatePodResize), pkg/registry/core/pod/strategy.go
(podResizeStrategy), and the admission plugins LimitRanger and ResourceQuota, which look at a resize as at a new pod.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.scheduling.accounting.quality import quality_of
from moorage.simulator.rules import limitranges, quotas
from moorage.simulator.rules.resourcerules import Cause, invalid_value
from moorage.simulator.store.resources import PODS

if TYPE_CHECKING:
    from moorage.simulator.store.reading import Reader

Json = dict[str, Any]

_LISTS = ("containers", "initContainers")
_RESIZED = ("cpu", "memory")
_QUALITY = "Pod QOS Class may not change as a result of resizing"
_ONLY = "Forbidden: only cpu and memory resources are mutable"


def kept(old: Json, body: Json) -> Json:
    """The pod with the amounts that `body` gives to its containers; all else that `body` says is dropped silently."""
    given = body.get("spec") or {}
    spec = dict(old.get("spec") or {})
    for field in _LISTS:
        if field in spec:
            asked = {each.get("name"): each for each in given.get(field) or () if isinstance(each, dict)}
            spec[field] = [_resized(each, asked.get(each.get("name"))) for each in spec[field] or ()]
    return {**old, "metadata": dict(old["metadata"]), "spec": spec}


def _resized(container: Json, asked: Json | None) -> Json:
    if asked is None:
        return container
    return {**container, "resources": asked.get("resources") or {}}


def causes(old: Json, body: Json) -> list[Cause]:
    """What is wrong with such a change of a pod that is right in itself."""
    found: list[Cause] = []
    before, after = old["spec"], body["spec"]
    if quality_of(before) != quality_of(after):
        found.append(invalid_value("spec", str((old.get("status") or {}).get("qosClass") or ""), _QUALITY))
    if not _is_supported(old):
        found.append(("FieldValueForbidden", "spec", "Forbidden: Pod running on node without support for resize"))
    for field in _LISTS:
        pairs = zip(before.get(field) or (), after.get(field) or (), strict=True)
        for index, (was, becomes) in enumerate(pairs):
            found += _container(was.get("resources") or {}, becomes.get("resources") or {}, f"spec.{field}[{index}]")
    return found


def _container(was: Json, becomes: Json, field: str) -> list[Cause]:
    found: list[Cause] = []
    for section in ("limits", "requests"):
        before, after = was.get(section) or {}, becomes.get(section) or {}
        if any(name in before and name not in after for name in _RESIZED):
            why = f"Forbidden: resource {section} cannot be removed"
            found.append(("FieldValueForbidden", f"{field}.resources.{section}", why))
        fixed = [{name: amount for name, amount in each.items() if name not in _RESIZED} for each in (before, after)]
        if fixed[0] != fixed[1]:
            found.append(("FieldValueForbidden", "spec", _ONLY))
    return found


def _is_supported(pod: Json) -> bool:
    """Whether the kubelet told what its containers have, once they run."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    running = [status for status in statuses if "running" in (status.get("state") or {})]
    return not running or running[0].get("resources") is not None


def admit(objects: Reader, old: Json, body: Json) -> None:
    """Raises `Refusal` where a LimitRange or a quota of the namespace is against it."""
    limitranges.check(objects, PODS, body)
    quotas.admit_change(objects, PODS, old, body)
