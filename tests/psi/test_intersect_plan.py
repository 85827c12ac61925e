"""Plans of intersections: of any number of buckets, of any number of rows, and what they say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from coterie import psi
from coterie.errors import CoterieError
from coterie.psi import Method
from coterie.psi.costs import Clock
from coterie.psi.oprf import Evaluator
from coterie.psi.store import cells

SIZES = [
    {"a": 1000, "b": 700},
    {"a": 130, "b": 5000},
    {"a": 1, "b": 500},
    {"a": 300, "b": 20, "c": 900},
    {"a": 300, "b": 20, "c": 900, "e": 5, "f": 301},
]


@pytest.mark.parametrize("rows", SIZES)
@pytest.mark.parametrize("dealer", [None, "d"])
def test_buckets_that_are_multiplied_are_as_buckets_that_are_gone_through(
    dealer: str | None, rows: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    method = Method("oprf", "malicious" if dealer and len(rows) == 2 else "semi-honest", dealer, 60)
    tos = (None, "a", "b") if len(rows) == 2 else (None,)
    seen = [psi.planned(rows, method, to=to) for to in tos]

    def one_by_one(clock: Clock, count: int, once: Callable[[], None]) -> None:
        for _ in range(count):
            once()

    monkeypatch.setattr(Clock, "times", one_by_one)
    assert seen == [psi.planned(rows, method, to=to) for to in tos]


@pytest.mark.parametrize("names", ["ab", "abc"])
def test_a_peer_may_tell_of_any_number_of_rows(names: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan takes no longer for more of them, and there is an end."""
    steps, messages = [], Clock.messages

    def counted(clock: Clock, *given: tuple[str, str, int]) -> None:
        steps.append(given)
        messages(clock, *given)

    monkeypatch.setattr(Clock, "messages", counted)
    assert psi.choose(dict.fromkeys(names, 1 << 40))[0].protocol == "oprf"
    assert len(steps) < 200
    with pytest.raises(CoterieError) as caught:
        psi.choose(dict.fromkeys(names, (1 << 40) + 1))
    assert caught.value.code == "CT-2041"


def test_a_plan_says_how_many_ids_a_cheating_receiver_can_ask_for() -> None:
    """As many as its tables have cells: far more than it has told of, where that is few."""
    for rows, asked in [(1, "103"), (100, "301"), (1 << 20, f"{cells(1 << 20):,}")]:
        plan = psi.planned({"a": rows, "b": 1 << 20}, Method("oprf", "malicious"))
        assert plan.statement.leaks.endswith(f"may ask for more ids than it has told of, up to {asked}")


def test_a_function_does_not_show_itself() -> None:
    secret = bytes(range(65, 81))
    shown = repr(Evaluator(np.full((3, 16), 77, np.uint8), secret, secret, bytes(16), 3))
    assert "77" not in shown
    assert "ABC" not in shown
