"""What one hub keeps for all its spawners and pages: a client and a broadcast for each service, and the last refused
form of each person.
"""

from __future__ import annotations

import gc
import time
import weakref
from asyncio import AbstractEventLoop, get_running_loop
from dataclasses import dataclass, field
from typing import Any

from moorage.hub.view.broadcast import Broadcast
from moorage.hub.view.client import ServiceClient

# A refused form is shown again in the same request; what is older was left behind by a request that broke.
_KEPT_SECONDS = 10.0


@dataclass
class Refused:
    """A form that was just refused: shown again with its values, for the server it was meant for."""

    server: str
    options: dict[str, Any]
    at: float = field(default_factory=time.monotonic)


class HubState:
    """Shared by everything of moorage in one hub process."""

    def __init__(self) -> None:
        self._services: dict[tuple[str, str], tuple[ServiceClient, Broadcast]] = {}
        self._refused: dict[str, Refused] = {}

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

    def remember_refused(self, user: str, refused: Refused) -> None:
        now = time.monotonic()
        self._refused = {name: kept for name, kept in self._refused.items() if now - kept.at < _KEPT_SECONDS}
        self._refused[user] = refused

    def take_refused(self, user: str) -> Refused | None:
        """The form that this person was just refused, once."""
        kept = self._refused.pop(user, None)
        return kept if kept is not None and time.monotonic() - kept.at < _KEPT_SECONDS else None


_states: weakref.WeakKeyDictionary[AbstractEventLoop, HubState] = weakref.WeakKeyDictionary()


def hub_state() -> HubState:
    """The state of the hub that runs on the current event loop."""
    return _states.setdefault(get_running_loop(), HubState())
