"""The process that asks a database: ``python -m coterie.data.sql_process``, a question on standard input.

The query is put into one of our own that names the declared columns, so that it can only be something to
select from, and it runs in a transaction that may only read. Errors of databases quote values and sometimes
passwords: of them only the code goes on (SQLSTATE, ISO/IEC 9075).
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit, urlunsplit

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from coterie.errors import CoterieError

from .checks import WORDS, arrow_type, first_refused, wrong_type
from .errors import (
    QUERY_FAILED,
    QUERY_REFUSED,
    QUERY_TOO_LARGE,
    QUERY_TOO_LONG,
    SERVER_ABSENT,
    SERVER_REFUSES,
    SQL_MISSING,
    WRONG_TYPE,
)
from .parquet_table import converted, may_be
from .schema import Column
from .sql import Question, Told

ROW_GROUP = 1 << 17
GROUP_BYTES = 1 << 28
SQLITE_ROWS = 1 << 14
_SQLITE_HEAD = b"SQLite format 3\0"
_POSTGRES = {
    "bool": pa.bool_(),
    "int2": pa.int16(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float4": pa.float32(),
    "float8": pa.float64(),
    "numeric": pa.string(),
    **dict.fromkeys(("text", "varchar", "bpchar", "name"), pa.string()),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", "UTC"),
}
"""Types of PostgreSQL that are taken, as the driver gives them. Money comes without its decimal point, and
others as bytes that nobody would know again: a query has to cast those."""
_WORDS = {"date", "timestamp", "timestamptz", "numeric"}
"""Those of them that a text column takes in the way that ISO 8601 writes them; decimals as they are."""
_STATES = {
    "25006": "it would write",
    "42501": "no right to read what it names",
    "42601": "its syntax is wrong",
    "42703": "a declared column is not in its result, or it names one that is not there",
    "42P01": "it names a table that is not there",
}


def main() -> None:
    question = Question.model_validate_json(sys.stdin.buffer.read(1 << 26))
    sys.stdout.write(answer(question).model_dump_json())


def answer(question: Question) -> Told:
    """Ask the database, and write the rows to the question's target, which is there and empty."""
    try:
        return Told(rows=_answered(question))
    except CoterieError as error:
        return Told(code=error.code, detail=error.detail[:1000])
    except OSError as error:
        return Told(disk=error.errno or 0, detail=error.strerror or "it cannot be written")


def _answered(question: Question) -> int:
    sqlite = urlsplit(question.uri).scheme == "sqlite"
    driver = _driver("adbc_driver_sqlite" if sqlite else "adbc_driver_postgresql")
    uri = _sqlite_uri(question.uri) if sqlite else _uri(question.uri)
    with contextlib.closing(_connected(driver, uri)) as link, contextlib.closing(link.cursor()) as cursor:
        batches = _Asking(cursor, question, sqlite=sqlite).batches()
        read = _sqlite_batches if sqlite else _postgres_batches
        return _written(question, read(batches, question.columns))


def _driver(name: str) -> ModuleType:
    try:
        return importlib.import_module(f"{name}.dbapi")
    except ImportError:
        raise SQL_MISSING(name.replace("_", "-")) from None


def _connected(driver: ModuleType, uri: str) -> Any:
    refused = ""
    try:
        return driver.connect(uri)
    except Exception as error:  # noqa: BLE001  # drivers raise what they like, with the password in it
        refused = str(error)
    if "FATAL:" in refused:  # a server's own word for it
        raise SERVER_REFUSES("the name, the password or the database's name is not right, or not allowed")
    raise SERVER_ABSENT("it cannot be reached, or is no database")


def _uri(uri: str) -> str:
    """With limits to how long a server that is gone is waited for, where the owner has set none."""
    parts = urlsplit(uri)
    given = parse_qsl(parts.query, keep_blank_values=True)
    limits = {"connect_timeout": "10", "tcp_user_timeout": "60000", "keepalives_idle": "30"}
    added = [(name, value) for name, value in limits.items() if name not in dict(given)]
    return urlunsplit(parts._replace(query=urlencode([*given, *added], quote_via=quote)))


