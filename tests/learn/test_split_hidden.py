"""Training and test rows of which nobody knows which are common: against the rows as they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.learn.align import Align
from coterie.learn.component import HiddenShape
from coterie.learn.split import Split
from coterie.learn.summary import Summary

from .pipeline import Outcome, dataset, run

HIDDEN = ("align", Align(), {"membership": "hidden"})
OWN, THEIRS = range(200), range(80, 300)


def job(given: Any = None, labels: Any = None, more: Any = (), **settings: Any) -> dict[str, Outcome]:
    random = np.random.default_rng(2)
    income = random.normal(30, 9, len(OWN))
    bad = random.integers(0, 2, len(OWN)) if labels is None else labels
    flow = random.normal(5, 2, len(THEIRS))
    data = {
        "lender": dataset([f"p{row}" for row in OWN], {"income": income, "bad": bad}, label="bad"),
        "shop": dataset([f"p{row}" for row in THEIRS], {"flow": flow}),
    }
    steps = (HIDDEN, ("split", Split(), given or {}), *more)
    return run(data, steps, label="bad", label_holder="lender", **{"dealer": "hub", **settings})


def test_each_row_is_in_one_part_with_its_shares() -> None:
    outcomes = job(min_group=5)
    holder, other = (outcomes[party].frames for party in ("lender", "shop"))
    whole, at = holder["all"], {bytes(key): place for place, key in enumerate(holder["all"].keys)}
    found = []
    for part in ("train", "test"):
        one, their = holder[part], other[part]
        assert (one.keys == their.keys).all()
        rows = np.array([at[bytes(key)] for key in one.keys])
        found.append(rows)
        assert (one.places["lender"] == whole.places["lender"][rows]).all()
        assert one.column("lender", "income").equals(whole.column("lender", "income").take(rows))
        member = one.hidden.member + their.hidden.member
        expected = [place in THEIRS for place in one.places["lender"]]
        assert (member == expected).all()
        assert 5 <= member.sum() < 120
        for share, of in ((one.hidden, whole.hidden), (their.hidden, other["all"].hidden)):
            assert (share.columns == of.columns[rows]).all()
        assert their.hidden.units is not None
        assert their.hidden.units.tolist() == other["all"].hidden.units.tolist()
    assert sorted(np.concatenate(found)) == list(range(whole.rows))
    assert 0.2 < len(found[1]) / whole.rows < 0.4


def test_the_rows_are_planned_and_two_bits_are_told() -> None:
    outcomes = job({"test": 0.5}, min_rows=60, min_group=5)
    plan, shapes = outcomes["hub"].plans["split"], outcomes["hub"].last.planning.frames
    assert [(one.what, one.to, one.values) for one in plan.reveals] == [
        (
            "whether at least 15 training rows and 15 test rows are common: two bits",
            ("lender", "shop", "hub"),
            2,
        )
    ]
    assert [(one.name, one.to) for one in plan.disclosed] == [
        ("whether enough rows of each part are common", ("lender", "shop"))
    ]
    assert plan.results == {}
    assert set(shapes) == {"all"}  # as they were before the step
    steps = (("summary", Summary(), {}),)
    after = job({"test": 0.5}, None, steps, min_rows=60, min_group=5, receivers={"profile": ("shop",)})
    for part in ("train", "test"):
        shape = after["hub"].last.planning.frames[part]
        assert shape.rows == after["shop"].frames[part].rows
        assert shape.hidden == HiddenShape("lender", "shop", 15, 200)


@pytest.mark.parametrize(
    ("given", "settings", "code"),
    [
        ({"test": 0.1}, {"min_group": 40}, "CT-3213"),  # some 12 of the test rows are common
        ({"test": 0.02}, {"min_group": 60}, "CT-3213"),  # it has no more rows at all
        ({"method": "stratified", "by": "lender.bad"}, {}, "CT-3225"),
        ({"method": "time", "by": "lender.income"}, {}, "CT-3225"),
        ({}, {"labels": np.zeros(200)}, "CT-3016"),
    ],
)
def test_what_cannot_be_split_is_refused(given: Any, settings: Any, code: str) -> None:
    with pytest.raises(CoterieError) as caught:
        job(given, **settings)
    assert caught.value.code == code
