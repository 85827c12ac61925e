"""Columns prepared by sums over three parties' rows, against NumPy on the pooled table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.learn.cast import Cast
from coterie.learn.clip import Clip
from coterie.learn.component import EACH
from coterie.learn.derive import Derive
from coterie.learn.fill import Fill
from coterie.learn.minmax import Minmax
from coterie.learn.pooled import frequent_texts, grouped_values, quantiles
from coterie.learn.pooled.quantiles import codes_of, group_values
from coterie.learn.stack import Stack
from coterie.learn.standardize import Standardize
from tests.learn.horizontal import run
from tests.learn.horizontal_data import NAMES, datasets, parted, together

LEAST = 20


def columns(rows: int = 1500) -> dict[str, Any]:
    """Of sizes that have nothing to do with each other."""
    random = np.random.default_rng(7)
    return {
        "income": random.lognormal(10, 2, rows),
        "grade": random.integers(-2, 9, rows),
        "rate": random.normal(size=rows) * 1e-9 + 3e-6,
        "bad": (random.random(rows) < 0.3).astype(np.int64),
    }


def learnt(outcome: Any, step: str) -> Any:
    return outcome.contexts[step].models[step].states[EACH]


def test_scales_are_those_of_the_pooled_rows() -> None:
    table = columns()
    found = run(datasets(table, "bad"), [("stack", Stack(), {}), ("scale", Standardize(), {})], label="bad")
    for name in NAMES:
        state = learnt(found[name], "scale")
        for column in ("income", "grade", "rate"):
            one = state.columns[column]
            assert one.mean == pytest.approx(table[column].mean(), rel=1e-14)
            assert one.deviation == pytest.approx(table[column].std(), rel=1e-9)
        assert state == learnt(found["east"], "scale")


def test_ranks_are_those_of_the_pooled_rows_but_for_groups() -> None:
    """A value's rank is less than two groups of each party away from its rank among all rows."""
    table = columns()
    steps = [("stack", Stack(), {}), ("scale", Standardize(), {"method": "quantile", "knots": 200})]
    found = run(datasets(table, "bad"), steps, label="bad", min_group=LEAST)
    income, grade = table["income"], table["grade"]
    state = learnt(found["west"], "scale")
    ranks = (state.apply("income", income) * state.columns["income"].deviation) + state.columns["income"].mean
    wanted = np.argsort(np.argsort(income)) / (len(income) - 1)
    assert np.abs(ranks - wanted).max() < 2 * LEAST * len(NAMES) / len(income)
    assert np.abs(ranks - wanted).mean() < LEAST / len(income)
    assert set(state.columns["grade"].quantiles) == set(np.unique(grade).tolist())


@pytest.mark.parametrize(
    ("code", "more"),
    [
        ("CT-3025", {"grade": np.full(1500, 0.1)}),
        ("CT-3027", {"grade": np.where(np.arange(1500) == 900, np.nan, 1.0)}),
    ],
)
@pytest.mark.parametrize("method", ["zscore", "quantile"])
def test_what_has_no_scale_is_refused(code: str, more: dict[str, Any], method: str) -> None:
    steps = [("stack", Stack(), {}), ("scale", Standardize(), {"method": method})]
    with pytest.raises(CoterieError) as caught:
        run(datasets({**columns(), **more}, "bad"), steps, label="bad")
    assert caught.value.code == code


VALUES = st.floats(-1e300, 1e300, allow_subnormal=False)


@settings(max_examples=200, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=50))
def test_codes_keep_order_and_25_bits(values: list[float]) -> None:
    given_ = np.array(values)
    codes = codes_of(given_)
    assert (codes < 1 << 36).all()
    assert (np.diff(group_values(codes[np.argsort(given_)])) >= 0).all()
    assert group_values(codes) == pytest.approx(given_, rel=2.0**-24)
    assert (codes_of(group_values(codes)) == codes).all()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(-30, 30).map(float), min_size=30, max_size=200),
    st.lists(st.floats(0, 1), min_size=1, max_size=40),
)
def test_quantiles_without_groups_are_those_of_all_rows(values: list[float], fractions: list[float]) -> None:
    whole = np.array(values)
    parts = parted(len(whole))
    found = together(
        lambda name, adding: quantiles(
            adding, [grouped_values(whole[parts[name]], 1)[0]], np.array(fractions)
        )
    )
    wanted = np.sort(whole)[np.floor(np.array(fractions) * (len(whole) - 1) + 1e-9).astype(int)]
    assert found[0][0].values.tolist() == found[2][0].values.tolist() == wanted.tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 40).map(float), max_size=120), st.integers(1, 30))
def test_no_group_is_small_and_every_row_is_in_one(values: list[float], least: int) -> None:
    whole = np.array(values, np.float64)
    groups, own = grouped_values(whole, least)
    assert (groups.counts >= least).all()
    assert groups.counts.sum() == (len(whole) if len(whole) >= least else 0)
    counted = [(own == code).sum() for code in groups.codes]
    assert counted == groups.counts.tolist()
    assert len(own) == groups.counts.sum()
    if len(own):
        assert (np.diff(own[np.argsort(whole, kind="stable")].astype(np.int64)) >= 0).all()


