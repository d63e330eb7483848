"""One shape for every error that the service answers: `{"error": {"code", "message", "hint"}}`."""

import http
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from moorage.errors import MoorageError

log = logging.getLogger(__name__)

# What a reader sees of a validation error at most; a hostile body must not choose the length of our answer.
_SHOWN_PROBLEMS = 5
_SHOWN_CHARACTERS = 200

_CODES = {
    400: ("bad_request", "Check the request against /openapi.json."),
    401: ("unauthorized", "Send the header `Authorization: Bearer <token>`."),
    403: ("forbidden", "Use a token with this right."),
    404: ("not_found", "/openapi.json lists the paths of this service."),
    405: ("method_not_allowed", "/openapi.json lists the methods of each path."),
    413: ("too_large", "Send a smaller body."),
    422: ("invalid", "Check the request against /openapi.json."),
    503: ("unavailable", "Try again in a moment."),
}


class ApiError(Exception):
    """An answer that is an error, raised wherever it is known."""

    def __init__(
        self, status: int, code: str, message: str, *, hint: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
        self.headers = dict(headers or {})

    def response(self) -> Response:
        body = {"error": {"code": self.code, "message": self.message, "hint": self.hint}}
        return Response(
            msgspec.json.encode(body), status_code=self.status, headers=self.headers, media_type="application/json"
        )


def as_api_error(exc: Exception, *, request: Request) -> ApiError:
    """Any exception as the answer that it is worth; an unforeseen one is logged and shown as 500 without its trace."""
    match exc:
        case ApiError():
            return exc
        case RequestValidationError():
            return invalid(exc.errors())
        case HTTPException():
            code, hint = _CODES.get(exc.status_code, ("error", "See /openapi.json."))
            message = _message(exc, request)
            return ApiError(exc.status_code, code, message, hint=hint, headers=exc.headers)
        case MoorageError():
            return ApiError(422, "invalid", shorten(str(exc)), hint=exc.hint or _CODES[422][1])
        case ClientDisconnect():
            return ApiError(400, "disconnected", "The client closed the connection.", hint="Send the complete body.")
    log.error("request failed", exc_info=exc, extra={"path": request.url.path, "method": request.method})
    return ApiError(
        500,
        "internal",
        "Unexpected error in the service.",
        hint="The service's log has the details. Please report it.",
    )


def invalid(problems: Sequence[Mapping[str, Any]]) -> ApiError:
    """A body or parameter that does not fit its model, as sentences that name each field."""
    sentences = [
        f"{'.'.join(str(p) for p in problem.get('loc', ()) if p != 'body') or 'body'}: {problem.get('msg', '')}"
        for problem in problems[:_SHOWN_PROBLEMS]
    ]
    if len(problems) > _SHOWN_PROBLEMS:
        sentences.append(f"and {len(problems) - _SHOWN_PROBLEMS} more")
    return ApiError(422, "invalid", "; ".join(shorten(s) for s in sentences), hint=_CODES[422][1])


def shorten(text: str) -> str:
    """Safe to answer and to log: bounded, and free of what UTF-8 can't carry."""
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


async def answer_error(request: Request, exc: Exception) -> Response:
    """The exception handler of the stand-alone application."""
    return as_api_error(exc, request=request).response()


def _message(exc: HTTPException, request: Request) -> str:
    if exc.status_code == 404:
        return shorten(f"There is nothing at {request.url.path}.")
    if exc.status_code == 405:
        return shorten(f"{request.method} is not allowed at {request.url.path}.")
    detail = exc.detail if isinstance(exc.detail, str) else ""
    return shorten(detail or http.HTTPStatus(exc.status_code).phrase)
