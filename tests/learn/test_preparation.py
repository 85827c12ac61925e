"""Split, fill and standardize: their functions against outside oracles."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError
from scipy.stats import rankdata
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import QuantileTransformer, StandardScaler

from coterie.errors import CoterieError
from coterie.learn.fill import FillParams
from coterie.learn.fill import clear as fill
from coterie.learn.keys import hash_order, rows_of
from coterie.learn.split.clear import is_test
from coterie.learn.standardize import StandardizeParams
from coterie.learn.standardize import clear as standardize

numbers = st.floats(-1e6, 1e6, allow_subnormal=False)


def column(values: list[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def code_of(call: Any) -> str:
    with pytest.raises(CoterieError) as caught:
        call()
    return caught.value.code


def keys(count: int, seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)


# -- split ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9])
def test_a_split_has_about_the_share_asked_for(share: float) -> None:
    drawn = is_test(keys(20_000), share, "").mean()
    assert abs(drawn - share) < 4 * np.sqrt(share * (1 - share) / 20_000)


def test_a_row_keeps_its_side_whoever_is_beside_it() -> None:
    whole = keys(500)
    some = np.random.default_rng(1).permutation(500)[:200]
    assert np.array_equal(is_test(whole, 0.3, "a")[some], is_test(whole[some], 0.3, "a"))


def test_a_larger_test_keeps_the_rows_of_the_smaller() -> None:
    whole = keys(500)
    assert not (is_test(whole, 0.2, "") & ~is_test(whole, 0.4, "")).any()


def test_another_salt_is_an_independent_split() -> None:
    first, second = is_test(keys(20_000), 0.5, "a"), is_test(keys(20_000), 0.5, "b")
    assert abs((first == second).mean() - 0.5) < 0.02


# -- rows by hash --------------------------------------------------------------------------------------------


def test_hash_order_is_the_order_of_the_bytes() -> None:
    hashes = keys(300)
    hashes[5, :31] = hashes[9, :31]
    hashes[:3, -1] = 0
    assert [hashes[i].tobytes() for i in hash_order(hashes)] == sorted(row.tobytes() for row in hashes)


def test_rows_are_found_by_their_hash() -> None:
    hashes = keys(300)
    wanted = np.random.default_rng(2).permutation(300)[:40]
    assert np.array_equal(rows_of(hashes[wanted], hashes), wanted)
    with pytest.raises(ValueError, match="not among"):
        rows_of(keys(1, seed=9), hashes)


# -- fill ----------------------------------------------------------------------------------------------------


@given(
    st.lists(st.none() | numbers, min_size=1, max_size=40).filter(lambda values: set(values) != {None}),
    st.sampled_from(["mean", "median", "mode", "constant"]),
)
def test_numbers_are_filled_as_the_oracle_does(values: list[float | None], method: str) -> None:
    strategy = {"mode": "most_frequent"}.get(method, method)
    oracle = SimpleImputer(strategy=strategy, fill_value=7.5 if method == "constant" else None)
    wanted = oracle.fit_transform(column(values)[:, None])[:, 0]
    table = pa.table({"x": pa.array(values, pa.float64()), "other": pa.nulls(len(values), pa.int64())})
    params = FillParams.model_validate({"method": method, "value": 7.5 if method == "constant" else None})
    filled = fill.fit(table, ("x",), params).apply(table)
    assert filled["x"].null_count == 0
    assert filled["x"].to_numpy() == pytest.approx(wanted, rel=1e-12, abs=1e-9)
    assert filled["other"].null_count == len(values)


@given(st.lists(st.none() | st.sampled_from(["b", "a", "ä", ""]), min_size=1, max_size=20))
def test_text_is_filled_as_the_oracle_does(values: list[str | None]) -> None:
    if set(values) == {None}:
        return
    oracle = SimpleImputer(strategy="most_frequent", missing_values=None)
    wanted = oracle.fit_transform(np.array(values, dtype=object)[:, None])[:, 0]
    table = pa.table({"x": pa.array(values, pa.large_string())})
    assert fill.fit(table, ("x",), FillParams()).apply(table)["x"].to_pylist() == list(wanted)


def test_types_stay_where_the_value_fits() -> None:
    table = pa.table(
        {
            "even": pa.array([1, None, 3]),
            "odd": pa.array([1, None, 2]),
            "flag": pa.array([True, None, True]),
            "word": pa.array(["a", None, "b"], pa.large_string()),
        }
    )
    filled = fill.fit(
        table, tuple(table.column_names), FillParams(text_method="constant", text_value="?")
    ).apply(table)
    assert filled.to_pydict() == {
        "even": [1, 2, 3],
        "odd": [1.0, 1.5, 2.0],
        "flag": [True, True, True],
        "word": ["a", "?", "b"],
    }
    assert [str(one.type) for one in filled.schema] == ["int64", "double", "bool", "large_string"]


def test_values_come_from_the_rows_they_were_learnt_from() -> None:
    train, other = pa.table({"x": [1.0, 3.0]}), pa.table({"x": pa.array([None, 9.0])})
    assert fill.fit(train, ("x",), FillParams(method="mean")).apply(other)["x"].to_pylist() == [2.0, 9.0]


@pytest.mark.parametrize(
    ("values", "params", "code"),
    [
        (pa.nulls(3, pa.float64()), {}, "CT-3020"),
        (pa.nulls(3, pa.large_string()), {}, "CT-3020"),
        (pa.nulls(3, pa.float64()), {"method": "constant", "value": 1}, "CT-3020"),
        (pa.array([True, None]), {"method": "constant", "value": 0.5}, "CT-3021"),
        (pa.array([1.5e308, 1.5e308]), {"method": "mean"}, "CT-3028"),
        (pa.array([1.5e308, 1.5e308]), {"method": "median"}, "CT-3028"),
    ],
)
def test_what_cannot_be_filled_is_refused(values: pa.Array, params: dict[str, Any], code: str) -> None:
    assert code_of(lambda: fill.fit(pa.table({"x": values}), ("x",), FillParams(**params))) == code


@pytest.mark.parametrize(
    "params",
    [
        {"method": "constant"},
        {"value": 3},
        {"method": "constant", "value": float("nan")},
        {"text_method": "constant"},
        {"text_value": "?"},
        {"method": "average"},
    ],
)
def test_fill_parameters_must_fit_together(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FillParams(**params)


# -- standardize ---------------------------------------------------------------------------------------------


@given(st.lists(numbers, min_size=2, max_size=60), st.lists(numbers, min_size=1, max_size=10))
def test_zscores_equal_the_oracle(train: list[float], other: list[float]) -> None:
    values = column(list(train))
    if np.ptp(values) < 1e-3:
        return
    scale = standardize.fit({"x": values}, StandardizeParams(clip=4))
    wanted = StandardScaler().fit(values[:, None]).transform(column(list(other))[:, None])[:, 0]
    assert scale.apply("x", column(list(other))) == pytest.approx(np.clip(wanted, -4, 4), rel=1e-6, abs=1e-6)


def ranks_of(scale: standardize.Standardizer, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The ranks before they were scaled."""
    learnt = scale.columns["x"]
    return scale.apply("x", values) * learnt.deviation + learnt.mean


