"""One node as JSON bytes: the shape of `GET /api/v1/cluster/resources`, which stays put."""

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from moorage import clock
from moorage.cluster.amounts import Amounts, GpuNames, shown
from moorage.cluster.labels import DEFAULT_LABELS, AllowedLabels
from moorage.cluster.ledger import Sums, is_ready, sums
from moorage.objects import Node
from moorage.scheduling.accounting.nodeinfo import NodeInfo
from moorage.scheduling.cluster import Cluster
from moorage.scheduling.devicenames import counts_by_name
from moorage.scheduling.preparing import PATIENCE, Preparing, kind_of, preparing

log = logging.getLogger(__name__)

_ZONES = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
_encode = msgspec.json.Encoder().encode


class NodeJson:
    """Serialises nodes of one cluster."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        gpu_details: Callable[[NodeInfo], list[dict[str, Any]]] | None = None,
        gpu_more: Callable[[NodeInfo], dict[str, Any]] | None = None,
        gpu_named: Callable[[NodeInfo], list[dict[str, Any]] | None] | None = None,
        labels: Sequence[str] = DEFAULT_LABELS,
        gpus: GpuNames | None = None,
    ) -> None:
        self._cluster = cluster
        self._gpu_details = gpu_details
        self._gpu_more = gpu_more
        self._gpu_named = gpu_named
        self._gpus = gpus or GpuNames()
        self._labels = AllowedLabels(labels)
        self._failing: set[str] = set()
        self._patience: dict[str, float] = {}

    def due(self, now: float) -> list[str]:
        """Nodes that have been prepared for so long that they read differently now."""
        return [name for name, ends in self._patience.items() if ends < now]

    def of(self, name: str) -> bytes | None:
        """The node's JSON; None where there is no such node, even if pods still name it."""
        return self.both(name)[0]

    def both(self, name: str) -> tuple[bytes | None, bytes | None]:
        """The node's JSON, and the one for who may see who holds its cards where that is another."""
        info = self._cluster.nodes.get(name)
        if info is None or info.node is None:
            self._patience.pop(name, None)
            return None, None
        described = self.describe(info)
        cards = self._named_cards(info)
        return _kept(described), _kept({**described, "gpu_details": cards}) if cards is not None else None

    def describe(self, info: NodeInfo) -> dict[str, Any]:
        """The same before it is encoded."""
        books = sums(info, devices=counts_by_name(self._cluster, info), user_priority=self._cluster.user_priority)
        state = preparing(self._cluster, info, now=clock.now())
        self._wait_for(info.name, state)
        is_untold = state is not None and state.reason == "devices"
        names = _names(books)
        labels = info.labels

        def block(amounts: Amounts, *, up: bool = False, untold: bool = False) -> dict[str, Any]:
            found = shown(amounts, names=names, gpus=self._gpus, up=up)
            return {**found, "gpu": None} if untold else found

        units = [self._units(name, books) for name in names if name in self._gpus]
        ready = is_ready(info)
        status = info.node.status if info.node is not None else None
        return {
            "name": info.name,
            "hostname_label": labels.get("kubernetes.io/hostname"),
            "capacity": block(books.capacity, untold=is_untold),
            "allocatable": block(books.allocatable, untold=is_untold),
            "allocated": block(books.allocated, up=True),
            "available": block(books.available),
            "evictable": block(books.evictable),
            "free": block(books.free, untold=is_untold),
            "nominated": block(books.nominated, up=True),
            "preparing": _state(state) if state is not None else None,
            "gpu_details": _starting(self._cards(info, units), state),
            "gpu_units": units,
            "schedulable": ready and not info.unschedulable,
            "ready": ready,
            "cordoned": info.unschedulable,
            "conditions": [
                {"type": c.type, "status": c.status, "reason": c.reason}
                for c in ((status.conditions or ()) if status is not None else ())
            ],
            "taints": [
                {"key": t.key, "value": t.value, "effect": t.effect, "passes": kind_of(t) is not None}
                for t in info.taints
            ],
            "labels": self._labels.of(labels),
            "zone": next((labels[key] for key in _ZONES if key in labels), None),
            "arch": labels.get("kubernetes.io/arch"),
            "os": labels.get("kubernetes.io/os"),
            "unreadable_pods": info.unreadable_pods,
            # Why the facts of the node itself are those of before, where they are.
            "unreadable": self._complaint(info.name),
            **self._more_of_cards(info),
        }

    def _wait_for(self, name: str, state: Preparing | None) -> None:
        self._patience.pop(name, None)
        if state is not None and state.is_over_soon and state.since is not None:
            self._patience[name] = state.since + PATIENCE

    def _cards(self, info: NodeInfo, units: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """What the source of cards says; where there is none, or it fails, as many unknown cards as there are units."""
        if self._gpu_details is not None:
            try:
                return self._gpu_details(info)
            except Exception as error:
                self._tell_failure(info, error)
        return unknown_cards(units)

    def _named_cards(self, info: NodeInfo) -> list[dict[str, Any]] | None:
        """The cards with the names of their holders, where any is known that the others hide."""
        if self._gpu_named is not None:
            try:
                return self._gpu_named(info)
            except Exception as error:
                self._tell_failure(info, error)
        return None

    def _more_of_cards(self, info: NodeInfo) -> dict[str, Any]:
        """Their summary, devices that no resource name counts, and the models behind resource names."""
        if self._gpu_more is not None:
            try:
                return self._gpu_more(info)
            except Exception as error:
                self._tell_failure(info, error)
        return {"gpu_summary": None, "gpu_claims": [], "gpu_kinds": []}

    def _tell_failure(self, info: NodeInfo, error: Exception) -> None:
        """Cards are facts from elsewhere: what is wrong with them must not hide the node."""
        if info.name not in self._failing:
            about = {"event": "cards_failed", "node": info.name}
            log.error("the cards of node %s can't be told", info.name, extra=about, exc_info=error)
        self._failing.add(info.name)

    def _units(self, name: str, books: Sums) -> dict[str, Any]:
        capacity, allocatable = books.capacity.scalar(name), books.allocatable.scalar(name)
        return {
            "resource": name,
            "capacity": capacity,
            "allocatable": allocatable,
            "allocated": books.allocated.scalar(name),
            "available": books.available.scalar(name),
            # Sick devices leave allocatable and stay in capacity.
            "out_of_service": None if capacity is None or allocatable is None else max(capacity - allocatable, 0),
            "unknown": books.allocated.unknown.get(name),
        }

    def _complaint(self, name: str) -> str | None:
        error = self._cluster.unreadable_objects.get((Node.KIND, name))
        return error.message if error is not None else None


def _state(state: Preparing) -> dict[str, Any]:
    since = datetime.fromtimestamp(state.since, UTC) if state.since is not None else None
    return {
        "reason": state.reason,
        "text": state.text,
        "since": f"{since:%Y-%m-%dT%H:%M:%SZ}" if since is not None else None,
        "overdue": state.overdue,
    }


def _starting(cards: list[dict[str, Any]], state: Preparing | None) -> list[dict[str, Any]]:
    """Cards that labels promise are not broken while their driver starts."""
    if state is None or state.reason != "devices" or state.overdue:
        return cards
    return [{**card, "state_text": state.text, "notes": []} for card in cards]


def _kept(described: dict[str, Any]) -> bytes:
    """The encoder leaves room at the end of what it returns, and 5,000 of these are kept: a copy has none."""
    return bytes(memoryview(_encode(described)))


def unknown_cards(units: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One entry for each unit, of which nothing is known but how many are left."""
    cards: list[dict[str, Any]] = []
    for unit in units:
        # A time-sliced card can have thousands of units; nobody reads so many lines.
        for place in range(min(unit["capacity"] or 0, 64)):
            cards.append(
                {
                    "index": len(cards),
                    "model": "Unknown GPU",
                    "memory_total": "Unknown",
                    "memory_used": "Unknown",
                    "memory_free": "Unknown",
                    "utilization": None,
                    "available": place < (unit["available"] or 0),
                    "resource": unit["resource"],
                    "state": "unknown",
                    "source": None,
                    "age_seconds": None,
                }
            )
    return cards


def _names(books: Sums) -> tuple[str, ...]:
    """The extended resources that this node has or is asked for, without page sizes and volume limits that are 0."""
    found = {
        **books.capacity.scalars,
        **books.allocatable.scalars,
        **books.allocated.scalars,
        **books.nominated.scalars,
        **dict.fromkeys(books.allocated.unknown, 1),
    }
    return tuple(
        sorted(
            name
            for name, amount in found.items()
            if amount or not name.startswith(("hugepages-", "attachable-volumes-"))
        )
    )
