"""The page at `/`: static files, under a policy that allows nothing else, and its texts in the reader's language."""

import contextlib
import re
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from moorage.service.http.errors import ApiError, as_api_error
from moorage.service.signin.hub import CALLBACK
from moorage.service.signin.remembered import Silent
from moorage.service.state.parts import parts_of
from moorage.texts import COOKIE, preferred, speaking, t
from moorage.texts.pages import texts

PACKAGE = Path(str(files("moorage")))
FOLDER = PACKAGE / "dashboard"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
# The two things that a template needs: {{ t("…") }} and {{ name }}.
_PLACE = re.compile(r'\{\{ (?:t\("([^"]+)"\)|(\w+)) \}\}')


class _Files(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        if scope["method"] not in ("GET", "HEAD"):
            raise HTTPException(405, headers={"Allow": "GET, HEAD"})
        return await super().get_response(path, scope)

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers.update(HEADERS)
        return response


@cache
def _page(language: str, *, hub_logs_in: bool) -> str:
    with speaking(language):
        values = {**texts(), "log_in": "hub" if hub_logs_in else "token"}
        template = (FOLDER / "index.html").read_text(encoding="utf-8")
        return _PLACE.sub(lambda found: escape(t(found[1])) if found[1] else str(values[found[2]]), template)


def add_to(app: FastAPI, *, hub_logs_in: bool = False) -> None:
    """`hub_logs_in`: whoever is not logged in is sent to JupyterHub, except on `/?token`, which asks for a token."""

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page(request: Request) -> Response:
        by_token = not hub_logs_in or "token" in request.query_params
        if not by_token and (hub := (await parts_of(request)).ways.hub) is not None:
            # While the hub is silent the page is shown all the same, and says so by itself.
            with contextlib.suppress(Silent):
                if await hub.of_session(request) is None:
                    return hub.to_log_in(request)
        accepted, chosen = request.headers.get("Accept-Language"), request.cookies.get(COOKIE)
        return HTMLResponse(_page(preferred(accepted, chosen=chosen), hub_logs_in=not by_token), headers=HEADERS)

    if hub_logs_in:

        @app.get(CALLBACK, include_in_schema=False)
        async def back(request: Request) -> Response:
            hub = (await parts_of(request)).ways.hub
            try:
                return await hub.back(request) if hub is not None else Response(status_code=404)
            except (ApiError, Silent) as exc:
                return as_api_error(exc, request=request).response()

    @app.api_route("/docs", methods=["GET", "HEAD"], include_in_schema=False)
    async def docs() -> Response:
        return FileResponse(FOLDER / "docs.html", headers=HEADERS, media_type="text/html")

    app.mount("/dashboard", _Files(directory=FOLDER), name="dashboard")
    # What the hub's form needs, too: the page's modules import it by its place in the package.
    app.mount("/web", _Files(directory=PACKAGE / "web"), name="web")
