"""The page of somebody who waits: what it tells beside its progress, and another choice in place of the one that waits.

A server keeps its place until the other choice is taken: only when that has been read and may be had is the one that
waits stopped and the other one started.
"""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from jupyterhub.handlers.base import BaseHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.utils import exponential_backoff, maybe_future, url_escape_path, url_path_join
from tornado import web
from tornado.httputil import url_concat

from moorage.hub.pages.servers import spawner_of
from moorage.hub.pages.verdicts import verdict
from moorage.hub.start import waiting
from moorage.hub.view.holders import sight_of
from moorage.texts import t

if TYPE_CHECKING:
    from datetime import datetime

# How long the page waits for what would work, and how long a start has to let itself be stopped.
_SECONDS = 1.5
_STOP_SECONDS = 10.0
# Where a moment comes into a sentence, which the browser writes.
_HERE = "\ue000"


async def about(spawner: Any, token: str = "", reader: Any = None, *, policy: Any = "own") -> dict[str, Any]:
    """What the page tells of a server that waits, in words; empty of one that does not. `token` keeps other sites from
    using its buttons.
    """
    pod = spawner.stored_pod()
    if not waiting.unbound(pod) or not waiting.verdict(pod):
        return {}
    found = await verdict.instead(spawner, sight=sight_of(reader, policy), seconds=_SECONDS)
    held = [(node, one["text"]) for node, ones in found.get("held", {}).items() for one in ones]
    change = url_path_join(spawner.hub.base_url, "moorage", "change")
    return {
        **waiting.words(pod, spawner.pods_of_the_hub(), seconds=spawner.start_timeout),
        "freed": _freed(found.get("freed")),
        "lately": spawner.waited_lately(),
        "held": [t("Held on {node} by {who}.", node=node, who=who) for node, who in held],
        "ways": found.get("ways", []),
        "change": url_concat(change, {"user": spawner.user.name, "server": spawner.name}),
        "token": token,
    }


def _freed(found: tuple[str, datetime] | None) -> dict[str, str] | None:
    """When it is free at the latest, as a sentence in two parts with the moment in between."""
    if found is None:
        return None
    node, at = found
    said = t("What it lacks is free on {node} by {time} at the latest.", node=node, time=_HERE)
    before, _, after = said.partition(_HERE)
    moment = at.astimezone(UTC)
    utc = f"{moment:%Y-%m-%d %H:%M} UTC"
    return {"before": before, "after": after, "at": moment.isoformat(timespec="minutes"), "utc": utc}


def image(spawner: Any) -> str:
    """What is known of the image that is being loaded, without the seconds so far, which a script counts."""
    known = spawner.pull()
    if known["usual"] is None:
        return t("Loading the image ({size}).", size=known["size"]) if known["size"] else t("Loading the image.")
    usual = waiting.lasting(known["usual"])
    if known["size"] is None:
        return t("Loading the image (usually {usual}).", usual=usual)
    return t("Loading the image ({size}, usually {usual}).", size=known["size"], usual=usual)


def part(spawner: Any) -> str:
    """The address of what the page tells of the wait."""
    at = url_path_join(spawner.hub.base_url, "moorage", "waiting")
    return str(url_concat(at, {"user": spawner.user.name, "server": spawner.name}))


def _page(spawner: Any) -> str:
    """The address of the page of this server's start."""
    name = url_escape_path(spawner.name)
    return str(url_path_join(spawner.hub.base_url, "spawn-pending", spawner.user.escaped_name, name))


class WaitingHandler(BaseHandler):
    """`GET /hub/moorage/waiting?user=…&server=…`: that part of the page, as HTML; 204 where it does not wait."""

    @web.authenticated
    async def get(self) -> None:
        user = self.get_argument("user", None) or self.current_user.name
        await self._part(user_name=user, server_name=self.get_argument("server", ""))

    @needs_scope("servers")
    async def _part(self, user_name: str, server_name: str) -> None:
        spawner = spawner_of(self, user_name, server_name)
        token = self.xsrf_token.decode("ascii")
        told = await about(spawner, token, self.current_user, policy=spawner.show_holders)
        self.set_header("Cache-Control", "no-store")
        if not told:
            self.set_status(204)
            return
        self.finish(await self.render_template("moorage_waiting.html", wait=told))


