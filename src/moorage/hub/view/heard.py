"""What the hub has heard of the cluster from the service, kept in memory, and who is told when it changes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from moorage.hub import metrics
from moorage.hub.view import sse
from moorage.hub.view.images import ImageFacts, read_images
from moorage.hub.view.machines import read_machines
from moorage.hub.view.nodes import read_node
from moorage.texts import later

if TYPE_CHECKING:
    from moorage.hub.view.facts import NodeFacts

# Nodes turned from JSON into facts before the loop gets a turn.
_BATCH = 50

Listener = Callable[[set[str], bool], None]


@dataclass(frozen=True, slots=True)
class Status:
    """Whether the numbers are live; if not, since when and why."""

    live: bool
    known: bool
    since: datetime | None
    reason: str | None

    def as_json(self) -> dict[str, Any]:
        return {
            "live": self.live,
            "known": self.known,
            "since": self.since.isoformat(timespec="seconds") if self.since else None,
            "reason": self.reason,
        }


class Heard:
    """Nodes, machines, images and defaults as last told, and whether the nodes are live."""

    def __init__(self, log: Any) -> None:
        self.log = log
        self._listeners: list[Listener] = []
        self._settled = asyncio.Event()
        self._position: str | None = None
        self._nodes: dict[str, NodeFacts] | None = None
        self._places: dict[str, NodeFacts] = {}
        self._hears_machines = False
        self._images: tuple[ImageFacts, ...] | None = None
        # Those that may come, as the service tells them.
        self.machines: list[Any] = []
        self.defaults: Mapping[str, Any] = {}
        self.revision: int | None = None
        self.status = Status(
            live=False,
            known=False,
            since=datetime.now(UTC),
            reason=later("the moorage service has not been contacted yet"),
        )

    @property
    def nodes(self) -> Mapping[str, NodeFacts] | None:
        """The nodes as last heard, and the machines that may come, or None while they were never heard of."""
        return self._nodes

    @property
    def images(self) -> tuple[ImageFacts, ...] | None:
        """The catalogue as last read, or None while it was never read."""
        return self._images

    def listen(self, listener: Listener) -> None:
        """Call `listener(names of changed nodes, whether the status changed)` after each change."""
        self._listeners.append(listener)

    async def _take(self, event: sse.Event) -> None:
        if event.name == "snapshot":
            data = await _object(event)
            if not isinstance(data.get("nodes"), list):
                raise sse.Nonsense("a snapshot without nodes")
            fresh = {node.name: node for node in await _read_nodes(data["nodes"])} | self._places
            changed = set(fresh) ^ set(self._nodes or {})
            changed |= {name for name, node in fresh.items() if (self._nodes or {}).get(name) != node}
            self._nodes = fresh
            self._took(event, data)
            self._tell(changed)
            self._take_status(data.get("status"))
        elif event.name == "nodes" and self._nodes is not None:
            data = await _object(event)
            nodes = await _read_nodes(data.get("changed"))
            removed = [name for name in data.get("removed") or () if isinstance(name, str)]
            for node in nodes:
                self._nodes[node.name] = node
            for name in removed:
                self._nodes.pop(name, None)
            self._took(event, data)
            self._tell({node.name for node in nodes} | set(removed))
        elif event.name == "machines":
            self._hears_machines = True
            self._take_machines((await _object(event)).get("machines"))
        elif event.name == "status":
            self._take_status(await _object(event))

    def _took(self, event: sse.Event, data: dict[str, Any]) -> None:
        self._position = event.id or self._position
        revision = data.get("revision")
        self.revision = revision if isinstance(revision, int) else self.revision

    def _take_status(self, data: Any) -> None:
        stale = isinstance(data, dict) and data.get("stale") is True
        if not stale:
            self._set_status(live=self._nodes is not None)
            return
        reason = data.get("reason")
        since = data.get("since")
        parsed = None
        with contextlib.suppress(ValueError):
            parsed = datetime.fromisoformat(since) if isinstance(since, str) else None
        words = reason[:300] if isinstance(reason, str) and reason else later("the Kubernetes API is not responding")
        self._set_status(live=False, reason=words, since=parsed)

    def _set_status(self, *, live: bool, reason: str | None = None, since: datetime | None = None) -> None:
        before = self.status
        if live:
            now = Status(live=True, known=True, since=None, reason=None)
        else:
            start = since or (before.since if not before.live else None) or datetime.now(UTC)
            now = Status(live=False, known=self._nodes is not None, since=start, reason=reason)
        self._settled.set()
        if now == before:
            return
        self.status = now
        if now.live != before.live:
            metrics.LIVE.set(live)
            self.log.info("Availability is live" if live else f"Availability is not live: {reason}")
        self._tell(set(), status=True)

    def _tell(self, changed: set[str], *, status: bool = False) -> None:
        for listener in self._listeners if changed or status else ():
            try:
                listener(changed, status)
            except Exception:  # one listener never stops the others
                self.log.exception("A listener failed")

    def _take_images(self, answer: Any) -> None:
        if not isinstance(answer, list):
            raise sse.Nonsense("a list of images was expected")
        fresh = read_images(answer)
        if answer and not fresh:
            raise sse.Nonsense("no image can be read")
        self._images = fresh

    def _take_machines(self, answer: Any) -> None:
        self.machines = answer if isinstance(answer, list) else []
        before, self._places = self._places, read_machines(answer)
        changed = {name for name in before | self._places if before.get(name) != self._places.get(name)}
        if self._nodes is None or not changed:
            return
        for name in changed:
            self._nodes.pop(name, None)
        self._nodes.update((name, self._places[name]) for name in changed if name in self._places)
        self._tell(changed)

    def _take_defaults(self, answer: Any) -> None:
        if not isinstance(answer, dict):
            raise sse.Nonsense("an object of defaults was expected")
        self.defaults = answer


async def _object(event: sse.Event) -> dict[str, Any]:
    data = await sse.parse(event.data)
    if not isinstance(data, dict):
        raise sse.Nonsense("an object was expected")
    return data


async def _read_nodes(values: Any) -> list[NodeFacts]:
    found = []
    for position, value in enumerate(values if isinstance(values, list) else ()):
        if position and position % _BATCH == 0:
            await asyncio.sleep(0)
        node = read_node(value)
        if node is not None:
            found.append(node)
    return found