def holed(values: Any, part: float, seed: int, none: Any = np.nan) -> Any:
    away = np.random.default_rng(seed).random(len(values)) < part
    return np.where(away, none, values)


def people(rows: int = 1500) -> dict[str, Any]:
    random = np.random.default_rng(8)
    towns = random.choice(["Genf", "Basel", "Zürich", "Chur"], rows, p=[0.4, 0.3, 0.28, 0.02]).astype(object)
    return {
        "income": holed(random.lognormal(10, 2, rows), 0.3, 1),
        "grade": holed(random.integers(-2, 9, rows).astype(float), 0.3, 2),
        "town": holed(towns, 0.3, 3, None),
        "owns": holed((random.random(rows) < 0.7).astype(object), 0.3, 4, None),
        "bad": (random.random(rows) < 0.3).astype(np.int64),
    }


@pytest.mark.parametrize("method", ["mean", "median", "mode"])
def test_missing_values_become_those_of_the_pooled_rows(method: str) -> None:
    table = people()
    given_: dict[str, Any] = {"method": method, "columns": {"each.owns": {"method": "mode"}}}
    if method == "mode":  # of which there is none among amounts
        given_["columns"]["each.income"] = {"method": "median"}
    found = run(datasets(table, "bad"), [("stack", Stack(), {}), ("fill", Fill(), given_)], label="bad")
    income = table["income"][~np.isnan(table["income"])]
    grade = table["grade"][~np.isnan(table["grade"])]
    for name in NAMES:
        state = learnt(found[name], "fill").values
        assert state["town"] == "Genf"
        assert state["owns"] is True
        assert state == learnt(found["east"], "fill").values
        if method == "mean":
            assert state["income"] == pytest.approx(income.mean(), rel=1e-14)
            assert state["grade"] == pytest.approx(grade.mean(), rel=1e-14)
        elif method == "median":
            rank = (income <= state["income"]).mean()
            assert rank == pytest.approx(0.5, abs=2 * LEAST * len(NAMES) / len(income))
            assert state["grade"] == np.median(grade)
        else:
            values, counts = np.unique(grade, return_counts=True)
            assert state["grade"] == values[counts.argmax()]
        frame = found[name].frames["all"]
        assert not any(frame.column(EACH, column).null_count for column in frame.columns[EACH])


def test_a_column_that_one_party_lacks_is_filled_from_the_others() -> None:
    table = people()
    table["income"][:250] = np.nan
    steps = [("stack", Stack(), {}), ("fill", Fill(), {"method": "mean"})]
    found = run(datasets(table, "bad"), steps, label="bad")
    assert learnt(found["east"], "fill").values["income"] == pytest.approx(
        np.nanmean(table["income"]), rel=1e-14
    )
    table["income"][:-10] = np.nan
    with pytest.raises(CoterieError) as caught:
        run(datasets(table, "bad"), steps, label="bad")
    assert caught.value.code == "CT-3020"


@pytest.mark.parametrize("texts", [200, 3])
def test_frequent_texts_are_told_and_rare_ones_are_not(texts: int) -> None:
    """Also those that meet another one's hash."""
    random = np.random.default_rng(texts)
    names = np.array([f"text {number}" for number in range(texts)])
    counts = random.integers(0, 60, (len(NAMES), texts)).tolist()
    rows = {
        name: dict(zip(names.tolist(), own, strict=True)) for name, own in zip(NAMES, counts, strict=True)
    }
    found = together(lambda name, adding: frequent_texts(adding, [rows[name], {}], 1000, LEAST))
    wanted = {
        text: sum(own[text] for own in rows.values() if own[text] >= LEAST)
        for text in names.tolist()
        if any(own[text] >= LEAST for own in rows.values())
    }
    for one in found:
        assert one == [wanted, {}]


def test_ranges_and_limits_are_those_of_the_pooled_rows_but_for_groups() -> None:
    table = columns()
    steps = [
        ("stack", Stack(), {}),
        ("clip", Clip(), {"low_quantile": 0.1, "high_quantile": 0.9, "columns": ["each.income"]}),
        ("range", Minmax(), {"columns": ["each.grade"]}),
    ]
    found = run(datasets(table, "bad"), steps, label="bad", min_group=LEAST)
    ends = learnt(found["north"], "clip").columns["income"]
    for end, quantile in ((ends.low, 0.1), (ends.high, 0.9)):
        assert (table["income"] <= end).mean() == pytest.approx(quantile, abs=2 * LEAST * len(NAMES) / 1500)
    assert learnt(found["north"], "range").columns["grade"].model_dump() == {"least": -2, "largest": 8}
    values = found["west"].frames["all"].matrix(["income", "grade"])
    assert values[:, 0].min() == ends.low
    assert (values[:, 1].min(), values[:, 1].max()) == (0, 1)


def test_columns_are_made_by_each_party_for_itself() -> None:
    steps = [
        ("stack", Stack(), {}),
        ("cast", Cast(), {"columns": {"each.grade": "float"}}),
        ("derive", Derive(), {"columns": {"each.ratio": "income / (grade + 3)"}}),
    ]
    found = run(datasets(columns(), "bad"), steps, label="bad")
    values = found["east"].frames["all"].matrix(["income", "grade", "ratio"])
    assert values[:, 2] == pytest.approx(values[:, 0] / (values[:, 1] + 3))
