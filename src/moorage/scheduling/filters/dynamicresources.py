"""DynamicResources: the devices that a pod claims must be, or be able to become, its own on the node.

A claim that has been met binds the pod to the nodes that its devices are on. One that has not is tried on each node,
with all others of the pod at once. A plain request such as `nvidia.com/gpu: 1` is a claim too where a device class
stands behind the name and no device plugin offers it on the node. What can't be told with certainty refuses nothing,
and is said to be undecided.

Source: kubernetes v1.36 pkg/scheduler/framework/plugins/dynamicresources/dynamicresources.go,
extendeddynamicresources.go and dynamic-resource-allocation resourceclaim/resourceclaim.go
"""

from __future__ import annotations

from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from msgspec.structs import replace

from moorage.objects import DeviceClass, ResourceClaim, ResourceClaimTemplate
from moorage.scheduling.devicenames import SINCE
from moorage.scheduling.devices.allocation import can_allocate
from moorage.scheduling.devices.counts import count
from moorage.scheduling.devices.doubt import Doubt
from moorage.scheduling.devices.inventory import results_of
from moorage.scheduling.devices.patience import Patience
from moorage.scheduling.devices.pools import offering, pools_of, terms_of
from moorage.scheduling.devices.wanted import claim_for_names, claim_of, ways_of
from moorage.scheduling.verdict import NodeVerdict, Shortage, refuse
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from moorage.objects import PodResourceClaim, ResourceClaimSpec, ResourceSlice
    from moorage.scheduling.accounting.nodeinfo import NodeInfo
    from moorage.scheduling.accounting.podinfo import PodInfo
    from moorage.scheduling.ask import Ask
    from moorage.scheduling.devices.offers import Pool
    from moorage.scheduling.devices.wanted import Claim
    from moorage.scheduling.plugin import Prepared
    from moorage.scheduling.state import State
    from moorage.scheduling.steps import Steps

NAME = "DynamicResources"
REASON = "cannot allocate all claims"
REASON_INVALID = "invalid resource pools were encountered"
REASON_ELSEWHERE = "resourceclaim not available on the node"
REASON_LEFTOVER = "cannot schedule extended resource claim"
REASON_NO_CLASS = "request {request}: device class {name} does not exist"
REASON_NOTHING_ASKED = "resource claim {namespace}/{claim}, request {request}: unknown request type"
REASON_NO_CLAIM = 'could not find ResourceClaim "{namespace}/{claim}"'
REASON_NOT_MADE = 'pod "{namespace}/{pod}": ResourceClaim not created yet'
REASON_NAMELESS = 'pod "{namespace}/{pod}", spec.resourceClaim "{name}": none of the supported fields are set'
REASON_DELETED = 'resourceclaim "{claim}" is being deleted'
REASON_NOT_OWNER = "ResourceClaim {namespace}/{claim} was not created for Pod {namespace}/{pod} (Pod is not owner)"
_LEFTOVER = "resource.kubernetes.io/extended-resource-claim"


def enqueue(ask: Ask, cluster: State) -> NodeVerdict | None:
    """Why the pod is not even looked at: a claim of it is missing. Upstream's PreEnqueue."""
    for claim in ask.pod.spec.resource_claims or ():
        found = _find(claim, ask, cluster)
        if isinstance(found, NodeVerdict):
            return found
    return None


def prepare(ask: Ask, cluster: State) -> Prepared:
    names = classes_behind(ask, cluster)
    if not ask.pod.spec.resource_claims and not names:
        return None
    met: list[ResourceClaim] = []
    unmet: list[ResourceClaim | ResourceClaimTemplate] = []
    for entry in ask.pod.spec.resource_claims or ():
        claim = _find(entry, ask, cluster)
        if isinstance(claim, ResourceClaim) and claim.allocation is not None:
            met.append(claim)
        elif isinstance(claim, ResourceClaim | ResourceClaimTemplate):
            unmet.append(claim)
    for claim in unmet:
        wrong = _wrong(claim, ask, cluster)
        if wrong is not None:
            return refuse(NAME, wrong, unresolvable=True)
    if not (met or unmet or names):
        return None
    if any(one.binding_conditions for claim in met for one in results_of(claim)):
        ask.doubt(later("its devices are still being made ready"))
        return None
    try:
        wanted = [claim_of(_spec(claim), _class_named(cluster)) for claim in unmet]
    except Doubt as doubt:
        ask.doubt(doubt.message)
        return None
    trial = _Trial(ask, cluster, names, met, wanted)
    ask.ahead.append(trial.look_ahead())

    def check(node: NodeInfo, *_: Sequence[PodInfo]) -> NodeVerdict | None:
        try:
            return trial.refusal(node)
        except Doubt as doubt:
            ask.doubt(doubt.message, node.name)
            return None

    return check


