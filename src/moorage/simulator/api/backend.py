"""What requests are answered from: the objects, who may do what, what shall go wrong, and the pods' output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from datetime import datetime

    from moorage.simulator.api.authorization import Authorizer
    from moorage.simulator.api.faults import Faults
    from moorage.simulator.api.objects import Api


class Logs(Protocol):
    """Where the output of a pod's containers is found: the kubelet."""

    def lines(self, uid: str, container: str) -> Sequence[tuple[datetime, bytes]]: ...

    def follow(self, uid: str, container: str, start: int) -> AsyncIterator[tuple[datetime, bytes]]: ...


@dataclass(slots=True)
class Backend:
    """Shared by all handlers; `processes` says whether commands may be run for `pods/exec`."""

    api: Api
    faults: Faults
    authorizer: Authorizer
    logs: Logs
    bookmark_seconds: float = 60.0
    processes: bool = True
