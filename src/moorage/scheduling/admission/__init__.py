"""What the API server would make of a new pod before any scheduler sees it: fill in, change, or refuse.

In goes the pod as a client would send it, with the objects of its namespace; out comes the pod as it would be stored,
and every refusal in the API server's words. Mutating webhooks and pod security can't be known from here: a create with
`dryRun=All` asks them.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import msgspec

from moorage.objects import Pod, Unreadable, decode, identify
from moorage.scheduling.admission import classes, defaults, quotas
from moorage.scheduling.admission import limitranges as limits
from moorage.scheduling.admission.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from moorage.objects import LimitRange, PriorityClass, ResourceQuota, RuntimeClass

__all__ = ["Admission", "Refusal", "admit"]


class Admission(msgspec.Struct, frozen=True):
    """The pod as it would be stored, why it would not be (all refusals, not only the first), and what quotas have left
    to it.
    """

    pod: dict[str, Any]
    refusals: tuple[Refusal, ...] = ()
    left: tuple[quotas.Left, ...] = ()


def admit(
    pod: dict[str, Any],
    *,
    limitranges: Iterable[LimitRange] = (),
    resourcequotas: Iterable[ResourceQuota] = (),
    runtimeclasses: Iterable[RuntimeClass] = (),
    priorityclasses: Iterable[PriorityClass] | None = None,
) -> Admission:
    """Put a new pod through defaulting and admission; `pod` itself stays as it is.

    Objects are those of the pod's namespace. Without `priorityclasses` the pod's priority is left as it is.
    Raises `InvalidObject` where the pod or one of the objects can't be read.
    """
    decode(Pod, pod)
    try:
        stored = deepcopy(pod)
        if stored.get("spec") is None:
            stored["spec"] = {}
        return _admit(stored, list(limitranges), resourcequotas, runtimeclasses, priorityclasses)
    except Unreadable:
        raise
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
        # A shape that the typed fields don't cover, such as a list where the API has an object.
        what = (
            "it is nested too deeply"
            if isinstance(error, RecursionError)
            else f"it has a field of the wrong shape ({error})"
        )
        raise Unreadable(identify(Pod, pod), what) from error


def _admit(
    pod: dict[str, Any],
    ranges: list[LimitRange],
    resourcequotas: Iterable[ResourceQuota],
    runtimeclasses: Iterable[RuntimeClass],
    priorityclasses: Iterable[PriorityClass] | None,
) -> Admission:
    defaults.fill_in(pod)
    refusals = classes.apply_runtime(pod, runtimeclasses)
    if priorityclasses is not None:
        refusals += classes.apply_priority(pod, priorityclasses)
    limits.fill_in(pod, ranges)
    defaults.tolerate_unwell_nodes(pod)
    refusals += limits.check(pod, ranges)
    held = list(resourcequotas)
    refusals += quotas.check(pod, held)
    left = tuple(quotas.left(pod, held))
    # What comes out of the store is defaulted once more: containers may have got amounts in the meantime.
    defaults.fill_in(pod)
    return Admission(pod, tuple(refusals), left)
