"""Figures of columns: pandas' and SciPy's for the owner, and nothing of few rows for others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.learn.describe import ColumnProfile, Describe, DescribeParams, Profile
from coterie.learn.describe.clear import guarded_profile, whole_profile
from coterie.learn.describe.component import _checked
from coterie.learn.describe.record import packed_size
from coterie.learn.documents import pack

from .in_tee import in_tee
from .learners import DATA, credit
from .pipeline import Outcome, dataset, people, run
from .test_logistic import Frames

SHARES = DescribeParams().quantiles
PARTIES = ("lender", "payments", "telecom")


def chunked(values: Any) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, from_pandas=True)])


def whole(values: Any, **params: Any) -> ColumnProfile:
    return whole_profile("lender", "x", chunked(values), DescribeParams(**params))


def guarded(values: Any, group: int = 20, **params: Any) -> ColumnProfile:
    return guarded_profile("lender", "x", chunked(values), DescribeParams(**params), group)


def same_as_pandas(found: ColumnProfile, values: Any) -> None:
    series = pd.Series(values).astype("float64")
    present = series.dropna()
    assert (found.rows, found.missing) == (len(series), int(series.isna().sum()))
    assert found.distinct == present.nunique()
    assert found.mean == pytest.approx(present.mean(), rel=1e-12)
    assert found.std == pytest.approx(present.std(), rel=1e-12)
    assert (found.min, found.max) == (present.min(), present.max())
    assert found.skewness == pytest.approx(scipy.stats.skew(present, bias=False), rel=1e-9, abs=1e-12)
    assert found.kurtosis == pytest.approx(scipy.stats.kurtosis(present, bias=False), rel=1e-9, abs=1e-12)
    assert [one.value for one in found.quantiles] == pytest.approx(present.quantile(list(SHARES)).tolist())
    counts, edges = np.histogram(present, bins=20)
    assert found.histogram is not None
    assert found.histogram.edges == pytest.approx(edges.tolist())
    assert found.histogram.counts == tuple(counts)


def test_the_owner_sees_what_pandas_and_scipy_say() -> None:
    random = np.random.default_rng(3)
    same_as_pandas(whole(random.lognormal(3, 1, 1000)), random_again(3))
    values = random.normal(size=500)
    values[::7] = np.nan
    same_as_pandas(whole(values), values)


def random_again(seed: int) -> Any:
    return np.random.default_rng(seed).lognormal(3, 1, 1000)


@pytest.mark.skipif(not DATA.exists(), reason="no data sets beside the project")
def test_real_columns_with_missing_values_and_outliers() -> None:
    _, columns = credit()
    for name in ("MonthlyIncome", "RevolvingUtilizationOfUnsecuredLines", "age"):
        values = pd.Series(columns[name])
        found = whole(columns[name])
        assert found.missing == int(values.isna().sum())
        assert found.std == pytest.approx(values.std(), rel=1e-9)
        assert found.skewness == pytest.approx(values.skew(), rel=1e-6)
        assert found.kurtosis == pytest.approx(values.kurt(), rel=1e-6)


def test_columns_with_little_in_them() -> None:
    nothing = whole(np.full(5, np.nan))
    assert (nothing.missing, nothing.distinct, nothing.mean, nothing.histogram) == (5, 0, None, None)
    assert all(one.value is None for one in nothing.quantiles)
    one = whole(np.array([3.0]))
    assert (one.mean, one.std, one.skewness, one.min) == (3, None, None, 3)
    flat = whole(np.full(9, 7))
    assert (flat.type, flat.std, flat.skewness, flat.distinct) == ("int", 0, None, 1)
    assert flat.histogram is not None
    assert (flat.histogram.edges, flat.histogram.counts) == ((7, 7), (9,))
    truth = whole(np.array([True, False, True, True]))
    assert (truth.type, truth.mean, truth.distinct) == ("bool", 0.75, 2)


@pytest.mark.parametrize("size", [1e-300, 1e300, 1.7e308])
def test_no_power_of_a_value_leaves_the_range(size: float) -> None:
    found = whole(np.array([-1.0, 0.0, 0.5, 1.0]) * size)
    assert found.mean == pytest.approx(0.125 * size)
    assert found.kurtosis == pytest.approx(scipy.stats.kurtosis([-1.0, 0.0, 0.5, 1.0], bias=False))
    assert found.histogram is not None
    assert sum(found.histogram.counts) == 4


def test_categories_are_named_to_their_owner_alone() -> None:
    values = ["a"] * 60 + ["b"] * 30 + ["c"] * 5 + ["d"] * 3 + [None] * 2
    mine = whole(values)
    assert [(one.name, one.rows) for one in mine.categories] == [("a", 60), ("b", 30), ("c", 5), ("d", 3)]
    assert (mine.distinct, mine.other, mine.missing) == (4, 0, 2)
    theirs = guarded(values)
    assert [(one.name, one.rows) for one in theirs.categories] == [(None, 60)]  # b with the eight others
    assert (theirs.other, theirs.missing) == (38, None)
    dates = whole([f"2026-{month:02}-01" for month in range(1, 13)] * 2)
    assert (dates.type, dates.distinct) == ("text", 12)
    many = whole([f"code {number}" for number in range(10_000)])
    assert (many.distinct, len(many.categories), many.other) == (10_000, 50, 9950)
    assert guarded([f"code {number}" for number in range(10_000)]).other == 10_000


@given(
    values=st.lists(
        st.one_of(st.sampled_from([0.0, 1.0, 2.0, 1e9]), st.floats(-1e6, 1e6), st.none()),
        min_size=1,
        max_size=200,
    ),
    group=st.integers(1, 20),
    bins=st.integers(1, 20),
)
@settings(max_examples=200)
def test_others_see_nothing_of_fewer_rows_than_agreed(
    values: list[float | None], group: int, bins: int
) -> None:
    found = guarded([None if x is None else float(x) for x in values], group, bins=bins)
    present = np.array(sorted(x for x in values if x is not None))
    gone = len(values) - len(present)
    few = 0 < gone < group or 0 < len(present) < group
    assert found.missing == (None if few else gone)
    assert (found.min, found.max) == (None, None)
    if found.type == "text":  # nothing is there
        return
    for one in found.quantiles:  # told to four digits
        if one.value is not None:
            assert np.count_nonzero(present <= one.value + 5.1e-4 * abs(one.value)) >= group
            assert np.count_nonzero(present >= one.value - 5.1e-4 * abs(one.value)) >= group
    if len(present) < 2 * group:
        assert (found.mean, found.std, found.kurtosis, found.histogram) == (None, None, None, None)
        return
    assert found.histogram is not None
    assert sum(found.histogram.counts) == len(present)
    assert min(found.histogram.counts) >= group
    # Whatever the few outermost rows hold, others are told the same.
    moved = present.copy()
    moved[: group - 1] -= 12345.0
    moved[len(moved) - group + 1 :] += 99999.0
    again = guarded([*moved.tolist(), *[None] * gone], group, bins=bins)
    assert again.model_copy(update={"distinct": None}) == found.model_copy(update={"distinct": None})


@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=120))
def test_what_is_packed_fits(values: list[float]) -> None:
    params = DescribeParams(bins=7)
    for line in (whole_profile("l" * 31, "é" * 128, chunked(values), params), guarded(values, 1, bins=100)):
        name = "é" * 128
        most = DescribeParams(bins=100) if not line.whole else params
        document = Profile(
            frame="f" * 63, min_group=20, columns=(line.model_copy(update={"column": name}),) * 3
        )
        assert len(pack(document, packed_size((name,) * 3, most))) == packed_size((name,) * 3, most)


def tables(rows: int = 300) -> tuple[list[str], dict[str, dict[str, Any]]]:
    ids, random = people(rows, 2)
    job = random.choice(["clerk", "farmer", "nurse"], rows, p=[0.6, 0.38, 0.02]).tolist()
    return ids, {
        "lender": {"age": random.integers(18, 80, rows), "bad": random.integers(0, 2, rows)},
        "payments": {
            "flow": np.where(random.random(rows) < 0.2, np.nan, random.lognormal(3, 2, rows)),
            "job": job,
        },
        "telecom": {"calls": random.poisson(4, rows).astype(float), "vip": np.arange(rows) < 3},
    }


def described(
    count: int, to: Mapping[str, tuple[str, ...]], params: Mapping[str, Any] | None = None, **more: Any
) -> dict[str, Outcome]:
    ids, given = tables()
    parties = PARTIES[:count]
    engine = "clear" if count == 1 else "mpc"
    return run(
        {name: dataset(ids, given[name], label="bad" if name == "lender" else None) for name in parties},
        (("align", Frames(), {}), ("look", Describe(), params or {})),
        label="bad",
        label_holder="lender",
        engine=engine,
        dealer=None if count == 1 else "hub",
        receivers=to,
        **more,
    )


def told(outcome: Outcome) -> dict[str, dict[str, Any]]:
    document = json.loads(outcome.published["profile/look.profile.json"])
    return {f"{one['party']}.{one['column']}": one for one in document["columns"]}


@pytest.mark.parametrize("count", [2, 3])
def test_each_sees_its_own_columns_in_full_and_the_others_guarded(count: int) -> None:
    """Planned bytes and rounds are the measured ones; the pipeline sees to that."""
    outcomes = described(count, {"profile": PARTIES[:count]})
    _, given = tables()
    for reader in PARTIES[:count]:
        lines = told(outcomes[reader])
        assert set(lines) == {f"{p}.{c}" for p in PARTIES[:count] for c in given[p] if c != "bad"}
        for place, line in lines.items():
            assert line["whole"] == place.startswith(reader)
    mine, theirs = told(outcomes["payments"])["payments.flow"], told(outcomes["lender"])["payments.flow"]
    flow = pd.Series(given["payments"]["flow"])
    assert mine["max"] == flow.max()
    assert mine["kurtosis"] == pytest.approx(flow.kurt())
    present = np.sort(flow.dropna())
    assert theirs["max"] is None
    assert theirs["mean"] == pytest.approx(np.clip(present, present[19], present[-20]).mean())
    assert all(one["name"] is None for one in told(outcomes["lender"])["payments.job"]["categories"])
    if count == 3:  # of three people, nothing is told
        assert told(outcomes["lender"])["telecom.vip"]["mean"] == 0
    finding = outcomes["lender"].last.findings["lender"][0]
    assert (finding.step, finding.component, finding.kind) == ("look", "describe", "profile")


def test_who_is_not_granted_it_gets_nothing() -> None:
    outcomes = described(2, {"profile": ("payments",)})
    assert not outcomes["lender"].published
    assert told(outcomes["payments"])["lender.age"]["whole"] is False
    assert outcomes["payments"].plans["look"].sent == {
        "lender": {"payments": packed_size(("age",), DescribeParams())}
    }
    alone = told(described(1, {"profile": ("lender",)})["lender"])
    assert alone["lender.age"]["whole"] is True


def refusal(*args: Any, **more: Any) -> CoterieError:
    with pytest.raises(CoterieError) as caught:
        described(*args, **more)
    return caught.value


def test_refusals() -> None:
    to = {"profile": ("lender",)}
    assert refusal(2, {}).code == "CT-3136"
    assert refusal(2, to, {"columns": ("payments.age",)}).code == "CT-3135"
    assert refusal(2, to, {"frame": "test"}).code == "CT-3001"
    with pytest.raises(CoterieError) as caught:
        whole(np.array([1.0, np.inf]))
    assert caught.value.code == "CT-3028"


@pytest.mark.parametrize("guests", [("regulator",), ("hub", "regulator")])
def test_receivers_without_data_see_what_is_guarded(guests: tuple[str, ...]) -> None:
    outcomes = described(2, {"profile": guests}, guests=guests)
    assert not outcomes["lender"].published
    for guest in guests:
        lines = told(outcomes[guest])
        assert set(lines) == {"lender.age", "payments.flow", "payments.job"}
        assert not any(line["whole"] for line in lines.values())


def test_where_all_columns_are_each_owner_sees_its_own_in_full() -> None:
    ids, given = tables()
    data = {name: dataset(ids, given[name], label="bad" if name == "lender" else None) for name in PARTIES}
    files, _ = in_tee(data, (("look", Describe(), {}),), {"profile": ("telecom", "regulator")})
    assert set(files) == {"telecom", "regulator"}
    for reader, own in files.items():
        document = json.loads(own["look.profile.json"])
        assert {one["party"] for one in document["columns"]} == set(PARTIES)
        assert all(one["whole"] == (one["party"] == reader) for one in document["columns"])


def test_what_another_party_sends_is_checked() -> None:
    line = guarded(np.arange(100.0), group=20)
    received = Profile(frame="all", min_group=20, columns=(line,))
    assert _checked(received, "lender", ("x",)) == [line]
    for owner, names in (("payments", ("x",)), ("lender", ("y",)), ("lender", ("x", "y"))):
        with pytest.raises(CoterieError) as caught:
            _checked(received, owner, names)
        assert caught.value.code == "CT-3031"


def test_others_are_told_no_value_of_a_row_to_the_last_digit() -> None:
    values = np.random.default_rng(4).lognormal(3, 1, 1001)
    told = guarded(values.tolist(), 20)
    own = whole_profile("payments", "flow", chunked(values.tolist()), DescribeParams())
    for one, exact in zip(told.quantiles, own.quantiles, strict=True):
        assert one.value is None or one.value == float(f"{exact.value:.4g}") != exact.value
    assert told.histogram is not None
    assert not {told.histogram.edges[0], told.histogram.edges[-1]} & set(values.tolist())


def test_others_are_not_told_that_a_few_rows_differ() -> None:
    assert guarded([0.0] * 990 + [1.0] * 10, 20).distinct is None
    assert guarded([0.0] * 980 + [1.0] * 20, 20).distinct == 2
    assert guarded([0.0] * 1000, 20).distinct == 1
