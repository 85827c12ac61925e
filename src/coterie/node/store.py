"""The node's store: what it must still know after a restart. One writer: the daemon's event loop. It is in an
SQLite file or a PostgreSQL database (:mod:`.databases`); the tables are the same.

Documents (agreements, proposals, approvals) are kept as the JSON text that was checked on arrival.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    insert,
    inspect,
    select,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from coterie.errors import CoterieError

from .databases import of_place
from .errors import STORE_OF_ANOTHER, STORE_VERSION
from .migrations import HEAD, REVISIONS, upgrade
from .postgres_url import PostgresUrl

__all__ = [
    "AgreementRow",
    "ApprovalRow",
    "AttemptRow",
    "ConsentRow",
    "DatasetRow",
    "InvitationRow",
    "JobRow",
    "LeftOutRow",
    "LookupRow",
    "OutboxRow",
    "OwnerRow",
    "PeerRow",
    "PipelineRow",
    "ReadyRow",
    "RefusedCallRow",
    "ResultRow",
    "RevocationRow",
    "RevokedKeyRow",
    "RunRow",
    "SessionRow",
    "Store",
    "SubjectRow",
    "TokenRow",
    "UserRow",
]


class Row(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map = {  # noqa: RUF012
        dict[str, Any]: JSON,
        list[str]: JSON,
        bytes: LargeBinary,
        int: BigInteger().with_variant(Integer, "sqlite"),  # SQLite numbers rows by this name alone
        str: String().with_variant(String(collation="C"), "postgresql"),  # sorted as bytes, as in SQLite
    }


class PeerRow(Row):
    """A pinned party."""

    __tablename__ = "peers"
    name: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str]
    certificate: Mapped[str]
    host: Mapped[str | None]
    port: Mapped[int | None]
    added: Mapped[str]


class RevokedKeyRow(Row):
    """A key that was a peer's, and was declared lost or stolen. It never counts again."""

    __tablename__ = "revoked_keys"
    key: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    reason: Mapped[str]
    time: Mapped[str]


class InvitationRow(Row):
    """An invitation that this node gave; its secret is in a file of its own while it is open."""

    __tablename__ = "invitations"
    id: Mapped[str] = mapped_column(primary_key=True)
    created: Mapped[str]
    expires: Mapped[str]
    used_by: Mapped[str | None]


class TokenRow(Row):
    """A bearer token, as the SHA-256 of its secret (256 random bits need no slow hash)."""

    __tablename__ = "tokens"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    role: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)
    created: Mapped[str]


class DatasetRow(Row):
    """A registered table."""

    __tablename__ = "datasets"
    name: Mapped[str] = mapped_column(primary_key=True)
    spec: Mapped[str]
    facts: Mapped[str]
    stamp: Mapped[str]
    """Tells whether the file is still the one that was read."""
    added: Mapped[str]


class LeftOutRow(Row):
    """How many rows of a registered table do not count; none without such a row. Nobody else is told."""

    __tablename__ = "datasets_left_out"
    name: Mapped[str] = mapped_column(primary_key=True)
    without_id: Mapped[int]
    repeated: Mapped[int]


class AgreementRow(Row):
    """An agreement in any state."""

    __tablename__ = "agreements"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(index=True)
    document: Mapped[str]
    """Terms with the signatures received so far."""
    drafted_by: Mapped[str]
    offered: Mapped[bool]
    id_key: Mapped[bytes | None]
    created: Mapped[str]


class RevocationRow(Row):
    """A party's revocation of an agreement."""

    __tablename__ = "revocations"
    agreement: Mapped[str] = mapped_column(primary_key=True)
    party: Mapped[str] = mapped_column(primary_key=True)
    document: Mapped[str]


