"""Queries: rows as the database's own client gives them, nothing written, nothing of the secret told."""

from __future__ import annotations

import contextlib
import json
import math
import resource
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from coterie.data import (
    Column,
    DatasetSpec,
    ParquetSource,
    SqlSource,
    load,
    parse_spec,
    sql,
    sql_process,
    take_rows,
)
from coterie.errors import CoterieError

from .postgres import Postgres, cluster

ID = Column(name="id", type="text", role="id")
KINDS = (
    ID,
    Column(name="n", type="int", nullable=True),
    Column(name="x", type="float", nullable=True),
    Column(name="b", type="bool", nullable=True),
    Column(name='odd "name"', type="category", nullable=True),
)
Refused = Callable[..., str]
CANARY = "s3cret-canary"


@pytest.fixture(autouse=True)
def _here(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this process, which is faster; the other one has tests of its own."""
    monkeypatch.setattr(sql, "_asked", sql_process.answer)


def spec_of(connection: str, query: str, columns: tuple[Column, ...], **more: Any) -> DatasetSpec:
    source = SqlSource(connection=connection, query=query, **more)
    return DatasetSpec(name="loans", source=source, columns=columns)


def taken(spec: DatasetSpec, folder: Path) -> dict[str, list[Any]]:
    target = folder / "rows.parquet"
    target.unlink(missing_ok=True)
    rows = take_rows(spec, target)
    found = pq.read_table(target)
    assert (found.num_rows, found.column_names) == (rows, [column.name for column in spec.columns])
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    return found.to_pydict()


def refused(spec: DatasetSpec, folder: Path) -> str:
    """The error's code, after a look at what it tells and leaves."""
    target = folder / "refused.parquet"
    with pytest.raises(CoterieError) as caught:
        take_rows(spec, target)
    assert not target.exists()
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)
    assert CANARY not in str(caught.value)
    return caught.value.code


# -- SQLite


@pytest.fixture
def lite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> sqlite3.Connection:
    monkeypatch.setenv("LOANS_DB", f"sqlite://{tmp_path}/a%20{CANARY}.db")
    return sqlite3.connect(tmp_path / f"a {CANARY}.db", isolation_level=None)


def test_a_table_of_sqlite(lite: sqlite3.Connection, tmp_path: Path) -> None:
    lite.execute('CREATE TABLE t (id TEXT, n INTEGER, x REAL, b BOOLEAN, "odd ""name""" TEXT, more BLOB)')
    random = np.random.default_rng(1)
    rows: list[tuple[Any, ...]] = [
        # The driver takes types from the first rows: these have none.
        *((f"N{row}", None, None, None, None, None) for row in range(3000)),
        *(
            (f"C{row}", int(random.integers(-(2**63), 2**63)), random.normal(), row % 2, "Köln", b"")
            for row in range(20_000)
        ),
        ("big", 2**63 - 1, 5e-324, 1, "", None),
        ("small", -(2**63), -1.7976931348623157e308, 0, "上\n海", None),
    ]
    lite.execute("BEGIN")
    lite.executemany("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?)", rows)
    lite.execute("COMMIT")
    query = "SELECT *, 7 AS seven FROM t ORDER BY id ; -- all of it"
    found = taken(spec_of("env:LOANS_DB", query.replace(";", ""), KINDS), tmp_path)
    told = lite.execute('SELECT id, n, x, b, "odd ""name""" FROM t ORDER BY id').fetchall()
    assert list(zip(*found.values(), strict=True)) == [
        (*row[:3], None if row[3] is None else bool(row[3]), row[4]) for row in told
    ]
    assert len(taken(spec_of("env:LOANS_DB", "SELECT * FROM t;\n", (ID,)), tmp_path)["id"]) == len(rows)
    assert taken(spec_of("env:LOANS_DB", "SELECT * FROM t WHERE 0", (ID,)), tmp_path) == {"id": []}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(("float", "'1.5'"), ("float", "x'00'"), ("float", "9007199254740993")),
        *(
            ("int", "1.5"),
            ("int", "1e300"),
            ("int", "'1'"),
            ("bool", "2"),
            ("bool", "'true'"),
            ("bool", "1.0"),
        ),
        *(("text", "1.5"), ("text", "x'ff'"), ("text", "CAST(x'ff' AS TEXT)")),
    ],
)
def test_cells_of_sqlite_of_another_type(
    lite: sqlite3.Connection, tmp_path: Path, kind: Any, value: str
) -> None:
    query = f"SELECT 'a' AS id, NULL AS v UNION ALL SELECT '{CANARY}', {value}"
    columns = (ID, Column(name="v", type=kind, nullable=True))
    assert refused(spec_of("env:LOANS_DB", query, columns), tmp_path) in ("CT-1430", "CT-1414")


