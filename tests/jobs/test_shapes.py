"""Jobs whose steps change columns and rows: sizes that the run alone can tell end stages."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from coterie.jobs import derive_plan

from .conftest import Bench
from .joint import run

Make = Callable[..., Bench]

STEPS: list[Any] = [
    "align",
    {"filter": {"party": "payments", "where": "c > -1.5"}},
    {"split": {"method": "stratified", "by": "lender.bad"}},
    {"derive": {"columns": {"lender.size": "'small' if a < -0.5 else 'middle' if a < 0.7 else 'large'"}}},
    {"onehot": {"columns": ["lender.size"], "drop": "first"}},
    {"sample": {"method": "weights"}},
    "standardize",
    {"glm": {"family": "logistic", "weights": "lender.sample_weight", "l2": 0.01, "iterations": 4}},
    {"evaluate": {"baseline": False}},
]
GRANTED = [
    {"kind": "metrics", "to": ["lender", "payments"]},
    {"kind": "coefficients", "to": ["lender"]},
    {"kind": "profile", "to": ["lender"]},
]


def read(made: Bench, party: str, name: str) -> Any:
    return json.loads(made.recorders[party].files[name].read_text())


def test_a_job_goes_on_with_the_columns_and_rows_that_it_was_told_of(bench: Make) -> None:
    made = bench(steps=STEPS, results=GRANTED)
    made.run()
    assert not made.errors, made.errors
    for recorder in made.recorders.values():
        for body in recorder.bodies("egress"):
            assert body["sent"] == body["planned"], body
            assert body["rounds"]["used"] == body["rounds"]["planned"], body
    told = [body["sizes"] for body in made.recorders["hub"].bodies("plan")]
    assert [list(one) for one in told] == [
        [],
        ["rows.all"],
        ["rows.all"],
        ["rows.test", "rows.train"],
        ["columns.0"],
        ["rows.all", "rows.test", "rows.train"],
    ]
    assert told[4] == {"columns.0": 2}
    assert told[2]["rows.all"] < told[1]["rows.all"]
    (profile,) = [name for name in made.recorders["lender"].files if "profile" in name]
    assert [one["categories"] for one in read(made, "lender", profile)["columns"][0]["groups"]][-1] is None
    coefficients = read(made, "lender", "glm/glm.coefficients.json")["coefficients"]
    assert sorted(coefficients["lender"]) == ["a", "b", "size#1", "size#2"]
    assert read(made, "payments", "evaluate/metrics.json")["joint"]["auc"] > 0.7
    learns = derive_plan(made.proposal, made.terms).summary()["learns"]
    assert any("which rows fulfil a condition on columns of payments" in what for what in learns["lender"])
    assert not any("size" in what for what in learns["payments"])


def test_where_all_columns_are_nobody_is_told_of_rows() -> None:
    steps = [
        "align",
        {"filter": {"party": "telecom", "where": "calls > -2"}},
        {"split": {"method": "time", "by": "payments.spend"}},
        {"fill": {"keep": ["payments.job"]}},
        {"onehot": {"columns": ["payments.job"], "missing": "category"}},
        {"glm": {"family": "logistic", "l2": 0.01}},
        {"evaluate": {"baseline": False}},
    ]
    columns = {"lender": ("age", "amount"), "payments": ("spend", "job"), "telecom": ("calls",)}
    owners = ("lender", "payments", "telecom")
    results = {"profile": owners, "coefficients": ("lender",), "metrics": ("telecom",)}
    made = run(steps, columns=columns, results=results)
    assert list(made.files["payments"]) == ["onehot/onehot.profile.json"]
    groups = made.document("payments", "onehot/onehot.profile.json")["columns"][0]["groups"]
    assert {tuple(one["categories"] or ()) for one in groups} >= {("clerk",), ("miner",), ("pilot",), (None,)}
    names = made.document("lender", "glm/glm.coefficients.json")["coefficients"]["payments"]
    assert sorted(names) == ["job#1", "job#2", "job#3", "job#4", "spend"]
