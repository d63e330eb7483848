"""What running servers have, as rows of a table, from what the hub knows without asking anybody."""

from __future__ import annotations

from typing import Any

from moorage.hub.running import has
from moorage.hub.running import pod as pods


def of_user(user: Any) -> list[dict[str, Any]]:
    """A person's running servers, by name. Never raises for what a pod is like."""
    return [row for _, spawner in sorted(user.spawners.items()) if (row := _of(spawner)) is not None]


def _of(spawner: Any) -> dict[str, Any] | None:
    if not spawner.ready:
        return None
    about = {"user": spawner.user.name, "server": spawner.name}
    try:
        pod = pods.of(spawner)
        return None if pod is None else {**about, **has.in_force(spawner, pod)}
    except Exception:  # one odd pod hides no other server
        spawner.log.warning("What %s has can't be read", spawner._log_name, exc_info=True)  # noqa: SLF001
        return None