def test_whole_numbers_of_sqlite_are_what_they_are(lite: sqlite3.Connection, tmp_path: Path) -> None:
    columns = (ID, Column(name="i", type="int"), Column(name="f", type="float"))
    query = "SELECT 7 AS id, 4.0 AS i, 9007199254740992 AS f UNION ALL SELECT '8', -1, -3"
    assert taken(spec_of("env:LOANS_DB", query, columns), tmp_path) == {
        "id": ["7", "8"],
        "i": [4, -1],
        "f": [2.0**53, -3.0],
    }


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM t",
        "INSERT INTO t VALUES ('z') RETURNING id",
        "PRAGMA user_version = 7",
        "SELECT id FROM t; DELETE FROM t",
        "ATTACH ':memory:' AS m",
        "SELECT nothing FROM t",
        "SELECT 1 AS x",
        "nonsense",
        "SELECT id FROM absent",
    ],
)
def test_queries_that_sqlite_does_not_take(lite: sqlite3.Connection, tmp_path: Path, query: str) -> None:
    lite.execute("CREATE TABLE t (id TEXT)")
    lite.execute("INSERT INTO t VALUES ('a')")
    assert refused(spec_of("env:LOANS_DB", query, (ID,)), tmp_path) == "CT-1473"
    # What comes after a first statement is never run.
    taken(
        spec_of("env:LOANS_DB", "SELECT id FROM t) AS q; DELETE FROM t; SELECT * FROM (SELECT 1", (ID,)),
        tmp_path,
    )
    assert lite.execute("SELECT count(*) FROM t").fetchall() == [(1,)]
    assert lite.execute("PRAGMA user_version").fetchall() == [(0,)]


ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT {} AS id FROM c"


def test_absurd_results(lite: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(spec_of("env:LOANS_DB", ENDLESS.format("x"), (ID,), rows=100_000), tmp_path) == "CT-1477"
    assert refused(spec_of("env:LOANS_DB", ENDLESS.format("x"), (ID,), seconds=1), tmp_path) == "CT-1479"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        assert refused(spec_of("env:LOANS_DB", ENDLESS.format("x"), (ID,)), tmp_path) == "CT-1120"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    (tmp_path / "there.parquet").touch()
    with pytest.raises(CoterieError, match="CT-112"):
        take_rows(spec_of("env:LOANS_DB", "SELECT 1 AS id", (ID,)), tmp_path / "there.parquet")


def test_what_is_no_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "text.db").write_text("no database")
    for name in ("absent.db", "text.db", "", "../"):
        monkeypatch.setenv("LOANS_DB", f"sqlite://{tmp_path}/{name}")
        assert refused(spec_of("env:LOANS_DB", "SELECT 1 AS id", (ID,)), tmp_path) == "CT-1469"


