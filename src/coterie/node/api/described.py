"""What ``/v1/openapi.json`` says beyond what the routes say: tokens, and the body of every error."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from coterie.node.people.roles import OPEN, ROUTES
from coterie.node.views import ErrorView

__all__ = ["describe"]

_METHODS = ("get", "post", "put", "delete")
_VALIDATION = ("HTTPValidationError", "ValidationError")
"""Errors that the framework would say, and this node says in its own words."""
_DOWNLOAD = "/v1/jobs/{job}/results/{name}"
_READY = "/readyz"


def describe(app: FastAPI) -> None:
    """Have the application's description made once, complete."""
    plain = app.openapi

    def complete() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(plain())
        return app.openapi_schema

    app.openapi = complete  # type: ignore[method-assign]


def _completed(described: dict[str, Any]) -> dict[str, Any]:
    parts = described["components"]
    for name in _VALIDATION:
        parts["schemas"].pop(name, None)
    parts["schemas"]["ErrorView"] = ErrorView.model_json_schema()
    parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    error = {
        "description": "An error: docs/errors.md lists all codes",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorView"}}},
    }
    for path, calls in described["paths"].items():
        for method in _METHODS:
            if (call := calls.get(method)) is None:
                continue
            call["responses"].pop("422", None)
            call["responses"]["default"] = error
            if (method.upper(), path) in ROUTES and (method.upper(), path) not in OPEN:
                call["security"] = [{"token": []}]
    files = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
    described["paths"][_DOWNLOAD]["get"]["responses"]["200"]["content"] = files
    waiting = {"description": "Not ready", "content": {"text/plain": {"schema": {"type": "string"}}}}
    described["paths"][_READY]["get"]["responses"]["503"] = waiting
    return described
