"""Jobs that bin columns: with a dealer who takes part, and with correlations that were dealt before."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.jobs import derive_plan

from .conftest import Bench
from .test_dealing import PARTIES, Desk, identities

__all__ = ["identities"]

Make = Callable[..., Bench]

STEPS: list[Any] = [
    "align",
    "split",
    {"crosstab": {"columns": ["payments.c"], "groups": 3}},
    {"bin": {"method": "optimal", "bins": 4, "prebins": 8, "special": {"payments.d": [0]}}},
    "woe",
    {"logistic": {"passes": 5}},
    {"evaluate": {"baseline": False}},
]
GRANTED = [
    {"kind": "bins", "to": ["lender", "payments"]},
    {"kind": "iv", "to": ["lender"]},
    {"kind": "correlations", "to": ["lender"]},
    {"kind": "metrics", "to": ["lender"]},
]


def checked(made: Bench) -> dict[str, dict[str, bytes]]:
    """Everybody sent what was planned; the files by party."""
    assert not made.errors, made.errors
    for recorder in made.recorders.values():
        for body in recorder.bodies("egress"):
            assert body["sent"] == body["planned"], body
            assert body["rounds"]["used"] == body["rounds"]["planned"], body
    files = {
        party: {name: path.read_bytes() for name, path in made.recorders[party].files.items()}
        for party in PARTIES
    }
    told = json.loads(files["lender"]["bin/bin.iv.json"])["columns"]
    assert {(one["party"], one["column"]) for one in told} == {
        ("lender", "a"),
        ("lender", "b"),
        ("payments", "c"),
        ("payments", "d"),
    }
    assert {name for name in files["payments"] if "bin/" in name or "crosstab/" in name} == {
        "bin/bin.bins.json",
        "crosstab/crosstab.bins.json",
    }
    assert json.loads(files["lender"]["evaluate/metrics.json"])["joint"]["auc"] > 0.7
    return files


def test_bins_do_not_depend_on_when_it_was_dealt(bench: Make, identities: dict[str, Identity]) -> None:
    stream = bench(steps=STEPS, results=GRANTED)
    stream.run()
    wanted = checked(stream)
    for recorder in stream.recorders.values():
        recorder.entries.clear()
    desk = Desk(bench(steps=STEPS, results=GRANTED, correlations="tape"), identities)
    for name in PARTIES:
        desk.bench.recorders[name].tapes = desk.find(name)
    thread = threading.Thread(target=desk.bench.run)
    thread.start()
    _, paths = desk.deal(desk.derive(desk.request()))
    desk.given.update(paths)
    thread.join(60)
    assert not thread.is_alive()
    found = checked(desk.bench)
    for party, name in (("payments", "bin/bin.bins.json"), ("lender", "bin/bin.iv.json")):
        assert found[party][name] == wanted[party][name]


def test_the_plan_says_what_each_learns(bench: Make) -> None:
    made = bench(steps=STEPS, results=GRANTED)
    plan = derive_plan(made.proposal, made.terms)
    steps = {step.step: step for step in plan.steps}
    owner, differences, receivers = steps["bin"].reveals
    assert (owner.to, owner.kind) == (("payments",), "bins")
    assert "none fewer than 20 of either, and how many in all" in owner.what
    assert (differences.to, differences.kind) == (("payments",), "bins")
    assert "these counts and those of 'crosstab'" in differences.what
    assert (receivers.to, receivers.kind) == (("lender",), "iv")
    assert {one.to for one in steps["bin"].disclosed} == {("payments",)}
    assert steps["woe"].reveals == ()


def test_an_owner_who_may_not_see_bins_is_refused_before(bench: Make) -> None:
    made = bench(steps=STEPS, results=[one for one in GRANTED if one["kind"] != "bins"])
    with pytest.raises(CoterieError, match="CT-3102"):
        derive_plan(made.proposal, made.terms)