def test_a_path_from_the_root_may_have_two_slashes_and_none_is_relative(
    lite: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lite.execute("CREATE TABLE t (id TEXT)")
    lite.execute("INSERT INTO t VALUES ('a')")
    spec = spec_of("env:LOANS_DB", "SELECT id FROM t", (ID,))
    monkeypatch.setenv("LOANS_DB", f"sqlite:///{tmp_path}/a%20{CANARY}.db")
    assert taken(spec, tmp_path) == {"id": ["a"]}
    monkeypatch.setenv("LOANS_DB", f"sqlite://{str(tmp_path)[1:]}/a%20{CANARY}.db")
    assert refused(spec, tmp_path) == "CT-1467"


def test_a_driver_that_is_not_installed() -> None:
    with pytest.raises(CoterieError, match="CT-1461") as caught:
        sql_process._driver("adbc_driver_of_nobody")
    assert "adbc-driver-of-nobody" in str(caught.value)


# -- the secret


def test_secrets(lite: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    query = "SELECT 'a' AS id"
    assert refused(spec_of("env:ABSENT_DB", query, (ID,)), tmp_path) == "CT-1463"
    assert refused(spec_of(f"file:{tmp_path}/none", query, (ID,)), tmp_path) == "CT-1463"
    secret = tmp_path / "secret"
    secret.write_text(f"  sqlite://{tmp_path}/a%20{CANARY}.db\n")
    secret.chmod(0o640)
    assert refused(spec_of(f"file:{secret}", query, (ID,)), tmp_path) == "CT-1465"
    secret.chmod(0o600)
    spec = parse_spec(
        json.dumps(spec_of("file:secret", query, (ID,)).model_dump(mode="json")), folder=tmp_path
    )
    assert taken(spec, tmp_path) == {"id": ["a"]}
    assert refused(spec_of(f"file:{tmp_path}", query, (ID,)), tmp_path) in ("CT-1463", "CT-1467")
    for content in (
        b"",
        b"\n",
        b"\xff",
        b"a\nb",
        b"mysql://" + CANARY.encode(),
        b"postgresql://[",
        b"x" * 70_000,
    ):
        secret.write_bytes(content)
        assert refused(spec_of(f"file:{secret}", query, (ID,)), tmp_path) == "CT-1467"
    for name in ("env:", "env:a b", "sqlite:///x", "postgresql://u:p@h/d"):
        with pytest.raises(ValueError, match="connection"):
            spec_of(name, query, (ID,))


def test_a_query_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(CoterieError, match="CT-1481"):
        load(spec_of("env:LOANS_DB", "SELECT 1", (ID,)))


# -- the process


def test_the_process(lite: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("LOANS_DB", f"sqlite://{tmp_path}/a%20{CANARY}.db")
    monkeypatch.setattr(sql, "GRACE", 1)
    lite.execute("CREATE TABLE t (id TEXT)")
    lite.executemany("INSERT INTO t VALUES (?)", [("a",), ("b",)])
    spec = spec_of("env:LOANS_DB", "SELECT * FROM t", (ID,))
    assert taken(spec, tmp_path) == {"id": ["a", "b"]}
    read = spec.model_copy(update={"source": ParquetSource(path=str(tmp_path / "rows.parquet"))})
    assert load(read).ids.to_pylist() == ["a", "b"]
    assert refused(spec_of("env:LOANS_DB", "DROP TABLE t", (ID,)), tmp_path) == "CT-1473"
    # A driver that cannot be interrupted, and says nothing.
    assert (
        refused(spec_of("env:LOANS_DB", ENDLESS.format("count(x)"), (ID,), seconds=1), tmp_path) == "CT-1479"
    )
    monkeypatch.setattr(sql.sys, "executable", "/bin/false")
    assert refused(spec, tmp_path) == "CT-1475"


# -- PostgreSQL


@pytest.fixture(scope="module")
def server() -> Any:
    yield from cluster(CANARY)


@pytest.fixture
def pg(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> Postgres:
    monkeypatch.setenv("LOANS_DB", server.uri)
    return server


def test_types_of_postgresql(pg: Postgres, tmp_path: Path) -> None:
    columns = (
        ID,
        *(Column(name=name, type="int", nullable=True) for name in ("i2", "i4", "i8", "whole")),
        *(Column(name=name, type="float", nullable=True) for name in ("f4", "f8", "num", "long", "small")),
        Column(name="yes", type="bool", nullable=True),
        *(
            Column(name=name, type="text", nullable=True)
            for name in ("v", "c", "day", "at", "zoned", "price")
        ),
    )
    pg.run(
        """CREATE TABLE kinds (id text, i2 smallint, i4 int, i8 bigint, whole numeric(12,2), f4 real,
          f8 double precision, num numeric(10,2), long numeric, small int, yes boolean, v varchar(9),
          c char(3), day date, at timestamp, zoned timestamptz, price numeric(10,2), other bytea);
        INSERT INTO kinds VALUES
          ('a', -32768, 2147483647, 9223372036854775807, 12.00, 1.5, 0.1, 2.50,
           3.14159265358979323846264338327950288, 7, true, 'Köln', 'ab', '2024-02-29',
           '2024-02-29 12:34:56.789012', '2024-02-29 12:00:00+08', 0.10, ''),
          ('b', 1, 1, 1, 1, 1, 'NaN', 1, 'NaN', 1, false, '', '', '0001-01-01', '1999-12-31',
           '1999-12-31Z', 1, '');
        INSERT INTO kinds VALUES ('c')"""
    )
    found = taken(spec_of("env:LOANS_DB", "SELECT * FROM kinds ORDER BY id", columns), tmp_path)
    assert [values[2] for values in found.values()] == ["c", *[None] * 16]
    assert [values[0] for values in found.values()] == [
        *("a", -32768, 2147483647, 9223372036854775807, 12, 1.5, 0.1, 2.5, math.pi, 7.0, True, "Köln", "ab "),
        *("2024-02-29", "2024-02-29 12:34:56.789012", "2024-02-29 04:00:00.000000Z", "0.10"),
    ]
    assert math.isnan(found["f8"][1])
    assert found["long"][1] is None


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *(("float", "12.5::money"), ("int", "12.5::numeric"), ("int", "1e30::numeric"), ("int", "1.5::real")),
        *(("text", "gen_random_uuid()"), ("text", "'{}'::jsonb"), ("text", "7"), ("float", "'7'::text")),
        *(
            ("bool", "1"),
            ("int", "true"),
            ("text", "'1 day'::interval"),
            ("text", "ARRAY[1]"),
            ("float", "now()"),
        ),
    ],
)
def test_types_that_would_change(pg: Postgres, tmp_path: Path, kind: Any, value: str) -> None:
    columns = (ID, Column(name="v", type=kind))
    assert refused(spec_of("env:LOANS_DB", f"SELECT 'a' AS id, {value} AS v", columns), tmp_path) == "CT-1430"


def test_many_rows_of_postgresql(pg: Postgres, tmp_path: Path) -> None:
    query = "SELECT 'C' || i AS id, i * 0.5 AS x FROM generate_series(1, 300000) AS i"
    spec = spec_of("env:LOANS_DB", query, (ID, Column(name="x", type="float")))
    assert sum(taken(spec, tmp_path)["x"]) == 300_000 * 300_001 / 4
    less = spec_of("env:LOANS_DB", query, (ID,), rows=299_999)
    assert refused(less, tmp_path) == "CT-1477"


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM kept",
        "SELECT write_it() AS id",
        "INSERT INTO kept VALUES ('z') RETURNING id",
        "WITH d AS (DELETE FROM kept RETURNING id) SELECT id FROM d",
        "SELECT nextval('numbers')::text AS id",
        "SELECT id FROM kept; DELETE FROM kept",
        "SELECT id FROM kept) AS q; DELETE FROM kept; --",
        "COMMIT",
        "SELECT set_config('transaction_read_only', 'off', true) AS id, write_it()",
        "SELECT id FROM kept FOR UPDATE",
        "SELECT 1 AS x",
        "SELECT '",
        "SELECT id FROM absent",
    ],
)
def test_queries_that_would_write(pg: Postgres, tmp_path: Path, query: str) -> None:
    pg.run(
        """DROP TABLE IF EXISTS kept; CREATE TABLE kept (id text); INSERT INTO kept VALUES ('a');
        CREATE SEQUENCE IF NOT EXISTS numbers;
        CREATE OR REPLACE FUNCTION write_it() RETURNS text LANGUAGE sql AS
        $$ INSERT INTO kept VALUES ('written') RETURNING id $$"""
    )
    code = refused(spec_of("env:LOANS_DB", query, (ID,)), tmp_path)
    assert code in ("CT-1473", "CT-1475")
    assert pg.run("SELECT string_agg(id, ',') FROM kept; SELECT is_called FROM numbers") == "a\nf"


