"""The facts of all cards of a node, merged from every source and set against what the scheduler counts.

In flow the store's record of a node and what the sources last learned; out flows the `gpu_details` of that node. The
counts decide what is available; the sources tell what the cards are and what they do. A source that fails, hangs or
lies never changes a count.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from moorage import clock
from moorage.gpus.details import with_names
from moorage.gpus.labels.kinds import kinds
from moorage.gpus.picture import Picture, draw
from moorage.gpus.sources.hami import Hami
from moorage.gpus.sources.podstatus import PodStatus
from moorage.gpus.summary import summarize
from moorage.gpus.units import units as units_of
from moorage.gpus.view import NodeView, view_of
from moorage.texts import later

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from moorage.cluster.answers.held import HolderPolicy
    from moorage.gpus.facts import CardFact
    from moorage.gpus.sources.base import OnChange, Source
    from moorage.scheduling.accounting.nodeinfo import NodeInfo

log = logging.getLogger(__name__)

NO_SOURCE = later("no GPU metrics source is set up")


class Cards:
    """Facts of cards, node by node."""

    def __init__(
        self,
        sources: Sequence[Source] = (),
        *,
        holders: HolderPolicy = "hidden",
        extra_resources: Iterable[str] = (),
        clock: Callable[[], float] = clock.now,
    ) -> None:
        self._extra = frozenset(extra_resources)
        self._sources = tuple(sources)
        # What the node's own objects say; it changes with them alone.
        self._own: tuple[Source, ...] = (PodStatus(extra=self._extra), Hami())
        self._holders: HolderPolicy = holders
        self._clock = clock
        self._active = tuple(source for source in self._sources if source.activity)
        self._why_no_activity = later("no GPU metrics source reports it for this card") if self._active else NO_SOURCE
        self._pictures: dict[str, Picture] = {}
        self._views: dict[str, _Seen] = {}
        self._look_for_gone_at = 100

    async def run(self, on_change: OnChange) -> None:
        """Run every source until cancelled. One that breaks is started again and never takes another with it."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.Event().wait())
            for source in self._sources:
                tasks.create_task(_keep_running(source, on_change), name=f"gpu source {source.name}")

    def details(self, node: NodeInfo | NodeView) -> list[dict[str, Any]]:
        """The node's `gpu_details`."""
        view = self._view(node)
        if view is None:
            self._pictures.pop(node.name, None)
            return []
        now = self._clock()
        told = self._told(self._sources, view)
        picture = self._pictures.get(view.name)
        trouble = self._trouble(view)
        if picture is not None and picture.view is view:
            entries = picture.refreshed(told, now=now, trouble=trouble)
            if entries is not None:
                return entries
        picture = draw(
            view,
            told,
            [fact for facts in self._told(self._own, view) for fact in facts],
            now=now,
            before=picture,
            policy=self._holders,
            extra=self._extra,
            trouble=trouble,
            why_no_activity=trouble or self._why_no_activity,
        )
        self._pictures[view.name] = picture
        return picture.entries

    def named(self, node: NodeInfo | NodeView) -> list[dict[str, Any]] | None:
        """What `details` told last, with the names of all holders; None where that tells nothing more."""
        picture = self._pictures.get(node.name)
        if picture is None or self._holders == "pod":
            return None
        if not any(one.card.holders or any(part.holders for part in one.card.parts) for one in picture.drawn):
            return None
        return [with_names(one.entry, one.card) for one in picture.drawn]

    def units(self, node: NodeInfo | NodeView) -> list[dict[str, Any]]:
        """The node's `gpu_units`: what the scheduler counts, by resource name; those of claims are approximate."""
        view = self._view(node)
        if view is None:
            return []
        found: list[dict[str, Any]] = [
            {
                "resource": unit.resource,
                "capacity": unit.capacity,
                "allocatable": unit.allocatable,
                "allocated": unit.held,
                "available": unit.available,
                "out_of_service": unit.out_of_service,
            }
            for unit in units_of(view, extra=self._extra)
        ]
        return found + self.claimable_units(view)

    def claimable_units(self, node: NodeInfo | NodeView) -> list[dict[str, Any]]:
        """Devices of the node that pods get by claims, which no resource name counts; approximate, and marked so."""
        view = self._view(node)
        found: list[dict[str, Any]] = []
        for source in self._sources if view is not None else ():
            units = getattr(source, "units", None)
            if units is not None:
                found += units(view)
        return found

    def more(self, node: NodeInfo | NodeView) -> dict[str, Any]:
        """What a node's JSON says of its cards beside `gpu_details`: a summary, devices that claims give, and the kinds
        of GPU that a pod can ask for.
        """
        view = self._view(node)
        if view is None:
            return {}
        return {
            "gpu_summary": summarize(self.details(node), self.units(view), extra=self._extra),
            "gpu_claims": self.claimable_units(view),
            "gpu_kinds": kinds(view.labels, view.capacity, extra=self._extra),
        }

    def _view(self, node: NodeInfo | NodeView) -> NodeView | None:
        """The node as cards see it; made anew only where the node or a pod on it has changed."""
        if isinstance(node, NodeView):
            return node
        seen = self._views.get(node.name)
        if seen is not None and seen.is_current(node):
            return seen.view
        view = view_of(node)
        if view is None:
            self._views.pop(node.name, None)
        else:
            self._views[node.name] = _Seen(node, view)
            if len(self._views) > self._look_for_gone_at:
                self._forget_gone()
        return view

    def _forget_gone(self) -> None:
        """Nodes come and go in clusters that grow and shrink by themselves."""
        for name in [name for name, seen in self._views.items() if seen.is_gone]:
            del self._views[name]
            self._pictures.pop(name, None)
        self._look_for_gone_at = 2 * len(self._views) + 100

    def _told(self, sources: Sequence[Source], view: NodeView) -> list[Sequence[CardFact]]:
        found: list[Sequence[CardFact]] = []
        for source in sources:
            try:
                found.append(source.facts(view))
            except Exception:  # one source must not hide what the others know
                log.exception("GPU source %s failed on node %s", source.name, view.name)
                found.append(())
        return found

    def _trouble(self, view: NodeView) -> str:
        """Why some source has nothing fresh to tell of this node."""
        text = ""
        for source in self._active:
            problem = source.problem(view)
            if problem is not None:
                text = f"{text}; {problem}" if text else problem
        return text


class _Seen:
    """A view, and how far the store's record had come when it was made."""

    __slots__ = ("_generation", "_node", "_nominated", "view")

    def __init__(self, node: NodeInfo, view: NodeView) -> None:
        self.view = view
        self._node = node
        self._generation = node.generation
        self._nominated = list(node.nominated.values())

    @property
    def is_gone(self) -> bool:
        return self._node.node is None

    def is_current(self, node: NodeInfo) -> bool:
        return (
            node.generation == self._generation
            and node is self._node
            and (list(node.nominated.values()) == self._nominated if node.nominated else not self._nominated)
        )


async def _keep_running(source: Source, on_change: OnChange, *, pause: float = 30.0) -> None:
    while True:
        try:
            await source.run(on_change)
        except Exception:  # a bug in one source costs its own facts only
            log.exception("GPU source %s stopped; restarting in %s s", source.name, int(pause))
        await asyncio.sleep(pause)
