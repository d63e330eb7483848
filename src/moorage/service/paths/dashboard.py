"""The page at `/`: static files, under a policy that allows nothing else, and its texts in the reader's language."""

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
def _page(language: str) -> str:
    with speaking(language):
        values = texts()
        template = (FOLDER / "index.html").read_text(encoding="utf-8")
        return _PLACE.sub(lambda found: escape(t(found[1])) if found[1] else str(values[found[2]]), template)


def add_to(app: FastAPI) -> None:
    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def page(request: Request) -> Response:
        accepted, chosen = request.headers.get("Accept-Language"), request.cookies.get(COOKIE)
        return HTMLResponse(_page(preferred(accepted, chosen=chosen)), headers=HEADERS)

    @app.api_route("/docs", methods=["GET", "HEAD"], include_in_schema=False)
    async def docs() -> Response:
        return FileResponse(FOLDER / "docs.html", headers=HEADERS, media_type="text/html")

    app.mount("/dashboard", _Files(directory=FOLDER), name="dashboard")
    # What the hub's form needs, too: the page's modules import it by its place in the package.
    app.mount("/web", _Files(directory=PACKAGE / "web"), name="web")
