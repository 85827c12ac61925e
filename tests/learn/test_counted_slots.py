"""Rows are counted at slots that have enough of them, so that no border of a group tells of one row."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from coterie.learn.binning import Bin, BinParams
from coterie.learn.binning.clear import counted
from coterie.learn.binning.groups import grouped
from coterie.learn.crosstab import Crosstab
from coterie.learn.filter import Filter

from .test_binning_mpc import LAY, PARTIES, columns, job


def test_where_a_group_ends_shows_no_single_label() -> None:
    """Missing values with one bad too few, then a special value of one row: was that row bad?"""
    random = np.random.default_rng(0)
    x, rest = random.random(2000), random.random(2000) < 0.3
    values = np.concatenate([np.full(300, np.nan), [-1.0], x])
    params = BinParams(method="quantile", bins=4, special={"lender.x": (-1.0,)})
    groups = grouped("x", pa.chunked_array([pa.array(values, from_pandas=True)]), params, (-1.0,), 20)

    def ends(label: int) -> list[int]:
        labels = np.concatenate([np.ones(19), np.zeros(281), [label], rest]).astype(np.int8)
        return counted(groups, labels, 20).ends.tolist()

    assert ends(0) == ends(1)
    assert groups.counted[(groups.counted > 0)].min() >= 20
    assert (groups.rows[1], groups.counted[1]) == (1, 0)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=20), st.integers(0, 30))
def test_no_slot_that_is_counted_is_small(sizes: list[int], least: int) -> None:
    values = np.repeat(np.arange(len(sizes)).astype(float), sizes)
    groups = grouped("x", pa.chunked_array([pa.array(values)]), BinParams(bins=20), (), least)
    there = groups.counted[groups.counted > 0]
    assert there.sum() == len(values)
    assert len(there) <= 1 or there.min() >= least
    assert all(np.diff(groups.slots[np.argsort(values, kind="stable")].astype(int)) >= 0)


def test_the_plan_says_that_counts_can_be_subtracted() -> None:
    """The same bins once more without one row: its label is known. No step can see that; the plan says it."""
    own = columns()[1]
    spent = np.array(own["shop"]["spent"])
    halves = {"method": "quantile", "bins": 2, "columns": ["shop.spent"]}
    without = {"party": "shop", "where": f"isnull(spent) or spent < {float(np.nanmax(spent))!r}"}
    steps = (
        LAY,
        ("first", Bin(), halves),
        ("filter", Filter(), without),
        ("again", Bin(), halves),
        ("table", Crosstab(), {"columns": ["shop.tariff"]}),
        ("lenders", Crosstab(), {"columns": ["lender.age"]}),
    )
    shop = job(steps, receivers={"bins": PARTIES, "iv": PARTIES, "correlations": PARTIES})["shop"]
    bads = [
        sum(one["bads"] for one in json.loads(shop.published[f"bins/{step}.bins.json"])["columns"][0]["bins"])
        for step in ("first", "again")
    ]
    assert bads[0] - bads[1] == own["lender"]["bad"][int(np.nanargmax(spent))]

    def said(step: str) -> list[str]:
        return [
            one.what for one in shop.plans[step].reveals if "differ by" in one.what and one.to == ("shop",)
        ]

    one_row = "differ by, which may be of one row"
    assert not said("first") + said("lenders")
    assert said("again") == [f"what these counts and those of 'first' {one_row}"]
    assert said("table") == [f"what these counts and those of 'first', 'again' {one_row}"]