def _sqlite_uri(uri: str) -> str:
    # Some write four slashes before a path from the root, and a path that begins with two is none in a URI.
    path = Path("/" + unquote(urlsplit(uri).path).lstrip("/"))
    found = None
    with contextlib.suppress(OSError), path.open("rb") as file:
        found = file.read(len(_SQLITE_HEAD))
    if found not in (b"", _SQLITE_HEAD):
        raise SERVER_ABSENT("no such file" if found is None else "the file is no database of SQLite")
    return f"file:{quote(str(path))}?mode=ro"


class _Asking:
    """A query that is running, with what can become of it."""

    def __init__(self, cursor: Any, question: Question, *, sqlite: bool) -> None:
        self._cursor, self._question, self._sqlite = cursor, question, sqlite
        self._until = time.monotonic() + question.seconds

    def batches(self) -> Iterator[pa.RecordBatch]:
        """What the database gives, until it is too much or takes too long (CT-1473 to CT-1479)."""
        reader = self._guarded(self._begun)
        rows = 0
        while (batch := self._guarded(lambda: next(reader, None))) is not None:
            rows += batch.num_rows
            if rows > self._question.rows + self._sqlite:
                raise QUERY_TOO_LARGE(f"more than {self._question.rows} rows")
            if time.monotonic() >= self._until:
                raise self._too_long()
            yield batch

    def _begun(self) -> Any:
        cursor = self._cursor
        if self._sqlite:
            cursor.adbc_statement.set_options(**{"adbc.sqlite.query.batch_rows": str(SQLITE_ROWS)})
            cursor.execute(_sqlite_query(self._question))
        else:
            cursor.execute("SET TRANSACTION READ ONLY")
            cursor.execute(f"SET LOCAL statement_timeout = {self._question.seconds * 1000}")
            cursor.execute(_postgres_query(self._question))
        return cursor.fetch_record_batch()

    def _guarded(self, work: Callable[[], Any]) -> Any:
        """What comes of it. What a driver says when it fails quotes queries and values, and is dropped."""
        state, prepared = None, True
        try:
            return work()
        except Exception as error:  # noqa: BLE001  # drivers raise what they like
            state = getattr(error, "sqlstate", None)
            prepared = isinstance(error, OSError) or "prepare" not in str(error)
        if time.monotonic() >= self._until:
            raise self._too_long()
        if state is None:
            raise QUERY_FAILED("while it was running") if prepared else QUERY_REFUSED("it cannot be prepared")
        if state.startswith("42") or state in ("25006", "0A000"):
            why = f": {_STATES[state]}" if state in _STATES else ""
            raise QUERY_REFUSED(f"SQLSTATE {state}{why}")
        raise QUERY_FAILED(f"SQLSTATE {state}")

    def _too_long(self) -> CoterieError:
        return QUERY_TOO_LONG(f"more than {self._question.seconds} seconds")


def _name(column: Column) -> str:
    """Of a column of the owner's query. Without ``q``, SQLite would take an unknown name for a text."""
    return 'q."' + column.name.replace('"', '""') + '"'


def _inner(question: Question) -> str:
    """The owner's query in brackets; a comment at its end ends with its line."""
    return f"FROM (\n{question.query.rstrip().rstrip(';')}\n) AS q"


def _postgres_query(question: Question) -> str:
    return f"SELECT {', '.join(map(_name, question.columns))} {_inner(question)}"


_SQLITE = {
    "float": ("0.0", "REAL", "typeof({0}) IN ('real', 'null') OR abs({0}) <= 9007199254740992"),
    "int": ("0", "INTEGER", "typeof({0}) IN ('integer', 'null') OR {0} = CAST({0} AS INTEGER)"),
    "bool": ("0", "INTEGER", "typeof({0}) IN ('integer', 'null') AND ({0} IS NULL OR {0} IN (0, 1))"),
    "text": ("''", "TEXT", "typeof({0}) IN ('text', 'integer', 'null')"),
}
_NUMBERS = "(typeof({0}) NOT IN ('text', 'blob')) AND ({1})"


def _sqlite_query(question: Question) -> str:
    """Cells of SQLite each have a type of their own, and the driver takes the types of columns from the first
    rows: so one row more comes first, and a last column says which column of a row is of a wrong type.
    """
    first, values, wrong = [], [], []
    for number, column in enumerate(question.columns):
        kind = "text" if column.type == "category" else column.type
        zero, cast, fits = _SQLITE[kind]
        name = _name(column)
        fits = fits.format(name)
        first.append(f"{zero} AS c{number}")
        values.append(f"CAST({name} AS {cast})")
        wrong.append(f"WHEN NOT ({fits if kind == 'text' else _NUMBERS.format(name, fits)}) THEN {number}")
    return (
        f"SELECT {', '.join(first)}, -2 AS wrong UNION ALL "
        f"SELECT {', '.join(values)}, CASE {' '.join(wrong)} ELSE -1 END {_inner(question)}"
    )


