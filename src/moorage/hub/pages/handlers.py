"""Our pages under `/hub/moorage/`: the stream of changes, the verdict on a choice, the form, and static files.

They join the hub by themselves. JupyterHub loads the spawners of entry points while its application object is being
made, so there is no application to join yet: `install` then waits for the moment when the hub makes its list of
handlers. Where the class is named by its path, it is loaded with the configuration, before that list; and where it
comes later still (a hub assembled by hand), the handlers are added to the running application, which Tornado provides
for.
"""

from __future__ import annotations

import asyncio
import json
from functools import cache, wraps
from pathlib import Path
from typing import Any
from weakref import WeakSet

from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.app import JupyterHub
from jupyterhub.handlers.static import CacheControlStaticFilesHandler
from jupyterhub.scopes import needs_scope
from jupyterhub.user import User
from jupyterhub.utils import url_path_join
from tornado import web
from tornado.iostream import StreamClosedError

from moorage.hub import metrics
from moorage.hub.pages import files, language, logins, starting
from moorage.hub.pages.bodies import asked
from moorage.hub.pages.form import offered
from moorage.hub.pages.membership import Membership
from moorage.hub.pages.servers import ResizePage, ServerHandler, ServersPage
from moorage.hub.pages.verdicts import presets, verdict
from moorage.hub.pages.waits import ChangeHandler, WaitingHandler
from moorage.hub.view.broadcast import message
from moorage.hub.view.holders import Sight, sight_of

_MOST_PAGES = 5000
# What the page's person may have may have changed.
_CHANGED = message("offer", b"{}")

_joined: WeakSet[JupyterHub] = WeakSet()


def urls(prefix: str) -> list[tuple[Any, ...]]:
    """Tornado's routes, under the hub's prefix."""
    at = url_path_join(prefix, "moorage")
    return [
        (rf"{at}/stream", StreamHandler),
        (rf"{at}/fit", FitHandler),
        (rf"{at}/profile", ProfileHandler),
        (rf"{at}/offer", OfferHandler),
        (rf"{at}/presets", PresetsHandler),
        (rf"{at}/form", FormHandler),
        (rf"{at}/server", ServerHandler),
        (rf"{at}/resize", ResizePage),
        (rf"{at}/servers", ServersPage),
        (rf"{at}/waiting", WaitingHandler),
        (rf"{at}/change", ChangeHandler),
        (rf"{at}/language/(\w+)", language.LanguageHandler),
        # The version is part of the path and not of the query, so that modules that import each other get it too.
        (
            rf"{at}/static/[0-9a-f]+/((?:{'|'.join(files.FOLDERS)})/(?:[\w-]+/)?[\w-]+\.\w+)",
            StaticHandler,
            {"path": str(files.PACKAGE)},
        ),
    ]


def install(spawner_class: type) -> None:
    """Add our handlers to the hub in this process, once, if it starts its servers with `spawner_class`."""
    logins.watch()
    language.watch()
    if not JupyterHub.initialized():
        _join_when_handlers_are_made(spawner_class)
        return
    app = JupyterHub.instance()
    if app in _joined:
        return
    _joined.add(app)
    if app.tornado_application is not None:
        starting.take_the_place(app)
        app.tornado_application.add_handlers(".*", urls(app.hub_prefix))
    else:
        app.observe(_put_in_front, names="handlers")


@cache
def _join_when_handlers_are_made(spawner_class: type) -> None:
    make = JupyterHub.init_handlers

    @wraps(make)
    def init_handlers(app: JupyterHub) -> None:
        if app not in _joined and issubclass(app.spawner_class, spawner_class):
            _joined.add(app)
            app.observe(_put_in_front, names="handlers")
        make(app)

    JupyterHub.init_handlers = init_handlers


def _put_in_front(change: Any) -> None:
    app = change.owner
    app.unobserve(_put_in_front, names="handlers")
    starting.take_the_place(app)
    app.handlers[:0] = urls(app.hub_prefix)


class StaticHandler(CacheControlStaticFilesHandler):
    """Our modules and styles; they carry nothing secret."""

    def set_extra_headers(self, path: str) -> None:
        if self.request.path.split("/")[-len(Path(path).parts) - 1] == files.version():
            self.set_header("Cache-Control", "public, max-age=31536000, immutable")
        else:
            self.set_header("Cache-Control", "no-cache")


