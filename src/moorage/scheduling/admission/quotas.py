"""ResourceQuota: what the pods of a namespace may ask for together.

Source: kubernetes v1.36 staging/src/k8s.io/apiserver/pkg/admission/plugin/resourcequota/controller.go and
pkg/quota/v1/evaluator/core/pods.go
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from moorage.objects import Identity, ScopeRequirement
from moorage.scheduling.accounting.names import is_extended, is_pod_level
from moorage.scheduling.accounting.podinfo import TERMINAL
from moorage.scheduling.accounting.quality import quality_of
from moorage.scheduling.admission.amounts import limits_of, list_of, nanos_of, requests_of
from moorage.scheduling.admission.refusal import Refusal
from moorage.scheduling.words.amounts import amount_words, resource_words
from moorage.texts import t

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from moorage.objects import ResourceQuota
    from moorage.scheduling.accounting.aggregate import Nanos

Json = dict[str, Any]
KIND = "ResourceQuota"
_ONE = 10**9
_COMPUTE = ("cpu", "memory", "ephemeral-storage")
_SECTIONS = ("requests", "limits")
_MUST_BE_SAID = ("cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory")


def check(pod: Json, quotas: Iterable[ResourceQuota]) -> Iterator[Refusal]:
    """Each quota that the pod would break."""
    asked: Nanos | None = None
    for quota in sorted(quotas, key=lambda held: held.metadata.name):
        if not covers(quota, pod):
            continue
        if asked is None:
            asked = usage(pod)
        yield from _check(pod, quota, asked)


def _check(pod: Json, quota: ResourceQuota, asked: Nanos) -> Iterator[Refusal]:
    name = quota.metadata.name
    hard = {held: amount for held, amount in told(quota).items() if _is_of_pods(held)}
    if not hard:
        return
    missing = _unsaid(pod, hard)
    if missing:
        text = t("This namespace has a quota, so each container must set: {names}.", names=missing)
        yield Refusal(KIND, name, f"failed quota: {name}: must specify {missing}", text)
    yield from exceeding(quota, asked, hard=hard)


class Left(msgspec.Struct, frozen=True, gc=False):
    """What a quota has left of one of its names, before the pod that was asked about, and how much of it that would
    take: thousandths for cpu, otherwise whole units, rounded against whoever asks.
    """

    name: str
    resource: str
    left: int
    asked: int
    hard: int


def left(pod: Json, quotas: Iterable[ResourceQuota]) -> Iterator[Left]:
    """What is left to the pod of each quota that speaks of it, as far as the cluster has counted that."""
    asked: Nanos | None = None
    for quota in sorted(quotas, key=lambda held: held.metadata.name):
        if not covers(quota, pod):
            continue
        asked = usage(pod) if asked is None else asked
        used = used_of(quota)
        for held, hard in sorted(told(quota).items()):
            if _is_of_pods(held) and held in used:
                scale = scale_of(held)
                yield Left(
                    quota.metadata.name,
                    held,
                    max(0, (hard - used[held]) // scale),
                    -(-asked.get(held, 0) // scale),
                    hard // scale,
                )


def scale_of(held: str) -> int:
    """How many billionths the unit is in which people count this."""
    return 10**6 if held.removeprefix("requests.").removeprefix("limits.") == "cpu" else _ONE


def used_of(quota: ResourceQuota) -> Nanos:
    """What is in use, as far as the cluster has counted it."""
    identity = Identity(KIND, quota.metadata.namespace, quota.metadata.name)
    return nanos_of(quota.status.used if quota.status else None, of=identity, at="status.used")


def told(quota: ResourceQuota) -> Nanos:
    """What the quota allows. Its spec holds once the quota controller has repeated it in the status, and not before."""
    identity = Identity(KIND, quota.metadata.namespace, quota.metadata.name)
    return nanos_of(quota.status.hard if quota.status else None, of=identity, at="status.hard")


def exceeding(quota: ResourceQuota, asked: Nanos, *, hard: Nanos) -> Iterator[Refusal]:
    """Whether so much more would be beyond what the quota allows, or nobody knows."""
    name, used = quota.metadata.name, used_of(quota)
    if not used.keys() >= hard.keys():
        message = f"status unknown for quota: {name}, resources: {','.join(sorted(hard))}"
        text = t("The cluster has not counted this namespace's usage yet. Try again shortly.")
        yield Refusal(KIND, name, message, text)
        return
    counted = {held: amount for held, amount in asked.items() if held in hard}
    over = [held for held, amount in counted.items() if amount and used[held] + amount > hard[held]]
    if over:
        lists = (list_of(counted, over), list_of(used, over), list_of(hard, over))
        message = "exceeded quota: {}, requested: {}, used: {}, limited: {}".format(name, *lists)
        text = " ".join(_words(held, used[held], hard[held]) for held in sorted(over))
        yield Refusal(KIND, name, message, text, min(over))


def _is_of_pods(held: str) -> bool:
    """Whether a quota counts something of pods under this name."""
    if held in ("pods", "count/pods") or held in _COMPUTE or held.startswith("hugepages-"):
        return True
    if held.startswith("limits."):
        return held.removeprefix("limits.") in _COMPUTE
    name = held.removeprefix("requests.")
    return name != held and (name in _COMPUTE or name.startswith("hugepages-") or is_extended(name))


def _words(held: str, used: int, hard: int) -> str:
    left = max(hard - used, 0)
    if held in ("pods", "count/pods"):
        return t(
            "This namespace is limited to {most} pods and has {used}. Stop one first.",
            most=hard // _ONE,
            used=used // _ONE,
        )
    resource = held.removeprefix("requests.").removeprefix("limits.")
    scale = scale_of(held)
    total, rest = amount_words(resource, hard // scale), amount_words(resource, left // scale)
    if not left:
        return t(
            "This namespace's {what} quota is used up ({total}). Stop something first.",
            what=resource_words(resource),
            total=total,
        )
    return t("This namespace's quota is {total}, with {left} left. Ask for no more than that.", total=total, left=rest)


def usage(pod: Json) -> Nanos:
    """What a pod counts, under every name by which a quota may know it; one that has ended is an object and no more."""
    if (pod.get("status") or {}).get("phase") in TERMINAL:
        return {"count/pods": _ONE}
    counts: Nanos = {"count/pods": _ONE, "pods": _ONE}
    for name, amount in requests_of(pod).items():
        if name in _COMPUTE or name.startswith("hugepages-"):
            counts[name] = amount
            counts[f"requests.{name}"] = amount
        elif is_extended(name):
            counts[f"requests.{name}"] = amount
    for name, amount in limits_of(pod).items():
        if name in _COMPUTE:
            counts[f"limits.{name}"] = amount
    return counts


def _unsaid(pod: Json, hard: Nanos) -> str:
    """Containers that don't say what a quota counts, as `cpu for: main; limits.memory for: main`."""
    wanted = [name for name in _MUST_BE_SAID if name in hard]
    whole = pod["spec"].get("resources") or {}
    if not wanted or any(is_pod_level(name) for section in _SECTIONS for name in whole.get(section) or {}):
        return ""
    missing: dict[str, set[str]] = {}
    for container in [*(pod["spec"].get("containers") or ()), *(pod["spec"].get("initContainers") or ())]:
        resources = container.get("resources") or {}
        said = {f"limits.{name}" for name in resources.get("limits") or {}}
        for name in resources.get("requests") or {}:
            said |= {name, f"requests.{name}"}
        for name in wanted:
            if name not in said:
                missing.setdefault(name, set()).add(str(container.get("name") or ""))
    return "; ".join(f"{name} for: {','.join(sorted(missing[name]))}" for name in sorted(missing))


