"""The priority of a pod that names its class, or none: what admission will make of it.

Source: kubernetes v1.36 plugin/pkg/admission/priority/admission.go
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from moorage.objects import PriorityClass
from moorage.texts import later

if TYPE_CHECKING:
    from moorage.objects import Pod
    from moorage.scheduling.state import State


def ranked(pod: Pod, cluster: State) -> tuple[Pod, str | None]:
    """The pod with its class's number and policy; and a sentence where they are not known, 0 being assumed then."""
    spec = pod.spec
    if spec.priority is not None:
        return pod, None
    name = spec.priority_class_name
    if name:
        found = cluster.get(PriorityClass, name)
    else:
        defaults = [each for each in cluster.all(PriorityClass) if each.global_default]
        found = min(defaults, key=lambda each: each.value, default=None)
    if found is None:
        words = later("The value of the priority class {name} is unknown; 0 is assumed.", name=name)
        return pod, words if name else None
    policy = spec.preemption_policy or found.preemption_policy
    return replace(pod, spec=replace(spec, priority=found.value, preemption_policy=policy)), None
