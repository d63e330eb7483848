"""Who may ask: bearer tokens from a file, compared in constant time and read again whenever the file changes."""

import hashlib
import hmac
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fastapi import Request

from moorage.errors import MoorageError
from moorage.service.http.errors import ApiError

log = logging.getLogger(__name__)

Role = Literal["reader", "admin"]
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]", "::1"})
# A proxy names here for whom it asks; who comes through one does not sit at this machine.
FORWARDED = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class Person:
    name: str
    role: Role
    sees_holders: bool = False


class TokenFileError(MoorageError):
    """The token file can't be read or a line of it can't be understood. Its tokens are never part of the message."""


class Tokens:
    """The people of a token file. A file that turns bad keeps the people that were known; the log says so once."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = _fingerprint(path)
        self._people = _read(path)

    def person(self, token: str) -> Person | None:
        self._refresh()
        given = _digest(token)
        found = None
        for known, person in self._people:  # no early end: the time must not tell which line matched
            if hmac.compare_digest(known, given):
                found = person
        return found

    def _refresh(self) -> None:
        seen = _fingerprint(self._path)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._people = _read(self._path)
        except TokenFileError as exc:
            log.warning("token file rejected; the previous tokens stay in force", extra={"reason": str(exc)})
            return
        log.info("token file read", extra={"people": len(self._people)})


def _fingerprint(path: Path) -> tuple[int, int, int] | None:
    """Changes when the file does, also where a mounted Secret is replaced through a link."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _read(path: Path) -> list[tuple[bytes, Person]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise TokenFileError(
            f"the token file {path} can't be read: {type(exc).__name__}", hint="Check its path and permissions."
        ) from exc
    people: list[tuple[bytes, Person]] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        name, _, rest = line.partition(":")
        role, _, token = rest.partition(":")
        name, role, token = name.strip(), role.strip(), token.strip()
        role, plus, right = role.partition("+")
        if not name or role not in ("reader", "admin") or (plus and right != "holders"):
            raise TokenFileError(
                f"line {number} of the token file {path} is not `name:reader:token` or `name:admin:token`",
                hint="Write one entry per line; blank lines and lines that start with # are ignored. `reader+holders` "
                "and `admin+holders` also see who holds GPUs and room.",
            )
        if len(token) < SHORTEST_TOKEN:
            raise TokenFileError(
                f"line {number} of the token file {path} has a token shorter than {SHORTEST_TOKEN} characters",
                hint="Create one with `openssl rand -hex 32`.",
            )
        person = Person(name, "admin" if role == "admin" else "reader", sees_holders=bool(plus))
        people.append((_digest(token), person))
    if not people:
        raise TokenFileError(f"the token file {path} has no entries", hint="Add a line such as `hub:reader:<token>`.")
    return people


def _digest(token: str) -> bytes:
    """Of one length, so that the comparison tells nothing about the token's own."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()


def identify(request: Request, *, tokens: Tokens | None) -> Person:
    """Who asks. Without a token file everybody reads; what changes something is decided by `require_admin`."""
    if tokens is None:
        return Person("anonymous", "reader")
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    # JupyterHub's own clients say `token`; the words mean the same.
    person = tokens.person(token.strip()) if scheme.lower() in ("bearer", "token") and token.strip() else None
    if person is None:
        raise ApiError(
            401,
            "unauthorized",
            "This service needs a token." if not token else "The service does not know this token.",
            hint="Send the header `Authorization: Bearer <token>` with a token from the service's token file.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return person


def still_known(request: Request, person: Person, *, tokens: Tokens | None) -> bool:
    """Whether who asked then would be let in now to see the same: a stream outlives a right that is taken back."""
    try:
        return identify(request, tokens=tokens) == person
    except ApiError:
        return False


def require_admin(request: Request, *, tokens: Tokens | None, local: bool) -> Person:
    """`local`: nobody but this machine reaches us, and who sits there may do all that its owner may."""
    person = identify(request, tokens=tokens)
    if person.role == "admin":
        return person
    if tokens is None and local and _names_loopback(request) and not any(name in request.headers for name in FORWARDED):
        return Person("local", "admin")
    raise ApiError(
        403,
        "forbidden",
        "Only an admin can change the form's defaults.",
        hint="Use a token that the service's token file lists as `admin`."
        if tokens is not None
        else "Start the service with a token file (MOORAGE_TOKEN_FILE) that names an admin.",
    )


def _names_loopback(request: Request) -> bool:
    """Keeps a web page elsewhere, whose name was made to point here, from changing anything."""
    host = request.headers.get("host", "")
    name = host if host.endswith("]") else host.rpartition(":")[0] or host
    client = request.client.host if request.client else ""
    return name.lower() in LOOPBACK_NAMES and (client == "::1" or client.startswith("127."))
