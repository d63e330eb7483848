"""When a server would be stopped for being idle, as far as the hub can know: by the arguments of the
jupyterhub-idle-culler that it runs.

Source: jupyterhub-idle-culler 1.4, README (--timeout, --max-age)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from jupyterhub.app import JupyterHub

from moorage.texts import t

_CULLER = ("jupyterhub_idle_culler", "jupyterhub-idle-culler", "cull_idle_servers")
# Its own, where none is given.
_TIMEOUT = 600


def of(spawner: Any) -> tuple[dict[str, Any] | None, str | None]:
    """`{"at", "text"}`, or why that is not known."""
    services = JupyterHub.instance().services if JupyterHub.initialized() else ()
    arguments = next((found for each in services if (found := _arguments(each)) is not None), None)
    if arguments is None:
        return None, t(
            "This hub runs no jupyterhub-idle-culler. Whether another service stops idle servers is not known."
        )
    idle, age = arguments.get("timeout", _TIMEOUT), arguments.get("max-age", 0)
    active, started = spawner.orm_spawner.last_activity, spawner.orm_spawner.started
    ends = []
    if (last := active or started) is not None:
        ends.append((_utc(last) + timedelta(seconds=idle), t("after {time} without activity", time=_words(idle))))
    if age and started is not None:
        ends.append((_utc(started) + timedelta(seconds=age), t("{time} after its start", time=_words(age))))
    if not ends:
        return None, t("When it was last used is not known.")
    at, text = min(ends)
    return {"at": at.isoformat(timespec="seconds"), "text": text}, None


def _arguments(service: Any) -> dict[str, int] | None:
    command = service.get("command") if isinstance(service, Mapping) else getattr(service, "command", None)
    words = [str(word) for word in command or ()]
    if not any(name in word for word in words for name in _CULLER):
        return None
    found = {}
    for position, word in enumerate(words):
        name, _, value = word.removeprefix("--").partition("=")
        value = value or (words[position + 1] if position + 1 < len(words) else "")
        if word.startswith("--") and name in ("timeout", "max-age") and value.isdecimal():
            found[name] = int(value)
    return found


def _utc(moment: datetime) -> datetime:
    """JupyterHub keeps times in UTC without a zone."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _words(seconds: int) -> str:
    if seconds % 3600 == 0:
        return f"{seconds // 3600} h"
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"
