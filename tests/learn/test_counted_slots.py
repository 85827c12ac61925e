"""Rows are counted at slots that have enough of them, so that no border of a group tells of one row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from coterie.learn.binning import BinParams
from coterie.learn.binning.clear import counted
from coterie.learn.binning.groups import grouped


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
