"""Every way in: each alone or beside others, and none at all for who sits at this machine."""

from dataclasses import dataclass

from starlette.requests import Request

from moorage.service.http.errors import ApiError
from moorage.service.signin.hub import HubLogin
from moorage.service.signin.person import Person
from moorage.service.signin.remembered import Silent
from moorage.service.signin.reviews import Reviews
from moorage.service.signin.tokens import Tokens

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})
# A proxy names here for whom it asks; who comes through one does not sit at this machine.
FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")


@dataclass(frozen=True)
class Ways:
    """`loopback`: nobody but this machine reaches us, and no proxy of ours shows us to others."""

    tokens: Tokens | None = None
    hub: HubLogin | None = None
    reviews: Reviews | None = None
    loopback: bool = False

    @property
    def guarded(self) -> bool:
        """Whether somebody who is unknown is told nothing."""
        return self.tokens is not None or self.hub is not None or self.reviews is not None

    async def close(self) -> None:
        if self.hub is not None:
            await self.hub.close()

    async def reader(self, request: Request) -> Person:
        """Who asks to read. Raises `ApiError` 401, or 503 while that can't be told."""
        if not self.guarded:
            if self.loopback and not _names_loopback(request):
                raise ApiError(
                    403,
                    "unknown_host",
                    "Without tokens this service answers only by a name of this machine.",
                    hint="Open it as http://localhost or http://127.0.0.1, or set MOORAGE_TOKEN_FILE.",
                )
            return Person("anonymous", "reader", way="anonymous")
        try:
            person = await self._known(request)
        except Silent as error:
            raise ApiError(
                503, "cannot_tell", f"{error.message}: nobody can be recognised.", hint=error.hint or "Try again."
            ) from error
        if person is None:
            raise ApiError(
                401,
                "unauthorized",
                "The service does not know this token." if _token(request) else "This service needs a token.",
                hint=self._how(),
                headers={"WWW-Authenticate": "Bearer"},
            )
        return person

    async def admin(self, request: Request) -> Person:
        """Who asks to change something. Raises `ApiError` 401, 403 or 503."""
        person = await self.reader(request)
        if person.role == "admin" and _token(request):
            return person
        if not self.guarded and self.loopback and not any(name in request.headers for name in FORWARDED):
            return Person("local", "admin", way="anonymous")
        raise ApiError(
            403,
            "forbidden",
            "A session only reads." if person.role == "admin" else "Only an admin can change the form's defaults.",
            hint="Send an admin's token in the header `Authorization`."
            if self.guarded
            else "Start the service with a token file (MOORAGE_TOKEN_FILE) that names an admin.",
        )

    async def still(self, request: Request, person: Person) -> bool:
        """Whether who asked then would be let in now to see the same: a stream outlives a right that is taken back."""
        try:
            return await self.reader(request) == person
        except ApiError:
            return False

    async def _known(self, request: Request) -> Person | None:
        token = _token(request)
        if not token:
            return await self.hub.of_session(request) if self.hub is not None else None
        if self.tokens is not None and (person := self.tokens.person(token)):
            return person
        silent: Silent | None = None
        for way in (self.hub, self.reviews):
            if way is None:
                continue
            try:
                if person := await way.person(token):
                    return person
            except Silent as error:
                silent = error
        if silent is not None:
            raise silent
        return None

    def _how(self) -> str:
        ways = [
            "a token of the service's token file" if self.tokens is not None else "",
            "a token of JupyterHub that may access this service" if self.hub is not None else "",
            "a token of Kubernetes that may list nodes" if self.reviews is not None else "",
        ]
        log_in = " In a browser, log in on the dashboard." if self.hub is not None else ""
        return f"Send the header `Authorization: Bearer <token>` with {' or '.join(filter(None, ways))}.{log_in}"


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    # JupyterHub's own clients say `token`; the words mean the same.
    return token.strip() if scheme.lower() in ("bearer", "token") else ""


def _names_loopback(request: Request) -> bool:
    """Keeps a web page elsewhere, whose name was made to point here, from reading or changing anything."""
    host = request.headers.get("host", "")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    client = request.client.host if request.client else ""
    return name.lower() in LOOPBACK_NAMES and (client == "::1" or client.startswith("127."))
