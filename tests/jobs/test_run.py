"""A whole job in one process: plan before, fact after, at every participant."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from coterie.errors import CoterieError
from coterie.jobs import Assignment, derive_plan
from coterie.jobs.errors import CANCELLED

from .conftest import STEPS, Bench, terms_for

Make = Callable[..., Bench]


@pytest.fixture
def ran(bench: Make) -> Bench:
    made = bench()
    made.run()
    assert not made.errors, made.errors
    return made


def test_every_step_sends_what_it_planned_and_nothing_else(ran: Bench) -> None:
    for name, recorder in ran.recorders.items():
        steps = recorder.bodies("egress")
        assert len(steps) == len(STEPS) + 3, name
        for body in steps:
            assert body["sent"] == body["planned"], (name, body)
            assert body["rounds"]["used"] == body["rounds"]["planned"], (name, body)


def test_what_one_sent_the_other_received(ran: Bench) -> None:
    for sender, recorder in ran.recorders.items():
        for body in recorder.bodies("egress"):
            for receiver, count in body["sent"].items():
                other = next(b for b in ran.recorders[receiver].bodies("egress") if b["step"] == body["step"])
                assert other["received"][sender] == count


def test_stage_plans_are_the_same_at_everybody(ran: Bench) -> None:
    plans = [[(body["stage"], body["plan"]) for body in r.bodies("plan")] for r in ran.recorders.values()]
    assert plans[0] == plans[1] == plans[2]
    assert len(plans[0]) == 3


def test_results_go_only_to_their_receivers(ran: Bench) -> None:
    lender = {name.rsplit(".")[-1] for name in ran.recorders["lender"].files}
    assert "html" in lender
    kinds = {name: {body["kind"] for body in r.bodies("result")} for name, r in ran.recorders.items()}
    assert kinds == {
        "lender": {"model", "metrics", "scores", "report"},
        "payments": {"model", "metrics"},
        "hub": set(),
    }


def test_metrics_are_the_same_at_both_receivers_and_beat_the_baseline(ran: Bench) -> None:
    def metrics(party: str) -> dict[str, float]:
        name, path = next((n, p) for n, p in ran.recorders[party].files.items() if n.endswith("metrics.json"))
        assert name.startswith("evaluate/")
        found: dict[str, float] = json.loads(path.read_text())["joint"]
        return found

    assert metrics("lender")["auc"] == metrics("payments")["auc"]
    assert metrics("lender")["auc"] > 0.75


def test_the_plan_is_the_same_whoever_derives_it(bench: Make) -> None:
    made = bench()
    assert derive_plan(made.proposal, made.terms) == derive_plan(made.proposal, made.terms)
    other = made.proposal.model_copy(update={"initiator": "payments"})
    assert derive_plan(other, made.terms).digest != derive_plan(made.proposal, made.terms).digest


def test_a_cancelled_job_ends_everywhere_with_the_same_code(bench: Make) -> None:
    made = bench()
    made.recorders["payments"].cancel_at = "logistic"
    made.recorders["payments"].cancelled = CANCELLED("by the operator")
    made.run()
    assert {error.code for error in made.errors.values()} == {"CT-4020"}
    assert len(made.errors) == 3
    assert {(error.party, error.step) for error in made.errors.values()} == {("payments", "logistic")}


def test_different_parameters_are_named(bench: Make) -> None:
    made = bench()
    other = made.proposal.spec.model_copy(
        update={
            "steps": (
                *made.proposal.spec.steps[:1],
                made.proposal.spec.steps[1],
                *made.proposal.spec.steps[3:],
            )
        }
    )

    def change(name: str, assignment: Assignment) -> Assignment:
        if name != "payments":
            return assignment
        return assignment.model_copy(update={"proposal": made.proposal.model_copy(update={"spec": other})})

    made.run(change)
    assert {error.code for error in made.errors.values()} == {"CT-4010"}
    assert any("fill" in error.detail for error in made.errors.values())


def test_too_few_common_rows(bench: Make) -> None:
    made = bench(min_rows=320)
    made.run()
    assert {error.code for error in made.errors.values()} == {"CT-4015"}


def test_a_column_that_is_not_granted(bench: Make) -> None:
    made = bench()
    narrower = terms_for(datasets=[*(d.model_dump() for d in made.terms.datasets[:1])])
    with pytest.raises(CoterieError, match="CT-4004"):
        derive_plan(made.proposal, narrower)
    spec = made.proposal.spec.model_copy(update={"columns": {"payments": ("c", "salary")}})
    with pytest.raises(CoterieError, match="CT-4005") as caught:
        derive_plan(made.proposal.model_copy(update={"spec": spec}), made.terms)
    assert "salary" in caught.value.detail


def test_different_id_rules_are_named_before_anything_is_sent(bench: Make) -> None:
    made = bench()
    facts = dict(made.proposal.facts)
    facts["payments"] = facts["payments"].model_copy(update={"id_rule": ("upper",)})
    with pytest.raises(CoterieError, match="CT-4007") as caught:
        derive_plan(made.proposal.model_copy(update={"facts": facts}), made.terms)
    assert "[trim, lower] at lender, [upper] at payments" in caught.value.detail


def test_a_party_without_any_column(bench: Make) -> None:
    made = bench()
    spec = made.proposal.spec.model_copy(update={"columns": {"payments": ()}})
    with pytest.raises(CoterieError, match="CT-4008"):
        derive_plan(made.proposal.model_copy(update={"spec": spec}), made.terms)


def test_work_is_wiped_and_the_journal_is_whole(ran: Bench, tmp_path: Path) -> None:
    for name in ran.recorders:
        assert not (tmp_path / name / "work").exists()
        lines = (tmp_path / name / "journal.jsonl").read_text().splitlines()
        events = [json.loads(line)["event"] for line in lines]
        assert events[0] == "start"
        assert events[-1] == "done"
