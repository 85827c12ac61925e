"""derive: new columns at their owner, by names that everybody knows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from coterie.learn.clip import Clip
from coterie.learn.derive import Derive
from coterie.learn.sample import Sample
from coterie.learn.split import Split

from .shape_data import END, by_key, in_tee, play, refusal, shapes, table, whole

GIVEN = table()


def step(columns: dict[str, str], **params: Any) -> tuple[str, Derive, dict[str, Any]]:
    return ("derive", Derive(), {"columns": columns, **params})


MANY = {
    "lender.rich": "income > 20 if not isnull(income) else false",
    "payments.often": "coalesce(late, 0) ** 2",
    "lender.by age": "income / (age + 1)",
    "telecom.home": "'own' if owns else 'rent'",
}


def test_new_columns_are_pandas() -> None:
    outcomes = play(GIVEN, (("split", Split(), {}), step(MANY, drop=["payments.late"]), END))
    assert shapes(outcomes, "train") == {
        "lender": ("age", "income", "by age", "rich"),
        "payments": ("job", "since", "often"),
        "telecom": ("owns", "region", "code", "home"),
    }
    assert not outcomes["hub"].plans["derive"].sent
    for name in ("all", "train", "test"):
        found = whole(outcomes, name)
        before = whole(play(GIVEN, (("split", Split(), {}),)), name)
        assert np.allclose(found["by age"], before.income / (before.age + 1), equal_nan=True)
        assert found.rich.tolist() == (before.income > 20).tolist()
        assert found.often.tolist() == (before.late.fillna(0) ** 2).tolist()
        assert found.home.tolist() == np.where(before.owns, "own", "rent").tolist()
        assert "late" not in found
    frames, _ = in_tee(GIVEN, (("split", Split(), {}), step(MANY, drop=["payments.late"])))
    mine = by_key([part.to_pandas() for part in frames["test"].parts.values()], frames["test"].keys)
    assert mine[whole(outcomes, "test").columns].equals(whole(outcomes, "test"))


def test_names_that_are_no_words_are_quoted() -> None:
    given = GIVEN.rename(columns={"income": "NumberOfTime30-59Days"})
    found = whole(play(given, (step({"lender.twice": "2 * `NumberOfTime30-59Days`"}),), 1))
    assert np.allclose(found.twice, 2 * found["NumberOfTime30-59Days"], equal_nan=True)


def test_a_column_can_be_replaced_by_what_is_made_of_it() -> None:
    outcomes = play(GIVEN, (step({"lender.age": "age // 10"}, drop=["lender.age"]), END))
    assert shapes(outcomes)["lender"] == ("income", "age")
    before = whole(play(GIVEN, ()))
    assert whole(outcomes).age.tolist() == (before.age // 10).tolist()


def test_later_steps_rely_on_no_bound_of_new_columns() -> None:
    bounded = ("clip", Clip(), {"low": 0, "high": 50})
    outcomes = play(
        GIVEN.drop(columns=["job", "since", "code"]), (bounded, step({"lender.x": "age * 9"}), END)
    )
    assert outcomes["hub"].contexts["derive"].planning.frames["all"].bound == 50
    assert outcomes["hub"].last.planning.frames["all"].bound is None


@pytest.mark.parametrize("undefined", ["error", "missing"])
def test_results_that_are_missing_alone(undefined: str) -> None:
    steps = (step({"payments.odd": "1 / late"}, undefined=undefined),)
    if undefined == "missing":
        found = whole(play(GIVEN, steps))
        assert found.odd.isna().sum() == ((GIVEN.late == 0) | GIVEN.late.isna()).sum()
        return
    error = refusal(GIVEN, steps, 3)
    assert (error.code, error.party) == ("CT-3118", "payments")
    assert error.detail == "'odd'"  # which goes to all parties: no number of rows


@pytest.mark.parametrize(
    ("columns", "params", "code"),
    [
        ({"lender.x": "age +"}, {}, "CT-3116"),
        ({"lender.x": "age + job"}, {}, "CT-3117"),
        ({"lender.x": "wealth + 1"}, {}, "CT-3135"),
        ({"lender.x": "bad + 1"}, {}, "CT-3135"),
        ({"lender.age": "age + 1"}, {}, "CT-3115"),
        ({"lender.bad": "age + 1"}, {}, "CT-3115"),
        ({"nobody.x": "age + 1"}, {}, "CT-3135"),
        ({"lender.x": "age + 1", "lender.y": "x + 1"}, {}, "CT-3135"),
        ({"lender.x": "age + 1"}, {"drop": ["lender.wealth"]}, "CT-3135"),
    ],
)
def test_bad_input_is_refused_by_code(columns: dict[str, str], params: dict[str, Any], code: str) -> None:
    assert refusal(GIVEN, (step(columns, **params),)).code == code


def test_columns_of_others_cannot_be_read() -> None:
    error = refusal(GIVEN, (step({"lender.x": "age + late"}),), 3)
    assert error.code == "CT-3135"
    assert "'lender.late'" in str(error)


def test_the_errors_name_column_and_character() -> None:
    error = refusal(GIVEN, (step({"lender.x": "age * (1 + )"}),))
    assert "'x': character 12:" in str(error)


def test_row_weights_stay_beside_new_columns() -> None:
    weigh = ("sample", Sample(), {"method": "weights"})
    outcomes = play(GIVEN, (weigh, step({"lender.x": "age"}), END))
    assert "sample_weight" in whole(outcomes)
    assert outcomes["hub"].last.planning.frames["all"].apart == ("lender.sample_weight",)
    assert refusal(GIVEN, (weigh, step({"lender.sample_weight": "age"}))).code == "CT-3115"
    assert refusal(GIVEN, (weigh, step({"lender.x": "sample_weight"}))).code == "CT-3135"
