"""Preparing tables for lookups: broken off, and of ids that repeat."""

from __future__ import annotations

import asyncio
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from coterie.node import LookupTableView
from coterie.psi import TableKey
from tests.node.conftest import BEHAVIOUR, ROWS, Trio, refused
from tests.node.own_lookups import copied, reached, started
from tests.node.test_lookups import NAME, agreed


def test_preparing_that_is_broken_off_goes_on(
    trio: Trio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a copy of the platform's home, in this process: stopped in the middle, the node has half a table."""
    agreement = agreed(trio).id
    home = copied(trio.payments, tmp_path)
    monkeypatch.setattr("coterie.psi.prepared_making.RUN_ROWS", 100)
    monkeypatch.setattr("coterie.psi.prepared_making.PIECE", 50)
    computed: list[int] = []
    held: list[threading.Event] = []
    real = TableKey.tags

    def counted(key: TableKey, hashes: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
        computed.append(len(hashes))
        if len(computed) == 4:  # until it is stopped
            assert held[0].wait(20)
        return real(key, hashes, width)

    monkeypatch.setattr(TableKey, "tags", counted)

    async def node(until: int) -> tuple[str, LookupTableView]:
        async with started(home) as owner:
            ready = threading.Event()
            owner._threads.submit(ready.wait, 20)  # nothing is computed before the event is known
            begun = await owner.prepare(agreement, NAME)
            held.append(owner._making[agreement, NAME].stop)
            ready.set()
            with refused("CT-5094"):
                await owner.prepare(agreement, NAME)
            return begun.table, await reached(owner, begun.table, until)

    first, view = asyncio.run(node(150))
    assert (view.state, view.done, view.total) == ("preparing", 150, ROWS)
    assert computed == [50] * 4
    again, view = asyncio.run(node(ROWS + 1))
    assert (again, view.state, view.entries) == (first, "ready", ROWS)
    assert computed == [50] * (4 + 4)  # not the first hundred again


@pytest.mark.parametrize(("duplicates", "kept"), [("first", 4), ("all", 4), ("refuse", 0)])
def test_an_id_of_several_rows_counts_once_or_is_refused(
    trio: Trio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, duplicates: str, kept: int
) -> None:
    """Also where the table does not look as if it had changed since it was registered."""
    monkeypatch.setattr("coterie.psi.prepared_making.RUN_ROWS", 2)
    agreement = agreed(trio).id
    home, table = copied(trio.payments, tmp_path), tmp_path / "behaviour.csv"
    ids = ["a", "b", "c", "", "d"] if duplicates == "refuse" else ["a", "b", "A", "", "d", "c", " a"]
    table.write_text("user,flow,ratio\n" + "".join(f"{one},1,1\n" for one in ids))
    terms = BEHAVIOUR.replace("columns:", f"missing_ids: skip\nduplicates: {duplicates}\ncolumns:")

    async def node() -> LookupTableView:
        async with started(home) as owner:
            owner._datasets.remove(NAME)
            await owner._datasets.add(terms, tmp_path)
            if duplicates == "refuse":
                status = table.stat()
                with table.open("r+") as file:
                    file.write(table.read_text().replace("c,", "A,"))
                os.utime(table, ns=(status.st_atime_ns, status.st_mtime_ns))
            begun = await owner.prepare(agreement, NAME)
            return await reached(owner, begun.table, 100)

    view = asyncio.run(node())
    assert view.entries == kept
    if duplicates == "refuse":
        assert view.error is not None
        assert (view.state, view.error.code) == ("failed", "CT-1440")
        assert not list((home / "lookups" / "own").glob(f"{view.table}/table"))
