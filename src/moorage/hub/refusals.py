"""Refusals as JupyterHub understands them: shown on the form, a 400 by REST, and not a failure of the hub."""

from __future__ import annotations

from typing import Any

from tornado import web

try:
    from jupyterhub.spawner import SpawnException as _Base
except ImportError:  # JupyterHub 5
    _Base = None


def refused(message: str, *, status: int = 400) -> web.HTTPError:
    """The error to raise. JupyterHub 6 counts neither this class nor any status below 500 as a failed spawn;
    JupyterHub 5 counts it only when it comes after the form (by REST or a restart), since there every exception of a
    spawn counts.
    """
    error: Any = (
        web.HTTPError(status, message) if _Base is None else _Base(message, reason="refused", status_code=status)
    )
    # Read by the spawn page, the "not running" page, the progress page and the REST API.
    error.jupyterhub_message = message
    return error  # type: ignore[no-any-return]
