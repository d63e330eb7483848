"""The language of a request: one that was chosen on a page, or the browser's. It holds for all that the request starts,
a server's start included.
"""

from __future__ import annotations

from functools import cache, wraps
from urllib.parse import urlsplit

from jupyterhub.handlers.base import BaseHandler

from moorage.texts import COOKIE, languages, preferred, speak

_DAYS = 365


@cache
def watch() -> None:
    """Hear of the language of every request to this hub."""
    prepare = BaseHandler.prepare

    @wraps(prepare)
    async def in_its_language(handler: BaseHandler) -> None:
        speak(preferred(handler.request.headers.get("Accept-Language"), chosen=handler.get_cookie(COOKIE)))
        await prepare(handler)

    BaseHandler.prepare = in_its_language


class LanguageHandler(BaseHandler):
    """`GET …/moorage/language/de`: that language from now on, and back to the page that led here. Pages have it as a
    link, so that it needs no script.
    """

    def get(self, chosen: str) -> None:
        if chosen in languages():
            self.set_cookie(COOKIE, chosen, expires_days=_DAYS, path="/", samesite="lax")
        came = urlsplit(self.request.headers.get("Referer", ""))
        # Only its path, and only into this hub: it may be anybody's.
        back = f"{came.path}?{came.query}" if came.query else came.path
        self.redirect(back if came.path.startswith(self.hub.base_url) else self.hub.base_url)
