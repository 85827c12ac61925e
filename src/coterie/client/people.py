"""Calls about people: sessions, users, and calls that were refused."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from coterie.node import NewSession, ProviderView, RefusedCallView, SessionView, UserRole, UserView

from .connection import Connection

__all__ = ["PeopleCalls"]


class PeopleCalls(Connection):
    """Part of :class:`coterie.client.Client`."""

    def sign_in(self, name: str, password: str) -> NewSession:
        """A session; its ``secret`` is the token of another client. This one's is not sent.

        :raises CoterieError: CT-5120, CT-5121.
        """
        return self._post("/session", NewSession, {"name": name, "password": password})

    def provider(self) -> ProviderView:
        """How to sign in at the identity provider, once, within ten minutes.

        :raises CoterieError: CT-5131, CT-5132.
        """
        return self._get("/session/oidc", ProviderView)

    def sign_in_elsewhere(self, code: str, verifier: str, redirect: str, nonce: str) -> NewSession:
        """A session for whom the identity provider has signed in. This client's token is not sent.

        :param code: what the provider gave to the browser, at the address ``redirect``.
        :param verifier: the secret of PKCE (RFC 7636), whose digest the provider was given.
        :param nonce: of :meth:`provider`.
        :raises CoterieError: CT-5120, CT-5121, CT-5130 to CT-5133.
        """
        body = {"code": code, "verifier": verifier, "redirect": redirect, "nonce": nonce}
        return self._post("/session/oidc", NewSession, body)

    def session(self) -> SessionView:
        """Who this client is, to the node."""
        return self._get("/session", SessionView)

    def sign_out(self) -> None:
        """End the session whose token this client has."""
        self._call("DELETE", "/session")

    def change_password(self, old: str, new: str) -> None:
        """The own one. All sessions of the user end."""
        self._call("POST", "/session/password", {"old": old, "password": new})

    def users(self) -> list[UserView]:
        return self._list("/users", UserView)

    def add_user(
        self, name: str, roles: Sequence[UserRole], password: str | None = None, *, subject: str | None = None
    ) -> UserView:
        """:param subject: who it is to the identity provider, in place of a password.

        :raises CoterieError: CT-5012, CT-5124, CT-5125, CT-5132.
        """
        body = {"name": name, "roles": list(roles), "password": password, "subject": subject}
        return self._post("/users", UserView, body)

    def set_roles(self, name: str, roles: Sequence[UserRole]) -> UserView:
        """In place of those that the user has; they hold from the next call on."""
        return self._post(f"/users/{quote(name, safe='')}/roles", UserView, {"roles": list(roles)})

    def set_password(self, name: str, password: str) -> UserView:
        """A new one. All sessions of the user end."""
        return self._post(f"/users/{quote(name, safe='')}/password", UserView, {"password": password})

    def disable_user(self, name: str) -> UserView:
        """The user's sessions end, and there are no new ones."""
        return self._post(f"/users/{quote(name, safe='')}/disable", UserView)

    def enable_user(self, name: str) -> UserView:
        """Undo :meth:`disable_user`."""
        return self._post(f"/users/{quote(name, safe='')}/enable", UserView)

    def refused_calls(self, limit: int = 1000) -> list[RefusedCallView]:
        """Calls that the node has refused, newest first."""
        return self._list(f"/refused?limit={int(limit)}", RefusedCallView)
