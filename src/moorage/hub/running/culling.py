"""When a server would be stopped for being idle, as far as the hub can know: by the arguments of the
jupyterhub-idle-culler that it runs. Zero to JupyterHub's (`cull.…`) is one of these.

Source: jupyterhub-idle-culler 1.4 and 2.0, README (--timeout, --max-age, --cull-every, --cull-default-servers,
--cull-named-servers)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from jupyterhub.app import JupyterHub

from moorage.texts import t

_CULLER = ("jupyterhub_idle_culler", "jupyterhub-idle-culler", "cull_idle_servers")
_SECONDS = ("timeout", "max-age", "cull-every")
# Of which servers those are culled that are idle; all of them are for their age.
_WHOSE = ("cull-default-servers", "cull-named-servers")
# Its own, where none is given.
_TIMEOUT = 600
# A stop, and what lies between the clocks.
_STOP = timedelta(minutes=2)


def of(spawner: Any) -> tuple[dict[str, Any] | None, str | None]:
    """`{"at", "text"}`, or why that is not known."""
    arguments = _culler()
    if arguments is None:
        return None, t(
            "This hub runs no jupyterhub-idle-culler. Whether another service stops idle servers is not known."
        )
    idle, age = arguments.get("timeout", _TIMEOUT), arguments.get("max-age", 0)
    is_spared = not arguments.get("cull-named-servers" if spawner.name else "cull-default-servers", 1)
    active, started = spawner.orm_spawner.last_activity, spawner.orm_spawner.started
    ends = []
    if (last := active or started) is not None and not is_spared:
        ends.append((_utc(last) + timedelta(seconds=idle), t("after {time} without activity", time=_words(idle))))
    if age and started is not None:
        ends.append((_utc(started) + timedelta(seconds=age), t("{time} after its start", time=_words(age))))
    if not ends and is_spared:
        return None, t("This hub's jupyterhub-idle-culler leaves such servers alone.")
    if not ends:
        return None, t("When it was last used is not known.")
    at, text = min(ends)
    return {"at": at.isoformat(timespec="seconds"), "text": text}, None


def latest(pod: Any) -> datetime | None:
    """When the culler has stopped the server of this pod at the latest, for its age; None where it does not look at
    that. JupyterHub counts from no later than the pod's own start, but for seconds.
    """
    arguments = _culler() or {}
    try:
        started = datetime.fromisoformat(pod["status"]["startTime"])
    except (KeyError, TypeError, ValueError):
        return None
    if not (age := arguments.get("max-age", 0)):
        return None
    every = arguments.get("cull-every") or arguments.get("timeout", _TIMEOUT) // 2
    return _utc(started) + timedelta(seconds=age + every) + _STOP


def _culler() -> dict[str, int] | None:
    services = JupyterHub.instance().services if JupyterHub.initialized() else ()
    return next((found for each in services if (found := _arguments(each)) is not None), None)


def _arguments(service: Any) -> dict[str, int] | None:
    command = service.get("command") if isinstance(service, Mapping) else getattr(service, "command", None)
    words = [str(word) for word in command or ()]
    if not any(name in word for word in words for name in _CULLER):
        return None
    found = {}
    for position, word in enumerate(words):
        name, _, value = word.removeprefix("--").partition("=")
        name = name.replace("_", "-")
        value = value or (words[position + 1] if position + 1 < len(words) else "")
        if word.startswith("--") and name in _SECONDS and value.isdecimal():
            found[name] = int(value)
        elif word.startswith("--") and name in _WHOSE:
            found[name] = int(value.lower() not in ("false", "0", "no", "off"))
    return found


def _utc(moment: datetime) -> datetime:
    """JupyterHub keeps times in UTC without a zone."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _words(seconds: int) -> str:
    if seconds % 3600 == 0:
        return f"{seconds // 3600} h"
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"
