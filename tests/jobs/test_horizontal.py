"""Jobs of engine fl: parties with the same columns of different people, and who adds up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from coterie.agreement import Agreement, decide
from coterie.errors import CoterieError
from coterie.jobs import derive_plan, request_of, validate_spec
from coterie.jobs.plan import Planner

from .banks import BANKS, ROWS, make_bench, terms_for


def refused(folder: Path, code: str, words: str = "", **given: Any) -> None:
    with pytest.raises(CoterieError, match=rf"{code}.*{words}"):
        _planned(folder, **given)


def _planned(folder: Path, **given: Any) -> None:
    made = make_bench(folder, **given)
    derive_plan(made.proposal, made.terms)


def test_a_job_with_a_coordinator_that_has_no_data(tmp_path: Path) -> None:
    made = make_bench(tmp_path)
    plan = derive_plan(made.proposal, made.terms)
    assert plan.participants == (*BANKS, "hub")
    assert (plan.to_document()["frame"], plan.to_document()["coordinator"]) == ("horizontal", "hub")
    assert {party: used.columns for party, used in plan.data.items()} == dict.fromkeys(BANKS, ("a", "b", "c"))
    assert {used.label for used in plan.data.values()} == {"bad"}
    made.run()
    assert not made.errors, made.errors
    for name, recorder in made.recorders.items():
        for body in recorder.bodies("egress"):
            assert body["sent"] == body["planned"], (name, body)
            assert body["rounds"]["used"] == body["rounds"]["planned"], (name, body)


def test_without_a_service_a_party_adds_up(tmp_path: Path) -> None:
    made = make_bench(tmp_path, coordinator=None, services={})
    plan = derive_plan(made.proposal, made.terms)
    assert (plan.coordinator, plan.participants) == ("east", BANKS)
    made.run()
    assert not made.errors, made.errors


def test_who_may_add_up(tmp_path: Path) -> None:
    given = {"parties": {**terms_for().parties, "south": "55" * 32}}
    for coordinator in ("hub", "west"):
        made = make_bench(tmp_path, job={"coordinator": coordinator}, **given)
        assert derive_plan(made.proposal, made.terms).coordinator == coordinator
    refused(tmp_path, "CT-1641", "south", job={"coordinator": "south"}, **given)
    dealt = make_bench(tmp_path, coordinator=None, dealer="hub")
    assert derive_plan(dealt.proposal, dealt.terms).coordinator == "hub"


def test_the_decision_refuses_a_coordinator_and_pairs(tmp_path: Path) -> None:
    """Whatever a plan says: the agreement is asked of its own."""
    made = make_bench(tmp_path)
    request = request_of(made.proposal, derive_plan(made.proposal, made.terms), made.terms)
    assert request.coordinator == "hub"
    assert {one.label for one in request.datasets} == {"bad"}
    assert not {"CT-1641", "CT-1629"} & codes(made.terms, request)
    assert "CT-1641" in codes(made.terms, request.model_copy(update={"coordinator": "mallory"}))
    assert "CT-1629" in codes(made.terms, request.model_copy(update={"parties": BANKS[:2]}))


def codes(terms: Any, request: Any) -> set[str]:
    from coterie.crypto import parse_timestamp

    now = parse_timestamp("2030-01-01T00:00:00Z")
    keys = {**terms.parties, **terms.services}
    decision = decide(Agreement(terms=terms), request, now=now, runs_used=0, revocations=(), keys=keys)
    return {one.code for one in decision.refusals}


def test_columns_must_be_the_same_and_the_difference_is_named(tmp_path: Path) -> None:
    datasets = [one.model_dump() for one in terms_for().datasets]
    lacking = [*datasets[:2], {**datasets[2], "columns": ["a", "b"]}]
    refused(tmp_path, "CT-4046", "'c' of east is no column of west", datasets=lacking)
    more = [{**datasets[0], "columns": ["a", "b"]}, *datasets[1:]]
    refused(tmp_path, "CT-4046", "'c' of north is no column of east", datasets=more)
    other = [*datasets[:2], {**datasets[2], "label": "c", "columns": ["a", "b", "bad"]}]
    refused(tmp_path, "CT-4046", "", datasets=other)
    unlabelled = [{**one, "label": None} for one in datasets]
    refused(tmp_path, "CT-4046", "no label", datasets=unlabelled)
    refused(tmp_path, "CT-1628", "'c' of west", datasets=lacking, job={"columns": {"each": ["a", "c"]}})
    made = make_bench(tmp_path, datasets=lacking, job={"columns": {"each": ["b", "a"]}})
    plan = derive_plan(made.proposal, made.terms)
    assert {used.columns for used in plan.data.values()} == {("b", "a")}


def test_types_must_be_the_same(tmp_path: Path) -> None:
    made = make_bench(tmp_path)
    facts = made.proposal.facts["north"]
    columns = [one.model_copy(update={"type": "int"}) if one.name == "b" else one for one in facts.columns]
    changed = {**made.proposal.facts, "north": facts.model_copy(update={"columns": tuple(columns)})}
    with pytest.raises(CoterieError, match=r"CT-4046.*'b' is float at east, int at north"):
        derive_plan(made.proposal.model_copy(update={"facts": changed}), made.terms)


def test_two_parties_would_learn_each_other_s_sums(tmp_path: Path) -> None:
    refused(tmp_path, "CT-4045", job={"datasets": dict.fromkeys(BANKS[:2], "loans")})


def test_engines_of_horizontal_jobs(tmp_path: Path) -> None:
    refused(tmp_path, "CT-4044", job={"engine": "tee"})
    refused(tmp_path, "CT-4001", "horizontal", job={"engine": "mpc"})
    refused(tmp_path, "CT-4001", "horizontal", job={"frame": "vertical"})
    refused(tmp_path, "CT-4001", "coordinator", job={"engine": "clear", "coordinator": "hub"})
    refused(tmp_path, "CT-4001", "each", job={"columns": {"east": ["a"]}})
    refused(tmp_path, "CT-4003", "align", steps=["align"])
    alone = make_bench(tmp_path, job={"engine": "clear", "datasets": {"east": "loans"}})
    alone.run()
    assert not alone.errors, alone.errors


def test_vertical_jobs_are_written_as_before() -> None:
    plain = {"name": "x", "agreement": "y", "engine": "mpc", "datasets": {"a": "d"}, "steps": ["align"]}
    assert not {"frame", "coordinator"} & set(validate_spec(plain).model_dump(mode="json"))
    assert "coordinator" not in terms_for(coordinator=None).model_dump(mode="json")


@pytest.mark.parametrize("rows", [{"west": 10**12}, {"west": 0}, {"west": -3}, {"west": None}])
def test_sizes_that_a_party_cannot_have(tmp_path: Path, rows: dict[str, int | None]) -> None:
    made = make_bench(tmp_path)
    planner = Planner(made.proposal, made.terms)
    planner.stage(exact=True)
    told = {f"rows.{part}@{bank}": ROWS[bank] // 2 for bank in BANKS for part in ("train", "test")}
    for bank, count in rows.items():
        if count is None:
            del told[f"rows.test@{bank}"]
        else:
            told[f"rows.test@{bank}"] = count
    with pytest.raises(CoterieError, match="CT-4011"):
        planner.apply(told)
