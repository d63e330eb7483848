"""The language of a request: one that was chosen on a page, or the browser's. It holds for all that the request starts,
a server's start included.
"""

from __future__ import annotations

from functools import cache, wraps

from jupyterhub.handlers.base import BaseHandler

from moorage.texts import COOKIE, preferred, speak


@cache
def watch() -> None:
    """Hear of the language of every request to this hub."""
    prepare = BaseHandler.prepare

    @wraps(prepare)
    async def in_its_language(handler: BaseHandler) -> None:
        speak(preferred(handler.request.headers.get("Accept-Language"), chosen=handler.get_cookie(COOKIE)))
        await prepare(handler)

    BaseHandler.prepare = in_its_language
