"""Bearer tokens from a file, compared in constant time and read again whenever the file changes."""

import hashlib
import hmac
import logging
from pathlib import Path

from moorage.errors import MoorageError
from moorage.service.signin.person import Person

log = logging.getLogger(__name__)

SHORTEST_TOKEN = 16


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
