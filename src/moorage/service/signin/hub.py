"""JupyterHub's log-in: a token of the hub says who somebody is, and a browser gets one by the hub's OAuth.

jupyterhub's own `HubOAuth` keeps a log-in that is under way in one process and speaks through tornado's handlers;
here both that and the session are signed cookies, so that any replica can go on with them. A session only reads:
whatever else the hub shows is of the same origin, people's servers included, and could send it along.

Source: jupyterhub 6.1 jupyterhub/services/auth.py (HubOAuth), docs/source/howto/services.md
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

import aiohttp
import itsdangerous
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from moorage.service.http.errors import ApiError
from moorage.service.signin.person import Person
from moorage.service.signin.remembered import Remembered, Silent

CALLBACK = "/oauth_callback"
_LOG_IN_SECONDS = 600
_SESSION_SECONDS = 14 * 24 * 3600
_WITHIN = aiohttp.ClientTimeout(total=5)
_LARGEST = 1 << 20


class HubLogin(Remembered):
    """`api_url` is the hub's API as this service reaches it; `hub_url` is the hub as browsers do, such as /hub."""

    def __init__(
        self,
        *,
        api_url: str,
        api_token: str,
        hub_url: str,
        client_id: str,
        prefix: str,
        callback: str | None = None,
        scopes: Sequence[str] = (),
        admin_groups: Sequence[str] = (),
        holder_groups: Sequence[str] = (),
    ) -> None:
        super().__init__(self._user)
        self._api_url = api_url.rstrip("/")
        self._token = api_token
        self._authorize = f"{hub_url.rstrip('/')}/api/oauth2/authorize"
        self._client_id = client_id
        self._prefix = prefix
        self._callback = callback or f"{prefix}{CALLBACK}"
        name = client_id.removeprefix("service-")
        self._scopes = frozenset(scopes) | {"access:services", f"access:services!service={name}"}
        self._admins, self._holders = frozenset(admin_groups), frozenset(holder_groups)
        self._signed = itsdangerous.URLSafeTimedSerializer(api_token, salt="moorage session")
        self._under_way = itsdangerous.URLSafeTimedSerializer(api_token, salt="moorage log-in")
        self._http: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def of_session(self, request: Request) -> Person | None:
        """Who is logged in with this browser; it raises `Silent` where the hub can't be asked."""
        try:
            token = self._signed.loads(request.cookies.get(self._client_id, ""), max_age=_SESSION_SECONDS)
        except itsdangerous.BadData:
            return None
        return await self.person(token) if isinstance(token, str) else None

    def to_log_in(self, request: Request) -> Response:
        """Off to the hub, and back to this page."""
        state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(32)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
        query = {
            "client_id": self._client_id,
            "redirect_uri": self._callback,
            "response_type": "code",
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        response = RedirectResponse(f"{self._authorize}?{urlencode(query)}", 302, headers={"Cache-Control": "no-store"})
        value = self._under_way.dumps([state, verifier])
        self._set(response, request, self._cookie_of(state), str(value), seconds=_LOG_IN_SECONDS)
        return response

    async def back(self, request: Request) -> Response:
        """The hub sent somebody back with a code: trade it for their token, and remember that in a cookie."""
        state, code = request.query_params.get("state", ""), request.query_params.get("code", "")
        name = self._cookie_of(state)
        try:
            begun, verifier = self._under_way.loads(request.cookies.get(name, ""), max_age=_LOG_IN_SECONDS)
        except (itsdangerous.BadData, ValueError, TypeError):
            begun = verifier = ""
        if not code or not begun or not secrets.compare_digest(str(begun).encode(), state.encode("utf-8", "replace")):
            raise ApiError(
                403,
                "log_in_failed",
                "This log-in was not begun here, or took too long.",
                hint=f"Open {self._prefix or ''}/ to log in again.",
            )
        form = {
            "client_id": self._client_id,
            "client_secret": self._token,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._callback,
            "code_verifier": verifier,
        }
        answer = await self._call("POST", "/oauth2/token", data=form)
        token = answer.get("access_token") if answer is not None else None
        if not isinstance(token, str) or not token:
            raise ApiError(403, "log_in_failed", "The hub did not take this log-in.", hint="Log in again.")
        response = RedirectResponse(f"{self._prefix}/", 302, headers={"Cache-Control": "no-store"})
        self._set(response, request, self._client_id, str(self._signed.dumps(token)), seconds=_SESSION_SECONDS)
        response.delete_cookie(name, path=f"{self._prefix}/")
        return response

    def _cookie_of(self, state: str) -> str:
        """One for each log-in, since several tabs may be at it. What is in a name must be of few letters."""
        return f"{self._client_id}-{hashlib.sha256(state.encode('utf-8', 'replace')).hexdigest()[:12]}"

    def _set(self, response: Response, request: Request, name: str, value: str, *, seconds: int) -> None:
        told = request.headers.get("x-forwarded-proto", request.url.scheme).split(",")[0].strip()
        response.set_cookie(
            name, value, max_age=seconds, path=f"{self._prefix}/", httponly=True, samesite="lax", secure=told == "https"
        )

    async def _user(self, token: str) -> Person | None:
        user = await self._call("GET", "/user", headers={"Authorization": f"token {token}"})
        if user is None or not isinstance(user.get("name"), str):
            return None
        scopes, groups = _texts(user.get("scopes")), _texts(user.get("groups"))
        if not self._scopes & scopes:
            return None
        admin = user.get("admin") is True
        return Person(
            user["name"],
            "admin" if admin or self._admins & groups else "reader",
            sees_holders=admin or bool((self._admins | self._holders) & groups),
            way="hub",
        )

    async def _call(self, method: str, path: str, **options: Any) -> dict[str, Any] | None:
        """The hub's answer; None where it refuses."""
        if self._http is None or self._http.closed:
            self._http = aiohttp.ClientSession(timeout=_WITHIN, cookie_jar=aiohttp.DummyCookieJar())
        try:
            async with self._http.request(method, self._api_url + path, allow_redirects=False, **options) as answer:
                body = await answer.content.read(_LARGEST)
                if answer.status >= 500 or answer.status == 429:
                    raise Silent(f"JupyterHub answered {answer.status}", hint="Try again in a moment.")
                if answer.status != 200:
                    return None
                found = json.loads(body)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise Silent("JupyterHub does not answer", hint="Try again in a moment.") from error
        return found if isinstance(found, dict) else None


def _texts(value: Any) -> frozenset[str]:
    return frozenset(each for each in value if isinstance(each, str)) if isinstance(value, list) else frozenset()
