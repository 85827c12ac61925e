"""Jobs that count common rows: with a dealer who takes part, and with correlations that were dealt before."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from coterie.crypto import Identity
from coterie.jobs import derive_plan

from .conftest import Bench
from .test_dealing import PARTIES, Desk, identities

__all__ = ["identities"]

Make = Callable[..., Bench]
GRANTED = [{"kind": "profile", "to": ["lender"]}]


def counted(made: Bench) -> int:
    """Everybody sent what was planned, and one party was told."""
    assert not made.errors, made.errors
    for recorder in made.recorders.values():
        for body in recorder.bodies("egress"):
            assert body["sent"] == body["planned"], body
            assert body["rounds"]["used"] == body["rounds"]["planned"], body
    files: dict[str, dict[str, Any]] = {party: made.recorders[party].files for party in PARTIES}
    assert set(files["lender"]) == {"overlap/overlap.profile.json"}
    assert not files["payments"]
    told = json.loads(files["lender"]["overlap/overlap.profile.json"].read_bytes())
    found: int = told["common"]
    return found


def known(made: Bench, party: str) -> set[str]:
    """Ids of its own table."""
    lines = (made.folder / f"{party}.csv").read_text().splitlines()[1:]
    return {line.split(",")[0].strip().lower() for line in lines}


def test_the_number_does_not_depend_on_when_it_was_dealt(
    bench: Make, identities: dict[str, Identity]
) -> None:
    stream = bench(steps=["overlap"], results=GRANTED)
    stream.run()
    found = counted(stream)
    ids = [known(stream, party) for party in PARTIES]
    assert found == len(ids[0] & ids[1]) > 0
    desk = Desk(bench(steps=["overlap"], results=GRANTED, correlations="tape"), identities)
    for name in PARTIES:
        desk.bench.recorders[name].tapes = desk.find(name)
    thread = threading.Thread(target=desk.bench.run)
    thread.start()
    _, paths = desk.deal(desk.derive(desk.request(stage=0)))
    desk.given.update(paths)
    thread.join(60)
    assert not thread.is_alive()
    assert counted(desk.bench) == found


@pytest.mark.parametrize("correlations", ["stream", "tape"])
def test_one_party_gets_its_list(bench: Make, identities: dict[str, Identity], correlations: str) -> None:
    step = {"overlap": {"tell": "rows", "to": "payments"}}
    granted = [{"kind": "common_ids", "to": ["payments"]}]
    made = bench(steps=[step], results=granted, correlations=correlations)
    if correlations == "stream":
        made.run()
    else:
        desk = Desk(made, identities)
        for name in PARTIES:
            made.recorders[name].tapes = desk.find(name)
        made.run()  # nothing needs dealing
    assert not made.errors, made.errors
    for recorder in made.recorders.values():
        for body in recorder.bodies("egress"):
            assert body["sent"] == body["planned"], body
    assert not made.recorders["lender"].files
    ((name, path),) = made.recorders["payments"].files.items()
    assert name == "overlap/common_ids.csv"
    ids = [known(made, party) for party in PARTIES]
    assert {line.strip('"').strip().lower() for line in path.read_text().splitlines()[1:]} == ids[0] & ids[1]


def test_the_plan_reveals_the_number_alone(bench: Make) -> None:
    made = bench(steps=["overlap"], results=GRANTED)
    plan = derive_plan(made.proposal, made.terms)
    (step,) = (one for one in plan.steps if one.step == "overlap")
    assert [(one.what, one.to) for one in step.reveals] == [("number of common rows", ("lender",))]
    assert [(one.name, one.to) for one in step.disclosed] == [("number of common rows", ("lender",))]
