"""A start that a restarted hub goes on with, while its pod waits for room or is being started.

JupyterHub looks through the servers that it has left behind, waits `http_timeout` for each to answer, and stops those
that don't. One that can't answer yet is told apart here: the look passes, and from then on the server is starting, as
it was before, with a page that shows how far it is and a stop that ends it.
"""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

from jupyterhub import __version__
from jupyterhub.objects import Server


class _NotUpYet(Server):
    """The address of a server that is known not to answer yet."""

    def wait_up(self, *_: Any, **__: Any) -> Any:
        return _no_answer()


class _NoAnswer:
    # What JupyterHub compares with its own version.
    headers = {"X-JupyterHub-Version": __version__}  # noqa: RUF012


async def _no_answer() -> _NoAnswer:
    return _NoAnswer()


def go_on(spawner: Any) -> None:
    """Start this spawner's server on, beside JupyterHub's look at it."""
    spawner._server = _NotUpYet(orm_server=spawner.orm_spawner.server)  # noqa: SLF001
    spawner.log.info("Going on with the start of %s", spawner._log_name)  # noqa: SLF001
    spawner._spawn_pending = True  # noqa: SLF001
    task = asyncio.ensure_future(_to_ready(spawner))
    # Both are what a stop cancels and what the page of a start follows.
    spawner._spawn_future = spawner._start_future = task  # noqa: SLF001

    def done(_: Any) -> None:
        # As JupyterHub does when a start of its own is over: a failure is kept, to be told.
        if task.cancelled() or task.exception() is None:
            spawner._spawn_future = None  # noqa: SLF001
        spawner._spawn_pending = spawner._check_pending = False  # noqa: SLF001

    task.add_done_callback(done)


async def _to_ready(spawner: Any) -> None:
    user = spawner.user
    try:
        url = urlsplit(await spawner.go_on())
        spawner._server = None  # noqa: SLF001 - made anew, as one that is waited for
        server = spawner.server
        server.proto, server.ip, server.port = url.scheme, url.hostname, url.port
        spawner.orm_spawner.state = spawner.get_state()
        spawner.db.commit()
        spawner.watch_for_its_answer()
        spawner._waiting_for_response = True  # noqa: SLF001
        await user._wait_up(spawner)  # noqa: SLF001 - which stops a server that does not answer
        await user.settings["proxy"].add_user(user, spawner.name)
    except Exception:
        spawner.log.exception("The start of %s has failed", spawner._log_name)  # noqa: SLF001
        if spawner.server is not None:
            await user.stop(spawner.name)
        raise
