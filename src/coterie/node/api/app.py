"""The application: routes, tokens, limits, and errors as JSON."""

from __future__ import annotations

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
from coterie.node.people.errors import (
    CALLS_SLOWED,
    PROVIDER_REFUSED,
    SESSION_OVER,
    SIGN_IN_REFUSED,
    SIGN_IN_SLOWED,
    USER_UNKNOWN,
)
from coterie.node.people.roles import ROUTES, Principal
from coterie.node.services import Services
from coterie.node.tokens import ADMIN_TOKEN

from . import agreements, jobs, keepers, lookups, modules, node, observing, people, pipelines, schemas, tapes
from .access import PERMITTED, PREFIX, path_of
from .described import describe
from .limits import BODY_SECONDS, LARGEST_REQUEST, Places, check_head, read_body

__all__ = ["build_app", "status_of"]

OPEN_TO_ALL = frozenset({"/healthz", "/readyz", "/v1/health", "/v1/openapi.json"})
"""What is answered without a token: whether the node is up and ready, and what its API looks like."""

CHEAP = frozenset({"/healthz", "/readyz"})
"""Asked by monitors, however often: answered of what is known already."""

SIGN_IN = frozenset({("POST", "/v1/session"), ("POST", "/v1/session/oidc"), ("GET", "/v1/session/oidc")})
"""Calls that need no token and are not cheap."""
SIGN_IN_BYTES = 8192
SIGN_IN_SECONDS = 10.0
SIGN_INS_AT_ONCE = 32
"""In places of their own, which take none from those who have a token."""

_STATUS = {
    "BadInput": 400,
    "NotAgreed": 403,
    "PeerIncompatible": 409,
    "PeerMisbehaved": 502,
    "Unavailable": 503,
    "Bug": 500,
}
_STATUS_OF_CODE = {
    **dict.fromkeys(
        (code.code for code in (NOT_AUTHENTICATED, SESSION_OVER, SIGN_IN_REFUSED, PROVIDER_REFUSED)), 401
    ),
    **dict.fromkeys((code.code for code in (CALLS_SLOWED, SIGN_IN_SLOWED)), 429),
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
                USER_UNKNOWN,
            )
        ),
        404,
    ),
}


def status_of(error: CoterieError) -> int:
    """The HTTP status that fits an error's family, or the code itself."""
    return _STATUS_OF_CODE.get(error.code) or _STATUS.get(error.family, 500)


def _answer(error: CoterieError) -> JSONResponse:
    headers = {"WWW-Authenticate": "Bearer"} if status_of(error) == 401 else None
    return JSONResponse(error_view(error).model_dump(), status_of(error), headers)


def _note(services: Services, scope: Scope, error: CoterieError) -> None:
    """Write a refused call down: who, what, why, from where. Nothing of what was said in it."""
    if status_of(error) not in (401, 403, 429):
        return
    caller: Principal | None = scope.get("state", {}).get("caller")
    services.people.refused(caller, _route(scope), error, _address(scope))


def _address(scope: Scope) -> str:
    return str((scope.get("client") or ("local",))[0])


def _route(scope: Scope) -> str:
    """Method and path as the route is written; the caller's own text is not kept."""
    known = scope.get("route")
    if known is not None:
        return f"{scope['method']} {path_of(known)}"
    if (scope["method"], scope["path"]) in {*ROUTES, SIGN_IN}:
        return f"{scope['method']} {scope['path']}"
    kind = "/".join(scope["path"].split("/")[:3])
    if any(path == kind or path.startswith(f"{kind}/") for _, path in ROUTES):
        return f"{scope['method'][:8]} {kind}/…"
    return "(no such route)"


def build_app(services: Services) -> Any:
    """The ASGI application of a node."""
    app = FastAPI(
        title="Coterie node", version=VERSION, docs_url=None, redoc_url=None, openapi_url="/v1/openapi.json"
    )
    app.state.services = services
    for part in (node, people, agreements, modules, jobs, pipelines, tapes, lookups, schemas, keepers):
        app.include_router(part.routes, prefix=PREFIX, dependencies=[PERMITTED])
    app.include_router(observing.routes)

    @app.exception_handler(CoterieError)
    async def coded(request: Request, error: CoterieError) -> JSONResponse:
        _note(services, request.scope, error)
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
        answer.headers.update(error.headers or {})  # which methods there are
        return answer

    @app.exception_handler(Exception)
    async def unexpected(_request: Request, error: Exception) -> JSONResponse:
        return _answer(UNEXPECTED(type(error).__name__))

    describe(app)
    return Guard(app, services)


class Guard:
    """Refuses who has no token, what is too large or too much, before anything of it is read; logs what
    nobody foresaw. Which role a route needs is said in ``people/roles.py``.
    """

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self._app = app
        self._services = services
        self._places = Places()
        self._signing_in = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            check_head(scope)
            if scope["path"] in OPEN_TO_ALL:
                # Takes no place and has no body: whoever has no token keeps nobody out who has one.
                if scope["path"] not in CHEAP:
                    self._services.people.count_stranger(_address(scope))
                await self._handle(scope, b"", receive, send)
            elif (scope["method"], scope["path"]) in SIGN_IN:
                await self._sign_in(scope, receive, send)
            else:
                await self._called(scope, receive, send)
        except CoterieError as error:
            _note(self._services, scope, error)
            await _answer(error)(scope, receive, send)

    async def _called(self, scope: Scope, receive: Receive, send: Send) -> None:
        people = self._services.people
        try:
            caller = people.identify(Headers(scope=scope).get("authorization"))
        except CoterieError:
            people.count_stranger(_address(scope))
            raise
        scope.setdefault("state", {})["caller"] = caller
        people.count(caller)
        with self._places.taken(caller.key, owner=caller.key == ADMIN_TOKEN):
            body = await read_body(receive, LARGEST_REQUEST, BODY_SECONDS)
            await self._handle(scope, body, receive, send)

    async def _sign_in(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._signing_in >= SIGN_INS_AT_ONCE:
            raise OVERLOADED(f"{SIGN_INS_AT_ONCE} sign-ins at most")
        if scope["method"] == "GET":  # the others wait by themselves where they fail
            self._services.people.count_stranger(_address(scope))
        self._signing_in += 1
        try:
            body = await read_body(receive, SIGN_IN_BYTES, SIGN_IN_SECONDS)
            await self._handle(scope, body, receive, send)
        finally:
            self._signing_in -= 1

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
