"""What the API server would do with a new pod, as far as its rules are known here.

In flows the pod as a client would send it and the rules that somebody has read (from a dump, or from the namespaces
that the service may read); out flows the pod as it would be stored, what would be refused, and what can't be told for
want of a rule. Requests that only limits name, and the like, are filled in always: they need no rule.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from moorage.errors import InvalidObject
from moorage.objects import LimitRange, Object, PriorityClass, ResourceQuota, RuntimeClass
from moorage.scheduling.admission import Refusal, admit
from moorage.scheduling.admission.quotas import Left
from moorage.texts import later

T = TypeVar("T", bound=Object)


@dataclass(frozen=True)
class Rules:
    """By namespace, and for the whole cluster. None: nobody has read them."""

    limitranges: Mapping[str, Sequence[LimitRange]] = field(default_factory=dict)
    resourcequotas: Mapping[str, Sequence[ResourceQuota]] = field(default_factory=dict)
    runtimeclasses: Sequence[RuntimeClass] | None = None
    priorityclasses: Sequence[PriorityClass] | None = None
    undecided: tuple[str, ...] = ()


UNKNOWN = Rules()
RUNTIME = later("The pod's runtime class can't be read, so its overhead is not counted.")


def by_namespace(objects: Iterable[T]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = {}
    for item in objects:
        found.setdefault(item.metadata.namespace or "default", []).append(item)
    return found


@dataclass(frozen=True)
class Admitted:
    pod: dict[str, Any]
    refusals: tuple[Refusal, ...]
    undecided: tuple[str, ...]
    namespace: str = "default"
    # None: nobody has read the quotas of its namespace.
    quota: tuple[Left, ...] | None = None


def admitted(pod: dict[str, Any], rules: Rules) -> Admitted:
    """Raises `InvalidObject` where the pod or a rule can't be read, and where it is no pod."""
    _check_kind(pod)
    metadata = pod.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    namespace = metadata.get("namespace")
    namespace = namespace if isinstance(namespace, str) and namespace else "default"
    # A pod that is stored already is counted by its quota already.
    new = not metadata.get("uid")
    found = admit(
        pod,
        limitranges=rules.limitranges.get(namespace, ()) if new else (),
        resourcequotas=rules.resourcequotas.get(namespace, ()) if new else (),
        runtimeclasses=rules.runtimeclasses or (),
        priorityclasses=rules.priorityclasses if new else None,
    )
    undecided = rules.undecided
    refusals = found.refusals if new else ()
    if rules.runtimeclasses is None:
        refusals = tuple(refusal for refusal in refusals if refusal.kind != RuntimeClass.KIND)
        spec = found.pod["spec"]
        if spec.get("runtimeClassName") and not spec.get("overhead"):
            undecided += (RUNTIME,)
    quota = found.left if new and namespace in rules.resourcequotas else None
    return Admitted(found.pod, refusals, undecided, namespace, quota)


def _check_kind(pod: dict[str, Any]) -> None:
    """Anything else has no containers where a pod has them, and so would seem to fit everywhere."""
    kind = pod.get("kind")
    if kind not in (None, "", "Pod"):
        named = kind[:40] if isinstance(kind, str) else "another kind of object"
        raise InvalidObject(
            f"a pod is needed, and this is {named}", hint="ask with a Pod, or with the template of its pods"
        )