def _sqlite_batches(batches: Iterator[pa.RecordBatch], columns: tuple[Column, ...]) -> Iterator[pa.Table]:
    before = -1
    for batch in batches:
        if before < 0 and batch["wrong"][0].as_py() != -2:
            raise QUERY_FAILED("rows come in another order than they were asked for")
        given = batch.slice(1) if before < 0 else batch
        before = max(before, 0)
        found = pc.index(pc.greater_equal(given["wrong"], 0), True).as_py()
        if found >= 0:
            column = columns[given["wrong"][found].as_py()]
            raise wrong_type(column, f"row {before + found + 1} of the result", "another type")
        values = [_of_declared(given.column(at), column, before) for at, column in enumerate(columns)]
        yield pa.table(dict(zip((column.name for column in columns), values, strict=True)))
        before += given.num_rows


def _of_declared(values: pa.Array, column: Column, before: int) -> pa.ChunkedArray:
    if column.type == "bool":
        values = pc.cast(values, pa.bool_())
    return converted(pa.chunked_array([values]), column, lambda row: f"row {before + row + 1} of the result")


def _postgres_batches(batches: Iterator[pa.RecordBatch], columns: tuple[Column, ...]) -> Iterator[pa.Table]:
    before = 0
    for batch in batches:
        made = {}
        for at, column in enumerate(columns):
            made[column.name] = _from_postgres(batch.schema.field(at), batch.column(at), column, before)
        yield pa.table(made)
        before += batch.num_rows


def _from_postgres(field: pa.Field, values: pa.Array, column: Column, before: int) -> pa.ChunkedArray:
    """The values in the declared type, as a Parquet file of them would be read (CT-1430)."""
    name = (field.metadata or {}).get(b"POSTGRESQL:type", b"").decode()
    if isinstance(values, pa.ExtensionArray):
        values = values.storage
    number = name == "numeric" and column.type in ("int", "float")
    words = name in _WORDS and column.type in ("text", "category")
    fits = number or words or (name in _POSTGRES and name != "numeric" and may_be(values.type, column))
    if not fits or values.type != _POSTGRES[name]:
        found = f"column '{column.name}': {name or 'no type'} where {WORDS[column.type]} is declared"
        raise WRONG_TYPE(f"{found}; the query can cast it")
    if number:
        values = _numbers(values, column, before)
    elif words and name != "numeric":
        values = pc.cast(values, pa.large_string())
    return _of_declared(values, column, before)


def _numbers(values: pa.Array, column: Column, before: int) -> pa.Array:
    """Decimal numbers of any length, which come as text. NaN is no value; floats are the nearest ones."""
    values = pc.if_else(pc.equal(pc.utf8_lower(values), "nan"), pa.scalar(None, values.type), values)
    if column.type == "int":
        values = pc.replace_substring_regex(values, pattern=r"\.0+$", replacement="")
    if (row := first_refused(values, column.type)) is not None:
        raise wrong_type(column, f"row {before + row + 1} of the result", "a number that would change")
    return pc.cast(values, arrow_type(column.type))


def _written(question: Question, tables: Iterator[pa.Table]) -> int:
    """Rows written, in groups that are large enough to be read fast and small enough for memory."""
    schema = pa.schema([(column.name, arrow_type(column.type)) for column in question.columns])
    texts = [column.name for column in question.columns if column.type == "category"]
    rows = 0
    held: list[pa.Table] = []
    with (
        Path(question.target).open("r+b") as file,
        pq.ParquetWriter(file, schema, compression="zstd", use_dictionary=texts) as writer,
    ):
        for table in tables:
            held.append(table.cast(schema))
            rows += table.num_rows
            many = sum(one.num_rows for one in held) >= ROW_GROUP
            if many or sum(one.nbytes for one in held) >= GROUP_BYTES:
                writer.write_table(pa.concat_tables(held), row_group_size=ROW_GROUP)
                held.clear()
        if held:
            writer.write_table(pa.concat_tables(held), row_group_size=ROW_GROUP)
    return rows


if __name__ == "__main__":
    main()
