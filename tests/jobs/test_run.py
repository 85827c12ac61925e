"""A whole job in one process: plan before, fact after, at every participant."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coterie.errors import CoterieError
from coterie.jobs import Assignment, derive_plan
from coterie.jobs.differences import check_within
from coterie.jobs.errors import CANCELLED
from coterie.jobs.plan import Planner
from coterie.learn import Reveal, Statement

from .conftest import STEPS, Bench, make_bench, terms_for

Make = Callable[..., Bench]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A job that is done."""
    made = make_bench(tmp_path_factory.mktemp("ran"))
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
    kinds = {name: {body["kind"] for body in r.bodies("result")} for name, r in ran.recorders.items()}
    assert kinds == {
        "lender": {"model", "metrics", "scores"},
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


@pytest.mark.parametrize("told", [{"rows.all": 10**15}, {"rows.all": 0}, {"rows.all": -5}, {}])
def test_sizes_that_cannot_be_are_refused_before_they_are_used(bench: Make, told: dict[str, int]) -> None:
    """A dealer has but the parties' word for them, and an array of a trillion rows takes long to plan."""
    made = bench()
    planner = Planner(made.proposal, made.terms)
    planner.stage(exact=True)
    with pytest.raises(CoterieError, match="CT-4011"):
        planner.apply(told)


def test_a_plan_names_the_data_that_it_uses(bench: Make) -> None:
    """Two columns are not the same thing to approve because they are of the same size."""
    made = bench()
    digests = set()
    for column in ("c", "d"):
        spec = made.proposal.spec.model_copy(update={"columns": {"payments": (column,)}})
        plan = derive_plan(made.proposal.model_copy(update={"spec": spec}), made.terms)
        data = plan.to_document()["data"]
        assert data["payments"]["columns"] == [column]
        assert data["lender"] | {"rows": 0} == {
            "dataset": "customers",
            "rows": 0,
            "id": "key",
            "columns": ["a", "b"],
            "label": "bad",
        }
        digests.add(plan.digest)
    assert len(digests) == 2


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


def test_too_few_common_rows_give_no_list_of_them(bench: Make) -> None:
    """Also where no later stage would find it out."""
    everything = [{"kind": "common_ids", "to": ["lender", "payments"]}]
    made = bench(steps=["align"], results=everything, min_rows=320)
    made.run()
    assert {error.code for error in made.errors.values()} == {"CT-4015"}
    assert not any(recorder.files for recorder in made.recorders.values())


def test_what_a_step_showed_and_sent_before_it_failed_is_in_the_ledger(bench: Make) -> None:
    made = bench()
    lender = made.recorders["lender"]

    def progress(step: str, done: int, total: int, what: str, unit: str | None = None) -> None:
        if what == "measuring":  # the scores are here already
            raise CANCELLED("by the operator")

    lender.progress = progress  # type: ignore[method-assign]
    made.run()
    assert {error.code for error in made.errors.values()} == {"CT-4020"}
    for name, recorder in made.recorders.items():
        assert "the score of each row" in [body["what"] for body in recorder.bodies("reveal")], name
        body = recorder.bodies("egress")[-1]
        assert body["step"] == "evaluate"
        assert sum(body["sent"].values()) > 0


def test_whoever_cannot_even_begin_tells_the_others(bench: Make) -> None:
    made = bench()
    narrower = terms_for(datasets=[*(d.model_dump() for d in made.terms.datasets[:1])])

    def change(name: str, assignment: Assignment) -> Assignment:
        return assignment.model_copy(update={"terms": narrower}) if name == "payments" else assignment

    made.run(change)
    assert {error.code for error in made.errors.values()} == {"CT-4004"}
    assert len(made.errors) == 3


def test_a_column_that_is_not_granted(bench: Make) -> None:
    made = bench()
    narrower = terms_for(datasets=[*(d.model_dump() for d in made.terms.datasets[:1])])
    with pytest.raises(CoterieError, match="CT-4004"):
        derive_plan(made.proposal, narrower)
    spec = made.proposal.spec.model_copy(update={"columns": {"payments": ("c", "salary")}})
    with pytest.raises(CoterieError, match="CT-1628") as caught:
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


def test_work_is_wiped_and_the_journal_is_whole(ran: Bench) -> None:
    for name in ran.recorders:
        assert not (ran.folder / name / "work").exists()
        lines = (ran.folder / name / "journal.jsonl").read_text().splitlines()
        events = [json.loads(line)["event"] for line in lines]
        assert events[0] == "start"
        assert events[-1] == "done"


def test_a_job_that_holds_nothing_in_memory_is_the_same(
    bench: Make, ran: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def auc(one: Bench) -> float:
        files = one.recorders["payments"].files
        path = next(path for name, path in files.items() if name.endswith("metrics.json"))
        return float(json.loads(path.read_text())["joint"]["auc"])

    monkeypatch.setattr("coterie.data.scratch.LONG", 1)
    made, usual, seen = bench(), auc(ran), []
    lender = made.recorders["lender"]

    def progress(step: str, done: int, total: int, what: str, unit: str | None = None) -> None:
        assert not list((tmp_path / "lender" / "work").glob("*"))
        seen.append(Path("/proc/self/maps").read_text().count(f" {tmp_path}/lender/work/"))

    lender.progress = progress  # type: ignore[method-assign]
    made.run(memory=0)
    assert not made.errors, made.errors
    assert max(seen) > 4
    assert auc(made) == pytest.approx(usual, abs=1e-3)


@pytest.mark.parametrize(
    "changes",
    [
        {"step": "other"},
        {"component": "align"},
        {"params": {"frame": "train"}},
        {"sent": {"lender": {"payments": 10**9}}},
        {"sent": {"lender": {"mallory": 1}}},
        {"sent": {"mallory": {"lender": 1}}},
        {"rounds": {"lender": 10**6}},
        {"reveals": (Reveal("the score of each row", ("payments",), 1, "scores"),) * 2},
        {"results": {"scores": ("lender", "payments")}},
        {"statement": Statement(protocol="in the clear")},
        {"statement": None},
    ],
)
def test_a_stage_stays_within_what_was_approved(bench: Make, changes: dict[str, Any]) -> None:
    made = bench()
    stage = derive_plan(made.proposal, made.terms).stages[-1]
    check_within(stage, stage)
    smaller = replace(stage.steps[-1], sent={}, rounds={}, reveals=stage.steps[-1].reveals[1:])
    check_within(replace(stage, steps=(*stage.steps[:-1], smaller)), stage)
    with pytest.raises(CoterieError, match="CT-4011"):
        check_within(replace(stage, steps=(*stage.steps[:-1], replace(stage.steps[-1], **changes))), stage)


def test_a_stage_reveals_no_more_values_and_no_others_than_approved(bench: Make) -> None:
    made = bench()
    stage = derive_plan(made.proposal, made.terms).stages[-1]
    step = stage.steps[-1]
    for change in ({"values": 10**6}, {"to": ("payments",)}, {"what": "other"}, {"kind": None}):
        others = (replace(step.reveals[0], **change), *step.reveals[1:])  # type: ignore[arg-type]
        with pytest.raises(CoterieError, match="CT-4011"):
            check_within(replace(stage, steps=(*stage.steps[:-1], replace(step, reveals=others))), stage)
