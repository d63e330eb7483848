"""Request bodies: bounded, decoded once, and checked against a model before anything else sees them."""

from typing import Any, TypeVar

import msgspec
from fastapi import Request
from pydantic import BaseModel, ValidationError

from moorage.service.http.errors import ApiError, invalid

LARGEST = 2 * 1024 * 1024  # a Pod that the API server accepts is below 1.5 MiB

Model = TypeVar("Model", bound=BaseModel)


async def read(request: Request, model: type[Model]) -> Model:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise ApiError(
                413,
                "too_large",
                f"The body is larger than {LARGEST // 1024 // 1024} MiB.",
                hint="No pod that Kubernetes accepts is this large. Leave out managedFields and the like.",
            )
    try:
        decoded = msgspec.json.decode(bytes(body))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise ApiError(
            400, "bad_json", "The body is not JSON.", hint="Send UTF-8 JSON as described in /openapi.json."
        ) from exc
    try:
        return model.model_validate(decoded)
    except ValidationError as exc:
        raise invalid(exc.errors(include_url=False, include_input=False, include_context=False)) from exc


def json_body(model: type[BaseModel]) -> dict[str, Any]:
    """For OpenAPI, since the body is read by us."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions = schema.pop("$defs", {})
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": _inlined(schema, definitions)}}}
    }


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """Definitions in place of references to them: a request body may not bring components of its own."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if (name := str(schema.get("$ref", "")).rpartition("/")[2]) in definitions:
        return _inlined(definitions[name], definitions)
    return {key: _inlined(value, definitions) for key, value in schema.items()}
