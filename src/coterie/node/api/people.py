"""Routes of people: signing in and out, users, and calls that were refused."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from coterie.node.errors import REQUEST_INVALID
from coterie.node.people.roles import UserRole
from coterie.node.people.service import secret_of
from coterie.node.people.views import NewSession, ProviderView, RefusedCallView, SessionView, UserView

from .access import caller_of, services_of

__all__ = ["routes"]

routes = APIRouter()

Name = Annotated[str, Field(min_length=1, max_length=100)]
Password = Annotated[str, Field(max_length=1000, repr=False)]
Roles = Annotated[tuple[UserRole, ...], Field(max_length=8)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class SignInBody(_Body):
    """Sign in."""

    name: Name
    password: Password


class CodeBody(_Body):
    """What the identity provider gave to the browser, and what it was asked with."""

    code: Annotated[str, Field(min_length=1, max_length=4096, repr=False)]
    verifier: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~-]{43,128}$", repr=False)]
    redirect: Annotated[str, Field(max_length=100)]
    nonce: Annotated[str, Field(max_length=200)]


class UserBody(_Body):
    """A new user, who signs in by a password or at the identity provider."""

    name: Name
    roles: Roles
    password: Annotated[str | None, Field(max_length=1000, repr=False)] = None
    subject: Annotated[str, Field(min_length=1, max_length=255)] | None = None


class RolesBody(_Body):
    """In place of those that the user has."""

    roles: Roles


class PasswordBody(_Body):
    """In place of the one that the user has."""

    password: Password


class OwnPasswordBody(PasswordBody):
    """The own one."""

    old: Password


def _address(request: Request) -> str:
    return request.client.host if request.client is not None else "local"


@routes.post("/session")
async def sign_in(request: Request, body: SignInBody) -> NewSession:
    """Needs no token. Tries that fail make the address wait."""
    return await services_of(request).people.users.sign_in(body.name, body.password, _address(request))


@routes.get("/session/oidc")
async def provider(request: Request) -> ProviderView:
    """Needs no token: how to sign in at the identity provider, once, within ten minutes."""
    return await services_of(request).people.provider().offer()


@routes.post("/session/oidc")
async def sign_in_elsewhere(request: Request, body: CodeBody) -> NewSession:
    """Needs no token. Tries that fail make the address wait, as those with passwords do."""
    people = services_of(request).people
    return await people.sign_in_elsewhere(
        body.code, body.verifier, body.redirect, body.nonce, _address(request)
    )


@routes.get("/session")
async def session(request: Request) -> SessionView:
    caller = caller_of(request)
    expires = services_of(request).people.users.expires(secret_of(request.headers.get("authorization")))
    return SessionView(name=caller.label, roles=caller.roles, expires=expires)


@routes.delete("/session")
async def sign_out(request: Request) -> None:
    """Ends the session that the call is made in; tokens of other kinds stay."""
    services_of(request).people.users.end(secret_of(request.headers.get("authorization")))


@routes.post("/session/password")
async def change_password(request: Request, body: OwnPasswordBody) -> None:
    caller = caller_of(request)
    if caller.user is None:
        raise REQUEST_INVALID(f"this is {caller.label}, who has no password")
    users = services_of(request).people.users
    await users.change_password(caller.user, body.old, body.password, caller, _address(request))


@routes.get("/users")
async def list_users(request: Request) -> list[UserView]:
    return services_of(request).people.users.views()


@routes.post("/users")
async def add_user(request: Request, body: UserBody) -> UserView:
    users = services_of(request).people.users
    return await users.add(body.name, body.roles, body.password, caller_of(request), body.subject)


@routes.post("/users/{name}/roles")
async def set_roles(request: Request, name: str, body: RolesBody) -> UserView:
    return await services_of(request).people.users.set_roles(name, body.roles, caller_of(request))


@routes.post("/users/{name}/password")
async def set_password(request: Request, name: str, body: PasswordBody) -> UserView:
    return await services_of(request).people.users.set_password(name, body.password, caller_of(request))


@routes.post("/users/{name}/disable")
async def disable(request: Request, name: str) -> UserView:
    return await services_of(request).people.users.set_disabled(name, True, caller_of(request))


@routes.post("/users/{name}/enable")
async def enable(request: Request, name: str) -> UserView:
    return await services_of(request).people.users.set_disabled(name, False, caller_of(request))


@routes.get("/refused")
async def refused(
    request: Request, limit: Annotated[int, Query(ge=1, le=10_000)] = 1000
) -> list[RefusedCallView]:
    """Newest first."""
    return services_of(request).people.refusals.views(limit)
