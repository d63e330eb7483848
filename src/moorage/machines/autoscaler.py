"""Machines that Cluster Autoscaler may add: its status ConfigMap, followed where it is there and may be read."""

import logging
from collections.abc import Callable, Container, Sequence

from msgspec.structs import replace

from moorage import clock
from moorage.kube.client import Client
from moorage.kube.configmap import feed_of
from moorage.kube.following.feed import follow
from moorage.machines.groups import Group, Status, pool_of, read, without_probes, written_at
from moorage.objects import ConfigMap
from moorage.scheduling.alternatives.machines import Machine
from moorage.texts import later

log = logging.getLogger(__name__)

NAME = "cluster-autoscaler-status"
# It looks every 10 s, and a slow cloud makes that minutes.
_SILENT_AFTER = 600.0
_MOST_COMING = 20
_NOTHING = Status()


class ClusterAutoscaler:
    """The groups of one status; without the ConfigMap, or without the right to read it, there are none. `pools` are the
    pools that nodes are known to be labelled with.
    """

    def __init__(
        self,
        client: Client,
        *,
        namespace: str,
        pools: Callable[[], Container[str]] = lambda: (),
        changed: Callable[[], None] = lambda: None,
        now: Callable[[], float] = clock.now,
    ) -> None:
        self._pools = pools
        self._changed = changed
        self._now = now
        self._told = ""
        self._written: float | None = None
        self._status = _NOTHING
        # Who can't be followed is asked again; what was said last grows old by its own moment.
        self._feed = feed_of(client, namespace=namespace, name=NAME, take=self._followed, addon=True)

    async def run(self) -> None:
        """Follow the ConfigMap, for ever."""
        await follow(self._feed)

    def machines(self) -> tuple[Machine, ...]:
        """One entry for each pool, and one for each machine that the autoscaler waits for."""
        status = self._status
        silent = self._written is not None and self._now() - self._written > _SILENT_AFTER
        trouble = later("Cluster Autoscaler has not told anything for minutes.") if silent else status.trouble
        if not status.groups:
            return ()
        pools = self._pools()
        by_pool: dict[str, list[Group]] = {}
        for group in status.groups:
            by_pool.setdefault(pool_of(group.name, pools), []).append(group)
        return tuple(machine for pool, groups in by_pool.items() for machine in machines_of(pool, groups, trouble))

    def _followed(self, item: ConfigMap | None) -> None:
        self._take(((item.data if item is not None else None) or {}).get("status") or "")

    def _take(self, text: str) -> None:
        self._written = written_at(text)
        if (told := without_probes(text)) == self._told:
            return
        self._told = told
        before, self._status = self._status, read(text) if text else _NOTHING
        if self._status.trouble != before.trouble and self._status.trouble is not None:
            log.warning("%s", self._status.trouble, extra={"event": "autoscaler_status"})
        if self._status != before:
            self._changed()


def machines_of(pool: str, groups: Sequence[Group], trouble: str | None = None) -> list[Machine]:
    """What the groups of one pool, often one a zone, say together: whether it can grow, and what is on its way."""
    coming = [machine for group in groups for machine in _coming(pool, group)] if trouble is None else []
    each = [_one(pool, group) for group in groups]
    best = next((one for one in each if one.state == "can_be_added"), each[0])
    lefts = [one.left for one in each if one.state == "can_be_added"]
    if trouble is not None and best.state != "at_maximum":
        best = replace(best, state="unknown", why=trouble, left=None, since=None)
    elif lefts:
        best = replace(best, left=None if None in lefts else sum(filter(None, lefts)))
    return [best, *coming]


def at_maximum(pool: str, most: int) -> str:
    if most == 1:
        return later("Pool {pool} is at its maximum of 1 machine.", pool=pool)
    return later("Pool {pool} is at its maximum of {most} machines.", pool=pool, most=most)


def _one(pool: str, group: Group) -> Machine:
    machine = Machine(pool=pool, source="cluster-autoscaler", state="can_be_added")
    if group.most is None or group.target is None:
        return replace(
            machine,
            state="unknown",
            why=later("Cluster Autoscaler does not tell how large pool {pool} may be.", pool=pool),
        )
    left = max(group.most - group.target, 0)
    if not left:
        return replace(
            machine,
            state="at_maximum",
            left=0,
            why=at_maximum(pool, group.most),
        )
    if group.backing_off:
        return replace(
            machine,
            state="backing_off",
            since=group.since,
            why=later(
                "The cloud gave no machine for pool {pool} ({why}). Cluster Autoscaler tries again later.",
                pool=pool,
                why=group.why,
            )
            if group.why
            else later("The cloud gave no machine for pool {pool}. Cluster Autoscaler tries again later.", pool=pool),
        )
    if group.healthy is False:
        return replace(
            machine,
            state="unknown",
            why=later("Cluster Autoscaler calls pool {pool} unhealthy and adds no machine to it.", pool=pool),
        )
    return replace(machine, left=left)


def _coming(pool: str, group: Group) -> list[Machine]:
    """Those that were asked for and are no nodes yet."""
    if not group.growing or group.target is None or group.registered is None:
        return []
    machine = Machine(pool=pool, source="cluster-autoscaler", state="on_its_way", since=group.since)
    return [machine] * min(max(group.target - group.registered, 0), _MOST_COMING)
