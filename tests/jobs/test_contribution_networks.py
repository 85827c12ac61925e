"""A job of engine fl that trains a network, says what each party did for it, and puts it on a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from coterie.jobs import derive_plan

from .banks import BANKS, make_bench

STEPS: list[Any] = [
    "stack",
    {"split": {"test": 0.3}},
    "standardize",
    {"neural": {"hidden": [4], "rounds": 12, "learning_rate": 0.05, "seed": 3}},
    {"contribution": {"method": "in_run"}},
    {"evaluate": {"resolution": 4096}},
    {"report": {"language": "zh"}},
]


def test_contributions_to_a_network_go_as_planned_and_stand_on_the_page(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    kinds = ("model", "metrics", "contribution", "report")
    made = make_bench(
        tmp_path, steps=STEPS, min_group=5, results=[{"kind": kind, "to": list(BANKS)} for kind in kinds]
    )
    plan = derive_plan(made.proposal, made.terms)
    (planned,) = [step for stage in plan.stages for step in stage.steps if step.step == "contribution"]
    assert planned.totals
    assert planned.at_most, "a training that ends early has fewer stretches"
    made.run()
    assert not made.errors, made.errors
    for recorder in made.recorders.values():
        for body in recorder.bodies("egress"):
            if body["step"] == "contribution":
                assert all(0 < sent <= body["planned"][peer] for peer, sent in body["sent"].items())
                assert body["rounds"]["used"] <= body["rounds"]["planned"]
    files = [made.recorders[bank].files for bank in BANKS]
    found = [json.loads(one["contribution/contribution.json"].read_text()) for one in files]
    assert found[0] == found[1] == found[2]
    assert found[0]["begins"] == "first_network"
    assert found[0]["gain"] == pytest.approx(found[0]["nothing"] - found[0]["whole"])
    assert found[0]["gain"] > 0
    parts = [one["contribution"] for one in found[0]["parties"]]
    assert sum(parts) == pytest.approx(found[0]["gain"], rel=0.05)
    page = files[0]["report/report.html"].read_text()
    assert 'id="contribution"' in page
    assert '<span class="foreign">' not in page
