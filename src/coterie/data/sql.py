"""Results of SQL queries, taken once: a query's rows go to a Parquet file, and everything later reads that.

So runs are repeatable, and neither the order in which a database gives its rows nor what is written to it
meanwhile matters. The database is asked in a process of its own (:mod:`.sql_process`): drivers are foreign
code that holds the password, and not all of them can be interrupted. Only a process can always be ended.
"""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coterie.crypto import write_error
from coterie.errors import CoterieError

from .errors import (
    NOT_UTF8,
    QUERY_FAILED,
    QUERY_REFUSED,
    QUERY_TOO_LARGE,
    QUERY_TOO_LONG,
    SECRET_MISSING,
    SECRET_OPEN,
    SECRET_UNUSABLE,
    SERVER_ABSENT,
    SERVER_REFUSES,
    SQL_MISSING,
    WRONG_TYPE,
)
from .schema import Column, DatasetSpec, Many, SqlSource

__all__ = ["Question", "Told", "take_rows"]

SECRET_LIMIT = 64 * 1024
GRACE = 15
"""Seconds for the process to start, and to end by itself where a database keeps to the time it was given."""
_TOLD = {
    one.code: one
    for one in (
        *(SQL_MISSING, SERVER_ABSENT, SERVER_REFUSES, QUERY_REFUSED, QUERY_FAILED, QUERY_TOO_LARGE),
        *(QUERY_TOO_LONG, WRONG_TYPE, NOT_UTF8),
    )
}
"""What the process may say that is wrong."""


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Question(_Message):
    """What the process is asked to do, on its standard input."""

    uri: str = Field(repr=False)
    query: str
    columns: Many[Column]
    seconds: int
    rows: int
    target: str


class Told(_Message):
    """What it answers: how many rows, or what is wrong."""

    rows: Annotated[int, Field(ge=0)] = 0
    code: str | None = None
    detail: Annotated[str, Field(max_length=1000)] = ""
    disk: int | None = None
    """The number of the error, where the disk is full or cannot be written."""


def take_rows(spec: DatasetSpec, target: Path) -> int:
    """Ask the database of a dataset whose source is a query, and write the rows to a new Parquet file (0600):
    the declared columns and no other, of their declared types. Gives the number of rows.

    The secret goes to the database alone: no error, log or file has it.

    Raises CT-1461 where the driver is not installed; CT-1463 to CT-1467 for the secret; CT-1469, CT-1471
    where the server is not there, or lets nobody in; CT-1473 to CT-1479 for the query; CT-1414, CT-1430 for
    values that are not of the declared types; CT-1120, CT-1121.
    """
    source = spec.source
    if not isinstance(source, SqlSource):
        raise TypeError(f"the source of {spec.name} is no query")
    question = Question(
        uri=_secret(source.connection),
        query=source.query,
        columns=spec.columns,
        seconds=source.seconds,
        rows=source.rows,
        target=str(target),
    )
    _driver(question.uri)
    _make(target)
    try:
        told = _asked(question)
        if told.disk is not None:
            raise write_error(target, OSError(told.disk, told.detail))
        if told.code is not None:
            raise _TOLD[told.code](told.detail)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return told.rows


def _asked(question: Question) -> Told:
    """What the process says; it is ended where it says nothing in time."""
    command = [sys.executable, "-m", "coterie.data.sql_process"]
    problem: CoterieError
    try:
        done = subprocess.run(  # noqa: S603  # the own interpreter
            command,
            input=question.model_dump_json().encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # drivers say there whatever they like
            timeout=question.seconds + GRACE,
            check=False,
        )
        told = Told.model_validate_json(done.stdout)
        if told.code is None or told.code in _TOLD:
            return told
        problem = QUERY_FAILED("the answer cannot be read")
    except subprocess.TimeoutExpired:
        problem = QUERY_TOO_LONG(f"more than {question.seconds} seconds")
    except ValidationError:
        problem = QUERY_FAILED("the database's driver ended without an answer; it may need more memory")
    raise problem


def _make(target: Path) -> None:
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        raise write_error(target, error) from error


def _driver(uri: str) -> Literal["postgresql", "sqlite"]:
    """Which driver a connection needs (CT-1467)."""
    scheme, host = "", ""
    with contextlib.suppress(ValueError):
        scheme, host = urlsplit(uri)[:2]
    if scheme in ("postgresql", "postgres"):
        return "postgresql"
    if scheme == "sqlite" and host:
        raise SECRET_UNUSABLE("the whole path of the file, from / on, comes after sqlite://")
    if scheme == "sqlite":
        return "sqlite"
    raise SECRET_UNUSABLE("it begins neither with postgresql:// nor with sqlite:///")


def _secret(connection: str) -> str:
    """What the secret holds, without white space around it. Errors, CT-1463 to CT-1467, have its name."""
    kind, _, name = connection.partition(":")
    if kind == "env":
        found = os.environ.get(name, "")
        if not found:
            raise SECRET_MISSING(f"environment variable {name}")
        return _text(found.encode(errors="surrogateescape"), name)
    path, content, problem = Path(name), b"", None
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                problem = SECRET_UNUSABLE(f"{path.name}: no file")
            elif status.st_mode & 0o077 or status.st_uid not in (os.geteuid(), 0):
                problem = SECRET_OPEN(path.name)
            else:
                content = file.read(SECRET_LIMIT + 1)
    except OSError as error:
        problem = SECRET_MISSING(f"file {path.name}: {error.strerror}")
    if problem is not None:
        raise problem
    return _text(content, path.name)


def _text(content: bytes, name: str) -> str:
    try:
        found = content.decode().strip()
    except UnicodeDecodeError:
        found = ""
    if len(content) > SECRET_LIMIT or not found or any(ord(one) < 32 for one in found):
        raise SECRET_UNUSABLE(f"{name}: not a single line of text")
    return found
