"""Bearer tokens of the REST API. The node keeps hashes; a secret is shown once, when it is made."""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import select

from coterie.crypto import now, timestamp

from .errors import NOT_FOUND, REQUEST_INVALID
from .people.roles import Principal
from .store import Store, TokenRow
from .views import NewToken, TokenRole, TokenView

__all__ = ["ADMIN_TOKEN", "Tokens"]

ADMIN_TOKEN = "home"  # noqa: S105 - the name of the token that lies in the home folder, no secret


class Tokens:
    """Tokens of programs and of the home's owner, each with one role: see :data:`people.roles.OF_ROLE`."""

    def __init__(self, store: Store, admin_secret: str) -> None:
        self._store = store
        self._adopt(admin_secret)

    def _adopt(self, secret: str) -> None:
        """Know the home's token by its present value: another one in the file replaces it at a restart."""
        with self._store.session() as session:
            row = TokenRow(
                id=ADMIN_TOKEN, name=ADMIN_TOKEN, role="admin", hash=_hash(secret), created=timestamp(now())
            )
            session.merge(row)

    def find(self, secret: str) -> Principal | None:
        """Whose token this is; None where it is none."""
        with self._store.session() as session:
            # Looked up by hash: what the time of the look-up tells is about a hash, not about the secret.
            row = session.scalar(select(TokenRow).where(TokenRow.hash == _hash(secret)))
        if row is None:
            return None
        label = "owner" if row.id == ADMIN_TOKEN else f"token {row.name}"
        return Principal(key=row.id, label=label, roles=(row.role,))

    def create(self, name: str, role: TokenRole) -> NewToken:
        secret = secrets.token_urlsafe(32)
        row = TokenRow(
            id=secrets.token_hex(8), name=name, role=role, hash=_hash(secret), created=timestamp(now())
        )
        with self._store.session() as session:
            session.add(row)
        return NewToken(**_view(row).model_dump(), secret=secret)

    def views(self) -> list[TokenView]:
        with self._store.session() as session:
            return [_view(row) for row in session.scalars(select(TokenRow).order_by(TokenRow.created))]

    def remove(self, token: str) -> None:
        """:raises CoterieError: CT-5015; CT-5012 for the home's own token, which its file governs."""
        if token == ADMIN_TOKEN:
            raise REQUEST_INVALID("the home's token is changed in its file, with a restart")
        with self._store.session() as session:
            row = session.get(TokenRow, token)
            if row is None:
                raise NOT_FOUND(f"token {token[:40]!r}")
            session.delete(row)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _view(row: TokenRow) -> TokenView:
    return TokenView.model_validate(
        {"id": row.id, "name": row.name, "role": row.role, "created": row.created}
    )
