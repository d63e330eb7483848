"""What a pod's claims ask, taken from claims, templates and plain resource names into one shape.

Source: kubernetes v1.36 dynamic-resource-allocation structured/internal/incubating/allocator_incubating.go
(validateDeviceRequest) and pkg/scheduler/framework/plugins/dynamicresources/extendeddynamicresources.go
(createRequestsAndMappings)
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

from moorage.objects import DeviceClass, DeviceRequest, DeviceToleration, ExactRequest
from moorage.quantity import NANO
from moorage.scheduling.accounting.aggregate import Reader
from moorage.scheduling.devices.doubt import Doubt
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moorage.objects import DeviceSelector, Pod, ResourceClaimSpec

MOST = 32  # devices of one claim
_ONE, _ALL = "ExactCount", "All"
_SIDECAR = "Always"


class Request:
    """So many devices of one kind, or all of that kind."""

    __slots__ = ("count", "expressions", "name", "tolerations", "wants_all")

    def __init__(self, name: str, asked: ExactRequest, device_class: DeviceClass) -> None:
        mode = asked.allocation_mode or _ONE
        if mode not in (_ONE, _ALL):
            raise Doubt(later("it asks for devices in the mode {mode}, which is not known here", mode=mode[:80]))
        if asked.admin_access:
            raise Doubt(later("it asks for admin access to devices"))
        if asked.capacity:
            raise Doubt(later("it asks for parts of devices"))
        self.name, self.wants_all = name, mode == _ALL
        self.count = 0 if self.wants_all else asked.count or 1
        self.tolerations: Sequence[DeviceToleration] = asked.tolerations or ()
        selectors = (*(device_class.spec.selectors or ()), *(asked.selectors or ()))
        self.expressions = tuple(_expression(selector) for selector in selectors)

    @property
    def content(self) -> tuple[Any, ...]:
        """All that it asks, to be compared."""
        tolerated = tuple((one.key, one.operator, one.value, one.effect) for one in self.tolerations)
        return self.name, self.count, self.wants_all, self.expressions, tolerated


class Claim:
    """Requests that are met together; each is a choice of ways, the first of which nearly always is the only one."""

    __slots__ = ("constraints", "requests")

    def __init__(
        self, requests: Sequence[Sequence[Request]], constraints: Sequence[tuple[str, frozenset[str]]]
    ) -> None:
        self.requests, self.constraints = requests, constraints
        if sum(min((way.count for way in ways), default=0) for ways in requests) > MOST:
            raise Doubt(
                later("a claim asks for more than {most} devices, on which the scheduler itself fails", most=MOST)
            )

    @property
    def content(self) -> tuple[Any, ...]:
        """All that it asks, to be compared."""
        return tuple(self.constraints), tuple(tuple(way.content for way in ways) for ways in self.requests)


def claim_of(spec: ResourceClaimSpec, class_named: Callable[[str], DeviceClass]) -> Claim:
    """What a claim asks. Raises `Doubt` where it asks in a way that is not followed here."""
    if max(len(spec.devices.requests or ()), len(spec.devices.constraints or ())) > MOST:
        raise Doubt(
            later("a claim has more than {most} requests or constraints, which no API server accepts", most=MOST)
        )
    constraints = []
    for constraint in spec.devices.constraints or ():
        if not constraint.match_attribute:
            raise Doubt(later("it ties devices together by a rule that is not followed here"))
        constraints.append((constraint.match_attribute, frozenset(constraint.requests or ())))
    requests = [
        [Request(name, asked, class_named(asked.device_class_name)) for name, asked in ways_of(request)]
        for request in spec.devices.requests or ()
    ]
    if constraints and any(way.wants_all for ways in requests for way in ways):
        raise Doubt(later("it ties all devices of a kind together"))
    return Claim(requests, constraints)


def ways_of(request: DeviceRequest) -> list[tuple[str, ExactRequest]]:
    """The ways in which a request can be met, the best first, each with its qualified name."""
    exact = request.exact
    if exact is not None:
        return [(request.name, exact)]
    return [(f"{request.name}/{way.name}", way) for way in request.first_available or ()]


def claim_for_names(pod: Pod, classes: dict[str, DeviceClass]) -> Claim:
    """The claim that the scheduler makes for plain requests of these resource names.

    Containers that run before the others take over the devices of those that come after them, and only need more.
    """
    reader, spec = Reader(pod), pod.spec
    init = spec.init_containers or ()
    containers = [*init, *(spec.containers or ())]
    amounts = [reader.requests(container.resources, at="resources") for container in containers]
    requests: list[list[Request]] = []
    for name in sorted(classes):
        counts = [found.get(name, 0) // NANO if found.get(name, 0) % NANO == 0 else 0 for found in amounts]
        passing = [place < len(init) and one.restart_policy != _SIDECAR for place, one in enumerate(containers)]
        lasting = [0 if passes else count for passes, count in zip(passing, counts, strict=True)]
        after = [*accumulate(reversed(lasting))][::-1]
        more = max((count - after[place] for place, count in enumerate(counts) if passing[place]), default=0)
        for count in (more, *lasting):
            if count > 0:
                asked = ExactRequest(device_class_name=classes[name].metadata.name, count=count)
                requests.append([Request(name, asked, classes[name])])
    return Claim(requests, ())


def _expression(selector: DeviceSelector) -> str:
    if selector.cel is None:
        raise Doubt(later("it selects devices otherwise than by CEL"))
    return selector.cel.expression
