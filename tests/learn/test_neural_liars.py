"""Training by rounds among parties that lie about their changes, weights and variates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.fl import LocalSums
from coterie.learn.neural.fl import Found, Rows, run_rounds
from coterie.learn.neural.fl.server import flat
from coterie.learn.neural.fl.trainer import Floats
from tests.learn.test_neural_rounds import (
    COUNTS,
    LINE,
    NONE,
    PARTS,
    PLAIN,
    Given,
    begun,
    part,
    setting,
    slope,
    together,
)

MANY = {f"p{number}": part(number % 3, 32) for number in range(10)}


def opposite(values: Floats) -> Floats:
    return np.append(-np.sign(values[:-1]), 1.0)


def attacked(more: Mapping[str, Any], liars: int, lie: Callable[[Floats], Floats] = opposite) -> Found:
    """Ten parties, of which some give the opposite of what they have, and much of it; or another lie."""
    told = setting({**PLAIN, "rounds": 10, "clip_norm": 0.1, **more}, LINE, MANY)

    def work(name: str, sums: LocalSums) -> Found:
        liar = Given(sums, lie)
        return run_rounds(told, liar if int(name[1:]) < liars else sums, LINE, MANY[name], NONE)

    found = together(work, tuple(MANY))
    assert len({one.weights[0].tobytes() for one in found.values()}) == 1
    return found["p9"]


def test_groups_leave_out_what_nobody_could_have_sent_by_the_rules() -> None:
    honest = attacked({}, 0)
    assert honest.history["shortened"][0] == 10
    for how in ("mean", "trimmed", "median"):
        found = attacked({"groups": 3, "aggregate": how}, 1)
        assert found.history["training"][-1] < 1.1 * honest.history["training"][-1]
    with pytest.raises(CoterieError, match=r"CT-3243.*1 of 1 means"):
        attacked({}, 1)


def test_a_party_counts_as_its_rows_say_and_as_no_more() -> None:
    """Means with a lied weight are no longer than others."""

    def heavy(values: Floats) -> Floats:
        return np.append(np.full(6, 0.7 / np.sqrt(6)), 7.0)

    def heavier(values: Floats) -> Floats:
        return np.append(values[:-1], 1.5)

    moved = {}
    for liars in (0, 1):
        found = attacked({"groups": 3, "rounds": 1}, liars, heavy)
        moved[liars] = (flat(found.weights) - flat(begun(LINE))).sum() / np.sqrt(6)
    assert moved[1] < moved[0] + 0.02  # it would be 0.05
    with pytest.raises(CoterieError, match=r"CT-3246.*10.5 in place of 10 in round 1"):
        attacked({}, 1, heavier)


def test_who_holds_all_rows_back_counts_with_no_change() -> None:
    told, moved = setting({**PLAIN, "rounds": 1}, LINE), []
    for own in (PARTS["west"], NONE):

        def work(name: str, sums: LocalSums, own: Rows = own) -> Found:
            return run_rounds(told, sums, LINE, own if name == "west" else PARTS[name], NONE)

        found = together(work)
        moved.append(flat(found["east"].weights) - flat(begun(LINE)))
    wanted = -0.3 * slope(flat(begun(LINE)), PARTS["west"]) * 256 / sum(COUNTS)
    assert moved[0] - moved[1] == pytest.approx(wanted, abs=1e-6)


def test_scaffolds_variates_are_held_against_clip_norm() -> None:
    def steering(values: Floats) -> Floats:
        return np.asarray(values + np.repeat([0.0, 1.5, 0.0], [6, 6, 1]))

    assert attacked({"strategy": "scaffold"}, 0).rounds == 10
    with pytest.raises(CoterieError, match=r"CT-3243.*1 of 1 means"):
        attacked({"strategy": "scaffold"}, 1, steering)
