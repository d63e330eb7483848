"""LimitRange: defaults for containers that say nothing, and bounds for those that say something.

Source: kubernetes v1.36 plugin/pkg/admission/limitranger/admission.go and pkg/apis/core/v1/defaults.go
(SetDefaults_LimitRangeItem)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.objects import Amounts, Identity
from moorage.scheduling.admission.amounts import identity_of, limits_of, nanos_of, requests_of, text_of
from moorage.scheduling.admission.refusal import Refusal
from moorage.scheduling.words import amount_words, resource_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from moorage.objects import LimitRange, LimitRangeItem
    from moorage.scheduling.aggregate import Nanos

Json = dict[str, Any]
_NANO = 10**9


def fill_in(pod: Json, ranges: Iterable[LimitRange]) -> None:
    """Give each container the amounts that it lacks; the first LimitRange that has one wins."""
    for held in ranges:
        for item in _items(held):
            if item.type == "Container":
                limits = {**(item.max or {}), **(item.default or {})}
                requests = {**(item.min or {}), **limits, **(item.default_request or {})}
                for container in _containers(pod):
                    _add(container, "requests", requests)
                    _add(container, "limits", limits)


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


def _items(held: LimitRange) -> Iterable[LimitRangeItem]:
    return (held.spec.limits if held.spec else None) or ()


def _containers(pod: Json) -> list[Json]:
    return [*(pod["spec"].get("containers") or ()), *(pod["spec"].get("initContainers") or ())]


def _add(container: Json, section: str, amounts: Amounts) -> None:
    resources = container.get("resources") or {}
    held = resources.get(section) or {}
    missing = {name: amount for name, amount in amounts.items() if name not in held}
    if missing:
        container["resources"] = {**resources, section: {**held, **missing}}


class _Bounds:
    """One container's or one pod's amounts against one item of a LimitRange."""

    def __init__(self, held: LimitRange, item: LimitRangeItem, requests: Nanos, limits: Nanos) -> None:
        self.name, self.item, self.requests, self.limits = held.metadata.name, item, requests, limits
        self.identity = Identity("LimitRange", held.metadata.namespace, held.metadata.name)
        self.one = "a container" if item.type == "Container" else "a pod"

    def broken(self) -> Iterator[Refusal]:
        for resource, bound in self._sorted(self.item.min, "min"):
            yield from self._least(resource, bound)
        for resource, bound in self._sorted(self.item.max, "max"):
            yield from self._most(resource, bound)
        for resource, bound in self._sorted(self.item.max_limit_request_ratio, "maxLimitRequestRatio"):
            yield from self._ratio(resource, bound)

    def _sorted(self, amounts: Amounts | None, field: str) -> list[tuple[str, int]]:
        return sorted(nanos_of(amounts, of=self.identity, at=f"spec.limits.{field}").items())

    def _refusal(self, resource: str, message: str, text: str) -> Refusal:
        return Refusal("LimitRange", self.name, message, text, resource)

    def _least(self, resource: str, bound: int) -> Iterator[Refusal]:
        start = f"minimum {resource} usage per {self.item.type} is {text_of(resource, bound)}"
        text = f"This namespace asks for at least {_words(resource, bound)} for {self.one}. Ask for more."
        request, limit = self.requests.get(resource), self.limits.get(resource)
        if request is None:
            yield self._refusal(resource, f"{start}.  No request is specified", text)
        elif request < bound:
            yield self._refusal(resource, f"{start}, but request is {text_of(resource, request)}", text)
        elif limit is not None and limit < bound:
            yield self._refusal(resource, f"{start}, but limit is {text_of(resource, limit)}", text)

    def _most(self, resource: str, bound: int) -> Iterator[Refusal]:
        start = f"maximum {resource} usage per {self.item.type} is {text_of(resource, bound)}"
        text = f"This namespace allows at most {_words(resource, bound)} for {self.one}. Ask for less."
        request, limit = self.requests.get(resource), self.limits.get(resource)
        if limit is None:
            unlimited = f"This namespace allows at most {_words(resource, bound)} for {self.one}; set a limit."
            yield self._refusal(resource, f"{start}.  No limit is specified", unlimited)
        elif limit > bound:
            yield self._refusal(resource, f"{start}, but limit is {text_of(resource, limit)}", text)
        elif request is not None and request > bound:
            yield self._refusal(resource, f"{start}, but request is {text_of(resource, request)}", text)

    def _ratio(self, resource: str, bound: int) -> Iterator[Refusal]:
        start = f"{resource} max limit to request ratio per {self.item.type} is {text_of('', bound)}"
        name = resource_words(resource)
        text = (
            f"Here the {name} limit may be at most {text_of('', bound)} times what is guaranteed. "
            "Ask for less, or have more of it guaranteed."
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
