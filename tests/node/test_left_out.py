"""Stores from before rows could be left out."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from coterie.node.store import DatasetRow, LeftOutRow, Store


def test_a_store_of_before_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "store.sqlite"
    old = Store(path)
    with old.session() as session:
        session.add(DatasetRow(name="loans", spec="{}", facts="{}", stamp="", added="2026-01-01T00:00:00Z"))
    old.close()
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE datasets_left_out")
    connection.close()
    store = Store(path)
    with store.session() as session:
        assert session.get(DatasetRow, "loans") is not None
        assert session.get(LeftOutRow, "loans") is None
        session.merge(LeftOutRow(name="loans", without_id=1, repeated=2))
    store.close()
