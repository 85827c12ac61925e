"""Jobs that look at columns, choose some, and go on with these."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from coterie.jobs import derive_plan

from .conftest import Bench
from .joint import run

Make = Callable[..., Bench]

LOOKS: list[Any] = [
    "align",
    "describe",
    {"split": {"test": 0.3}},
    {"correlate": {"method": "spearman"}},
    "bin",
    "woe",
    {
        "select": {
            "max_missing": 0.9,
            "max_correlation": 0.9,
            "stepwise": "forward",
            "iterations": 4,
            "most": 2,
        }
    },
    {"logistic": {"passes": 2}},
    {"evaluate": {"baseline": False}},
]


def test_a_job_goes_on_with_the_features_that_were_chosen(bench: Make) -> None:
    kinds = ("profile", "correlations", "iv", "statistics", "coefficients", "selection", "metrics")
    granted = [{"kind": kind, "to": ["lender"]} for kind in kinds]
    made = bench(steps=LOOKS, results=[*granted, {"kind": "bins", "to": ["lender", "payments"]}])
    made.run()
    assert not made.errors, made.errors
    for recorder in made.recorders.values():
        for body in recorder.bodies("egress"):
            assert body["sent"] == body["planned"], body
            assert body["rounds"]["used"] == body["rounds"]["planned"], body
    files = {name: path.read_text() for name, path in made.recorders["lender"].files.items()}
    chosen = json.loads(files["select/select.selection.json"])["features"]
    stay = {f"{one['party']}.{one['column']}" for one in chosen if one["kept"]}
    assert len(stay) == 2 < len(chosen)
    told = [body["sizes"] for body in made.recorders["hub"].bodies("plan")]
    assert told[-1] == {"features.0": sum(1 << n for n, one in enumerate(chosen) if one["kept"])}
    model = json.loads(files["logistic/logistic.coefficients.json"])["coefficients"]
    assert {f"{owner}.{name}" for owner, names in model.items() for name in names} == stay
    learns = derive_plan(made.proposal, made.terms).summary()["learns"]
    for what in ("matrix of information", "correlation of each pair", "which features stay"):
        assert any(what in line for line in learns["lender"])


def test_where_all_columns_are_only_the_choice_is_told() -> None:
    columns = {"lender": ("age", "amount"), "payments": ("spend",), "telecom": ("calls",)}
    steps = ["align", "split", "fill", *LOOKS[3:]]
    owners = ("lender", "payments", "telecom")
    results = dict.fromkeys(("correlations", "selection", "metrics"), ("telecom",)) | {"bins": owners}
    made = run(steps, columns=columns, results=results)
    assert {"correlate/correlate.correlations.json", "select/select.selection.json"} <= set(
        made.files["telecom"]
    )
    chosen = made.document("telecom", "select/select.selection.json")["features"]
    assert any(one["kept"] for one in chosen)
    assert all(one["value"] is None for one in chosen if one["reason"] in ("low_iv", "stepwise", "chosen"))
