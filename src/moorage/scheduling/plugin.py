"""What each plugin of the scheduler is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from moorage.scheduling.accounting.nodeinfo import NodeInfo
from moorage.scheduling.accounting.podinfo import PodInfo
from moorage.scheduling.verdict import NodeVerdict

if TYPE_CHECKING:
    from moorage.scheduling.ask import Ask
    from moorage.scheduling.state import State

Check = Callable[[NodeInfo, Sequence[PodInfo]], NodeVerdict | None]
Prepared = Check | NodeVerdict | None


class Plugin(Protocol):
    """What `fit` needs of a module of `filters`."""

    NAME: str

    def prepare(self, ask: Ask, cluster: State, /) -> Prepared: ...
