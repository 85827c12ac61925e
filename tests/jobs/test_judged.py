"""Judging in one trusted place: who is told what, and the label holder is no exception."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import make_bench
from .joint import OWNERS, Joint, run
from .measures import of_all_rows

LAID = ["align", {"split": {"test": 0.4}}, "fill", "standardize", {"logistic": {"passes": 2}}]
STEPS = [
    "align",
    {"split": {"test": 0.4}},
    "fill",
    "standardize",
    "logistic",
    "stability",
    {"evaluate": {"segments": ["lender.amount"]}},
    {"compare": {"cut_offs": [0.3], "approvals": [0.5], "bad_rates": [0.2]}},
    {"decide": {"min_approval": 0.5, "bands": 4}},
]


@functools.cache
def judged(*scores: str) -> Joint:
    """:param scores: who gets them."""
    results: dict[str, Any] = {"metrics": OWNERS}
    if scores:
        results["scores"] = scores
    return run(STEPS, OWNERS, results=results)


@pytest.mark.parametrize("step", ["stability", "evaluate", "compare", "decide"])
def test_who_has_no_scores_is_told_of_groups_alone(step: str) -> None:
    name = f"{step}/metrics.json" if step == "evaluate" else f"{step}/{step}.metrics.json"
    for scores, holder_sees in (((), False), (("lender",), True), (("payments",), False)):
        made = judged(*scores)
        told = {owner: made.document(owner, name) for owner in OWNERS}
        if step == "stability":
            for owner in OWNERS:
                shown = {one["party"] for one in told[owner]["features"] if one["shown"]}
                assert shown == {owner}
            continue
        assert [told[owner]["guarded"] for owner in OWNERS] == [not holder_sees, True, True]
        if step == "evaluate":
            assert told["payments"]["segments"] == []
            ours, theirs = ({**told[owner], "segments": []} for owner in ("lender", "payments"))
            assert of_all_rows(ours) == of_all_rows(theirs)
            assert bool(told["lender"]["segments"]) == holder_sees


def test_scores_reach_whom_the_agreement_names_and_are_computed_once() -> None:
    plan = judged("payments").plan
    assert plan is not None
    scoring = {
        step.step: [one.to for one in step.reveals if one.kind == "scores"]
        for step in plan.steps
        if step.reveals
    }
    assert scoring["evaluate"] == [("payments",)]
    assert not scoring["stability"] + scoring["compare"] + scoring["decide"]
    files = judged("payments").files
    assert [owner for owner in OWNERS if "evaluate/scores.parquet" in files[owner]] == ["payments"]


def test_a_party_without_data_is_told_what_the_others_are(tmp_path: Path) -> None:
    """Over links, with plans of stages that are held to their bounds."""
    made = make_bench(
        tmp_path,
        parties={"lender": "11" * 32, "payments": "22" * 32, "regulator": "44" * 32},
        receivers=("regulator",),
        results=[
            {"kind": "metrics", "to": ["lender", "payments", "regulator"]},
            {"kind": "scores", "to": ["lender"]},
        ],
        steps=[*LAID, "stability", {"compare": {"cut_offs": [0.3]}}, {"decide": {"min_approval": 0.5}}],
        min_group=5,
    )
    made.run()
    assert not made.errors, made.errors
    told = {name: made.recorders[name].files for name in ("payments", "regulator")}
    for step in ("compare", "decide"):
        name = f"{step}/{step}.metrics.json"
        assert told["regulator"][name].read_bytes() == told["payments"][name].read_bytes()
    theirs = json.loads(told["regulator"]["stability/stability.metrics.json"].read_text())
    assert len(theirs["features"]) == 4
    assert not any(one["shown"] for one in theirs["features"])
    for recorder in made.recorders.values():
        for body in recorder.bodies("egress"):
            assert body["sent"] == body["planned"]
            used, planned = body["rounds"]["used"], body["rounds"]["planned"]
            assert used <= planned if body["step"] == "stability" else used == planned