def classes_behind(ask: Ask, cluster: State) -> dict[str, DeviceClass]:
    """The classes behind the plain resource names that the pod asks for."""
    if cluster.server_version < SINCE:
        return {}
    asked = (name for name, amount in ask.info.requests.scalars.items() if amount)
    return {name: found for name in asked if (found := cluster.devices.class_behind(name)) is not None}


class _Trial:
    """One pod's claims, to be tried on any node."""

    def __init__(
        self,
        ask: Ask,
        cluster: State,
        names: dict[str, DeviceClass],
        met: list[ResourceClaim],
        wanted: list[Claim],
    ) -> None:
        self._ask, self._cluster, self._names, self._wanted = ask, cluster, names, wanted
        places = [claim.allocation.node_selector for claim in met if claim.allocation is not None]
        self._places = [terms_of(place) for place in places if place is not None]
        self._has_claims = bool(met or wanted)
        self._leftover = bool(names) and _has_leftover(ask, cluster)
        self._patience = Patience()
        # By the plain names that are left to devices on a node: what is wanted there, and that as a question.
        self._by_names: dict[frozenset[str], tuple[Sequence[Claim], object] | Doubt] = {}

    def look_ahead(self) -> Steps[None]:
        """Look at devices that are not one node's own, slice by slice: the first node that reaches them would have to
        look at all of them at once. What is found is remembered by each device.
        """
        inventory, patience = self._cluster.devices, Patience()
        with suppress(Doubt):  # whoever needs this device will meet it again
            wanted, _ = self._wanted_for(frozenset(self._names))
            ways = [way for claim in wanted for request in claim.requests for way in request]
            # Nobody looks beyond what a lone request can have.
            enough = ways[0].count if len(ways) == 1 and not ways[0].wants_all else None
            found = 0
            for item in sorted(inventory.elsewhere.values(), key=_in_order):
                for way in ways:
                    for offer in offering(inventory, item).offers:
                        found += offer.is_selected(way.expressions, patience) and offer.identity not in inventory.taken
                    yield
                if enough is not None and found >= enough:
                    return

    def refusal(self, node: NodeInfo) -> NodeVerdict | None:
        """Why this node can't have the pod."""
        scalars = node.allocatable.scalars
        names = frozenset([name for name in self._names if not scalars.get(name)])
        if self._leftover:
            return _refused(REASON_LEFTOVER)
        if not self._has_claims and not names:
            return None
        wanted, question = self._wanted_for(names)
        if wanted:
            pools = pools_of(self._cluster.devices, node.name, node.labels)
            known: dict[object, NodeVerdict | None] = self._cluster.devices.known_of(pools)
            if question not in known:
                known[question] = self._devices_missing(wanted, pools, names)
            if known[question] is not None:
                return known[question]
        if not all(place.matches(node.labels, node.name) for place in self._places):
            return _refused(REASON_ELSEWHERE)
        return None

    def _devices_missing(
        self, wanted: Sequence[Claim], pools: tuple[Pool, ...], names: frozenset[str]
    ) -> NodeVerdict | None:
        if can_allocate(wanted, pools, self._cluster.devices, self._patience):
            return None
        refusal = _refused(REASON if all(pool.is_valid for pool in pools) else REASON_INVALID)
        return refusal if self._has_claims else self._short(refusal, names, wanted, pools)

    def _short(
        self, refusal: NodeVerdict, names: frozenset[str], wanted: Sequence[Claim], pools: tuple[Pool, ...]
    ) -> NodeVerdict:
        """The same with by how much it is short, where only one plain name is asked and that is why."""
        if len(names) > 1:
            return refusal
        (name,) = names
        asked = sum(ways[0].count for claim in wanted for ways in claim.requests)
        found = count(self._names[name], pools, self._cluster.devices)
        if found.free is None or found.usable is None or asked <= found.free:
            return refusal
        return replace(refusal, details=(Shortage(name, asked, found.free, found.usable),))

    def _wanted_for(self, names: frozenset[str]) -> tuple[Sequence[Claim], object]:
        found = self._by_names.get(names)
        if found is None:
            try:
                behind = {name: self._names[name] for name in names}
                wanted = [*self._wanted, claim_for_names(self._ask.pod, behind)] if names else self._wanted
                found = wanted, _question(names, self._has_claims, tuple(claim.content for claim in wanted))
            except Doubt as doubt:
                found = doubt
            self._by_names[names] = found
        if isinstance(found, Doubt):
            raise Doubt(found.message)
        return found