class JobRow(Row):
    """A job from its proposal on."""

    __tablename__ = "jobs"
    id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(unique=True)
    """In the order of arrival here: times are in whole seconds, and several jobs can come within one."""
    name: Mapped[str]
    agreement: Mapped[str] = mapped_column(index=True)
    engine: Mapped[str]
    initiator: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    proposal: Mapped[str]
    plan: Mapped[str]
    """The plan's document, JSON."""
    plan_digest: Mapped[str]
    summary: Mapped[dict[str, Any]]
    participants: Mapped[list[str]]
    created: Mapped[str]
    started: Mapped[str | None]
    ended: Mapped[str | None]
    error: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    finished: Mapped[list[str]]
    """Participants whose workers have reported success."""
    countersigned: Mapped[list[str]]


class ApprovalRow(Row):
    """One participant's yes or no to a job's plan."""

    __tablename__ = "approvals"
    job: Mapped[str] = mapped_column(primary_key=True)
    party: Mapped[str] = mapped_column(primary_key=True)
    mode: Mapped[str]
    state: Mapped[str]
    time: Mapped[str | None]
    document: Mapped[str | None]


class ResultRow(Row):
    """A result that this party received."""

    __tablename__ = "results"
    job: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    step: Mapped[str]
    digest: Mapped[str]
    size: Mapped[int]
    path: Mapped[str]


class PipelineRow(Row):
    """A saved pipeline: this party's own file, and what is public of it. ``number`` tells those of one name
    apart, in the order in which their jobs ended here."""

    __tablename__ = "pipelines"
    __table_args__ = (UniqueConstraint("name", "number"),)
    identity: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    number: Mapped[int]
    job: Mapped[str]
    document: Mapped[str]
    """The public part, JSON."""
    path: Mapped[str]
    size: Mapped[int]
    made: Mapped[str]
    removed: Mapped[str | None]
    """When its file was deleted. The row stays: no number is given twice."""


class RunRow(Row):
    """A run that counts against the agreement's number of runs."""

    __tablename__ = "runs"
    job: Mapped[str] = mapped_column(primary_key=True)
    agreement: Mapped[str] = mapped_column(index=True)
    started: Mapped[str]


class AttemptRow(Row):
    """One attempt at a job, from 0 on; written before it begins, so that none is begun twice."""

    __tablename__ = "attempts"
    job: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    link: Mapped[str] = mapped_column(unique=True)
    """The name of its links."""
    mark: Mapped[str | None]
    """Of the step behind which it begins."""
    behind: Mapped[int | None]
    """That step's number, from 1 on."""
    started: Mapped[str]
    broke: Mapped[str | None]
    """When it was lost."""
    failure: Mapped[dict[str, Any] | None] = mapped_column(JSON)


class LookupRow(Row):
    """How many ids a party has asked for in a table of this node's."""

    __tablename__ = "lookups"
    agreement: Mapped[str] = mapped_column(primary_key=True)
    dataset: Mapped[str] = mapped_column(primary_key=True)
    party: Mapped[str] = mapped_column(primary_key=True)
    used: Mapped[int]
    minute: Mapped[int]
    """The last in which it asked, of this node's clock, counted from 1970."""
    in_minute: Mapped[int]


class OutboxRow(Row):
    """A message that a peer has not taken yet. ``topic`` is what it is about: a newer one replaces it."""

    __tablename__ = "outbox"
    __table_args__ = (UniqueConstraint("peer", "topic"),)
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    peer: Mapped[str]
    topic: Mapped[str]
    kind: Mapped[str]
    body: Mapped[str]
    created: Mapped[str]


class ReadyRow(Row):
    """When the store was last seen to take a change: one row."""

    __tablename__ = "ready"
    id: Mapped[int] = mapped_column(primary_key=True)
    time: Mapped[str]


class UserRow(Row):
    """A person. Never deleted: what the ledger says under a name stays one person's."""

    __tablename__ = "users"
    name: Mapped[str] = mapped_column(primary_key=True)
    roles: Mapped[list[str]]
    password: Mapped[str]
    """Argon2id, with its salt and parameters."""
    disabled: Mapped[bool]
    created: Mapped[str]


class SessionRow(Row):
    """A session, as the SHA-256 of its secret (256 random bits need no slow hash)."""

    __tablename__ = "sessions"
    hash: Mapped[str] = mapped_column(primary_key=True)
    user: Mapped[str] = mapped_column(index=True)
    created: Mapped[str]
    expires: Mapped[str]


