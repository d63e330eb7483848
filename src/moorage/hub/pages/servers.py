"""`/hub/moorage/server`: what a running server has and could grow to, and making it larger or smaller in place; the
same as pages.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.handlers.base import BaseHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.user import User
from tornado import web

from moorage.hub.amounts import cpu_field, memory_field
from moorage.hub.choice.offered.refusal import Refusal
from moorage.hub.pages import rows
from moorage.hub.pages.bodies import asked
from moorage.hub.running import has, resize
from moorage.texts import t

# People looked at before the loop gets a turn.
_BATCH = 50


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
        body, user_name, server_name = await asked(self)
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


class ResizePage(BaseHandler):
    """`/hub/moorage/resize?user=&server=`: the same for people; posted where there is no JavaScript."""

    @web.authenticated
    async def get(self) -> None:
        await self._page(user_name=self._user_name(), server_name=self.get_argument("server", ""))

    @web.authenticated
    async def post(self) -> None:
        await self._posted(user_name=self._user_name(), server_name=self.get_argument("server", ""))

    def _user_name(self) -> str:
        return str(self.get_argument("user", None) or self.current_user.name)

    @needs_scope("servers")
    async def _page(self, user_name: str, server_name: str, **more: Any) -> None:
        spawner = spawner_of(self, user_name, server_name)
        now = await has.now(spawner)
        cpu, memory = now.get("cpu_millicores"), now.get("memory_bytes")
        fields = {"cpu": cpu_field(cpu) if cpu else "", "memory": memory_field(memory) if memory else ""}
        whose = "" if spawner.user is self.current_user else user_name
        html = await self.render_template(
            "moorage_server.html",
            **{"told": "", "refused": "", "wrong": None, "fields": fields, **more},
            has=now,
            heading=_heading(whose, server_name),
            open_url=spawner.user.server_url(server_name),
        )
        self.set_header("Cache-Control", "no-store")
        self.finish(html)

    @needs_scope("servers")
    async def _posted(self, user_name: str, server_name: str) -> None:
        fields = {name: self.get_argument(name, "") for name in ("cpu", "memory")}
        try:
            answer = await resize.apply(spawner_of(self, user_name, server_name), {**fields, "typed": True})
            more = {"told": answer["text"]}
        except Refusal as refusal:
            more = {"refused": refusal.message, "wrong": refusal.field, "fields": fields}
        await self._page(user_name=user_name, server_name=server_name, **more)


def _heading(user: str, server: str) -> str:
    if user and server:
        return t("Server “{server}” of {user}", server=server, user=user)
    if user:
        return t("Server of {user}", user=user)
    return t("Your server “{server}”", server=server) if server else t("Your server")


class ServersPage(BaseHandler):
    """`/hub/moorage/servers`: what all running servers have that the person may see, beside the admin page."""

    @web.authenticated
    @needs_scope("admin-ui")
    async def get(self) -> None:
        found: list[dict[str, Any]] = []
        users = sorted(self.users.values(), key=lambda user: user.name)
        for at, user in enumerate(users):
            found += [row for row in rows.of_user(user) if self._may_see(row)]
            if at % _BATCH == 0:
                await asyncio.sleep(0)
        html = await self.render_template("moorage_servers.html", servers=found)
        self.finish(html)

    def _may_see(self, row: dict[str, Any]) -> bool:
        return bool(self.has_scope(f"read:servers!server={row['user']}/{row['server']}"))