def test_nothing_is_committed(pg: Postgres, tmp_path: Path) -> None:
    """Large objects are not tables, and older servers let them be made in transactions that only read."""
    spec = spec_of("env:LOANS_DB", "SELECT lo_create(7)::text AS id", (ID,))
    with contextlib.suppress(CoterieError):
        take_rows(spec, tmp_path / "rows.parquet")
    assert pg.run("SELECT count(*) FROM pg_largeobject_metadata") == "0"


def test_servers_that_let_nobody_in(pg: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = spec_of("env:LOANS_DB", "SELECT 'a' AS id", (ID,))
    for old, new, code in (
        (CANARY, f"{CANARY}-wrong", "CT-1471"),
        ("/postgres", f"/{CANARY}", "CT-1471"),
        (f":{pg.port}/", ":1/", "CT-1469"),
        ("127.0.0.1", f"{CANARY}.invalid", "CT-1469"),
    ):
        assert old in pg.uri
        monkeypatch.setenv("LOANS_DB", pg.uri.replace(old, new))
        assert refused(spec, tmp_path) == code


def test_servers_that_break_off(pg: Postgres, tmp_path: Path) -> None:
    ended = "SELECT pg_terminate_backend(pg_backend_pid())::text AS id"
    assert refused(spec_of("env:LOANS_DB", ended, (ID,)), tmp_path) == "CT-1475"
    late = f"CASE WHEN i = 90000 THEN '{CANARY}' ELSE '1' END::int::text"
    failing = f"SELECT {late} AS id FROM generate_series(1, 99999) AS i"
    assert refused(spec_of("env:LOANS_DB", failing, (ID,)), tmp_path) == "CT-1475"
    slow = spec_of("env:LOANS_DB", "SELECT pg_sleep(60)::text AS id", (ID,), seconds=1)
    assert refused(slow, tmp_path) == "CT-1479"
