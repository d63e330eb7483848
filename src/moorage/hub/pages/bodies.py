"""What is asked of the hub's own paths, and about whose server."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tornado import web

if TYPE_CHECKING:
    from jupyterhub.apihandlers.base import APIHandler

_LARGEST = 16 << 10


async def asked(handler: APIHandler) -> tuple[dict[str, Any], str, str]:
    """The body, and the person and the server that it names: whoever asks, and their default one, where it names none.
    Raises 400 and 413.
    """
    if len(handler.request.body) > _LARGEST:
        raise web.HTTPError(413, "the body is too large")
    body = handler.get_json_body()
    if not isinstance(body, dict):
        raise web.HTTPError(400, "the body must be an object")
    # JupyterHub has read the person from its database by now, which takes milliseconds.
    await asyncio.sleep(0)
    user_name = body.get("user") or handler.current_user.name
    server_name = body.get("server") or ""
    if not isinstance(user_name, str) or not isinstance(server_name, str):
        raise web.HTTPError(400, "user and server must be strings")
    return body, user_name, server_name
