"""What an API server can answer other than what was asked for.

One class for each answer that needs a behaviour of its own. Texts of a server are cut before they travel any further,
since they may be long and are shown to people.
"""

import contextlib

import msgspec

from moorage.errors import MoorageError

_LONGEST_TEXT = 256


class NoConnection(MoorageError):
    """There is no way to a cluster: nothing configured, or a configuration that can't be used."""


class Unreachable(MoorageError):
    """The API server did not answer: refused, reset, timed out, or spoke no HTTP."""


class ApiError(MoorageError):
    """The API server answered with a failure."""

    status: int = 0

    def __init__(self, message: str, *, status: int, reason: str = "", retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


class Unauthorized(ApiError):
    """401: the credentials are missing or no longer valid."""


class Forbidden(ApiError):
    """403: the credentials are valid and may not do this."""


class NotFound(ApiError):
    """404: no such object, or this server does not serve the kind."""


class Conflict(ApiError):
    """409: somebody else has changed or made the object meanwhile."""


class Gone(ApiError):
    """410: the resourceVersion or the continue token is older than what the server still knows."""


class TooManyRequests(ApiError):
    """429: come back later."""


class _Details(msgspec.Struct):
    retry_after_seconds: float | None = msgspec.field(name="retryAfterSeconds", default=None)


class Status(msgspec.Struct):
    """The `v1.Status` that a Kubernetes API server sends for a failure."""

    message: str | None = ""
    reason: str | None = ""
    code: int | None = 0
    details: _Details | None = None


_decoder = msgspec.json.Decoder(Status)
_KINDS: dict[int, type[ApiError]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    429: TooManyRequests,
}


def error_of(status: int, body: bytes, *, retry_after: str | None = None) -> ApiError:
    """The error that says what a failing answer says, whether its body is a `v1.Status` or a proxy's page."""
    told = Status()
    with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError):
        told = _decoder.decode(body)
    text = told.message or body[:_LONGEST_TEXT].decode("utf-8", "replace").strip() or f"HTTP {status}"
    wait = told.details.retry_after_seconds if told.details else None
    if retry_after is not None:
        with contextlib.suppress(ValueError):
            wait = float(retry_after)
    kind = _KINDS.get(status, ApiError)
    return kind(cut(text), status=status, reason=told.reason or "", retry_after=wait)


def cut(text: str) -> str:
    """Text from elsewhere, short enough to log and to show."""
    return text if len(text) <= _LONGEST_TEXT else text[: _LONGEST_TEXT - 1] + "…"
