"""What holds the room that an ask lacks on a node, as far as the reader may know.

Only where room could be made: a node that is too small when empty is held by nobody.
"""

import sys
from datetime import UTC, datetime, timedelta
from typing import Literal

from msgspec import Struct

from moorage.scheduling.alternatives.advice import holders
from moorage.scheduling.cluster import Cluster
from moorage.scheduling.verdict import Verdict

# Whose names may be seen: nobody's, the namespace, or the pod.
HolderPolicy = Literal["hidden", "namespace", "pod"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_NODES = 20
_MOST_HOLDERS = 5


class Held(Struct, frozen=True):
    """Some of a resource, and who has it. `pod` is None where only the namespace may be known. `until` is when that pod
    has ended at the latest, in UTC; None where nothing says.
    """

    resource: str
    amount: int
    namespace: str
    pod: str | None
    until: str | None = None


def held_by(cluster: Cluster, verdict: Verdict, *, policy: HolderPolicy) -> dict[str, list[Held]]:
    """For each of the first nodes that refuse for want of room: who holds most of what is short."""
    found: dict[str, list[Held]] = {}
    if policy == "hidden":
        return found
    for name, node in verdict.nodes.items():
        if not node.details or any(short.asked > short.allocatable for short in node.details):
            continue
        held = [one for short in node.details for one in _of(cluster, name, short.resource, policy=policy)]
        if held:
            found[name] = held
        if len(found) == _MOST_NODES:
            break
    return found


def _of(cluster: Cluster, node: str, resource: str, *, policy: HolderPolicy) -> list[Held]:
    if policy == "pod":
        pods = holders(cluster, node, resource, most=_MOST_HOLDERS)
        return [Held(resource, one.amount, one.namespace, one.name, _moment(one.ends_by)) for one in pods]
    sums: dict[str, int] = {}
    for holder in holders(cluster, node, resource, most=sys.maxsize):
        sums[holder.namespace] = sums.get(holder.namespace, 0) + holder.amount
    largest = sorted(sums.items(), key=lambda item: (-item[1], item[0]))[:_MOST_HOLDERS]
    return [Held(resource, amount, namespace, None) for namespace, amount in largest]


def _moment(microseconds: int | None) -> str | None:
    try:
        return None if microseconds is None else (_EPOCH + timedelta(microseconds=microseconds)).isoformat()
    except OverflowError:  # a deadline beyond all calendars
        return None
