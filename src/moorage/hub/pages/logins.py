"""Log-ins that end while a page is open. A request is asked once who makes it; a stream that goes on for hours has to
notice when its person is deleted, its token revoked, or when another tab of the same browser logs out.

A log-out leaves nothing behind to look at: JupyterHub takes the cookies away from the browser and forgets the tokens of
its session, and the log-in cookie itself would still be good. So the two methods with which it does so tell us too.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache, wraps
from typing import Any
from weakref import WeakSet

from jupyterhub.handlers.base import BaseHandler

_open: WeakSet[Login] = WeakSet()


class Login:
    """The log-in that a long request was made with."""

    def __init__(self, handler: BaseHandler) -> None:
        self._db = handler.db
        self.user = handler.current_user.orm_user
        self.session = handler.get_session_cookie()
        self._cookie_id = self.user.cookie_id
        self._token = handler.get_token()
        self.over = False
        _open.add(self)

    def stands(self) -> bool:
        """Whether the same request would still be let in. Asks the database nothing."""
        if self.over or self.user not in self._db:
            return False
        token = self._token
        if token is None:
            return bool(self.user.cookie_id == self._cookie_id)
        # JupyterHub keeps times in UTC without a zone.
        return token in self._db and (
            token.expires_at is None or token.expires_at > datetime.now(UTC).replace(tzinfo=None)
        )


def _end(handler: BaseHandler) -> None:
    """End what the browser behind this request has open."""
    user, session = handler.get_current_user_cookie(), handler.get_session_cookie()
    for login in _open:
        if user is not None and login.user is user.orm_user and login.session == session:
            login.over = True


@cache
def watch() -> None:
    """Hear of log-outs, and of people who log in over somebody else."""
    clear, log_in = BaseHandler.clear_login_cookie, BaseHandler.set_hub_cookie

    @wraps(clear)
    def clear_login_cookie(handler: BaseHandler, *args: Any, **kwargs: Any) -> None:
        _end(handler)
        clear(handler, *args, **kwargs)

    @wraps(log_in)
    def set_hub_cookie(handler: BaseHandler, user: Any) -> None:
        _end(handler)
        log_in(handler, user)

    BaseHandler.clear_login_cookie = clear_login_cookie
    BaseHandler.set_hub_cookie = set_hub_cookie
