"""LimitRange: defaults for containers that say nothing, and bounds for those that say something.

Source: kubernetes v1.36 plugin/pkg/admission/limitranger/admission.go and pkg/apis/core/v1/defaults.go
(SetDefaults_LimitRangeItem)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.objects import Amounts, Identity
from moorage.scheduling.admission.amounts import identity_of, limits_of, nanos_of, requests_of, text_of
from moorage.scheduling.admission.refusal import Refusal
from moorage.scheduling.words.amounts import amount_words, resource_words
from moorage.texts import again, later, t

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from moorage.objects import LimitRange, LimitRangeItem
    from moorage.scheduling.accounting.aggregate import Nanos

Json = dict[str, Any]
_NANO = 10**9
_ONE = {"Container": later("container"), "PersistentVolumeClaim": later("storage claim")}


def fill_in(pod: Json, ranges: Iterable[LimitRange]) -> None:
    """Give each container the amounts that it lacks, and note that; the first LimitRange that has one wins."""
    told = []
    for held in ranges:
        for item in _items(held):
            if item.type == "Container":
                requests, limits = defaults_of(item)
                for which, field in (("", "containers"), ("init ", "initContainers")):
                    for container in pod["spec"].get(field) or ():
                        name = f"{which}container {container.get('name') or ''}"
                        told += [f"{added} request for {name}" for added in _add(container, "requests", requests)]
                        told += [f"{added} limit for {name}" for added in _add(container, "limits", limits)]
    if told:
        meta = pod["metadata"] = dict(pod.get("metadata") or {})
        note = "LimitRanger plugin set: " + "; ".join(told)
        meta["annotations"] = {**(meta.get("annotations") or {}), "kubernetes.io/limit-ranger": note}


def defaults_of(item: LimitRangeItem) -> tuple[Amounts, Amounts]:
    """What a container that says nothing requests, and its limits: bounds stand in where there is no default."""
    limits = {**(item.max or {}), **(item.default or {})}
    return {**(item.min or {}), **limits, **(item.default_request or {})}, limits


def check(pod: Json, ranges: Iterable[LimitRange]) -> Iterator[Refusal]:
    """Each bound that the pod breaks."""
    for held in ranges:
        for item in _items(held):
            if item.type == "Container":
                who = identity_of(pod)
                for container in _containers(pod):
                    resources = container.get("resources") or {}
                    requests = nanos_of(resources.get("requests"), of=who, at="resources.requests")
                    limits = nanos_of(resources.get("limits"), of=who, at="resources.limits")
                    yield from _Bounds(held, item, requests, limits).broken()
            elif item.type == "Pod":
                yield from _Bounds(
                    held, item, requests_of(pod, overhead=False), limits_of(pod, overhead=False)
                ).broken()


def check_claim(claim: Json, ranges: Iterable[LimitRange]) -> Iterator[Refusal]:
    """Each bound that a new claim breaks. It has no limits: what it requests is held against both bounds."""
    who = Identity("PersistentVolumeClaim", (claim.get("metadata") or {}).get("namespace"))
    resources = (claim.get("spec") or {}).get("resources") or {}
    requests = nanos_of(resources.get("requests"), of=who, at="spec.resources.requests")
    for held in ranges:
        for item in _items(held):
            if item.type == "PersistentVolumeClaim":
                yield from _Bounds(held, item, requests, {}).broken_by_request()


def _items(held: LimitRange) -> Iterable[LimitRangeItem]:
    return (held.spec.limits if held.spec else None) or ()


def _containers(pod: Json) -> list[Json]:
    return [*(pod["spec"].get("containers") or ()), *(pod["spec"].get("initContainers") or ())]


def _add(container: Json, section: str, amounts: Amounts) -> list[str]:
    """The names that were missing, put together as the API server does."""
    resources = container.get("resources") or {}
    held = resources.get(section) or {}
    missing = {name: amount for name, amount in amounts.items() if name not in held}
    if not missing:
        return []
    container["resources"] = {**resources, section: {**held, **missing}}
    return [", ".join(sorted(missing))]


class _Bounds:
    """One container's or one pod's amounts against one item of a LimitRange."""

    def __init__(self, held: LimitRange, item: LimitRangeItem, requests: Nanos, limits: Nanos) -> None:
        self.name, self.item, self.requests, self.limits = held.metadata.name, item, requests, limits
        self.identity = Identity("LimitRange", held.metadata.namespace, held.metadata.name)
        self.one = _ONE.get(item.type, later("pod"))

    def broken(self) -> Iterator[Refusal]:
        for resource, bound in self._sorted(self.item.min, "min"):
            yield from self._least(resource, bound)
        for resource, bound in self._sorted(self.item.max, "max"):
            yield from self._most(resource, bound)
        for resource, bound in self._sorted(self.item.max_limit_request_ratio, "maxLimitRequestRatio"):
            yield from self._ratio(resource, bound)

    def broken_by_request(self) -> Iterator[Refusal]:
        for resource, bound in self._sorted(self.item.min, "min"):
            yield from self._least(resource, bound)
        for resource, bound in self._sorted(self.item.max, "max"):
            yield from self._most_requested(resource, bound)

    def _sorted(self, amounts: Amounts | None, field: str) -> list[tuple[str, int]]:
        return sorted(nanos_of(amounts, of=self.identity, at=f"spec.limits.{field}").items())

    def _refusal(self, resource: str, message: str, text: str) -> Refusal:
        return Refusal("LimitRange", self.name, message, text, resource)

    def _least(self, resource: str, bound: int) -> Iterator[Refusal]:
        start = f"minimum {resource} usage per {self.item.type} is {text_of(resource, bound)}"
        text = t(
            "This namespace requires at least {amount} per {one}. Ask for more.",
            amount=_words(resource, bound),
            one=again(self.one),
        )
        request, limit = self.requests.get(resource), self.limits.get(resource)
        if request is None:
            yield self._refusal(resource, f"{start}.  No request is specified", text)
        elif request < bound:
            yield self._refusal(resource, f"{start}, but request is {text_of(resource, request)}", text)
        elif limit is not None and limit < bound:
            yield self._refusal(resource, f"{start}, but limit is {text_of(resource, limit)}", text)

    def _most_requested(self, resource: str, bound: int) -> Iterator[Refusal]:
        start = f"maximum {resource} usage per {self.item.type} is {text_of(resource, bound)}"
        text = t(
            "This namespace allows at most {amount} per {one}. Ask for less.",
            amount=_words(resource, bound),
            one=again(self.one),
        )
        request = self.requests.get(resource)
        if request is None:
            yield self._refusal(resource, f"{start}.  No request is specified", text)
        elif request > bound:
            yield self._refusal(resource, f"{start}, but request is {text_of(resource, request)}", text)

    def _most(self, resource: str, bound: int) -> Iterator[Refusal]:
        start = f"maximum {resource} usage per {self.item.type} is {text_of(resource, bound)}"
        text = t(
            "This namespace allows at most {amount} per {one}. Ask for less.",
            amount=_words(resource, bound),
            one=again(self.one),
        )
        request, limit = self.requests.get(resource), self.limits.get(resource)
        if limit is None:
            unlimited = t(
                "This namespace allows at most {amount} per {one}. Set a limit.",
                amount=_words(resource, bound),
                one=again(self.one),
            )
            yield self._refusal(resource, f"{start}.  No limit is specified", unlimited)
        elif limit > bound:
            yield self._refusal(resource, f"{start}, but limit is {text_of(resource, limit)}", text)
        elif request is not None and request > bound:
            yield self._refusal(resource, f"{start}, but request is {text_of(resource, request)}", text)

    def _ratio(self, resource: str, bound: int) -> Iterator[Refusal]:
        start = f"{resource} max limit to request ratio per {self.item.type} is {text_of('', bound)}"
        name = resource_words(resource)
        text = t(
            "This namespace allows a {name} limit of at most {times} times the request. "
            "Lower the limit or raise the request.",
            name=name,
            times=text_of("", bound),
        )
        request, limit = self.requests.get(resource), self.limits.get(resource)
        if not request:
            yield self._refusal(resource, f"{start}, but no request is specified or request is 0", text)
        elif not limit:
            yield self._refusal(resource, f"{start}, but no limit is specified or limit is 0", text)
        elif limit * _NANO > bound * request:
            yield self._refusal(resource, f"{start}, but provided ratio is {limit / request:f}", text)


def _words(resource: str, nanos: int) -> str:
    return amount_words(resource, nanos // 10**6 if resource == "cpu" else nanos // _NANO)
