"""`/hub/moorage/server`: what a running server has and could grow to, and making it larger or smaller in place."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.user import User
from tornado import web

from moorage.hub.choice.refusal import Refusal
from moorage.hub.running import has, resize

_LARGEST_BODY = 16 << 10


def spawner_of(handler: Any, user_name: str, server_name: str) -> Any:
    """The spawner of this server. Raises 404."""
    asking = handler.current_user
    user = asking if isinstance(asking, User) and asking.name == user_name else handler.find_user(user_name)
    if user is not None and not server_name:
        return user.spawner
    if user is None or server_name not in user.orm_spawners:
        raise web.HTTPError(404, "there is no such server")
    return user.spawners[server_name]


class ServerHandler(APIHandler):
    """`GET` tells what the server has; `PATCH` changes its CPU and memory, or with `dry_run` tells whether it could."""

    @web.authenticated
    async def get(self) -> None:
        user_name = self.get_argument("user", None) or self.current_user.name
        answer = await self._told(user_name=user_name, server_name=self.get_argument("server", ""))
        self.set_header("Cache-Control", "no-store")
        self.finish(json.dumps(answer))

    @needs_scope("servers")
    async def _told(self, user_name: str, server_name: str) -> dict[str, Any]:
        return await has.now(spawner_of(self, user_name, server_name))

    @web.authenticated
    async def patch(self) -> None:
        if len(self.request.body) > _LARGEST_BODY:
            raise web.HTTPError(413, "the body is too large")
        body = self.get_json_body()
        if not isinstance(body, dict):
            raise web.HTTPError(400, "the body must be an object")
        # JupyterHub has read the person from its database by now, which takes milliseconds.
        await asyncio.sleep(0)
        user_name = body.get("user") or self.current_user.name
        server_name = body.get("server") or ""
        if not isinstance(user_name, str) or not isinstance(server_name, str):
            raise web.HTTPError(400, "user and server must be strings")
        if not isinstance(body.get("dry_run", False), bool) or not isinstance(body.get("typed", False), bool):
            raise web.HTTPError(400, "dry_run and typed must be true or false")
        self.finish(json.dumps(await self._changed(user_name=user_name, server_name=server_name, body=body)))

    @needs_scope("servers")
    async def _changed(self, user_name: str, server_name: str, body: dict[str, Any]) -> dict[str, Any]:
        spawner = spawner_of(self, user_name, server_name)
        if body.get("dry_run"):
            return await resize.verdict(spawner, body)
        try:
            answer = await resize.apply(spawner, body)
        except resize.Unable as unable:
            raise web.HTTPError(unable.status, unable.message) from None
        except Refusal as refusal:
            raise web.HTTPError(400, refusal.message) from None
        return {**answer, "server": await has.now(spawner)}
