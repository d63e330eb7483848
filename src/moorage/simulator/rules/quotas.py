"""ResourceQuota: what a namespace may have in all, counted from what is there.

What pods count, and what a quota refuses, is `scheduling.admission`'s word; here is what other objects count, and the
sums that the quota controller writes into each quota's status.
Source: kubernetes v1.36 pkg/quota/v1/evaluator/core/{services,persistent_volume_claims}.go,
apiserver pkg/quota/v1/generic/evaluator.go
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.errors import InvalidObject
from moorage.objects import ResourceQuota
from moorage.quantity import parse_nanos
from moorage.scheduling.admission import quotas as rules
from moorage.scheduling.admission.amounts import text_of
from moorage.simulator.store.resources import BY_PLURAL, PODS, Kind
from moorage.simulator.store.status import forbidden

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moorage.scheduling.admission import Refusal
    from moorage.simulator.store.reading import Reader

Json = dict[str, Any]
Amounts = dict[str, int]
QUOTAS = BY_PLURAL["resourcequotas"]
_ONE = 10**9
_BARE = ("persistentvolumeclaims", "services", "secrets", "configmaps", "resourcequotas", "replicationcontrollers")


def admit(objects: Reader, kind: Kind, body: Json) -> None:
    """Refuse a new object that would take its namespace over a quota."""
    held = objects.typed(QUOTAS, ResourceQuota, body["metadata"]["namespace"])
    refusals = rules.check(body, held) if kind is PODS else _check(kind, body, held)
    for refusal in refusals:
        raise forbidden(kind, body["metadata"].get("name"), refusal.message)


def admit_change(objects: Reader, kind: Kind, old: Json, body: Json) -> None:
    """Refuse a change of a pod whose growth would take its namespace over a quota."""
    before, after = rules.usage(old), rules.usage(body)
    more = {name: amount - before.get(name, 0) for name, amount in after.items() if amount > before.get(name, 0)}
    held = objects.typed(QUOTAS, ResourceQuota, body["metadata"]["namespace"])
    for quota in sorted(held, key=lambda each: each.metadata.name):
        hard = {name: amount for name, amount in rules.told(quota).items() if name in more}
        if hard and rules.covers(quota, body):
            for refusal in rules.exceeding(quota, more, hard=hard):
                raise forbidden(kind, body["metadata"].get("name"), refusal.message)


def _check(kind: Kind, body: Json, quotas: list[ResourceQuota]) -> Iterator[Refusal]:
    asked = usage(kind, body)
    for quota in sorted(quotas, key=lambda held: held.metadata.name):
        if not _is_scoped(quota):
            hard = {name: amount for name, amount in rules.told(quota).items() if name in asked}
            yield from rules.exceeding(quota, asked, hard=hard)


def statuses(objects: Reader, namespace: str) -> Iterator[tuple[str, Json]]:
    """The quotas of a namespace whose status no longer says what is used, by name, with what it shall say."""
    for held in objects.typed(QUOTAS, ResourceQuota, namespace):
        quota = objects.read(QUOTAS, namespace, held.metadata.name).body
        hard = (quota.get("spec") or {}).get("hard") or {}
        used = used_by(objects, held, namespace)
        status = {"hard": hard, "used": {name: text_of(name, used.get(name, 0)) for name in hard}}
        if quota.get("status") != status:
            yield held.metadata.name, status


def used_by(objects: Reader, quota: ResourceQuota, namespace: str) -> Amounts:
    total: Amounts = {}
    for plural in ("pods", "persistentvolumeclaims", "services", "secrets", "configmaps"):
        kind = BY_PLURAL[plural]
        for body in objects.all(kind, namespace):
            if rules.covers(quota, body) if kind is PODS else not _is_scoped(quota):
                for name, amount in usage(kind, body).items():
                    total[name] = total.get(name, 0) + amount
    return total


def usage(kind: Kind, body: Json) -> Amounts:
    """What one object counts, under every name by which a quota may know it."""
    counts: Amounts = {f"count/{kind.qualified}": _ONE}
    if kind is PODS:
        try:
            return rules.usage(body)
        except InvalidObject:
            return counts  # test data that nobody can read
    if kind.plural in _BARE:
        counts[kind.plural] = _ONE
    if kind.plural == "persistentvolumeclaims":
        spec = body.get("spec") or {}
        storage = parse_nanos(((spec.get("resources") or {}).get("requests") or {}).get("storage"))
        counts["requests.storage"] = storage
        if named := spec.get("storageClassName"):
            counts[f"{named}.storageclass.storage.k8s.io/requests.storage"] = storage
            counts[f"{named}.storageclass.storage.k8s.io/persistentvolumeclaims"] = _ONE
    return counts


def _is_scoped(quota: ResourceQuota) -> bool:
    """Whether the quota speaks of certain pods alone."""
    spec = quota.spec
    return spec is None or bool(spec.scopes or (spec.scope_selector and spec.scope_selector.match_expressions))
