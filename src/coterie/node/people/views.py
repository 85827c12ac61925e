"""What the API says of people."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from .roles import UserRole

__all__ = ["NewSession", "ProviderView", "RefusedCallView", "SessionView", "UserView"]


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class UserView(_View):
    """A person with a name at this node."""

    name: str
    roles: tuple[UserRole, ...]
    disabled: bool
    created: str
    sessions: int
    """That are open now."""
    subject: str | None = None
    """Who this is to the identity provider; None for who signs in by a password."""


class SessionView(_View):
    """Who the caller is, as the node sees it."""

    name: str
    """``owner``, ``user alice``, ``token score team``."""
    roles: tuple[str, ...]
    """The owner of the home has all of them, which is called ``admin``."""
    expires: str | None = None
    """None for tokens that hold until they are removed."""


class NewSession(SessionView):
    """A session that has just begun; its secret is here and nowhere else."""

    secret: str = Field(repr=False)


class ProviderView(_View):
    """What a browser is sent to the identity provider with (OpenID Connect Core 1.0, 3.1.2.1)."""

    issuer: str
    authorization_endpoint: str
    client_id: str
    scope: str
    nonce: str


class RefusedCallView(_View):
    """Calls of one kind that were refused in one day."""

    day: str
    who: str
    """``nobody`` without a valid token."""
    route: str
    """Method and path, without what was put into it."""
    code: str
    address: str
    count: int
    first: str
    last: str
