"""What one hub keeps for all its spawners and pages: a client and a broadcast for each service, what fills in the forms
that are about to be shown, and which images could not be pulled.
"""

from __future__ import annotations

import gc
import time
import weakref
from asyncio import AbstractEventLoop, get_running_loop
from dataclasses import dataclass, field
from typing import Any

from moorage.hub.view.broadcast import Broadcast
from moorage.hub.view.broken import BrokenImages
from moorage.hub.view.client import ServiceClient

# A form is shown in the same request that fills it in; what is older was left behind by a request that broke.
_KEPT_SECONDS = 5.0


@dataclass
class Filled:
    """What the form shows in place of the last choice, for the server it was meant for: what was just refused, or what
    stood in a link.
    """

    server: str
    options: dict[str, Any]
    # The name of the field that was refused.
    wrong: str | None = None
    by_link: bool = False
    at: float = field(default_factory=time.monotonic)

    def is_fresh(self) -> bool:
        """Whether it belongs to the request that is being answered."""
        return time.monotonic() - self.at < _KEPT_SECONDS


class HubState:
    """Shared by everything of moorage in one hub process."""

    def __init__(self) -> None:
        self._services: dict[tuple[str, str], tuple[ServiceClient, Broadcast]] = {}
        self._filled: dict[str, Filled] = {}
        self._problems: set[str] = set()
        self.broken_images = BrokenImages()

    def service(self, url: str, token: str, *, log: Any) -> tuple[ServiceClient, Broadcast]:
        """The client of this service and the broadcast to pages, started on first use."""
        key = (url, token)
        if key not in self._services:
            if not self._services:
                # What the hub has imported by now stays until its end. Looking through it again in every full garbage
                # collection holds the event loop for a fifth of a second each time.
                gc.freeze()
            client = ServiceClient(url, token=token, log=log)
            broadcast = Broadcast(client)
            client.start()
            broadcast.start()
            self._services[key] = client, broadcast
        return self._services[key]

    async def close(self) -> None:
        for client, broadcast in self._services.values():
            await broadcast.close()
            await client.close()
        self._services.clear()

    def note_problem(self, user: str, problem: Exception | None, *, log: Any) -> None:
        """Log why nothing can be offered to this person, once until it can again."""
        if problem is None:
            self._problems.discard(user)
        elif user not in self._problems:
            self._problems.add(user)
            log.error("Nothing is offered to %s: %s", user, problem, exc_info=problem.__cause__)

    def fill(self, user: str, filled: Filled) -> None:
        self._filled = {name: kept for name, kept in self._filled.items() if kept.is_fresh()}
        self._filled[user] = filled

    def take_filled(self, user: str) -> Filled | None:
        """What fills in the form of this person, once."""
        kept = self._filled.pop(user, None)
        return kept if kept is not None and kept.is_fresh() else None


_states: weakref.WeakKeyDictionary[AbstractEventLoop, HubState] = weakref.WeakKeyDictionary()


def hub_state() -> HubState:
    """The state of the hub that runs on the current event loop."""
    return _states.setdefault(get_running_loop(), HubState())
