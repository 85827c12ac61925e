"""Datasets that are queries: their rows are the node's until they are refreshed or removed."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from coterie.data import load
from coterie.node import registered_dataset

from .conftest import Trio, refused

CANARY = "s3cret-canary"
SPEC = """name: asked
source:
  kind: sql
  connection: file:asked.secret
  query: |
    SELECT id, age FROM people -- all of them
id_rule: [trim, upper]
columns:
- {name: id, type: text, role: id}
- {name: age, type: int}
"""


@pytest.fixture
def people(trio: Trio, tmp_path: Path) -> Iterator[sqlite3.Connection]:
    (tmp_path / "asked.secret").write_text(f"sqlite://{tmp_path}/{CANARY}.db\n")
    (tmp_path / "asked.secret").chmod(0o600)
    made = sqlite3.connect(tmp_path / f"{CANARY}.db", isolation_level=None)
    made.execute("CREATE TABLE people (id TEXT, age INTEGER)")
    made.execute("INSERT INTO people VALUES (' a', 30), ('B', 40)")
    yield made
    if "asked" in [one.name for one in trio.lender.client.datasets()]:
        trio.lender.client.remove_dataset("asked")


def test_a_query_from_its_description_to_its_end(
    trio: Trio, people: sqlite3.Connection, tmp_path: Path
) -> None:
    client, home = trio.lender.client, trio.lender.home
    view = client.add_dataset(SPEC, tmp_path)
    place = home / "rows" / "asked.parquet"
    assert (view.rows, view.owner) == (2, "lender")
    assert view.source.startswith(f"sql file:{tmp_path}/asked.secret, rows taken 2")
    assert (stat.S_IMODE(place.stat().st_mode), stat.S_IMODE(place.parent.stat().st_mode)) == (0o600, 0o700)

    people.execute("INSERT INTO people VALUES ('c', 50)")
    assert client.dataset("asked").rows == 2
    assert load(registered_dataset(home, "asked")).table.to_pydict() == {"age": [30, 40]}
    begun = load(registered_dataset(home, "asked"))
    assert client.refresh_dataset("asked").rows == 3
    found = load(registered_dataset(home, "asked"))
    assert (found.ids.to_pylist(), found.table["age"].to_pylist()) == (["A", "B", "C"], [30, 40, 50])
    assert begun.table.to_pydict() == {"age": [30, 40]}, "what has begun goes on with its rows"

    people.execute("INSERT INTO people VALUES ('C ', 51)")
    with refused("CT-1440"):
        client.refresh_dataset("asked")
    people.execute("ALTER TABLE people RENAME TO persons")
    with refused("CT-1473"):
        client.refresh_dataset("asked")
    (tmp_path / "asked.secret").chmod(0o644)
    with refused("CT-1465"):
        client.refresh_dataset("asked")
    assert client.dataset("asked").rows == 3
    assert load(registered_dataset(home, "asked")).rows == 3
    assert [one.name for one in place.parent.iterdir()] == ["asked.parquet"]

    client.remove_dataset("asked")
    assert list(place.parent.iterdir()) == []
    with refused("CT-5031"):
        client.refresh_dataset("asked")
    for file in home.rglob("*"):
        if file.is_file():
            assert CANARY.encode() not in file.read_bytes(), file


def test_a_file_that_was_written_again(trio: Trio, tmp_path: Path) -> None:
    client = trio.lender.client
    (tmp_path / "t.csv").write_text("id,age\na,1\nb,2\n")
    spec = SPEC.replace(SPEC[SPEC.index("  kind") : SPEC.index("id_rule")], "  kind: csv\n  path: t.csv\n")
    assert client.add_dataset(spec, tmp_path).rows == 2
    (tmp_path / "t.csv").write_text("id,age\na,1\nb,2\nc,3\n")
    assert client.refresh_dataset("asked").rows == 3
    (tmp_path / "t.csv").unlink()
    with refused("CT-1410"):
        client.refresh_dataset("asked")
    assert client.dataset("asked").rows == 3
    client.remove_dataset("asked")
