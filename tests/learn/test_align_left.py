"""The common rows, and all others of one party: against joins of plain dictionaries, and what comes after."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from coterie.data import Dataset
from coterie.errors import CoterieError
from coterie.learn import COMPONENTS
from coterie.learn.align import Align
from coterie.learn.binning import Bin
from coterie.learn.evaluate import Evaluate
from coterie.learn.fill import Fill
from coterie.learn.filter import Filter
from coterie.learn.logistic import Logistic
from coterie.learn.split import Split
from coterie.learn.standardize import Standardize

from .in_tee import run_in_tee
from .pipeline import Outcome, dataset, people, run

SAVE = next(one for one in COMPONENTS if one.name == "save")
NAMES = ("lender", "payments", "telecom")
LEFT = ("align", Align(), {"join": "left"})
SETTINGS: dict[str, Any] = {"label": "bad", "label_holder": "lender", "dealer": "hub"}


def tables(parties: int = 2, rows: int = 90, seed: int = 3) -> dict[str, Dataset]:
    """The lender has 60 of so many people, others other 60, each in an order of its own. A column is the
    number of the person."""
    ids, _ = people(rows)
    drawn = np.random.default_rng(seed)
    given = {}
    for name in NAMES[:parties]:
        own = drawn.permutation(rows)[:60]
        columns: dict[str, Any] = {f"{name}_a": own.astype(float), f"{name}_b": drawn.normal(0, 1, 60)}
        if name == "lender":
            columns["bad"] = drawn.permutation([0, 1] * 30)
        given[name] = dataset([ids[k] for k in own], columns, label="bad")
    return given


def people_of(table: Dataset, name: str) -> set[float]:
    return set(table.table[f"{name}_a"].to_pylist())


@pytest.mark.parametrize("parties", [2, 3])
def test_all_rows_of_the_label_holder_stay(parties: int) -> None:
    given = tables(parties)
    outcomes = run(given, (LEFT,), **SETTINGS)
    frames = {name: outcomes[name].frames["all"] for name in given}
    everywhere = set.intersection(*(people_of(table, name) for name, table in given.items()))
    columns = {name: frames[name].parts[name][f"{name}_a"].to_pylist() for name in given}
    assert set(columns["lender"]) == people_of(given["lender"], "lender")
    assert len(columns["lender"]) == 60
    count = len(everywhere)
    assert 2 <= count < 60
    assert set(columns["lender"][:count]) == everywhere
    for name, frame in frames.items():
        assert frame.rows == 60
        assert frame.common_rows == count
        assert frame.common.tolist() == [True] * count + [False] * (60 - count)
        assert np.array_equal(frame.keys, frames["lender"].keys)
        assert len({key.tobytes() for key in frame.keys}) == 60
        if name != "lender":
            assert columns[name] == columns["lender"][:count] + [None] * (60 - count)
            assert frame.parts[name][f"{name}_b"].null_count == 60 - count
            assert frame.parts[name].schema == given[name].table.schema
        for row, place in enumerate(frame.places[name].tolist()):
            own = None if place < 0 else given[name].table[f"{name}_a"][place].as_py()
            assert own == columns[name][row]


def test_another_party_may_be_the_one() -> None:
    given = tables()
    step = ("align", Align(), {"join": "left", "left": "payments"})
    outcomes = run(given, (step,), **SETTINGS)
    frame = outcomes["payments"].frames["all"]
    assert set(frame.parts["payments"]["payments_a"].to_pylist()) == people_of(given["payments"], "payments")
    labels = outcomes["lender"].frames["all"]
    assert labels.part("lender").column("lender", "bad").null_count == 60 - frame.common_rows
    with pytest.raises(CoterieError, match="CT-1501"):
        labels.labels()


def test_the_others_see_nothing_of_the_rows_that_they_lack() -> None:
    """Their keys are the same whatever these rows are, and in each run the rows are in another order."""
    first, second = (run(tables(), (LEFT,), **SETTINGS) for _ in range(2))
    keys = [one["payments"].frames["all"].keys for one in (first, second)]
    count = first["payments"].frames["all"].common_rows
    assert np.array_equal(keys[0][count:], keys[1][count:])
    ids = {row.tobytes() for row in tables()["lender"].keyed_ids(bytes(range(32)))}
    assert not ids & {row.tobytes() for row in keys[0][count:]}
    orders = [one["lender"].frames["all"].places["lender"][count:].tolist() for one in (first, second)]
    assert sorted(orders[0]) == sorted(orders[1])
    assert orders[0] != orders[1]
    assert orders[0] != sorted(orders[0])


def test_the_plan_says_whose_rows_stay_and_sends_no_more() -> None:
    given = tables()
    plain = run(given, (("align", Align(), {}),), **SETTINGS)["hub"].plans["align"]
    plan = run(given, (LEFT,), **SETTINGS)["hub"].plans["align"]
    assert (plan.sent, plan.rounds, plan.reveals) == (plain.sent, plain.rounds, plain.reveals)
    assert plan.params["join"] == "left"
    assert plan.statement is not None
    assert "the other rows of lender too" in plan.statement.leaks
    assert plan.choices == plain.choices
    assert plan.choices[0].startswith("Diffie-Hellman: about ")


def test_common_ids_are_those_of_the_common_rows() -> None:
    given = tables()
    outcomes = run(given, (LEFT,), receivers={"common_ids": ("lender",)}, **SETTINGS)
    listed = outcomes["lender"].published["common_ids/common_ids.csv"].decode().split()
    assert len(listed) - 1 == outcomes["lender"].frames["all"].common_rows < 60


def test_where_all_columns_are_in_one_place() -> None:
    given = tables(3)
    context, _ = run_in_tee(given, (LEFT,), {})
    frame = context.frames["all"]
    wanted = {
        name: dict(zip(table.ids.to_pylist(), table.table[f"{name}_a"].to_pylist(), strict=True))
        for name, table in given.items()
    }
    everywhere = set.intersection(*(set(one) for one in wanted.values()))
    assert frame.common_rows == len(everywhere)
    found = [frame.column(name, f"{name}_a").to_pylist() for name in NAMES]
    who = {number: one for one, number in wanted["lender"].items()}
    for row, (number, *others) in enumerate(zip(*found, strict=True)):
        one = who[number]
        assert (row < len(everywhere)) == (one in everywhere)
        assert others == [wanted[name][one] if one in everywhere else None for name in NAMES[1:]]
    assert [key.tobytes() for key in frame.keys] == [
        given["lender"].keyed_ids(bytes(range(32)))[place].tobytes() for place in frame.places["lender"]
    ]
    alone, _ = run_in_tee({"lender": given["lender"]}, (LEFT,), {})
    assert alone.frames["all"].rows == alone.frames["all"].common_rows == 60


@pytest.mark.parametrize("join", ["inner", "left"])
def test_too_few_common_rows_are_too_few(join: str) -> None:
    given = {
        "lender": dataset([f"p{k}" for k in range(30)], {"bad": [0, 1] * 15}, label="bad"),
        "payments": dataset(["p3", *(f"q{k}" for k in range(30))], {"c": range(31)}),
    }
    with pytest.raises(CoterieError, match=r"CT-3011.*1 common"):
        run(given, (("align", Align(), {"join": join}),), **SETTINGS)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"join": "left", "left": "nobody"}, "CT-3220"),
        ({"left": "lender"}, "give 'left' with join 'left'"),
        ({"method": "dh", "security": "malicious"}, "CT-2024"),
    ],
)
def test_parameters_that_do_not_fit(params: dict[str, str], code: str) -> None:
    with pytest.raises((CoterieError, ValueError), match=code):
        run(tables(), (("align", Align(), params),), **SETTINGS)


def borrowers(rows: int = 700, both: int = 400) -> dict[str, Dataset]:
    """The label depends on both parties' columns; payments knows some of the lender's people."""
    ids, random = people(rows)
    values = random.normal(0, 1, (rows, 4))
    labels = (random.random(rows) < 1 / (1 + np.exp(-values @ np.array([1.0, -0.7, 1.2, 0.6])))).astype(int)
    mine = random.permutation(rows)
    theirs = random.permutation(both)
    return {
        "lender": dataset(
            [ids[k] for k in mine], {"a": values[mine, 0], "b": values[mine, 1], "bad": labels[mine]}, "bad"
        ),
        "payments": dataset([ids[k] for k in theirs], {"c": values[theirs, 2], "d": values[theirs, 3]}),
    }


def told(outcome: Outcome, kind: str) -> dict[str, Any]:
    found = next(content for name, content in outcome.published.items() if name.startswith(f"{kind}/"))
    document = json.loads(found)
    assert isinstance(document, dict)
    return document


def test_a_model_is_trained_on_all_rows_of_the_label_holder() -> None:
    receivers = dict.fromkeys(("metrics", "scores", "coefficients"), ("lender",))
    receivers["pipeline"] = ("lender", "payments")
    steps = (
        LEFT,
        ("split", Split(), {"test": 0.3}),
        ("fill", Fill(), {"method": "mean"}),
        ("standardize", Standardize(), {}),
        ("logistic", Logistic(), {"passes": 40}),
        ("evaluate", Evaluate(), {"segments": ["lender.a"]}),
        ("save", SAVE, {"name": "credit"}),
    )
    given = borrowers()
    outcomes = run(given, steps, receivers=receivers, **SETTINGS)
    train, test = (outcomes["lender"].frames[part] for part in ("train", "test"))
    assert train.rows + test.rows == 700
    assert train.common_rows + test.common_rows == 400
    assert outcomes["payments"].frames["train"].common_rows == train.common_rows
    assert told(outcomes["lender"], "metrics")["joint"]["auc"] > 0.7
    listed = next(one for name, one in outcomes["lender"].published.items() if name.startswith("scores/"))
    scores = pq.read_table(io.BytesIO(listed))
    assert scores.num_rows == test.rows
    assert set(scores["id"].to_pylist()) <= set(given["lender"].ids.to_pylist())


def test_rows_that_a_party_lacks_are_a_bin_of_their_own() -> None:
    given = borrowers()
    outcomes = run(
        given, (LEFT, ("bin", Bin(), {"bins": 4})), receivers={"bins": ("lender", "payments")}, **SETTINGS
    )
    for name, missing in (("lender", 0), ("payments", 300)):
        for column in told(outcomes[name], "bins")["columns"]:
            assert column["missing_rows"] == missing
            assert sum(one["rows"] for one in column["bins"] if one["label"] == "(missing)") == missing


def test_steps_that_need_values_refuse_them_missing() -> None:
    steps = (LEFT, ("split", Split(), {}), ("standardize", Standardize(), {}))
    with pytest.raises(CoterieError, match="CT-3027"):
        run(borrowers(), steps, **SETTINGS)


def test_a_filter_counts_the_common_rows_that_are_left() -> None:
    steps = (LEFT, ("filter", Filter(), {"party": "payments", "where": "c > 0"}))
    outcomes = run(borrowers(), steps, **SETTINGS)
    frame = outcomes["lender"].frames["all"]
    assert frame.rows == frame.common_rows == outcomes["payments"].frames["all"].rows
