"""The application: routes, tokens, limits, and errors as JSON."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from coterie.errors import UNEXPECTED, CoterieError
from coterie.node.core import VERSION
from coterie.node.errors import (
    AGREEMENT_UNKNOWN,
    DATASET_UNKNOWN,
    JOB_UNKNOWN,
    NO_SUCH_ROUTE,
    NOT_AUTHENTICATED,
    NOT_FOUND,
    OVERLOADED,
    PEER_UNKNOWN,
    PIPELINE_UNKNOWN,
    REQUEST_INVALID,
    REQUEST_TOO_LARGE,
)
from coterie.node.failures import error_view, log_unexpected
from coterie.node.services import Services
from coterie.node.tokens import Tokens

from . import agreements, jobs, keepers, lookups, modules, node, observing, pipelines, schemas, tapes

__all__ = ["LARGEST_REQUEST", "build_app", "status_of"]

LARGEST_REQUEST = 2 * 2**20
"""Bytes of a request's body: the description of a table with ten thousand columns."""

MOST_AT_ONCE = 64

OPEN_TO_ALL = frozenset({"/healthz", "/readyz", "/v1/health", "/v1/openapi.json"})
"""What is answered without a token: whether the node is up and ready, and what its API looks like."""

BODY_SECONDS = 30.0
"""For a request's body to arrive, so that no slow caller keeps a place for ever."""

_STATUS = {
    "BadInput": 400,
    "NotAgreed": 403,
    "PeerIncompatible": 409,
    "PeerMisbehaved": 502,
    "Unavailable": 503,
    "Bug": 500,
}
_STATUS_OF_CODE = {
    NOT_AUTHENTICATED.code: 401,
    REQUEST_TOO_LARGE.code: 413,
    **dict.fromkeys(
        (
            code.code
            for code in (
                NO_SUCH_ROUTE,
                NOT_FOUND,
                JOB_UNKNOWN,
                AGREEMENT_UNKNOWN,
                DATASET_UNKNOWN,
                PEER_UNKNOWN,
                PIPELINE_UNKNOWN,
            )
        ),
        404,
    ),
}


def status_of(error: CoterieError) -> int:
    """The HTTP status that fits an error's family, or the code itself."""
    return _STATUS_OF_CODE.get(error.code) or _STATUS.get(error.family, 500)


def _answer(error: CoterieError) -> JSONResponse:
    headers = {"WWW-Authenticate": "Bearer"} if error.code == NOT_AUTHENTICATED.code else None
    return JSONResponse(error_view(error).model_dump(), status_of(error), headers)


def build_app(services: Services) -> Any:
    """The ASGI application of a node."""
    app = FastAPI(
        title="Coterie node", version=VERSION, docs_url=None, redoc_url=None, openapi_url="/v1/openapi.json"
    )
    app.state.services = services
    for part in (node, agreements, modules, jobs, pipelines, tapes, lookups, schemas, keepers):
        app.include_router(part.routes, prefix="/v1")
    app.include_router(observing.routes)

    @app.exception_handler(CoterieError)
    async def coded(_request: Request, error: CoterieError) -> JSONResponse:
        return _answer(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        return _answer(REQUEST_INVALID(f"{where}: {fault['msg']}"))

    @app.exception_handler(HTTPException)
    async def unrouted(request: Request, error: HTTPException) -> JSONResponse:
        answer = _answer(NO_SUCH_ROUTE(f"{request.method} {request.url.path[:200]}"))
        answer.status_code = error.status_code
        return answer

    @app.exception_handler(Exception)
    async def unexpected(_request: Request, error: Exception) -> JSONResponse:
        return _answer(UNEXPECTED(type(error).__name__))

    return Guard(app, services.tokens)


class Guard:
    """Refuses who has no token, what is too large or too much, before anything of it is read; logs what
    nobody foresaw. Which role a route needs is said at the route.
    """

    def __init__(self, app: ASGIApp, tokens: Tokens) -> None:
        self._app = app
        self._tokens = tokens
        self._live = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"] in OPEN_TO_ALL:
            # Not counted and without a body: whoever has no token cannot take a place from those who have.
            await self._handle(scope, b"", receive, send)
            return
        try:
            self._tokens.check(Headers(scope=scope).get("authorization"), "reader")
        except CoterieError as error:
            await _answer(error)(scope, receive, send)
            return
        if self._live >= MOST_AT_ONCE:
            await _answer(OVERLOADED(f"{MOST_AT_ONCE} at most"))(scope, receive, send)
            return
        self._live += 1
        try:
            await self._guarded(scope, receive, send)
        finally:
            self._live -= 1

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read_body(receive)
        except TimeoutError:
            await _answer(REQUEST_INVALID("its body did not arrive"))(scope, receive, send)
            return
        if body is None:
            await _answer(REQUEST_TOO_LARGE(f"{LARGEST_REQUEST} bytes at most"))(scope, receive, send)
            return
        await self._handle(scope, body, receive, send)

    async def _handle(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> None:
        rest = [body]

        async def replay() -> Message:
            if rest:
                return {"type": "http.request", "body": rest.pop(), "more_body": False}
            return await receive()

        try:
            await self._app(scope, replay, send)
        except Exception as error:  # noqa: BLE001 - the answer is sent; what remains is to log it without values
            log_unexpected(f"{scope['method']} {scope['path'][:100]}", error)


async def _read_body(receive: Receive) -> bytes | None:
    """The request's body; None where it is too large, of which no more is read than the limit."""
    parts = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return bytes(parts)
        parts += message.get("body", b"")
        if len(parts) > LARGEST_REQUEST:
            return None
        if not message.get("more_body", False):
            return bytes(parts)