def _in_order(item: ResourceSlice) -> tuple[str, str, str]:
    return item.spec.driver, item.spec.pool.name, item.metadata.name


@lru_cache(maxsize=1024)
def _question(*_: object) -> object:
    """One thing for all that ask the same, which is compared in no time."""
    return object()


def _find(
    claim: PodResourceClaim, ask: Ask, cluster: State
) -> ResourceClaim | ResourceClaimTemplate | NodeVerdict | None:
    """The claim behind an entry of the pod; None where the pod runs without it, a refusal where it is missing."""
    about = {"namespace": ask.namespace, "pod": ask.name, "name": claim.name}
    name, is_own = claim.resource_claim_name, False
    if name is None:
        if claim.resource_claim_template_name is None:
            return _refused(REASON_NAMELESS, **about)
        made = {one.name: one for one in (ask.pod.status.resource_claim_statuses if ask.pod.status else None) or ()}
        if claim.name not in made:
            return _planned(claim.resource_claim_template_name, ask, cluster) or _refused(REASON_NOT_MADE, **about)
        name, is_own = made[claim.name].resource_claim_name, True
        if name is None:
            return None
    found = cluster.get(ResourceClaim, name, namespace=ask.namespace)
    if found is None:
        return _refused(REASON_NO_CLAIM, claim=name, **about)
    if found.metadata.deletion_timestamp is not None:
        return _refused(REASON_DELETED, claim=name)
    owners = [one for one in found.metadata.owner_references or () if one.controller]
    if is_own and (not owners or owners[0].uid != (ask.pod.metadata.uid or "")):
        return _refused(REASON_NOT_OWNER, claim=name, **about)
    return found


def _planned(template: str, ask: Ask, cluster: State) -> ResourceClaimTemplate | None:
    """The claim that will be made for a pod that is not there yet: as its template says."""
    if ask.pod.metadata.uid:
        return None
    return cluster.get(ResourceClaimTemplate, template, namespace=ask.namespace)


def _refused(reason: str, **about: str) -> NodeVerdict:
    return refuse(NAME, reason.format(**about), unresolvable=True)


def _spec(claim: ResourceClaim | ResourceClaimTemplate) -> ResourceClaimSpec:
    return claim.spec if isinstance(claim, ResourceClaim) else claim.spec.spec


def _wrong(claim: ResourceClaim | ResourceClaimTemplate, ask: Ask, cluster: State) -> str | None:
    """Why no node can meet a claim."""
    for request in _spec(claim).devices.requests or ():
        ways = ways_of(request)
        if not ways:
            about = {"namespace": ask.namespace, "claim": claim.metadata.name, "request": request.name}
            return REASON_NOTHING_ASKED.format(**about)
        for name, way in ways:
            if cluster.devices.class_named(way.device_class_name) is None:
                return REASON_NO_CLASS.format(request=name, name=way.device_class_name)
    return None


def _class_named(cluster: State) -> Callable[[str], DeviceClass]:
    def named(name: str) -> DeviceClass:
        found = cluster.devices.class_named(name)
        if found is None:
            raise Doubt(later("the device class {name} is not known", name=name))
        return found

    return named


def _has_leftover(ask: Ask, cluster: State) -> bool:
    """Whether an earlier attempt has left its claim for the pod's plain requests; upstream removes it first."""
    uid = ask.pod.metadata.uid
    return bool(uid) and any(
        (claim.metadata.annotations or {}).get(_LEFTOVER) == "true"
        and claim.spec.devices.requests is not None
        and any(
            one.controller and one.name == ask.name and one.uid == uid for one in claim.metadata.owner_references or ()
        )
        for claim in cluster.all(ResourceClaim)
    )
