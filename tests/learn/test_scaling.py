"""clip and minmax: NumPy's and scikit-learn's, and what later steps may rely on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.preprocessing import MinMaxScaler

from coterie.errors import CoterieError
from coterie.learn import COMPONENTS
from coterie.learn.clip import Clip, ClipParams
from coterie.learn.clip.clear import clipped, fit
from coterie.learn.component import FrameShape, PlanContext
from coterie.learn.fill import Fill, FillParams
from coterie.learn.minmax import Minmax, MinmaxParams
from coterie.learn.minmax.clear import Ranges
from coterie.learn.split import Split

from .shape_data import END, ROWS, by_key, in_tee, play, refusal, shapes, table, whole

GIVEN = table().drop(columns=["job", "since", "code"])
NUMBERS = GIVEN.fillna(1.5)
SPLIT = ("split", Split(), {})
SHAPE = FrameShape(10, {"a": ("x", "y"), "b": ("z",)}, "a", "bad")


def limit(**params: Any) -> tuple[str, Clip, dict[str, Any]]:
    return ("clip", Clip(), params)


def scale(**params: Any) -> tuple[str, Minmax, dict[str, Any]]:
    return ("minmax", Minmax(), params)


# -- clip ----------------------------------------------------------------------------------------------------


def test_values_are_moved_to_the_limits() -> None:
    each = {"lender.age": {"low": 30, "high": 60}, "payments.late": {"high": 2}}
    found = whole(play(table(), (limit(low_quantile=0.05, high_quantile=0.9, each=each),)))
    before = whole(play(table(), ()))
    assert found.age.tolist() == before.age.clip(30, 60).tolist()
    assert found.late.fillna(-1).tolist() == before.late.clip(None, 2).fillna(-1).tolist()
    low, high = before.income.quantile([0.05, 0.9])
    assert np.allclose(found.income, before.income.clip(low, high), equal_nan=True)
    assert (found.age.dtype, found.region.dtype) == ("int64", "int64")
    for name in ("job", "since", "owns", "code", "bad"):
        assert found[name].equals(before[name])


def test_quantiles_are_of_the_training_rows() -> None:
    outcomes = play(NUMBERS, (SPLIT, limit(high_quantile=0.5, columns=["lender.income"])))
    before = play(NUMBERS, (SPLIT,))
    median = whole(before, "train").income.median()
    for name in ("train", "test", "all"):
        assert whole(outcomes, name).income.tolist() == whole(before, name).income.clip(None, median).tolist()
        assert whole(outcomes, name).age.equals(whole(before, name).age)
    frames, _ = in_tee(NUMBERS, (SPLIT, limit(high_quantile=0.5, columns=["lender.income"])))
    mine = by_key([part.to_pandas() for part in frames["test"].parts.values()], frames["test"].keys)
    assert mine.income.equals(whole(outcomes, "test").income)


@given(
    st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), min_size=1),
    st.floats(-1e19, 1e19),
    st.floats(-1e19, 1e19),
)
@settings(max_examples=200, deadline=None)
def test_whole_numbers_stay_whole_and_within(values: list[int | None], one: float, two: float) -> None:
    params = ClipParams(low=one) if two <= one else ClipParams(low=one, high=two)
    column = pa.chunked_array([pa.array(values, pa.int64())])
    if params.high is not None and np.floor(params.high) < np.ceil(params.low or 0):
        return
    found = clipped(column, fit("x", column, params))
    assert found.type == pa.int64()
    for before, after in zip(values, found.to_pylist(), strict=True):
        assert (before is None) == (after is None)
        if after is not None and before is not None:
            assert after >= one or after == 2**63 - 1
            assert params.high is None or after <= params.high or after == -(2**63)
            assert after == before or not one <= before <= (np.inf if params.high is None else params.high)


@pytest.mark.parametrize(
    ("params", "bound", "before"),
    [
        ({"low": -2, "high": 3}, 3.0, None),
        ({"low": 0, "high": 0.5}, 1.0, None),
        ({"low": 0}, None, None),
        ({"low": 0, "high": 3, "columns": ["a.x"]}, None, None),
        ({"low": 0, "high": 3, "columns": ["a.x"]}, 5.0, 5.0),
        ({"low": 0, "high": 3}, 3.0, 5.0),
        ({"low": 100, "columns": ["a.x"]}, 100.0, 5.0),
        ({"high_quantile": 0.9}, 5.0, 5.0),
        ({"high_quantile": 0.9}, None, None),
        ({"low": 0, "high": 3, "each": {"b.z": {"low_quantile": 0.1}}}, None, None),
        ({"low": 0, "high": 3, "each": {"b.z": {"low": 0, "high": 9}}}, 9.0, None),
    ],
)
def test_later_steps_rely_on_limits_that_are_known(
    params: dict[str, Any], bound: float | None, before: float | None
) -> None:
    shape = FrameShape(10, SHAPE.columns, "a", "bad", before)
    assert Clip().shape(shape, ClipParams.model_validate(params)).bound == bound


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"low": 0, "columns": ["lender.job"]}, "CT-1433"),
        ({"low": 0, "each": {"lender.job": {"low": 1}}}, "CT-1433"),
        ({"low": 0, "columns": ["lender.nothing"]}, "CT-3135"),
        ({"each": {"lender.nothing": {"low": 1}}}, "CT-3135"),
        ({"low": 0.2, "high": 0.8, "columns": ["lender.age"]}, "CT-3120"),
        ({"low": 1e9, "high_quantile": 0.5, "columns": ["lender.income"]}, "CT-3120"),
    ],
)
def test_limits_that_do_not_fit_are_refused(params: dict[str, Any], code: str) -> None:
    assert refusal(table(), (limit(**params),)).code == code


def test_quantiles_of_nothing_are_refused() -> None:
    given = table().assign(income=np.full(ROWS, np.nan))
    assert refusal(given, (limit(low_quantile=0.1, columns=["lender.income"]),)).code in (
        "CT-3020",
        "CT-1433",
    )


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"low": 3, "high": 3},
        {"low": 1, "low_quantile": 0.1},
        {"low_quantile": 0.9, "high_quantile": 0.1},
        {"columns": ["a.x"]},
        {"low": 1, "each": {"a.x": {}}},
        {"high_quantile": 1.5},
        {"low": float("nan")},
    ],
)
def test_parameters_of_limits_belong_together(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ClipParams.model_validate(params)


# -- minmax --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clip", [True, False])
def test_features_are_scikit_learns(clip: bool) -> None:
    steps = (SPLIT, scale(low=-1, high=2, clip=clip, keep=["telecom.region"]), END)
    outcomes, before = play(NUMBERS, steps), play(NUMBERS, (SPLIT,))
    names = ["age", "income", "late", "owns"]
    scaler = MinMaxScaler((-1, 2), clip=clip).fit(whole(before, "train")[names].astype(float))
    for name in ("train", "test", "all"):
        wanted = scaler.transform(whole(before, name)[names].astype(float))
        assert np.allclose(whole(outcomes, name)[names], wanted, atol=1e-12)
        assert whole(outcomes, name).region.equals(whole(before, name).region)
        assert whole(outcomes, name).bad.equals(whole(before, name).bad)
    assert outcomes["hub"].last.planning.frames["train"].bound == (2.0 if clip else None)
    frames, _ = in_tee(NUMBERS, steps)
    mine = by_key([part.to_pandas() for part in frames["test"].parts.values()], frames["test"].keys)
    assert mine[names].equals(whole(outcomes, "test")[names])


@pytest.mark.parametrize(
    ("params", "bound", "before"),
    [
        ({}, 1.0, None),
        ({}, 1.0, 5.0),
        ({"clip": False}, None, 5.0),
        ({"columns": ["a.x", "a.y"]}, None, None),
        ({"columns": ["a.x", "a.y"]}, 5.0, 5.0),
        ({"columns": ["a.x", "a.y"], "keep": ["b.z"]}, 1.0, None),
        ({"low": -7, "high": 3}, 7.0, None),
    ],
)
def test_later_steps_rely_on_the_range(
    params: dict[str, Any], bound: float | None, before: float | None
) -> None:
    shape = FrameShape(10, SHAPE.columns, "a", "bad", before)
    assert Minmax().shape(shape, MinmaxParams.model_validate(params)).bound == bound


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=30))
@settings(max_examples=200, deadline=None)
def test_any_numbers_end_within_the_range(values: list[float]) -> None:
    from coterie.learn.minmax.clear import applied
    from coterie.learn.minmax.clear import fit as ends_of

    numbers = np.array(values)
    if numbers.min() == numbers.max():
        return
    ends = ends_of([("x", numbers)]).columns["x"]
    found = applied("x", numbers, ends, MinmaxParams(low=0.25, high=0.75))
    assert np.isfinite(found).all()
    assert found.min() >= 0.25
    assert found.max() <= 0.75
    assert Ranges.model_validate_json(Ranges(columns={"x": ends}).model_dump_json()).columns["x"] == ends


@pytest.mark.parametrize(
    ("change", "params", "code"),
    [
        ({"income": np.full(ROWS, 7.0)}, {}, "CT-3025"),
        ({}, {"columns": ["lender.nothing"]}, "CT-3135"),
        ({"income": table().income.to_numpy()}, {}, "CT-3027"),
        ({"income": table().code.to_numpy()}, {}, "CT-1433"),
    ],
)
def test_features_that_have_no_range_are_refused(
    change: dict[str, Any], params: dict[str, Any], code: str
) -> None:
    assert refusal(NUMBERS.assign(**change), (scale(**params),)).code == code


def test_the_low_end_is_below_the_high_one() -> None:
    with pytest.raises(ValidationError):
        MinmaxParams(low=1, high=1)


# -- fill ----------------------------------------------------------------------------------------------------


def fill(**params: Any) -> tuple[str, Fill, dict[str, Any]]:
    return ("fill", Fill(), params)


def test_each_column_can_be_filled_in_its_own_way() -> None:
    columns = {
        "lender.income": {"method": "constant", "value": -1},
        "payments.job": {"text_method": "own_category"},
        "payments.late": {"method": "mean", "integers": "round"},
    }
    given = table().assign(age=table().age.where(np.arange(ROWS) % 9 > 0).astype("Int64"))
    outcomes = play(given, (fill(columns=columns, keep=["lender.age"]), END))
    found, before = whole(outcomes), whole(play(given, ()))
    assert found.income.tolist() == before.income.fillna(-1).tolist()
    assert found.job.tolist() == before.job.fillna("missing").tolist()
    assert found.late.tolist() == pytest.approx(before.late.fillna(before.late.mean()).tolist())
    assert found.age.isna().sum() == before.age.isna().sum()
    assert shapes(outcomes) == shapes(play(given, ()))


def test_whole_numbers_stay_whole_where_that_is_asked() -> None:
    column = pa.chunked_array([pa.array([1, 2, None, 2, 6], pa.int64())])
    made = pa.table({"x": column})
    from coterie.learn.fill.clear import fit as learnt

    rounded = learnt(made, ("x",), FillParams(method="mean", integers="round")).apply(made)
    assert rounded["x"].type == pa.int64()
    assert rounded["x"].to_pylist() == [1, 2, 3, 2, 6]
    widened = learnt(made, ("x",), FillParams(method="mean")).apply(made)
    assert widened["x"].type == pa.float64()


def test_an_own_category_is_no_value_of_the_column() -> None:
    given = table().assign(job=np.where(np.arange(ROWS) % 3 == 0, "missing", None))
    assert refusal(given, (fill(text_method="own_category"),)).code == "CT-3124"
    named = fill(text_method="own_category", text_value="(none)")
    assert set(whole(play(given, (named,))).job) == {"missing", "(none)"}
    assert refusal(given, (fill(columns={"lender.nothing": {}}),)).code == "CT-3135"


@pytest.mark.parametrize(("value", "bound"), [(-9.0, 9.0), (1.0, 5.0), (None, 5.0)])
def test_a_constant_widens_what_later_steps_rely_on(value: float | None, bound: float) -> None:
    choice = {} if value is None else {"method": "constant", "value": value}
    shape = FrameShape(10, SHAPE.columns, "a", "bad", 5.0)
    assert Fill().shape(shape, FillParams.model_validate({"columns": {"a.x": choice}})).bound == bound
    assert Fill().shape(SHAPE, FillParams.model_validate(choice)).bound is None


# -- columns of text: known from their datasets' descriptions ------------------------------------------------


def after(*steps: tuple[str, dict[str, Any]]) -> PlanContext:
    """What is planned of these steps after `align`, without any data."""
    context = PlanContext(
        engine="mpc",
        step="one",
        parties=("a", "b"),
        dealer="hub",
        receivers={},
        dataset_rows={"a": 100, "b": 100},
        columns={"a": ("x", "y"), "b": ("z",)},
        label_holder="a",
        label="bad",
        frames={},
        models={},
        types={"a": {"x": "float", "y": "text", "bad": "int"}, "b": {"z": "category"}},
    )
    for name, params in (("align", {}), *steps):
        part = next(one for one in COMPONENTS if one.name == name)
        part.plan(context, part.Parameters.model_validate(params))
    return context


TO_NUMBERS = ("cast", {"columns": {"a.y": "float"}})
ENCODED = ("onehot", {"columns": ["b.z"]})


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([("standardize", {})], "a.y"),
        ([("standardize", {"keep": ["a.y"]})], "b.z"),
        ([("minmax", {})], "a.y"),
        ([("minmax", {"columns": ["b.z", "a.x"]})], "b.z"),
        ([("clip", {"low": 0, "columns": ["a.y"]})], "a.y"),
        ([("split", {}), ("fill", {}), TO_NUMBERS, ("standardize", {})], "b.z"),
        ([ENCODED, ("standardize", {})], "a.y"),
    ],
)
def test_columns_of_text_are_refused_while_a_job_is_planned(steps: list[Any], text: str) -> None:
    with pytest.raises(CoterieError, match=f"CT-1433.*'{text}'") as caught:
        after(*steps)
    assert caught.value.step == "one"


@pytest.mark.parametrize(
    "steps",
    [
        [("standardize", {"keep": ["a.y", "b.z"]})],
        [("minmax", {"columns": ["a.x"]})],
        [("clip", {"low": 0})],
        [TO_NUMBERS, ENCODED, ("standardize", {}), ("minmax", {})],
        [TO_NUMBERS, ("standardize", {"keep": ["b.z"]})],
        [ENCODED, ("derive", {"columns": {"a.y": "x + 1"}, "drop": ["a.y"]}), ("standardize", {})],
        [
            ENCODED,
            ("derive", {"columns": {"a.w": "x + 1"}, "drop": ["a.y"]}),
            ("derive", {"columns": {"a.y": "x + 1"}}),
            ("standardize", {}),
        ],
    ],
)
def test_what_may_be_numbers_is_left_to_the_run(steps: list[Any]) -> None:
    after(*steps)
