"""RuntimeClass and PriorityClass: what the classes that a pod names add to it.

Source: kubernetes v1.36 plugin/pkg/admission/runtimeclass/admission.go and plugin/pkg/admission/priority/admission.go
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from moorage.scheduling.admission.amounts import identity_of, nanos_of
from moorage.scheduling.admission.refusal import Refusal
from moorage.texts import t

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from moorage.objects import PriorityClass, RuntimeClass
    from moorage.scheduling.accounting.aggregate import Nanos

Json = dict[str, Any]
_RUNTIME, _PRIORITY = "RuntimeClass", "PriorityClass"


def apply_runtime(pod: Json, known: Iterable[RuntimeClass]) -> list[Refusal]:
    """Overhead, node selector and tolerations of the pod's RuntimeClass."""
    spec = pod["spec"]
    wanted = spec.get("runtimeClassName")
    if not wanted:
        return [_own_overhead("")] if spec.get("overhead") else []
    found = next((runtime for runtime in known if runtime.metadata.name == wanted), None)
    if found is None:
        why = f'pod rejected: RuntimeClass "{wanted}" not found'
        return [
            Refusal(_RUNTIME, wanted, why, t("The runtime class {name} does not exist. Use another one.", name=wanted))
        ]
    overhead = (found.overhead.pod_fixed if found.overhead else None) or {}
    if overhead:
        if spec.get("overhead") and _exact(spec["overhead"], pod) != _exact(overhead, pod):
            why = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
            return [
                Refusal(_RUNTIME, wanted, why, t("The pod's overhead differs from its runtime class's. Leave it out."))
            ]
        spec["overhead"] = dict(overhead)
    elif spec.get("overhead"):
        return [_own_overhead(wanted)]
    return _schedule(spec, found)


def _exact(overhead: Mapping[str, Any], pod: Json) -> Nanos:
    return nanos_of(overhead, of=identity_of(pod), at="spec.overhead")


def _own_overhead(wanted: str) -> Refusal:
    why = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
    return Refusal(_RUNTIME, wanted, why, t("The pod sets an overhead itself; only a runtime class can do that."))


def _schedule(spec: Json, runtime: RuntimeClass) -> list[Refusal]:
    if runtime.scheduling is None:
        return []
    own = spec.get("nodeSelector") or {}
    for key, value in (runtime.scheduling.node_selector or {}).items():
        if own.get(key, value) != value:
            why = (
                f"conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; "
                f"pod.spec.nodeSelector[{key}] = {own[key]}"
            )
            text = t(
                "The runtime class runs only on nodes with {needed}, but the pod asks for {asked}.",
                needed=f"{key}={value}",
                asked=f"{key}={own[key]}",
            )
            return [Refusal(_RUNTIME, runtime.metadata.name, why, text)]
        own = {**own, key: value}
    if own:
        spec["nodeSelector"] = own
    tolerations = [msgspec.to_builtins(toleration) for toleration in runtime.scheduling.tolerations or ()]
    if tolerations:
        held = spec.get("tolerations") or []
        added = [{key: value for key, value in toleration.items() if value is not None} for toleration in tolerations]
        spec["tolerations"] = [*held, *[toleration for toleration in added if toleration not in held]]
    return []


def apply_priority(pod: Json, known: Iterable[PriorityClass]) -> list[Refusal]:
    """The number behind the pod's priority class, or behind the cluster's default one."""
    spec, classes = pod["spec"], list(known)
    wanted = spec.get("priorityClassName")
    if wanted:
        found = next((priority for priority in classes if priority.metadata.name == wanted), None)
        if found is None:
            why = f"no PriorityClass with name {wanted} was found"
            return [
                Refusal(
                    _PRIORITY, wanted, why, t("The priority class {name} does not exist. Use another one.", name=wanted)
                )
            ]
    else:
        defaults = [priority for priority in classes if priority.global_default]
        found = min(defaults, key=lambda priority: priority.value, default=None)
        if found is not None:
            spec["priorityClassName"] = found.metadata.name
    value = found.value if found is not None else 0
    given = spec.get("priority")
    if given is not None and given != value:
        why = (
            f"the integer value of priority ({given}) must not be provided in pod spec; "
            f"priority admission controller computed {value} from the given PriorityClass name"
        )
        return [
            Refusal(
                _PRIORITY, wanted or "", why, t("The pod sets its priority as a number. Use a priority class instead.")
            )
        ]
    spec["priority"] = value
    return []