class ChangeHandler(BaseHandler):
    """`/hub/moorage/change?user=…&server=…`: the spawn form of a server that waits, and taking what it says."""

    # JupyterHub's limits, which the start that waits has passed already. Whether the hub has room for the other one is
    # asked before that one is stopped; somebody may come in between.
    concurrent_spawn_limit = active_server_limit = 0

    @web.authenticated
    async def get(self) -> None:
        await self._form(**self._whose())

    @web.authenticated
    async def post(self) -> None:
        await self._take(**self._whose())

    def _whose(self) -> dict[str, str]:
        user = self.get_query_argument("user", None) or self.current_user.name
        return {"user_name": user, "server_name": self.get_query_argument("server", "")}

    @needs_scope("servers")
    async def _form(self, user_name: str, server_name: str) -> None:
        spawner = spawner_of(self, user_name, server_name)
        if spawner.pending == "spawn":
            await self._show(spawner)
        else:
            self.redirect(_page(spawner))

    async def _show(self, spawner: Any, message: str = "") -> None:
        self.finish(
            await self.render_template(
                "moorage_change.html",
                for_user=spawner.user,
                auth_state=await spawner.user.get_auth_state(),
                spawner_options_form=await spawner.get_options_form(),
                back=_page(spawner),
                error_message=message,
                html_error_message="",
                url=url_concat(self.request.uri, {"_xsrf": self.xsrf_token.decode("ascii")}),
                spawner=spawner,
            )
        )

    @needs_scope("servers")
    async def _take(self, user_name: str, server_name: str) -> None:
        spawner = spawner_of(self, user_name, server_name)
        if spawner.pending != "spawn":
            self.redirect(_page(spawner))
            return
        form = {
            name: [value.decode("utf8", "replace") for value in values]
            for name, values in self.request.body_arguments.items()
        }
        try:
            options = await maybe_future(spawner.run_options_from_form(form))
        except Exception as error:  # whatever is wrong with it, the server that waits goes on waiting
            said = getattr(error, "jupyterhub_message", None) or t("This choice can't be read.")
            await self._keep(spawner, 400, said)
            return
        if self.authenticator.refresh_pre_spawn and await self.refresh_auth(spawner.user, force=True) is None:
            await self._keep(spawner, 403, t("The log-in has expired. Log in again to start with another choice."))
            return
        if self._is_full(spawner):
            await self._keep(spawner, 429, t("Too many servers are starting right now. Try again in a minute."))
            return
        if await self._stopped(spawner):
            try:
                await self.spawn_single_user(spawner.user, server_name, options=options)
            except web.HTTPError as error:  # its page says why
                self.log.info("The changed start of %s was refused: %s", spawner._log_name, error)  # noqa: SLF001
        self.redirect(_page(spawner))

    async def _keep(self, spawner: Any, status: int, said: str) -> None:
        """Say why the other choice is not taken, on the form."""
        self.set_status(status)
        await self._show(spawner, f"{said} {t('Your server keeps its place in line.')}")

    def _is_full(self, spawner: Any) -> bool:
        """Whether JupyterHub would turn another start away, once the one that waits is over."""
        limit = super().concurrent_spawn_limit
        if not limit:
            return False
        counts = self.users.count_active_users()
        others = counts["spawn_pending"] + counts["proxy_pending"] - 1
        takes_no_place = waiting.allowance(spawner.stored_pod()) is not None
        return bool(others >= limit - takes_no_place)

    async def _stopped(self, spawner: Any) -> bool:
        """End the start that waits, as JupyterHub's own API does. False where it has got its place meanwhile."""
        start = spawner._spawn_future  # noqa: SLF001
        if waiting.bound(spawner.stored_pod()) or start is None:
            return False
        start.cancel()
        over = "the start could not be ended"
        await exponential_backoff(lambda: spawner.pending != "spawn", over, timeout=_STOP_SECONDS)
        await (await self.stop_single_user(spawner.user, spawner.name))
        return True
