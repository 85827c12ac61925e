"""The owner's side of lookups in this process, over a copy of a daemon's home."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

from coterie.ledger import Ledger
from coterie.node import LookupTableView
from coterie.node.core import Core
from coterie.node.home import Home
from coterie.node.lookups import Lookups as Owner
from coterie.node.services import Services
from coterie.node.store import Store
from tests.node.conftest import Daemon


def copied(daemon: Daemon, folder: Path) -> Path:
    """A copy of a node's home: what it would find if it started now."""
    target = folder / daemon.name
    shutil.copytree(daemon.home, target, ignore=shutil.ignore_patterns("jobs", "sockets"))
    (target / "jobs").mkdir()
    return target


@contextlib.asynccontextmanager
async def started(folder: Path) -> AsyncIterator[Owner]:
    """The owner's side of a node at that home, in this process."""
    home = Home.open(folder)
    store = Store(home.store_file)
    with Ledger(home.ledger, home.identity()) as ledger:
        core = Core(home, home.identity(), store, ledger)
        try:
            yield Services.of(core).lookups
        finally:
            await core.close()
            store.close()


async def reached(owner: Owner, table: str, ids: int) -> LookupTableView:
    """A table that is made at that node, when so many ids are done or it is no more made."""
    deadline = time.monotonic() + 20
    while True:
        view = next(one for one in await owner.views() if one.table == table)
        if view.state != "preparing" or view.done >= ids:
            return view
        assert time.monotonic() < deadline, view
        await asyncio.sleep(0.005)
