"""Refusals as JupyterHub understands them: shown on the form, a 400 by REST, and not a failure of the hub."""

from __future__ import annotations

from typing import Any

from jupyterhub.app import JupyterHub
from tornado import web

try:
    from jupyterhub.spawner import SpawnException as _Base
except ImportError:  # JupyterHub 5
    _Base = None


COUNTED = _Base is None


class StartsNothing(Exception):
    """A link was followed. Without words, JupyterHub shows the form and no error above it."""


def refused(message: str, *, status: int = 400) -> web.HTTPError:
    """The error to raise. JupyterHub 6 counts neither this class nor any status below 500 as a failed spawn."""
    error: Any = _Base(message, reason="refused", status_code=status) if _Base else web.HTTPError(status, message)
    # Read by the spawn page, the "not running" page, the progress page and the REST API.
    error.jupyterhub_message = message
    return error  # type: ignore[no-any-return]


def settings_of_the_hub() -> dict[str, Any]:
    """What JupyterHub's handlers share, or nothing where no hub runs: counts of failures and limits of starts."""
    application = JupyterHub.instance().tornado_application if JupyterHub.initialized() else None
    return application.settings if application is not None else {}


def take_back(*, counted: bool = COUNTED) -> None:
    """On JupyterHub 5 every exception of a spawn counts towards the limit at which the hub exits, and on every version
    one that is no refusal: count one less first.

    Otherwise anybody could end the hub by asking five times for a node that does not exist, or for a GPU that others
    hold.
    """
    if counted:
        settings = settings_of_the_hub()
        settings["failure_count"] = settings.get("failure_count", 0) - 1