class SubjectRow(Row):
    """Who a user is to the identity provider. It was one of that issuer; another's says nothing of it."""

    __tablename__ = "subjects"
    user: Mapped[str] = mapped_column(primary_key=True)
    issuer: Mapped[str]
    subject: Mapped[str]
    __table_args__ = (UniqueConstraint("issuer", "subject"),)


class ConsentRow(Row):
    """One person's yes to a matter that takes several; or, where ``asked``, who asked for it."""

    __tablename__ = "consents"
    matter: Mapped[str] = mapped_column(primary_key=True)
    user: Mapped[str] = mapped_column(primary_key=True)
    asked: Mapped[bool]
    time: Mapped[str]


class RefusedCallRow(Row):
    """How often a call was refused in one day, of one caller, for one reason."""

    __tablename__ = "refused_calls"
    day: Mapped[str] = mapped_column(primary_key=True)
    who: Mapped[str] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    address: Mapped[str] = mapped_column(primary_key=True)
    count: Mapped[int]
    first: Mapped[str]
    last: Mapped[str]


class OwnerRow(Row):
    """The public key of the party whose store it is: one row."""

    __tablename__ = "owner"
    key: Mapped[str] = mapped_column(primary_key=True)


_VERSION = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))
"""Where Alembic keeps the number of the tables' version."""


class Store:
    """Short transactions; each either happens as a whole or raises."""

    def __init__(
        self,
        place: Path | PostgresUrl,
        password: str | None = None,
        *,
        owner: str | None = None,
        alone: bool = True,
    ) -> None:
        """Open or create. A store of an earlier version is brought forward, as a whole or not at all.

        :param owner: public key, hex, of the party: a store of another one is refused.
        :param alone: nobody else has the store so meanwhile. Without it, the store is only to be read, and
            must be of the present version.
        :raises CoterieError: CT-5005 to CT-5008, CT-5018.
        """
        self.took: Callable[[float], None] = lambda _: None
        """Told how many seconds each transaction has taken."""
        self._database = of_place(place, password)
        self._engine: Engine = self._database.engine(alone=alone)
        try:
            with self._coded():
                self._prepare(str(place), alone=alone)
                if isinstance(place, Path):
                    place.chmod(0o600)
            if owner is not None:
                self._belong(str(place), owner)
        except BaseException:
            self.close()
            raise

    def _prepare(self, place: str, *, alone: bool) -> None:
        with self._engine.begin() as connection:
            found = set(inspect(connection).get_table_names())
            version = None
            if _VERSION.name in found:
                version = connection.scalar(select(_VERSION.c.version_num))
        if version == HEAD and not alone:
            return
        if (version is not None and version not in REVISIONS) or not alone:
            told = f"version {version or 'without a number'}, here {HEAD}"
            raise STORE_VERSION(f"{place}: {told}")
        with self._engine.begin() as connection:
            self._database.begin_change(connection)
            if version != HEAD and Row.metadata.tables.keys() & found:
                upgrade(connection)
            Row.metadata.create_all(connection)
            if not Row.metadata.tables.keys() & found:
                _VERSION.create(connection, checkfirst=True)
                connection.execute(insert(_VERSION).values(version_num=HEAD))

    def _belong(self, place: str, owner: str) -> None:
        with self.session() as session:
            known = session.scalar(select(OwnerRow.key))
            if known is None:
                session.add(OwnerRow(key=owner))
            elif known != owner:
                raise STORE_OF_ANOTHER(place)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """One transaction: committed at the end, undone by any error. Rows stay readable afterwards.

        :raises CoterieError: CT-5005; CT-5006 where the connection was lost and another node has the store.
        """
        begun = time.perf_counter()
        with self._coded(), Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session
        self.took(time.perf_counter() - begun)

    @contextmanager
    def _coded(self) -> Iterator[None]:
        problem: CoterieError
        try:
            yield
            return
        except (DBAPIError, OSError) as error:
            problem = self._database.unusable(error)
        raise problem  # without its cause, which has the statement

    def close(self) -> None:
        self._engine.dispose()
        self._database.release()
