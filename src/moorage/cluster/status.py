"""How well the picture of the cluster matches the cluster, as one value made from what each feed reports."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from moorage.kube.following.sink import Health
from moorage.kube.resources import Resource
from moorage.texts import later


@dataclass(frozen=True, slots=True)
class Status:
    """`stale`: what is shown may no longer be so, since when and why. `feeds` tells the same of each kind by itself."""

    stale: bool
    since: datetime | None
    reason: str | None
    feeds: Mapping[str, Health]

    @property
    def missing_rights(self) -> list[str]:
        """What to grant, in sentences."""
        return [health.missing_right for health in self.feeds.values() if health.missing_right]


def status_of(resources: Iterable[Resource], feeds: Mapping[str, Health], *, started: datetime) -> Status:
    """Stale where a required feed is stale or has not listed yet, or what else is counted was listed and is stale now.

    The other feeds only tell of themselves, and so does one whose right is missing: that is no fault that passes. The
    feed of an add-on that is not there tells of nothing.
    """
    needed, more, told = [], [], dict(feeds)
    for resource in resources:
        if resource.required:
            needed.append(feeds[resource.name])
        elif resource.addon and not feeds[resource.name].listed:
            del told[resource.name]
        elif resource.counted and (health := feeds[resource.name]).listed and not health.missing_right:
            more.append(health)
    failing = [health for health in (*needed, *more) if health.stale]
    waiting = [health for health in needed if not health.listed]
    if not failing and not waiting:
        return Status(stale=False, since=None, reason=None, feeds=told)
    reason = next((health.reason for health in failing if health.reason), later("the first list is not complete yet"))
    # A missing right says what to do; a lost connection explains itself.
    reason = next((health.missing_right for health in failing if health.missing_right), reason)
    since = min((health.since for health in failing if health.since), default=started)
    return Status(stale=True, since=started if waiting else since, reason=reason, feeds=told)