whole = st.integers(-5, 30)


@given(
    st.lists(whole, min_size=2, max_size=36, unique=True),
    st.lists(st.floats(-8, 40), min_size=1),
    st.integers(2, 100),
)
def test_quantile_ranks_equal_the_oracle(train: list[int], other: list[float], knots: int) -> None:
    values = column(list(train))
    those = column([value for value in other if values.min() < value < values.max()])
    oracle = QuantileTransformer(n_quantiles=min(knots, len(values)), subsample=None).fit(values[:, None])
    scale = standardize.fit({"x": values}, StandardizeParams(method="quantile", knots=knots, clip=64))
    if len(those):
        assert ranks_of(scale, those) == pytest.approx(oracle.transform(those[:, None])[:, 0], abs=1e-6)
    assert ranks_of(scale, np.array([-99.0, 99.0])) == pytest.approx([0, 1])


@given(st.lists(whole, min_size=2, max_size=80))
def test_equal_values_have_their_middle_rank(train: list[int]) -> None:
    values = column(list(train))
    if np.ptp(values) == 0:
        return
    scale = standardize.fit({"x": values}, StandardizeParams(method="quantile", clip=64))
    ranks = (rankdata(values) - 1) / (len(values) - 1)
    assert ranks_of(scale, values) == pytest.approx(ranks, abs=1e-9)
    assert scale.apply("x", values) == pytest.approx(
        StandardScaler().fit_transform(ranks[:, None])[:, 0], abs=1e-9
    )


def test_a_scale_survives_json() -> None:
    values = np.random.default_rng(0).normal(size=50)
    scale = standardize.fit({"x": values}, StandardizeParams(method="quantile"))
    again = standardize.Standardizer.model_validate_json(scale.model_dump_json())
    assert np.array_equal(again.apply("x", values), scale.apply("x", values))


def test_huge_and_tiny_values_do_not_overflow() -> None:
    for factor in (1e308, 1e-300):
        values = np.array([-1.0, 0.5, 1.0]) * factor
        scaled = standardize.fit({"x": values}, StandardizeParams()).apply("x", values)
        assert scaled == pytest.approx(StandardScaler().fit_transform([[-1.0], [0.5], [1.0]])[:, 0])


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=30),
    st.sampled_from(["zscore", "quantile"]),
)
def test_all_scaled_values_lie_within_the_clip(values: list[float], method: Any) -> None:
    if min(values) == max(values):
        return
    try:
        scale = standardize.fit({"x": column(list(values))}, StandardizeParams(method=method, clip=3))
    except CoterieError as refused:  # values that float64 cannot tell apart once they are scaled
        if refused.code == "CT-3025":
            return
        raise
    scaled = scale.apply("x", np.array([*values, -1.7e308, 1.7e308]))
    assert np.isfinite(scaled).all()
    assert np.abs(scaled).max() <= 3


@pytest.mark.parametrize("method", ["zscore", "quantile"])
@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([0.1] * 7, "CT-3025"),
        ([0.0] * 7, "CT-3025"),
        ([1.0, None, 2.0], "CT-3027"),
        ([1.0, float("inf")], "CT-3028"),
    ],
)
def test_what_cannot_be_scaled_is_refused(values: list[float | None], code: str, method: Any) -> None:
    with pytest.raises(CoterieError) as caught:
        standardize.fit({"income": column(values)}, StandardizeParams(method=method))
    assert caught.value.code == code
    assert "'income'" in str(caught.value)


def test_new_values_are_checked_too() -> None:
    scale = standardize.fit({"x": np.array([1.0, 2.0])}, StandardizeParams())
    assert code_of(lambda: scale.apply("x", np.array([np.nan]))) == "CT-3027"
