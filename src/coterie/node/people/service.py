"""Who calls, how often they may, and what was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coterie.errors import CoterieError
from coterie.node.core import Core
from coterie.node.errors import NOT_AUTHENTICATED, NOT_PERMITTED
from coterie.node.tokens import ADMIN_TOKEN, Tokens

from .consents import Consents
from .errors import PROVIDER_UNSET
from .limits import CallRates, SignInDelays, network_of
from .refusals import Refusals
from .roles import OF_ROLE, ROUTES, Principal
from .users import Users
from .views import NewSession

if TYPE_CHECKING:
    from .provider import Provider

__all__ = ["People", "secret_of"]


class People:
    """What stands between a caller and the node's services."""

    def __init__(self, core: Core, tokens: Tokens) -> None:
        settings = core.home.settings.people
        self._tokens = tokens
        self._rates = CallRates(settings)
        self._strangers = CallRates(settings)
        self.users = Users(core, SignInDelays(settings))
        self._provider: Provider | None = None
        if settings.oidc is not None:
            from .provider import Provider

            self._provider = Provider(settings.oidc, core.home.path)
        self.consents = Consents(core, self.users)
        self.refusals = Refusals(core.store)

    def identify(self, authorization: str | None) -> Principal:
        """The caller with this ``Authorization`` header.

        :raises CoterieError: CT-5010, CT-5126.
        """
        secret = secret_of(authorization)
        found = self._tokens.find(secret) or self.users.find(secret)
        if found is None:
            raise NOT_AUTHENTICATED("the token is unknown")
        return found

    def count(self, caller: Principal) -> None:
        """One call. The owner's are not limited: nobody can keep it out of its own node.

        :raises CoterieError: CT-5122.
        """
        if caller.key != ADMIN_TOKEN:
            self._rates.take(caller.key)

    def count_stranger(self, address: str) -> None:
        """One call without a token, or with none that is known: as many an address as of a token.

        :raises CoterieError: CT-5122.
        """
        self._strangers.take(network_of(address))

    def require(self, caller: Principal, method: str, path: str) -> None:
        """That the caller may make a call, by the path as the route is written.

        :raises CoterieError: CT-5011.
        """
        permission = ROUTES.get((method, path))
        if permission is not None and caller.may(permission):
            return
        able = [role for role in OF_ROLE if permission is not None and permission in OF_ROLE[role]]
        needed = " or ".join(role for role in able if role != "reader") or "nobody"
        raise NOT_PERMITTED(f"it needs role {needed}; this is {caller.label}: {', '.join(caller.roles)}")

    def provider(self) -> Provider:
        """The identity provider. :raises CoterieError: CT-5132."""
        if self._provider is None:
            raise PROVIDER_UNSET("node.yaml has no `people.oidc`")
        return self._provider

    async def sign_in_elsewhere(
        self, code: str, verifier: str, redirect: str, nonce: str, address: str
    ) -> NewSession:
        """A session for whom the identity provider has signed in: see :meth:`Provider.subject`.

        :raises CoterieError: CT-5120, CT-5121, CT-5130 to CT-5133.
        """
        self.users.delays.begin(address)
        subject = await self.provider().subject(code, verifier, redirect, nonce)
        return await self.users.sign_in_as(subject, address)

    def refused(self, caller: Principal | None, route: str, error: CoterieError, address: str) -> None:
        """Write a refused call down."""
        self.refusals.note("nobody" if caller is None else caller.label, route, error.code, address)


def secret_of(authorization: str | None) -> str:
    """The secret in an ``Authorization`` header. :raises CoterieError: CT-5010."""
    scheme, _, secret = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise NOT_AUTHENTICATED("there is no `Authorization: Bearer` header")
    return secret.strip()
