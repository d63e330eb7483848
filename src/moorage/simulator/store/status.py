"""What the API server says when it refuses: `Status` objects, with the real server's words.

Source: kubernetes v1.36 apimachinery pkg/api/errors/errors.go; the sentences were compared with a running v1.36.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moorage.errors import MoorageError

if TYPE_CHECKING:
    from moorage.simulator.store.resources import Kind

Json = dict[str, Any]


class Refusal(MoorageError):
    """A request that the API server answers with a Status instead of an object."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: Json | None = None,
        headers: dict[str, str] | None = None,
        continue_token: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.details = details
        self.headers = headers or {}
        self.continue_token = continue_token

    def status(self) -> Json:
        """The body of the answer."""
        body: Json = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {"continue": self.continue_token} if self.continue_token else {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details:
            body["details"] = self.details
        body["code"] = self.code
        return body


def _about(kind: Kind, name: str | None) -> Json:
    details: Json = {}
    if name:
        details["name"] = name
    if kind.group:
        details["group"] = kind.group
    details["kind"] = kind.plural
    return details


def not_found(kind: Kind, name: str) -> Refusal:
    return Refusal(404, "NotFound", f'{kind.qualified} "{name}" not found', details=_about(kind, name))


def no_such_path() -> Refusal:
    return Refusal(404, "NotFound", "the server could not find the requested resource", details={})


def already_exists(kind: Kind, name: str) -> Refusal:
    return Refusal(409, "AlreadyExists", f'{kind.qualified} "{name}" already exists', details=_about(kind, name))


def conflict(kind: Kind, name: str, why: str) -> Refusal:
    message = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {why}'
    return Refusal(409, "Conflict", message, details=_about(kind, name))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


def invalid(kind: Kind, name: str, causes: list[tuple[str, str, str]]) -> Refusal:
    """422; causes are (reason, field, message) as `field.Error` has them."""
    sentences = [f"{field}: {message}" for _, field, message in causes]
    joined = sentences[0] if len(sentences) == 1 else "[" + ", ".join(sentences) + "]"
    qualified = f"{kind.name}.{kind.group}" if kind.group else kind.name
    details: Json = {"name": name}
    if kind.group:
        details["group"] = kind.group
    details |= {
        "kind": kind.name,
        "causes": [{"reason": reason, "message": message, "field": field} for reason, field, message in causes],
    }
    return Refusal(422, "Invalid", f'{qualified} "{name}" is invalid: {joined}', details=details)


def invalid_options(options: str, field: str, reason: str, why: str) -> Refusal:
    """422 on query parameters that make no sense together."""
    causes = [{"reason": reason, "message": why, "field": field}]
    details: Json = {"group": "meta.k8s.io", "kind": options, "causes": causes}
    return Refusal(422, "Invalid", f'{options}.meta.k8s.io "" is invalid: {field}: {why}', details=details)


def bad_request(message: str) -> Refusal:
    return Refusal(400, "BadRequest", message)


def forbidden(kind: Kind, name: str | None, why: str) -> Refusal:
    subject = f'{kind.qualified} "{name}"' if name else kind.qualified
    return Refusal(403, "Forbidden", f"{subject} is forbidden: {why}", details=_about(kind, name))


def unauthorized() -> Refusal:
    return Refusal(401, "Unauthorized", "Unauthorized")


def expired(message: str, *, continue_token: str | None = None) -> Refusal:
    return Refusal(410, "Expired", message, continue_token=continue_token)


def too_large_version(asked: int, current: int) -> Refusal:
    message = f"Too large resource version: {asked}, current: {current}"
    details = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }
    return Refusal(504, "Timeout", f"Timeout: {message}", details=details, headers={"Retry-After": "1"})


def too_many_requests(seconds: int, message: str = "the server has received too many requests") -> Refusal:
    details = {"retryAfterSeconds": seconds}
    message = f"{message} and has asked us to try again later" if message.endswith("requests") else message
    return Refusal(429, "TooManyRequests", message, details=details, headers={"Retry-After": str(seconds)})


def not_allowed() -> Refusal:
    message = "the server does not allow this method on the requested resource"
    return Refusal(405, "MethodNotAllowed", message, details={})


def precondition_failed(kind: Kind, name: str, why: str) -> Refusal:
    message = f'Operation cannot be fulfilled on {kind.name} "{name}": {why}'
    return Refusal(409, "Conflict", message, details={"name": name, "kind": kind.name})


def unsupported_media(known: list[str]) -> Refusal:
    allowed = ", ".join(known)
    message = f"the body of the request was in an unknown format - accepted media types include: {allowed}"
    return Refusal(415, "UnsupportedMediaType", message, details={})


def internal(message: str) -> Refusal:
    return Refusal(
        500, "InternalError", f"Internal error occurred: {message}", details={"causes": [{"message": message}]}
    )