# --- scopes -----------------------------------------------------------------------------------------------------


def covers(quota: ResourceQuota, pod: Json) -> bool:
    """Whether all of the quota's scopes speak of this pod."""
    spec = quota.spec
    if spec is None:
        return False
    scopes = [ScopeRequirement(scope_name=name, operator="Exists") for name in spec.scopes or ()]
    scopes += (spec.scope_selector.match_expressions if spec.scope_selector else None) or []
    return all(_is_in(scope, pod["spec"]) for scope in scopes)


def _is_in(scope: ScopeRequirement, spec: Json) -> bool:
    ends = spec.get("activeDeadlineSeconds") is not None
    match scope.scope_name:
        case "BestEffort":
            return quality_of(spec) == "BestEffort"
        case "NotBestEffort":
            return quality_of(spec) != "BestEffort"
        case "Terminating":
            return ends
        case "NotTerminating":
            return not ends
        case "PriorityClass":
            return _has_priority(scope, spec.get("priorityClassName") or "")
        case "CrossNamespacePodAffinity":
            return _looks_elsewhere(spec)
        case _:
            return False


def _has_priority(scope: ScopeRequirement, named: str) -> bool:
    values = scope.values or ()
    match scope.operator:
        case "In":
            return named in values and bool(named)
        case "NotIn":
            return named not in values
        case "DoesNotExist":
            return not named
        case _:
            return bool(named)


def _looks_elsewhere(spec: Json) -> bool:
    affinity = spec.get("affinity") or {}
    for which in ("podAffinity", "podAntiAffinity"):
        rules = affinity.get(which) or {}
        terms = list(rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ())
        weighted = rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        terms += [preference.get("podAffinityTerm") or {} for preference in weighted]
        if any(term.get("namespaces") or term.get("namespaceSelector") is not None for term in terms):
            return True
    return False
