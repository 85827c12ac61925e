"""cast: every type in every other, strictly; dates as the standard library and pandas have them."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from coterie.learn.cast import Cast, CastParams
from coterie.learn.cast.clear import cast

from .shape_data import END, ROWS, in_tee, play, refusal, shapes, table, whole

GIVEN = table()


def step(columns: dict[str, Any], **params: Any) -> tuple[str, Cast, dict[str, Any]]:
    return ("cast", Cast(), {"columns": columns, **params})


def one(values: list[Any], target: Any, kind: pa.DataType | None = None) -> list[Any]:
    params = CastParams.model_validate({"columns": {"p.x": target}})
    ((_, column),) = cast("x", pa.chunked_array([pa.array(values, kind)]), params.columns["p.x"])
    return column.to_pylist()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("values", "target", "wanted"),
    [
        (["1", " 2 ", "+3", "-4", "5.0", "1e2", None], "int", [1, 2, 3, -4, 5, 100, None]),
        (["999999999999999999", "-123456789012345678"], "int", [999999999999999999, -123456789012345678]),
        (["1.5", "1,5", "x", "", "1e400", "0x10", "１", "99999999999999999999", "inf"], "int", [None] * 9),
        ([1.0, 2.5, None, -3.0, 1e300], "int", [1, None, None, -3, None]),
        ([True, False, None], "int", [1, 0, None]),
        (["1.5", "+.5", "2.", "1e-3", " 7 ", "-0"], "float", [1.5, 0.5, 2.0, 0.001, 7.0, 0.0]),
        (["1,5", "nan", "inf", "1e999", "1_0", "1 2", "--1", "e5", "."], "float", [None] * 9),
        ([1, None, -7], "float", [1.0, None, -7.0]),
        ([True, None], "float", [1.0, None]),
        (["true", "FALSE", "Yes", "n", "1", "0"], "bool", [True, False] * 3),
        (["ja", "", "2", None], "bool", [None] * 4),
        ([0, 1, 2, None], "bool", [False, True, None, None]),
        ([0.0, 1.0, 0.5], "bool", [False, True, None]),
        ([1, -2, None], "text", ["1", "-2", None]),
        ([1.0, 0.25, None], "category", ["1", "0.25", None]),
        ([True, False], "text", ["true", "false"]),
        (["2026-01-31", "1969-12-31", "20260131"], "date", [20484, -1, 20484]),
        (["2024-02-30", "soon", None], "date", [None] * 3),
        (["2026-01-31T23:59:59", "2026-01-31T23:59:59-05:00"], "date", [20484, 20485]),
        ([20260131, 7, None], "date", [20484, None, None]),
        (["31.01.2026", "31.13.2026"], {"format": "%d.%m.%Y"}, [20484, None]),
        ([31012026], {"format": "%d%m%Y"}, [20484]),
        ([1.5], "date", [None]),
        ([True], "date", [None]),
        ([None, None], "int", [None, None]),
    ],
)  # fmt: skip
def test_values_in_other_types(values: list[Any], target: Any, wanted: list[Any]) -> None:
    assert one(values, target) == wanted


@given(st.lists(st.one_of(st.none(), st.integers(-(10**18) + 1, 10**18 - 1)), min_size=1))
@settings(max_examples=100, deadline=None)
def test_whole_numbers_come_back_from_text(values: list[int | None]) -> None:
    assert one(one(values, "text", pa.int64()), "int") == values


@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=False, allow_infinity=False)), min_size=1))
@settings(max_examples=100, deadline=None)
def test_decimal_numbers_come_back_from_text(values: list[float | None]) -> None:
    assert one(one(values, "text", pa.float64()), "float") == values


@given(st.lists(st.text(max_size=30)))
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_or_missing(values: list[str]) -> None:
    for target in ("int", "float", "bool", "date", {"format": "%d.%m.%Y %H:%M"}):
        found = one(values, target, pa.large_string())
        assert len(found) == len(values)


@given(st.lists(st.dates(), min_size=1, max_size=20))
@settings(max_examples=100, deadline=None)
def test_parts_of_dates_are_the_standard_librarys(days: list[date]) -> None:
    parts = ("days", "year", "month", "day", "weekday", "age")
    target = CastParams.model_validate({"columns": {"p.x": {"parts": parts, "at": "2026-01-01"}}}).columns[
        "p.x"
    ]
    found = dict(cast("x", pa.chunked_array([[day.isoformat() for day in days]]), target))
    assert list(found) == [f"x_{part}" for part in parts]
    assert found["x_days"].to_pylist() == [(day - date(1970, 1, 1)).days for day in days]
    assert found["x_year"].to_pylist() == [day.year for day in days]
    assert found["x_month"].to_pylist() == [day.month for day in days]
    assert found["x_day"].to_pylist() == [day.day for day in days]
    assert found["x_weekday"].to_pylist() == [day.weekday() for day in days]
    assert found["x_age"].to_pylist() == [(date(2026, 1, 1) - day).days for day in days]
    assert {column.type for column in found.values()} == {pa.int64()}


def test_columns_keep_their_places_and_everybody_knows_their_names() -> None:
    columns = {
        "payments.since": {"parts": ["year", "age"], "at": "2026-01-01"},
        "payments.late": "int",
        "telecom.region": "category",
        "lender.age": "float",
    }
    outcomes = play(GIVEN, (step(columns), END))
    assert shapes(outcomes) == {
        "lender": ("age", "income"),
        "payments": ("job", "late", "since_year", "since_age"),
        "telecom": ("owns", "region", "code"),
    }
    assert not outcomes["hub"].plans["cast"].sent
    found, before = whole(outcomes), whole(play(GIVEN, ()))
    assert found.since_year.tolist() == [int(text[:4]) for text in before.since]
    wanted = (pd.Timestamp("2026-01-01") - pd.to_datetime(before.since)).dt.days
    assert found.since_age.tolist() == wanted.tolist()
    assert "since" not in found
    assert found.region.tolist() == before.region.astype(str).tolist()
    assert found.late.dropna().tolist() == before.late.dropna().tolist()
    frames, _ = in_tee(GIVEN, (step(columns),))
    assert frames["all"].columns == shapes(outcomes)


def test_mixed_types_are_refused_or_missing() -> None:
    mixed = GIVEN.assign(late=np.where(np.arange(ROWS) < 7, "unknown", "3"))
    error = refusal(mixed, (step({"lender.late": "int"}),))
    assert error.code == "CT-3119"
    assert error.detail == "'late'"  # which goes to all parties: neither values nor how many
    found = whole(play(mixed, (step({"payments.late": "int"}, invalid="missing"),)))
    assert found.late.isna().sum() == 7
    assert set(found.late.dropna()) == {3}


def test_columns_that_are_not_there_or_there_already_are_refused() -> None:
    assert refusal(GIVEN, (step({"lender.nothing": "int"}),)).code == "CT-3135"
    assert refusal(GIVEN, (step({"lender.bad": "int"}),)).code == "CT-3135"
    taken = GIVEN.assign(since_year=1)
    assert refusal(taken, (step({"lender.since": {"parts": ["year"]}}),)).code == "CT-3115"


@pytest.mark.parametrize(
    "target",
    [
        "money",
        {"format": "%d"},
        {"format": "%d.%m.%Y %d"},
        {"format": "%Q %d %Y"},
        {"parts": []},
        {"parts": ["age"]},
        {"parts": ["year"], "at": "2026-01-01"},
        {"parts": ["age"], "at": "2026-13-01"},
        {"parts": ["year", "year"]},
    ],
)
def test_targets_that_make_no_sense_are_refused(target: Any) -> None:
    with pytest.raises(ValidationError):
        CastParams.model_validate({"columns": {"p.x": target}})
