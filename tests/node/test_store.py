"""The store's contract, in a file and in PostgreSQL: both keep the same, and for one process at a time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, text

from coterie.node import migrations
from coterie.node.postgres_url import PostgresUrl
from coterie.node.store import JobRow, OutboxRow, PeerRow, ResultRow, Row, Store, TokenRow
from tests.data.postgres import Postgres, cluster

from .conftest import refused

PASSWORD = "kept-to-itself"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    yield from cluster(PASSWORD)


def url_of(server: Postgres) -> PostgresUrl:
    schema = f"s{next(_numbers)}"
    server.run(f"CREATE SCHEMA {schema}")
    return PostgresUrl.read(f"postgresql://owner@127.0.0.1:{server.port}/postgres?schema={schema}")


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | PostgresUrl:
    if request.param == "sqlite":
        return tmp_path / "store.sqlite"
    return url_of(request.getfixturevalue("server"))


def job(number: int) -> JobRow:
    texts = dict.fromkeys(
        ("name", "agreement", "engine", "initiator", "proposal", "plan", "plan_digest"), "x"
    )
    lists: dict[str, Any] = {key: ["b", "a"] for key in ("participants", "finished", "countersigned")}
    more: dict[str, Any] = {"id": f"j{number}", "number": number, "summary": {"z": 1, "a": [None, 2**60]}}
    return JobRow(**texts, **lists, **more, state="done", created="", started=None, ended=None, error=None)


def test_what_is_written_is_there_afterwards(place: Path | PostgresUrl) -> None:
    store = Store(place, PASSWORD, owner="aa")
    with store.session() as session:
        session.add(job(1))
        session.add(ResultRow(job="j1", name="r", kind="k", step="s", digest="d", size=2**40, path="é\u4e2d"))
        for name in ("b-a", "ba", "b", "a-c", "B"):
            session.add(PeerRow(name=name, key="", certificate="", host=None, port=65535, added=""))
    with refused("CT-5005") as told, store.session() as session:
        session.add(TokenRow(id="1", name="one", role="reader", hash="a-hash", created=""))
        session.flush()
        session.add(TokenRow(id="2", name="two", role="reader", hash="a-hash", created=""))
    assert "a-hash" not in str(told.value)
    assert PASSWORD not in repr(told.value)
    with store.session() as session:
        for topic in ("t", "u"):
            session.add(OutboxRow(peer="b", topic=topic, kind="k", body="{}", created=""))
    store.close()
    store = Store(place, PASSWORD, owner="aa")
    with store.session() as session:
        found = session.get_one(JobRow, "j1")
        assert (found.summary, found.participants, found.error) == (
            {"a": [None, 2**60], "z": 1},
            ["b", "a"],
            None,
        )
        result = session.get_one(ResultRow, ("j1", "r"))
        assert (result.size, result.path) == (2**40, "é\u4e2d")
        assert list(session.scalars(select(PeerRow.name).order_by(PeerRow.name))) == [
            "B",
            "a-c",
            "b",
            "b-a",
            "ba",
        ]
        assert session.scalar(select(TokenRow)) is None  # the first of the two went with the second
        assert list(session.scalars(select(OutboxRow.topic).order_by(OutboxRow.id))) == ["t", "u"]
    store.close()


def test_one_process_has_it(place: Path | PostgresUrl) -> None:
    store = Store(place, PASSWORD, owner="aa")
    with refused("CT-5006"):
        Store(place, PASSWORD)
    reading = Store(place, PASSWORD, alone=False)
    reading.close()
    store.close()
    with refused("CT-5008"):
        Store(place, PASSWORD, owner="bb")
    Store(place, PASSWORD, owner="aa").close()


def as_before(store: Store) -> None:
    """Take back what later versions have changed: a store of before it had a number."""
    with store.session() as session:
        session.add(PeerRow(name="kept", key="", certificate="", host=None, port=1, added=""))
        for table in ("owner", "alembic_version", "datasets_left_out"):
            session.execute(text(f"DROP TABLE {table}"))


def test_a_store_of_before_is_brought_forward(place: Path | PostgresUrl) -> None:
    old = Store(place, PASSWORD)
    as_before(old)
    old.close()
    with refused("CT-5007"):
        Store(place, PASSWORD, alone=False)
    store = Store(place, PASSWORD, owner="aa")
    with store.session() as session:
        assert session.get(PeerRow, "kept") is not None
        context = MigrationContext.configure(session.connection(), opts={"compare_type": True})
        assert compare_metadata(context, Row.metadata) == []
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with refused("CT-5007"):
        Store(place, PASSWORD)


def test_a_change_that_fails_leaves_the_store_as_it_was(
    place: Path | PostgresUrl, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = Store(place, PASSWORD)
    as_before(old)
    old.close()
    create = Row.metadata.create_all
    monkeypatch.setattr(Row.metadata, "create_all", lambda _: (_ for _ in ()).throw(OSError("no")))
    with refused("CT-5005"):
        Store(place, PASSWORD)
    monkeypatch.setattr(Row.metadata, "create_all", create)
    with refused("CT-5007"):  # no number: nothing of the first change is there
        Store(place, PASSWORD, alone=False)
    Store(place, PASSWORD, owner="aa").close()


def test_the_numbers_are_those_of_the_files() -> None:
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert tuple(one.revision for one in script.walk_revisions())[::-1] == migrations.REVISIONS


def test_a_connection_that_is_lost_comes_again_with_its_lock(server: Postgres) -> None:
    url = url_of(server)
    store = Store(url, PASSWORD, owner="aa")
    server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'coterie'")
    with store.session() as session:
        assert session.get(PeerRow, "nobody") is None
    with refused("CT-5006"):
        Store(url, PASSWORD)
    server.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'coterie'")
    other = Store(url, PASSWORD)
    with refused("CT-5006"), store.session() as session:
        session.get(PeerRow, "nobody")
    other.close()
    store.close()


def test_a_wrong_password_is_not_told(server: Postgres) -> None:
    with refused("CT-5005") as told:
        Store(url_of(server), "another-secret")
    assert "another-secret" not in f"{told.value!r} {told.value.__cause__!r}"


@pytest.mark.parametrize(
    "wrong",
    [
        "postgresql://a:hidden@db/x",
        "postgresql://db",
        "mysql://db/x",
        "postgresql://db/x?sslmode=disable",
        "postgresql://db/x?schema=A;",
        "postgresql://db/x?password=hidden",
        "postgresql://db:port/x",
    ],
)
def test_what_is_no_address_of_a_store(wrong: str) -> None:
    with pytest.raises(ValueError) as told:  # noqa: PT011 - its words are free
        PostgresUrl.read(wrong)
    assert "hidden" not in str(told.value)


def test_a_store_on_another_machine_is_verified() -> None:
    assert dict(PostgresUrl.read("postgresql://db.example/x").options) == {
        "sslmode": "verify-full",
        "sslrootcert": "system",
    }
