"""Counting of lookups: never more than agreed, whatever is lost or put back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from coterie.agreement import LookupTerms
from coterie.crypto import Identity
from coterie.errors import UNEXPECTED, CoterieError
from coterie.ledger import Ledger
from coterie.node.core import Core
from coterie.node.home import Home, init_node
from coterie.node.lookup_counts import LookupCounts
from coterie.node.store import LookupRow, Store
from tests.node.conftest import refused
from tests.ports import free_port

AGREEMENT = "sha256:" + "ab" * 32
TERMS = LookupTerms(dataset="customers", owner="bank", to=("shop", "lender"), max_ids=100, per_minute=30)


@dataclass
class Node:
    """The counting part of a node, with a clock of its own."""

    core: Core
    now: float = 1e9
    counts: LookupCounts = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.counts = LookupCounts(self.core, lambda: self.now)

    def take(self, ids: int, party: str = "shop") -> int:
        return asyncio.run(self.counts.take(AGREEMENT, TERMS, party, ids))

    def asked(self, party: str = "shop") -> int:
        return self.counts.asked(AGREEMENT, "customers", (party,))[party]

    def ledger(self) -> list[tuple[int, int]]:
        bodies = [entry.body for entry in self.core.ledger.entries("lookup")]
        return [(int(str(one["before"])), int(str(one["at_most"]))) for one in bodies]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    init_node(tmp_path / "bank", "bank", listen=f"127.0.0.1:{free_port()}")
    home = Home.open(tmp_path / "bank")
    identity, store = Identity.load(home.path), Store(home.store_file)
    ledger = Ledger(home.ledger, identity)
    yield Node(Core(home, identity, store, ledger))
    store.close()
    ledger.close()


def test_all_and_those_of_a_minute_are_bounded(node: Node) -> None:
    assert [node.take(1), node.take(20), node.take(9)] == [99, 79, 70]
    with refused("CT-1640"):
        node.take(1)
    node.now += 60
    with refused("CT-1640"):
        node.take(31)
    assert node.take(30) == 40
    node.now += 60
    assert node.take(30) == 10
    node.now += 60
    with refused("CT-1639"):
        node.take(11)
    assert node.take(10) == 0
    with refused("CT-1639"):
        node.take(1)
    assert node.take(5, "lender") == 95
    assert (node.asked(), node.asked("lender"), node.asked("else")) == (100, 5, 0)


def test_the_ledger_has_a_bound_for_each_minute(node: Node) -> None:
    for ids in (1, 2, 3):
        node.take(ids)
    node.now += 60
    node.take(30)
    node.now += 600
    node.take(30)
    node.now += 60
    node.take(4)
    assert node.ledger() == [(0, 30), (6, 30), (36, 30), (66, 30)]
    node.now += 60
    node.take(30)
    assert node.ledger()[-1] == (70, 30)


def test_a_restart_forgets_nothing(node: Node) -> None:
    node.take(25)
    node.restart()
    with refused("CT-1640"):
        node.take(6)
    assert node.take(5) == 70
    assert node.ledger() == [(0, 30)]


@pytest.mark.parametrize("old", [None, 10])
def test_a_store_that_was_lost_or_put_back_gives_nothing_again(node: Node, old: int | None) -> None:
    """What the ledger says can have been asked counts as asked."""
    node.take(10)
    node.now += 60
    node.take(7)
    with node.core.store.session() as session:
        row = session.get_one(LookupRow, (AGREEMENT, "customers", "shop"))
        if old is None:
            session.delete(row)
        else:
            row.used, row.minute, row.in_minute = old, row.minute - 1, old
    node.restart()
    with refused("CT-1640"):
        node.take(1)
    assert node.asked() == 40
    node.now += 60
    assert node.take(1) == 59
    assert node.ledger()[-1] == (40, 30)


def test_a_clock_that_is_put_back_begins_no_minute_anew(node: Node) -> None:
    node.take(30)
    node.now -= 3600
    with refused("CT-1640"):
        node.take(1)
    node.now += 3660
    assert node.take(1) == 69


def test_nothing_is_answered_that_the_ledger_does_not_have(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object) -> None:
        raise UNEXPECTED("no space")

    monkeypatch.setattr(node.core.ledger, "append", full)
    with pytest.raises(CoterieError):
        node.take(1)
    monkeypatch.undo()
    assert node.take(1) == 98
    assert node.ledger() == [(1, 30)]


def test_questions_at_once_are_counted_one_by_one(node: Node) -> None:
    async def many() -> int:
        async def one() -> int:
            with contextlib.suppress(CoterieError):
                await node.counts.take(AGREEMENT, TERMS, "shop", 7)
                return 1
            return 0

        return sum(await asyncio.gather(*(one() for _ in range(20))))

    assert asyncio.run(many()) == 4
    assert node.asked() == 28
    assert node.ledger() == [(0, 30)]
