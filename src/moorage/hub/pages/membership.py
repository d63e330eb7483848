"""A person while their page is open: when their groups change, or their servers, so may what they are offered."""

from __future__ import annotations

import json
import time
from typing import Any

_LOOKED_AGAIN = 2.0


class Membership:
    def __init__(self, user: Any) -> None:
        self._user = user
        self._seen = self._look()
        self._at = time.monotonic()

    def changed(self) -> bool:
        """Whether anything has changed since it was last asked. Looks every few seconds; asks no database."""
        now = time.monotonic()
        if now - self._at < _LOOKED_AGAIN:
            return False
        self._at = now
        before, self._seen = self._seen, self._look()
        return bool(before != self._seen)

    def _look(self) -> Any:
        try:
            groups = sorted((group.name, json.dumps(group.properties, sort_keys=True)) for group in self._user.groups)
            return (
                bool(self._user.admin),
                groups,
                sorted(name for name, each in self._user.spawners.items() if each.active),
            )
        except Exception:  # what is offered then is decided by who can tell
            return None
