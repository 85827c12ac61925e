"""Users of a node: names, roles and passwords; and the sessions of those who have signed in."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import secrets
import unicodedata
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION
from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from coterie.crypto import now, parse_timestamp, timestamp
from coterie.node.core import Core
from coterie.node.errors import OVERLOADED, REQUEST_INVALID
from coterie.node.store import SessionRow, SubjectRow, UserRow

from .errors import (
    PASSWORD_WEAK,
    PROVIDER_UNSET,
    SESSION_OVER,
    SIGN_IN_REFUSED,
    SUBJECT_UNKNOWN,
    USER_EXISTS,
    USER_UNKNOWN,
)
from .limits import SignInDelays
from .roles import NAMED_ROLES, Permission, Principal, UserRole, permitted
from .views import NewSession, UserView

__all__ = ["USER_NAME", "Users"]

_T = TypeVar("_T")

USER_NAME = re.compile(r"[a-z][a-z0-9._-]{0,62}", re.ASCII)

SHORTEST, LONGEST = 12, 256
"""Characters of a password."""

HASHED_AT_ONCE = 2
"""Each takes 64 MiB and four threads for a moment."""
WAITING = 16
"""Sign-ins that may wait for that, so that strangers fill no memory."""
SESSIONS = 20
"""Of one user; the oldest ends for the next."""

_HASHER = PasswordHasher(time_cost=3, memory_cost=65536, parallelism=4, type=Type.ID)
"""RFC 9106, section 4, the second recommended choice."""


class Users:
    """Only the event loop's thread uses it; passwords are hashed beside it."""

    def __init__(self, core: Core, delays: SignInDelays) -> None:
        self._core, self._store, self.delays = core, core.store, delays
        oidc = core.home.settings.people.oidc
        self._issuer = None if oidc is None else oidc.issuer
        self._hours = core.home.settings.people.session_hours
        self._places = asyncio.Semaphore(HASHED_AT_ONCE)
        self._waiting = 0
        self._nobody = _of_nobody()

    # -- what the owner does

    async def add(
        self,
        name: str,
        roles: tuple[UserRole, ...],
        password: str | None,
        by: Principal,
        subject: str | None = None,
    ) -> UserView:
        """:param subject: who it is to the identity provider, in place of a password.

        :raises CoterieError: CT-5012, CT-5124, CT-5125, CT-5017, CT-5132.
        """
        if not USER_NAME.fullmatch(name):
            raise REQUEST_INVALID("name: lower-case letters, digits, dots and hyphens, a letter first")
        if (password is None) == (subject is None):
            raise REQUEST_INVALID("a user signs in by a password or at the identity provider")
        wanted = _checked(roles)
        # Who signs in elsewhere has a password that nobody knows.
        hashed = _of_nobody() if password is None else await self._hash(name, password)
        with self._store.session() as session:
            if session.get(UserRow, name) is not None:
                raise USER_EXISTS(name)
            session.add(
                UserRow(name=name, roles=wanted, password=hashed, disabled=False, created=timestamp(now()))
            )
            if subject is not None:
                self._bind(session, name, subject)
        await self._record("added", name, by, roles=wanted)
        return self.view(name)

    def _bind(self, session: Session, name: str, subject: str) -> None:
        if self._issuer is None:
            raise PROVIDER_UNSET("node.yaml has no `people.oidc`")
        known = session.scalar(_of_subject(self._issuer, subject))
        if known is not None:
            raise USER_EXISTS(f"{known.user} is this subject")
        session.add(SubjectRow(user=name, issuer=self._issuer, subject=subject))

    async def set_roles(self, name: str, roles: tuple[UserRole, ...], by: Principal) -> UserView:
        """They hold from the next call on. :raises CoterieError: CT-5012, CT-5123."""
        wanted = _checked(roles)
        self._change(name, lambda row: setattr(row, "roles", wanted))
        await self._record("roles", name, by, roles=wanted)
        return self.view(name)

    async def set_password(self, name: str, password: str, by: Principal) -> UserView:
        """Ends the user's sessions. :raises CoterieError: CT-5123, CT-5125, CT-5017."""
        if self.view(name).subject is not None:
            raise REQUEST_INVALID(f"{name} signs in at the identity provider")
        hashed = await self._hash(name, password)
        self._change(name, lambda row: setattr(row, "password", hashed))
        self._end_sessions(name)
        await self._record("password", name, by)
        return self.view(name)

    async def set_disabled(self, name: str, disabled: bool, by: Principal) -> UserView:
        """A disabled user has no session and gets none. :raises CoterieError: CT-5123."""
        self._change(name, lambda row: setattr(row, "disabled", disabled))
        if disabled:
            self._end_sessions(name)
        await self._record("disabled" if disabled else "enabled", name, by)
        return self.view(name)

    def views(self) -> list[UserView]:
        with self._store.session() as session:
            names = list(session.scalars(select(UserRow.name).order_by(UserRow.name)))
        return [self.view(name) for name in names]

    def view(self, name: str) -> UserView:
        """:raises CoterieError: CT-5123."""
        row = self._row(name)
        live = select(func.count()).where(SessionRow.user == name, SessionRow.expires > timestamp(now()))
        with self._store.session() as session:
            count = int(session.scalar(live) or 0)
            bound = session.get(SubjectRow, name)
            subject = None if bound is None else bound.subject
        return UserView.model_validate(
            {
                "name": row.name,
                "roles": row.roles,
                "disabled": row.disabled,
                "created": row.created,
                "sessions": count,
                "subject": subject,
            }
        )

    # -- what a user does

    async def sign_in(self, name: str, password: str, address: str) -> NewSession:
        """A session for who knows the password. An unknown name and a disabled user take as long as a wrong
        password, and are told the same.

        :raises CoterieError: CT-5017, CT-5120, CT-5121.
        """
        self.delays.begin(address)
        with self._store.session() as session:
            row = session.get(UserRow, name[:100])
        known = row.password if row is not None else self._nobody
        fits = await self._beside(lambda: _fits(known, password))
        with self._store.session() as session:  # it may have been disabled meanwhile
            row = session.get(UserRow, name[:100])
            if row is None or row.disabled or row.password != known or not fits:
                raise SIGN_IN_REFUSED("the user may also be disabled")
        self.delays.succeeded(address)
        return self._begin(row)

    async def sign_in_as(self, subject: str, address: str) -> NewSession:
        """A session for whom the identity provider has signed in; the caller has begun the delay.

        :raises CoterieError: CT-5120, CT-5133.
        """
        with self._store.session() as session:
            bound = session.scalar(_of_subject(self._issuer or "", subject))
            row = session.get(UserRow, bound.user) if bound is not None else None
        if row is None:
            raise SUBJECT_UNKNOWN(f"subject {subject!r}")
        if row.disabled:
            raise SIGN_IN_REFUSED("the user may also be disabled")
        self.delays.succeeded(address)
        return self._begin(row)

    async def change_password(self, name: str, old: str, new: str, by: Principal, address: str) -> None:
        """The own one. Ends all sessions, this one too. :raises CoterieError: CT-5120, CT-5121, CT-5125."""
        self.delays.begin(address)
        known = self._row(name).password
        if not await self._beside(lambda: _fits(known, old)):
            raise SIGN_IN_REFUSED("the user may also be disabled")
        self.delays.succeeded(address)
        await self.set_password(name, new, by)

    def may(self, name: str, permission: Permission) -> bool:
        """Whether a user, signed in or not, is permitted that now."""
        with self._store.session() as session:
            row = session.get(UserRow, name)
        return row is not None and not row.disabled and permitted(row.roles, permission)

    def find(self, secret: str) -> Principal | None:
        """Whose session this is; None where it is none.

        :raises CoterieError: CT-5126 where it was one, until the user's next sign-in.
        """
        digest = _digest(secret)
        with self._store.session() as session:
            row = session.get(SessionRow, digest)
            user = session.get(UserRow, row.user) if row is not None else None
        if row is None or user is None:
            return None
        if user.disabled or parse_timestamp(row.expires) <= now():
            raise SESSION_OVER(f"of user {user.name}")
        return Principal(
            key=f"session {digest}", label=f"user {user.name}", roles=tuple(user.roles), user=user.name
        )

    def expires(self, secret: str) -> str | None:
        """When a session ends; None for what is none."""
        with self._store.session() as session:
            row = session.get(SessionRow, _digest(secret))
        return None if row is None else row.expires

    def end(self, secret: str) -> None:
        """Sign out."""
        with self._store.session() as session:
            session.execute(delete(SessionRow).where(SessionRow.hash == _digest(secret)))

    # -- inside

    def _begin(self, row: UserRow) -> NewSession:
        secret, moment = secrets.token_urlsafe(32), now()
        expires = timestamp(moment + timedelta(hours=self._hours))
        with self._store.session() as session:
            mine = select(SessionRow).where(SessionRow.user == row.name).order_by(SessionRow.created.desc())
            for place, old in enumerate(list(session.scalars(mine))):
                if old.expires <= timestamp(moment) or place >= SESSIONS - 1:
                    session.delete(old)
            session.add(
                SessionRow(hash=_digest(secret), user=row.name, created=timestamp(moment), expires=expires)
            )
        return NewSession(name=f"user {row.name}", roles=tuple(row.roles), expires=expires, secret=secret)

    def _row(self, name: str) -> UserRow:
        with self._store.session() as session:
            row = session.get(UserRow, name)
        if row is None:
            raise USER_UNKNOWN(repr(name[:80]))
        return row

    def _change(self, name: str, change: Callable[[UserRow], None]) -> None:
        with self._store.session() as session:
            row = session.get(UserRow, name)
            if row is None:
                raise USER_UNKNOWN(repr(name[:80]))
            change(row)

    def _end_sessions(self, name: str) -> None:
        with self._store.session() as session:
            session.execute(delete(SessionRow).where(SessionRow.user == name))

    async def _record(self, event: str, name: str, by: Principal, roles: list[str] | None = None) -> None:
        body: dict[str, object] = {"event": event, "user": name, "by": by.label}
        await self._core.record("people", body if roles is None else {**body, "roles": roles})

    async def _hash(self, name: str, password: str) -> str:
        if not SHORTEST <= len(password) <= LONGEST or password.lower() == name:
            raise PASSWORD_WEAK(f"it has {len(password)} characters")
        return str(await self._beside(lambda: _HASHER.hash(_normal(password))))

    async def _beside(self, work: Callable[[], _T]) -> _T:
        """Argon2 in a thread, for a few at a time."""
        if self._waiting >= WAITING:
            raise OVERLOADED(f"{WAITING} sign-ins at once")
        self._waiting += 1
        try:
            async with self._places:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


def _of_subject(issuer: str, subject: str) -> Select[SubjectRow]:
    return select(SubjectRow).where(SubjectRow.issuer == issuer, SubjectRow.subject == subject)


def _checked(roles: tuple[UserRole, ...]) -> list[str]:
    if not roles:
        raise REQUEST_INVALID(f"roles: at least one of {', '.join(NAMED_ROLES)}")
    return [role for role in NAMED_ROLES if role in roles]


def _normal(password: str) -> str:
    """One keyboard's accents are another's: NFKC, as NIST SP 800-63B advises."""
    return unicodedata.normalize("NFKC", password)


def _fits(hashed: str, password: str) -> bool:
    try:
        return _HASHER.verify(hashed, _normal(password))
    except (VerificationError, InvalidHashError):
        return False


def _of_nobody() -> str:
    """What passwords of unknown users are compared with: it takes as long, and fits none. Random bytes stand
    in the place of a hash, which would take a fifth of a second of each start.
    """
    salt, digest = (
        base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (_HASHER.salt_len, _HASHER.hash_len)
    )
    costs = f"m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${digest}"


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