class StreamHandler(APIHandler):
    """`GET /hub/moorage/stream?user=…`: what is free, as server-sent events, for whoever is logged in, and when what is
    offered to that person may have changed.
    """

    broadcast: Any = None

    def get_content_type(self) -> str:
        return "text/event-stream"

    @web.authenticated
    async def get(self) -> None:
        user = self.current_user
        if getattr(user, "kind", "user") != "user" or not hasattr(user, "spawner"):
            raise web.HTTPError(403, "only a logged-in user can follow this stream")
        broadcast = user.spawner.broadcast
        if len(broadcast) >= _MOST_PAGES:
            raise web.HTTPError(503, "too many open pages")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Accel-Buffering", "no")
        self._left: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._login = logins.Login(self)
        self._membership = Membership(await self._person(user_name=self.get_argument("user", None) or user.name))
        self.broadcast = broadcast
        broadcast.join(self, _sight(self, user.spawner), person=user.name)
        await self._left

    @needs_scope("servers")
    async def _person(self, user_name: str) -> Any:
        return _user(self, user_name)

    def send(self, data: bytes) -> asyncio.Future[Any] | None:
        """Part of `broadcast.Page`."""
        if self._left.done():
            return None
        if not self._login.stands():
            self.close()
            return None
        try:
            self.write(data + _CHANGED if self._membership.changed() else data)
            sent: asyncio.Future[Any] = asyncio.ensure_future(self.flush())
        except (StreamClosedError, RuntimeError):
            self.close()
            return None
        sent.add_done_callback(_read_failure)
        return sent

    def close(self) -> None:
        """Part of `broadcast.Page`."""
        if not self._left.done():
            self._left.set_result(None)
            line = self.request.connection.stream
            if line.writing():  # whoever reads nothing would keep the connection, and all that was to be sent over it
                line.close()

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self._leave()

    def on_finish(self) -> None:
        super().on_finish()
        self._leave()

    def _leave(self) -> None:
        if self.broadcast is not None:
            self.broadcast.leave(self)
            self.close()


def _read_failure(sent: asyncio.Future[Any]) -> None:
    if not sent.cancelled():
        sent.exception()


def _sight(handler: APIHandler, spawner: Any) -> Sight:
    """What may be seen by who asks. A token has some of a person's rights at most, an administrator's server's hardly
    any: by a token nobody sees the names of others.
    """
    return sight_of(handler.current_user, spawner.show_holders if handler.get_token() is None else "own")


def _user(handler: APIHandler, name: str) -> Any:
    """The person of this name; whoever asks for themselves has been read already. Raises 404."""
    asking = handler.current_user
    user = asking if isinstance(asking, User) and asking.name == name else handler.find_user(name)
    if user is None:
        raise web.HTTPError(404, "there is no such user")
    return user


class FitHandler(APIHandler):
    """`POST /hub/moorage/fit`: could this choice be had now? The body is the form, and whose server it is for."""

    @web.authenticated
    async def post(self) -> None:
        body, user_name, server_name = await asked(self)
        answer = await self._answer(user_name=user_name, server_name=server_name, body=body)
        self.finish(json.dumps(answer))

    @needs_scope("servers")
    async def _answer(self, user_name: str, server_name: str, body: dict[str, Any]) -> dict[str, Any]:
        user = _user(self, user_name)
        spawner = user.spawners[server_name] if server_name in user.orm_spawners else user.spawner
        return await self.about(spawner, body)

    async def about(self, spawner: Any, body: dict[str, Any]) -> dict[str, Any]:
        with metrics.VERDICT_SECONDS.time():
            told = await verdict.on(spawner, body, sight=_sight(self, spawner))
        metrics.VERDICTS.labels(metrics.verdict_outcome(told)).inc()
        return told


class OfferHandler(FitHandler):
    """`POST /hub/moorage/offer`: what the fields may be now. The body is that of a verdict."""

    async def about(self, spawner: Any, body: dict[str, Any]) -> dict[str, Any]:
        return await offered.now(spawner, body)


class PresetsHandler(FitHandler):
    """`POST /hub/moorage/presets`: what each preset would get now. The body is that of a verdict."""

    async def about(self, spawner: Any, body: dict[str, Any]) -> dict[str, Any]:
        return await presets.now(spawner, body, sight=_sight(self, spawner))


class ProfileHandler(FitHandler):
    """`POST /hub/moorage/profile`: what the fields become with this profile. The body is that of a verdict."""

    async def about(self, spawner: Any, body: dict[str, Any]) -> dict[str, Any]:
        return await offered.by_profile(spawner, body)


class FormHandler(APIHandler):
    """`GET /hub/moorage/form?user=…`: the spawn form as that person gets it, so that a deployment can be checked."""

    def get_content_type(self) -> str:
        return "text/html"

    @web.authenticated
    async def get(self) -> None:
        self.finish(await self._form(user_name=self.get_argument("user", None) or self.current_user.name))

    @needs_scope("servers")
    async def _form(self, user_name: str) -> str:
        user = _user(self, user_name)
        return str(await user.spawner.get_options_form())
