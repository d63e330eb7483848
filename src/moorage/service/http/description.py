"""What `/openapi.json` says: the routes as they are under these settings."""

from typing import Any

from fastapi import FastAPI


class Described(FastAPI):
    """An application whose description demands a token only where the service does."""

    needs_token = True

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            schema = super().openapi()
            if not self.needs_token:
                _forget_tokens(schema)
        return self.openapi_schema or {}


def _forget_tokens(schema: dict[str, Any]) -> None:
    schema.get("components", {}).pop("securitySchemes", None)
    for path in schema["paths"].values():
        for operation in path.values():
            operation.pop("security", None)
            operation["responses"].pop("401", None)
