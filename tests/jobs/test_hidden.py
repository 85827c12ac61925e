"""Jobs on rows of which nobody knows which are common: with a dealer who takes part, and dealt before."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

from coterie.crypto import Identity
from coterie.mpc import Binding, TapeFile

from .conftest import Bench
from .test_dealing import PARTIES, Desk, identities

__all__ = ["identities"]

Make = Callable[..., Bench]
ALIGN, SUMMARY = {"align": {"membership": "hidden"}}, {"summary": {"count": True}}
STEPS: list[Any] = [ALIGN, SUMMARY, {"split": {"test": 0.4}}, {"logistic": {"passes": 2}}, "evaluate"]
TERMS: dict[str, Any] = {
    "results": [{"kind": "profile", "to": ["lender"]}, {"kind": "metrics", "to": ["lender"]}],
    "components": [
        {"name": "align", "params": {"membership": {"equals": "hidden"}}},
        {"name": "summary", "params": {"count": {"any": True}}},
        {"name": "split"},
        {"name": "logistic"},
        {"name": "evaluate"},
    ],
}


def told(made: Bench) -> dict[str, Any]:
    """Everybody sent what was planned, and one party was told."""
    assert not made.errors, made.errors
    for recorder in made.recorders.values():
        for body in recorder.bodies("egress"):
            assert body["sent"] == body["planned"], body
            assert body["rounds"]["used"] == body["rounds"]["planned"], body
    assert not made.recorders["payments"].files
    files = made.recorders["lender"].files
    measured = json.loads(files["evaluate/metrics.json"].read_bytes())
    assert measured["frame"] == "test"
    assert 0.65 < measured["auc"] < 1
    found: dict[str, Any] = json.loads(files["summary/summary.profile.json"].read_bytes())
    return found


def taking(desk: Desk, party: str) -> Callable[[Binding], TapeFile | None]:
    """Each stage has a file of its own: what was taken for one is not there for the next."""
    find = desk.find(party)

    def tape(binding: Binding) -> TapeFile | None:
        found = find(binding)
        if found is not None:
            del desk.given[party]
        return found

    return tape


def known(made: Bench, party: str) -> set[str]:
    lines = (made.folder / f"{party}.csv").read_text().splitlines()[1:]
    return {line.split(",")[0].strip().lower() for line in lines}


def test_what_is_told_does_not_depend_on_when_it_was_dealt(
    bench: Make, identities: dict[str, Identity]
) -> None:
    stream = bench(steps=STEPS, **TERMS)
    stream.run()
    found = told(stream)
    ids = [known(stream, party) for party in PARTIES]
    assert found["rows"] == len(ids[0] & ids[1]) > 0
    desk = Desk(bench(steps=STEPS, correlations="tape", **TERMS), identities)
    for name in PARTIES:
        desk.bench.recorders[name].tapes = taking(desk, name)
    thread = threading.Thread(target=desk.bench.run)
    thread.start()
    for stage in (0, 1, 2):
        _, paths = desk.deal(desk.derive(desk.request(stage=stage)))
        desk.given.update(paths)
    thread.join(60)
    again = told(desk.bench)
    assert [again["rows"], again["least"]] == [found["rows"], found["least"]]
    for one, other in zip(found["columns"], again["columns"], strict=True):
        assert abs(one["mean"] - other["mean"]) < 2**-8


def test_too_few_common_rows_end_the_job_and_nobody_learns_how_many(bench: Make) -> None:
    made = bench(steps=[ALIGN, SUMMARY], **TERMS, min_rows=310)
    made.run()
    assert {error.code for error in made.errors.values()} == {"CT-3213"}
    assert set(made.errors) == {"lender", "payments", "hub"}
    assert all("fewer than 310" in str(error) for error in made.errors.values())
