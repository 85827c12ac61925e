"""What differs between the two databases that a store can be in: opening it, and being the only one there."""

from __future__ import annotations

import fcntl
import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from coterie.crypto import write_error
from coterie.errors import CoterieError

from .errors import STORE_DRIVER_MISSING, STORE_IN_USE, STORE_UNUSABLE
from .postgres_url import PostgresUrl

__all__ = ["Database", "Postgres", "SQLite", "of_place"]

_LOCK = 0x436F7465
"""First half of the advisory lock's key; the other one is of the schema."""
_CONNECT_SECONDS = 10
_ANSWER_MILLISECONDS = 30_000
_ALIVE = {"idle": 10, "interval": 5, "count": 3}
"""After half a minute of silence both sides take the connection for lost, and the lock is free."""


class Database(ABC):
    """One database with one store in it."""

    @abstractmethod
    def engine(self, *, alone: bool) -> Engine:
        """Connections to it.

        :param alone: MUST be refused with CT-5006 while another process, or another store of this one, has
            the database alone; holds until :meth:`release`, or the end of the process, whatever that is.
        """

    def release(self) -> None:  # noqa: B027 - nothing to do is right where the lock goes with the connection
        """Let others have it alone. Twice is allowed."""

    def begin_change(self, connection: Connection) -> None:  # noqa: B027 - as above
        """From here to the end of the transaction, changes of tables happen as a whole or not at all."""

    @abstractmethod
    def unusable(self, error: Exception) -> CoterieError:
        """CT-5005 for what the database says, in its own words alone: no statement, value or password."""


class SQLite(Database):
    """A file, its log beside it (WAL), and ``store.lock``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: int | None = None

    def engine(self, *, alone: bool) -> Engine:
        if alone:
            self._take()
        made = create_engine(f"sqlite:///{self._path}", hide_parameters=True)
        event.listen(made, "connect", _prepare)
        return made

    def _take(self) -> None:
        # Not of the file itself: closing it once more would drop the locks that SQLite holds of it.
        path = self._path.with_suffix(".lock")
        try:
            self._lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise write_error(path, error) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.release()
            raise STORE_IN_USE(str(self._path)) from error

    def release(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def begin_change(self, connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    def unusable(self, error: Exception) -> CoterieError:
        cause = getattr(error, "orig", None) or error
        return STORE_UNUSABLE(f"{self._path}: {str(cause)[:200]}")


def _prepare(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


class Postgres(Database):
    """One connection, which holds an advisory lock: who loses the one loses the other."""

    def __init__(self, url: PostgresUrl, password: str | None) -> None:
        self._url = url
        self._password = password

    def engine(self, *, alone: bool) -> Engine:
        try:
            import psycopg
        except ImportError as error:
            raise STORE_DRIVER_MISSING("no module psycopg") from error
        options = [f"-c statement_timeout={_ANSWER_MILLISECONDS} -c lock_timeout={_ANSWER_MILLISECONDS}"]
        options += [f"-c tcp_keepalives_{name}={value}" for name, value in _ALIVE.items()]
        if self._url.schema is not None:
            options.append(f"-c search_path={self._url.schema}")
        arguments: dict[str, Any] = {
            **dict(self._url.options),
            **{f"keepalives_{name}": value for name, value in _ALIVE.items()},
            "tcp_user_timeout": _ANSWER_MILLISECONDS,
            "connect_timeout": _CONNECT_SECONDS,
            "application_name": "coterie",
            "client_encoding": "utf8",
            "options": " ".join(options),
        }
        if self._password is not None:
            arguments["password"] = self._password
        where = self._url
        made = create_engine(
            URL.create(
                "postgresql+psycopg", where.user, None, where.host or None, where.port, where.database
            ),
            connect_args=arguments,
            pool_size=1,
            max_overflow=0,
            pool_pre_ping=True,
            hide_parameters=True,
        )

        def hold(connection: psycopg.Connection[Any], _record: Any) -> None:
            try:
                asked = "SELECT pg_try_advisory_lock(%s, hashtext(current_schema()))"
                held = connection.execute(asked, (_LOCK,)).fetchone()
                connection.commit()
                if held != (True,):
                    raise STORE_IN_USE(str(where))
            except BaseException:
                connection.close()
                raise

        if alone:
            event.listen(made, "connect", hold)
        return made

    def unusable(self, error: Exception) -> CoterieError:
        cause = getattr(error, "orig", None) or error
        # The primary message names no values, other than what comes with it. A failure to connect has none.
        told = getattr(getattr(cause, "diag", None), "message_primary", None)
        if told is None and isinstance(error, DBAPIError):
            told = next(iter(str(cause).splitlines()), "")
        return STORE_UNUSABLE(f"{self._url}: {(told or type(cause).__name__)[:200]}")


def of_place(place: Path | PostgresUrl, password: str | None = None) -> Database:
    """The database of a node's settings."""
    return SQLite(place) if isinstance(place, Path) else Postgres(place, password)
