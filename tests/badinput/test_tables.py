"""Tables that no job can use: refused where they are seen first, and told to every participant alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from coterie.errors import CoterieError
from coterie.jobs import Plan, derive_plan
from tests.badinput.conftest import Tables
from tests.jobs.conftest import STEPS, Bench

READY = [
    "align",
    {"split": {"test": 0.3}},
    {"fill": {"method": "median"}},
    {"standardize": {"method": "zscore"}},
]
MIDDLE = 100
"""A row that both parties have."""


def ends_with(bench: Bench, code: str, party: str | None, step: str, *words: str) -> None:
    """Run the job: every participant ends with this code, at this party and step."""
    bench.run()
    assert {name: error.code for name, error in bench.errors.items()} == dict.fromkeys(
        ("lender", "payments", "hub"), code
    )
    for error in bench.errors.values():
        assert error.step == step
        assert party is None or error.party == party
        for word in words:
            assert word in error.detail
    assert not any(recorder.files for recorder in bench.recorders.values()), "a result all the same"


def put(column: str, row: int, value: object) -> Callable[[Tables], None]:
    def change(tables: Tables) -> None:
        side = tables.lender if column in tables.lender else tables.payments
        side[column][row] = value

    return change


def fill(column: str, make: Callable[[int], object]) -> Callable[[Tables], None]:
    def change(tables: Tables) -> None:
        side = tables.lender if column in tables.lender else tables.payments
        side[column] = [make(row) for row in range(len(side[column]))]

    return change


def test_the_tables_are_sound(tables: Tables) -> None:
    bench = tables.bench(["align", "split"])
    bench.run()
    assert not bench.errors


def test_a_label_with_three_values(tables: Tables) -> None:
    fill("bad", lambda row: row % 3)(tables)
    ends_with(tables.bench(), "CT-1502", "lender", "split", "'bad'", "3 different values")


def test_a_row_without_a_label(tables: Tables) -> None:
    put("bad", MIDDLE, None)(tables)
    tables.nullable = ("bad",)
    ends_with(tables.bench(), "CT-1501", "lender", "split", "'bad'")


def test_a_label_with_one_value(tables: Tables) -> None:
    fill("bad", lambda _: 0)(tables)
    ends_with(tables.bench(), "CT-3016", "lender", "split", "'train'")


@pytest.mark.parametrize(("column", "party"), [("a", "lender"), ("c", "payments")])
def test_a_constant_feature(tables: Tables, column: str, party: str) -> None:
    fill(column, lambda _: 7.25)(tables)
    bench = tables.bench()
    ends_with(bench, "CT-3025", party, "standardize", f"'{column}'")
    assert "7.25" not in str(bench.errors)


def test_a_feature_without_any_value(tables: Tables) -> None:
    fill("c", lambda _: None)(tables)
    tables.nullable = ("c",)
    ends_with(tables.bench(), "CT-3020", "payments", "fill", "'c'")


def test_a_missing_value_that_no_step_fills(tables: Tables) -> None:
    fill("c", lambda row: None if row % 9 == 0 else row)(tables)
    tables.nullable = ("c",)
    steps = ["align", "split", "standardize", "logistic"]
    ends_with(tables.bench(steps), "CT-3027", "payments", "standardize", "'c'")


def test_a_feature_of_text(tables: Tables) -> None:
    fill("c", lambda row: f"x{row % 3}")(tables)
    tables.types = {"c": "text"}
    with pytest.raises(CoterieError, match=r"CT-1433.*'payments.c'") as caught:
        planned(tables, READY)
    assert caught.value.step == "standardize"


@pytest.mark.parametrize("common", [0, 1])
def test_hardly_any_common_row(tables: Tables, common: int) -> None:
    own = tables.payments["key"]
    tables.payments["key"] = [*own[:common], *(f"z{name}" for name in own[common:])]
    ends_with(tables.bench(min_rows=1), "CT-3011", None, "align", f"{common} common")


def test_fewer_common_rows_than_agreed(tables: Tables) -> None:
    bench = tables.bench(min_rows=180)
    bench.run()
    assert {error.code for error in bench.errors.values()} == {"CT-4015"}
    assert len(bench.errors) == 3


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (put("c", MIDDLE, "NaN"), "CT-1431", "column 'c', line 102"),
        (put("c", MIDDLE, "inf"), "CT-1432", "column 'c', line 102"),
        (put("c", MIDDLE, "-Infinity"), "CT-1432", "column 'c', line 102"),
        (put("c", MIDDLE, "1e400"), "CT-1432", "column 'c', line 102"),
        (put("c", MIDDLE, "much"), "CT-1430", "column 'c'"),
        (put("bad", MIDDLE, "NaN"), "CT-1431", "column 'bad'"),
        (put("key", MIDDLE, None), "CT-1441", "column 'key'"),
        (put("key", 5, " K4"), "CT-1440", "line 6 and line 7"),
    ],
)
def test_values_that_are_refused_before_a_job_can_use_them(
    tables: Tables, change: Callable[[Tables], None], code: str, words: str
) -> None:
    change(tables)
    with pytest.raises(CoterieError, match=code) as caught:
        tables.bench()
    assert words in caught.value.detail


def test_a_nan_in_a_nullable_column_is_a_missing_value(tables: Tables) -> None:
    put("c", MIDDLE, "NaN")(tables)
    tables.nullable = ("c",)
    bench = tables.bench(["align", "split", "fill", "standardize"])
    bench.run()
    assert not bench.errors


def test_the_largest_numbers_do_no_harm(tables: Tables) -> None:
    """Standardised values are bounded whatever the column holds, so the ring cannot overflow."""
    fill("c", lambda row: (-1) ** row * (1e308 if row % 7 else 1e-308))(tables)
    bench = tables.bench([*READY, {"logistic": {"passes": 5}}])
    bench.run()
    assert not bench.errors


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([*READY, {"logistic": {"passes": 1000}}], "CT-2101"),
        (["align", "split", "fill", "logistic"], "CT-3050"),
        (["split"], "CT-3001"),
        (["align", "divine"], "CT-4002"),
        (["align", {"split": {"test": 3}}], "CT-4001"),
        (["align", {"split": {"tset": 0.3}}], "CT-4001"),
        ([*READY, {"logistic": {"learning_rate": 1.0}}], "CT-4001"),
    ],
)
def test_what_could_overflow_or_cannot_work_is_refused_in_the_plan(
    tables: Tables, steps: Sequence[Any], code: str
) -> None:
    with pytest.raises(CoterieError, match=code) as caught:
        planned(tables, steps)
    assert "Value error" not in str(caught.value)
    assert "Extra inputs" not in str(caught.value)
    assert "''" not in str(caught.value)


def planned(tables: Tables, steps: Sequence[Any]) -> Plan:
    bench = tables.bench(steps)
    return derive_plan(bench.proposal, bench.terms)


def test_a_model_that_runs_away_is_stopped(tables: Tables) -> None:
    """Steps far too long: the logits leave the range of the sigmoid, and the guard sees it at every party."""
    steps = [*READY, {"logistic": {"optimizer": "gradient_descent", "learning_rate": 100.0, "passes": 20}}]
    bench = tables.bench(steps)
    bench.run()
    told = {name: (error.code, error.step) for name, error in bench.errors.items() if name != "hub"}
    assert told == dict.fromkeys(("lender", "payments"), ("CT-2108", "logistic"))
    assert not any(recorder.files for recorder in bench.recorders.values())


def test_a_file_that_is_gone_when_the_job_runs(tables: Tables) -> None:
    bench = tables.bench(STEPS)
    (tables.folder / "payments.csv").unlink()
    bench.run()
    assert {(error.code, error.party) for error in bench.errors.values()} == {("CT-1410", "payments")}
    assert len(bench.errors) == 3
