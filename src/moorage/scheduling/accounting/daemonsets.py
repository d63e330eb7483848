"""The DaemonSets of a cluster, known from their pods alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from moorage.scheduling.accounting.daemons import Daemon
    from moorage.scheduling.accounting.podinfo import PodInfo


class Daemons:
    """The DaemonSets that have pods, each with how many and the newest of them."""

    def __init__(self) -> None:
        self._of: dict[str, tuple[int, PodInfo]] = {}

    def __iter__(self) -> Iterator[tuple[Daemon, PodInfo]]:
        return ((pod.daemon, pod) for _, pod in self._of.values() if pod.daemon is not None)

    def __bool__(self) -> bool:
        return bool(self._of)

    def copy(self) -> Daemons:
        """The same beside this one."""
        copy = Daemons()
        copy._of = dict(self._of)
        return copy

    def add(self, daemon: Daemon, pod: PodInfo) -> None:
        """One pod more of a set."""
        known = self._of.get(daemon.owner)
        self._of[daemon.owner] = (known[0] if known is not None else 0) + 1, pod

    def remove(self, daemon: Daemon) -> None:
        """One pod less of a set."""
        count, newest = self._of[daemon.owner]
        if count > 1:
            self._of[daemon.owner] = count - 1, newest
        else:
            del self._of[daemon.owner]
