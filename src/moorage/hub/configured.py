"""What a server would be before anything is chosen: KubeSpawner's settings, and JupyterHub's `group_overrides`.

JupyterHub applies these only as a server starts. A form and a verdict come before that, so they look at a spawner of
their own, which is thrown away.
"""

from __future__ import annotations

import asyncio
import copy
from typing import Any, Self

from kubespawner import KubeSpawner

# The settings of KubeSpawner that a choice sets.
CHOSEN = (
    "cpu_limit",
    "cpu_guarantee",
    "mem_limit",
    "mem_guarantee",
    "extra_resource_limits",
    "extra_resource_guarantees",
    "node_selector",
    "image",
    "image_pull_policy",
)


class Configured(KubeSpawner):
    """A KubeSpawner that remembers what it is configured to give."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._before: dict[str, Any] = {}
        self.note_configured()

    def note_configured(self) -> None:
        """What the settings hold now is what is configured."""
        self.configured = {name: getattr(self, name) for name in CHOSEN}

    def put_back(self) -> None:
        """As before the last choice."""
        for name, value in self._before.items():
            setattr(self, name, value)
        self._before = {}

    def note_before(self, names: Any) -> None:
        """Remember these settings for `put_back`, and let nobody change the administrator's own dictionaries."""
        for name in names:
            value = getattr(self, name)
            self._before.setdefault(name, value)
            if isinstance(value, dict | list):
                setattr(self, name, copy.deepcopy(value))

    async def apply_group_overrides(self) -> None:
        self.put_back()
        await super().apply_group_overrides()
        self.note_configured()

    async def standing(self) -> Self:
        """A spawner as a start would find it before the choice. Where something in the way of that fails, the start
        will fail of it too: until then it stands as it is configured for everybody.
        """
        if not self.group_overrides:
            return self
        other = self.stand_in()
        await asyncio.sleep(0)
        try:
            await other.apply_group_overrides()
        except Exception:
            self.log.exception("group_overrides can't be applied for %s", self._log_name)
            return self
        return other

    def stand_in(self) -> Self:
        """Another spawner for the same server, to be thrown away."""
        other: Self = self.user._new_spawner(self.name, type(self))  # noqa: SLF001
        return other
