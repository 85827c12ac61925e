"""Components that send nothing, run as a job runs them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.learn.align import Align
from coterie.learn.fill import Fill
from coterie.learn.split import Split
from coterie.learn.standardize import Standardize

from .pipeline import ID_KEY, Outcome, Steps, dataset, people, run

ALIGN = ("align", Align(), {})
SPLIT = ("split", Split(), {"test": 0.3})
FILL = ("fill", Fill(), {"method": "mean"})
STANDARDIZE = ("standardize", Standardize(), {"method": "zscore", "clip": 3.0})
ROWS = 200


def columns(seed: int = 0) -> tuple[list[str], dict[str, Any]]:
    ids, random = people(ROWS, seed)
    income = np.where(random.random(ROWS) < 0.1, np.nan, random.normal(30, 9, ROWS))
    given = {"age": random.integers(18, 80, ROWS), "income": income, "bad": random.integers(0, 2, ROWS)}
    return ids, given


def alone(steps: Steps, changes: Mapping[str, Any] | None = None, **more: Any) -> Outcome:
    """Run in the clear at one party that has all columns."""
    ids, given = columns()
    table = dataset(ids, {**given, **(changes or {})}, label="bad")
    return run({"lender": table}, steps, label="bad", label_holder="lender", engine="clear", **more)["lender"]


def refusal(steps: Steps, changes: Mapping[str, Any] | None = None) -> CoterieError:
    with pytest.raises(CoterieError) as caught:
        alone(steps, changes)
    return caught.value


def test_a_table_in_the_clear_goes_through() -> None:
    outcome = alone((ALIGN, SPLIT, FILL, STANDARDIZE))
    frames = outcome.frames
    assert set(frames) == {"all", "train", "test"}
    assert frames["train"].rows + frames["test"].rows == frames["all"].rows == ROWS
    shapes = outcome.last.planning.frames
    assert {name: shapes[name].rows for name in frames} == {name: frames[name].rows for name in frames}
    train = frames["train"].matrix(("age", "income"))
    assert train.mean(axis=0) == pytest.approx([0, 0], abs=0.02)
    assert train.std(axis=0) == pytest.approx([1, 1], abs=0.05)
    assert np.abs(frames["all"].matrix(("age", "income"))).max() <= 3
    assert frames["all"].columns == {"lender": ("age", "income")}
    assert outcome.plans["standardize"].sent == {}


def test_rows_in_the_clear_come_in_the_order_of_their_hashes() -> None:
    frame = alone((ALIGN,)).frames["all"]
    ids, given = columns()
    table = dataset(ids, given, label="bad")
    hashes = [row.tobytes() for row in table.keyed_ids(ID_KEY)]
    order = sorted(range(ROWS), key=lambda row: hashes[row])
    assert [key.tobytes() for key in frame.keys] == sorted(hashes)
    assert frame.table["age"].to_pylist() == [int(given["age"][row]) for row in order]
    assert frame.labels().tolist() == [int(given["bad"][row]) for row in order]


def test_later_steps_plan_with_the_bound_of_the_standardized_values() -> None:
    outcome = alone(
        (ALIGN, STANDARDIZE, ("again", Standardize(), {"clip": 2})), {"income": np.arange(float(ROWS))}
    )
    assert outcome.last.planning.frames["all"].bound == 3.0


def test_training_rows_alone_decide_what_is_filled_and_scaled() -> None:
    fitted = alone((ALIGN, SPLIT, FILL, STANDARDIZE)).last.models
    train = alone((ALIGN, SPLIT)).frames["train"]
    filled, scaled = (fitted[step].states["lender"] for step in ("fill", "standardize"))
    assert filled.values["income"] == pytest.approx(np.nanmean(train.matrix(("income",))))
    assert scaled.columns["age"].mean == pytest.approx(train.matrix(("age",)).mean())


def test_without_a_split_all_rows_are_for_training() -> None:
    outcome = alone((ALIGN, FILL, STANDARDIZE))
    assert outcome.frames["all"].matrix(("age",)).mean() == pytest.approx(0, abs=0.02)


def test_the_label_is_never_filled_or_scaled() -> None:
    frame = alone((ALIGN, FILL, STANDARDIZE)).frames["all"]
    assert sorted(set(frame.labels().tolist())) == [0, 1]


def test_the_text_of_a_plan_names_no_data() -> None:
    plans = alone((ALIGN, SPLIT, FILL, STANDARDIZE)).plans
    assert [one.what for one in plans["split"].reveals] == ["number of training rows and number of test rows"]
    assert plans["fill"].reveals == plans["standardize"].reveals == ()


@pytest.mark.parametrize(
    ("steps", "changes", "code", "names"),
    [
        ((SPLIT,), {}, "CT-3001", "'all'"),
        ((FILL,), {}, "CT-3001", "'all'"),
        ((STANDARDIZE,), {}, "CT-3001", "'all'"),
        ((ALIGN, SPLIT, ("again", Split(), {})), {}, "CT-3017", "again"),
        ((ALIGN, ("split", Split(), {"test": 1e-9})), {}, "CT-3015", "'test'"),
        ((ALIGN, ("split", Split(), {"test": 1 - 1e-9})), {}, "CT-3015", "'train'"),
        ((ALIGN, SPLIT), {"bad": np.zeros(ROWS, dtype=int)}, "CT-3016", "'train'"),
        ((ALIGN, SPLIT), {"bad": np.arange(ROWS) % 3}, "CT-1502", "'bad'"),
        ((ALIGN, SPLIT), {"bad": [None, *[1, 0] * (ROWS // 2 - 1), 1]}, "CT-1501", "'bad'"),
        ((ALIGN, FILL), {"income": [None] * ROWS}, "CT-3020", "'income'"),
        ((ALIGN, STANDARDIZE), {}, "CT-3027", "'income'"),
        ((ALIGN, FILL, STANDARDIZE), {"income": [4.25] * ROWS}, "CT-3025", "'income'"),
        ((ALIGN, FILL, STANDARDIZE), {"income": ["much"] * ROWS}, "CT-1433", "'lender.income'"),
    ],
)
def test_bad_input_is_refused_by_code(
    steps: Steps, changes: Mapping[str, Any], code: str, names: str
) -> None:
    error = refusal(steps, changes)
    assert error.code == code
    assert names in str(error)
    assert "4.25" not in str(error)


def test_one_row_is_too_few() -> None:
    table = dataset(["a"], {"age": [3], "bad": [1]}, label="bad")
    with pytest.raises(CoterieError) as caught:
        run({"lender": table}, (ALIGN,), label="bad", label_holder="lender", engine="clear")
    assert caught.value.code == "CT-3011"


# -- two parties ---------------------------------------------------------------------------------------------


def tables(drop: int = 20) -> dict[str, Any]:
    """The same people at two parties, who each lack some of them, in different orders."""
    ids, given = columns()
    random = np.random.default_rng(5)
    rows = {name: random.permutation(ROWS)[drop:] for name in ("lender", "payments")}
    cut = {name: [ids[row] for row in rows[name]] for name in rows}
    own = {"lender": ("age", "bad"), "payments": ("income",)}
    return {
        name: dataset(cut[name], {one: np.asarray(given[one])[rows[name]] for one in own[name]}, label="bad")
        for name in rows
    }


def together(steps: Steps, **more: Any) -> dict[str, Outcome]:
    return run(tables(), steps, label="bad", label_holder="lender", dealer="hub", **more)


def test_two_parties_find_the_same_rows_in_the_same_order() -> None:
    given = tables()
    outcomes = together((ALIGN,))
    frames = {name: outcomes[name].frames["all"] for name in given}
    common = sorted(set(given["lender"].ids.to_pylist()) & set(given["payments"].ids.to_pylist()))
    assert frames["lender"].rows == frames["payments"].rows == len(common)
    assert np.array_equal(frames["lender"].keys, frames["payments"].keys)
    by_id = dict(zip(columns()[0], columns()[1]["age"].tolist(), strict=True))
    by_hash = {
        key.tobytes(): name
        for key, name in zip(given["lender"].keyed_ids(ID_KEY), given["lender"].ids.to_pylist(), strict=True)
    }
    names = [by_hash[key.tobytes()] for key in frames["lender"].keys]
    assert sorted(names) == common
    assert frames["lender"].table["age"].to_pylist() == [by_id[name] for name in names]
    assert (
        frames["lender"].columns
        == frames["payments"].columns
        == {"lender": ("age",), "payments": ("income",)}
    )
    assert frames["payments"].table.column_names == ["income"]
    assert not outcomes["hub"].frames
    assert outcomes["lender"].published == {}


def test_common_ids_go_to_whom_the_agreement_names() -> None:
    outcomes = together((ALIGN,), receivers={"common_ids": ("payments",)})
    lines = outcomes["payments"].published["common_ids/common_ids.csv"].decode().splitlines()
    given = tables()
    common = set(given["lender"].ids.to_pylist()) & set(given["payments"].ids.to_pylist())
    assert [line.strip('"') for line in lines] == [
        "id",
        *(i for i in given["payments"].ids.to_pylist() if i in common),
    ]
    assert outcomes["lender"].published == {}
    reveal = outcomes["hub"].plans["align"].reveals[-1]
    assert (reveal.kind, reveal.to) == ("common_ids", ("payments",))


def test_two_parties_split_fill_and_standardize_without_a_message() -> None:
    outcomes = together((ALIGN, SPLIT, FILL, STANDARDIZE))
    for part in ("train", "test"):
        keys = [outcomes[name].frames[part].keys for name in ("lender", "payments")]
        assert np.array_equal(*keys)
    assert outcomes["hub"].plans["split"].sent == outcomes["hub"].plans["standardize"].sent == {}
    assert set(outcomes["payments"].last.models["standardize"].states["payments"].columns) == {"income"}
    assert outcomes["payments"].frames["train"].matrix(("income",)).mean() == pytest.approx(0, abs=0.02)
    assert outcomes["hub"].last.planning.frames["train"].rows == outcomes["lender"].frames["train"].rows


@pytest.mark.parametrize("common", [0, 1])
def test_hardly_any_common_row_is_refused(common: int) -> None:
    lender = dataset([f"a{i}" for i in range(30)], {"age": range(30), "bad": [0, 1] * 15}, label="bad")
    payments = dataset([f"a{i}" for i in range(30 - common, 60 - common)], {"income": range(30)})
    with pytest.raises(CoterieError) as caught:
        run({"lender": lender, "payments": payments}, (ALIGN,), label="bad", label_holder="lender")
    assert caught.value.code == "CT-3011"
    assert f"{common} common" in str(caught.value)


def test_the_label_holder_alone_can_tell_that_a_part_has_one_class_and_all_hear_it() -> None:
    given = tables()
    ids = given["lender"].ids.to_pylist()
    given["lender"] = dataset(ids, {"age": range(len(ids)), "bad": [0] * len(ids)}, label="bad")
    with pytest.raises(CoterieError) as caught:
        run(given, (ALIGN, SPLIT), label="bad", label_holder="lender")
    assert (caught.value.code, caught.value.party, caught.value.step) == ("CT-3016", "lender", "split")
