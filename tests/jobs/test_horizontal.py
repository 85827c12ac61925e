"""Jobs of engine fl: parties with the same columns of different people, and who adds up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas
import pytest
from pyarrow import parquet

from coterie.agreement import Agreement, decide
from coterie.cli.plans import ADVERSARIES
from coterie.data import inspect
from coterie.errors import CoterieError
from coterie.jobs import derive_plan, propose, request_of, validate_spec
from coterie.jobs.plan import Planner
from coterie.learn import read_pipeline

from .banks import BANKS, ROWS, make_bench, terms_for
from .conftest import Bench, Recorder
from .test_saved import with_files


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


def test_a_column_that_is_agreed_and_not_there(tmp_path: Path) -> None:
    made = make_bench(tmp_path)
    facts = made.proposal.facts["north"]
    columns = tuple(one for one in facts.columns if one.name != "b")
    changed = {**made.proposal.facts, "north": facts.model_copy(update={"columns": columns})}
    with pytest.raises(CoterieError, match=r"CT-4005.*'b' is agreed but not in dataset"):
        derive_plan(made.proposal.model_copy(update={"facts": changed}), made.terms)


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
    refused(tmp_path, "CT-4004", "one party", job={"engine": "clear"})
    vertical = {"engine": "mpc", "frame": "vertical", "coordinator": "hub"}
    refused(tmp_path, "CT-4001", "coordinator", job=vertical)
    refused(tmp_path, "CT-4001", "each", job={"columns": {"east": ["a"]}})
    refused(tmp_path, "CT-4003", "align", steps=["align"])


def test_one_party_scores_alone_by_what_it_learnt_with_others(tmp_path: Path) -> None:
    """In engine fl with the others, and in engine clear without them; new rows have no label."""
    kinds = ("model", "coefficients", "pipeline", "scores")
    results = [{"kind": kind, "to": list(BANKS)} for kind in kinds]
    steps = ["stack", "standardize", "logistic", "save"]
    made = make_bench(tmp_path, steps=steps, results=results)
    made.run()
    assert not made.errors, made.errors
    files = {name: made.recorders[name].files["save/pipeline.pipeline"] for name in BANKS}
    datasets = [{**one.model_dump(), "label": None} for one in made.terms.datasets]
    for engine, banks in (("fl", BANKS), ("clear", ("west",))):
        terms = terms_for(datasets=datasets, results=results, engines=["fl", "clear"])
        asked = {
            "name": "new rows",
            "agreement": terms.id,
            "engine": engine,
            "frame": "horizontal",
            "datasets": dict.fromkeys(banks, "loans"),
            "steps": ["stack", {"predict": {"pipeline": "pipeline@1"}}],
        }
        facts = {name: made.proposal.facts[name] for name in banks}
        known = {"pipeline@1": read_pipeline(files["east"]).pipeline}
        proposal = propose(validate_spec(asked), terms.id, banks[0], facts, pipelines=known)
        recorders = {name: Recorder() for name in (*terms.parties, *terms.services)}
        specs = {name: made.specs[name] for name in banks}
        again = Bench(tmp_path, terms, proposal, specs, recorders)
        assert {used.label for used in derive_plan(proposal, terms).data.values()} == {None}
        again.run(with_files(files, "pipeline@1"))
        assert not again.errors, again.errors
        for name in banks:
            listed = parquet.read_table(recorders[name].files["predict/scores.parquet"])
            assert listed.num_rows == ROWS[name]


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


SCORING: list[Any] = [
    "stack",
    {"split": {"method": "time", "by": "each.c", "since": 1.1}},
    "standardize",
    "logistic",
    {"evaluate": {"resolution": 4096}},
    {"report": {"language": "zh"}},
]


@pytest.fixture(scope="module", params=["hub", "north"])
def scored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A whole job, added up by a service or by a party."""
    made = make_bench(
        tmp_path_factory.mktemp("scored"),
        steps=SCORING,
        job={"coordinator": request.param},
        results=[{"kind": kind, "to": list(BANKS)} for kind in ("model", "coefficients", "metrics", "report")]
        + [{"kind": "scores", "to": ["west"]}],
    )
    made.run()
    assert not made.errors, made.errors
    return made


def test_sums_take_what_was_planned(scored: Bench) -> None:
    for name, recorder in scored.recorders.items():
        for body in recorder.bodies("egress"):
            early = body["step"] == "logistic"
            assert body["rounds"]["used"] <= body["rounds"]["planned"]
            assert early or (body["sent"], body["rounds"]["used"]) == (
                body["planned"],
                body["rounds"]["planned"],
            )
            if body["step"] in ("evaluate", "logistic") and (recorder.files or name == "hub"):
                assert sum(body["sent"].values()) > 0, name


def test_all_parties_measure_one_model(scored: Bench) -> None:
    found = {
        name: json.loads(scored.recorders[name].files["evaluate/metrics.json"].read_text()) for name in BANKS
    }
    assert found["east"] == found["north"] == found["west"]
    assert found["east"]["joint"]["rows"] == pytest.approx(0.3 * sum(ROWS.values()), rel=0.3)
    assert found["east"]["joint"]["auc"] > 0.75
    assert not scored.recorders["hub"].files


def test_scores_of_own_rows_go_to_whom_they_are_granted(scored: Bench) -> None:
    files = {name: set(recorder.files) for name, recorder in scored.recorders.items()}
    assert [name for name, own in files.items() if "evaluate/scores.parquet" in own] == ["west"]
    listed = parquet.read_table(scored.recorders["west"].files["evaluate/scores.parquet"])
    assert all(key.startswith("west-") for key in listed["key"].to_pylist())
    assert listed.column_names == ["key", "score"]
    # So says the plan of the stage that ran: of no other party's rows, with as many values as there are.
    for name in BANKS:
        bodies = [one for one in scored.recorders[name].bodies("reveal") if "score of each" in one["what"]]
        assert [(one["what"], one["to"], one["values"]) for one in bodies] == [
            ("the score of each own row", ["west"], listed.num_rows)
        ], name


def test_the_model_is_that_of_all_rows_in_one_place(scored: Bench, tmp_path: Path) -> None:
    """Engine clear on one table with all rows; split at a fixed value, so both have the same test rows."""
    pooled = make_bench(
        tmp_path,
        steps=["align", {"split": {**SCORING[1]["split"], "by": "east.c"}}, *SCORING[2:]],
        job={"engine": "clear", "frame": "vertical", "datasets": {"east": "loans"}},
        engines=["clear"],
        coordinator=None,
    )
    lines = (tmp_path / "east.csv").read_text().splitlines()
    frames = [pandas.read_csv(scored.folder / f"{name}.csv") for name in BANKS]
    everything = pandas.concat(frames)[lines[0].split(",")]
    everything.to_csv(tmp_path / "east.csv", index=False)
    facts = {"east": inspect(pooled.specs["east"], "east")}
    pooled.proposal = pooled.proposal.model_copy(update={"facts": facts})
    pooled.run()
    assert not pooled.errors, pooled.errors

    def result(bench: Bench, name: str) -> Any:
        return json.loads(bench.recorders["east"].files[name].read_text())

    ours = result(scored, "logistic/logistic.coefficients.json")
    theirs = result(pooled, "logistic/logistic.coefficients.json")
    for name, value in theirs["coefficients"]["east"].items():
        assert ours["coefficients"]["each"][name] == pytest.approx(value, rel=1e-3)
    mine, other = (result(one, "evaluate/metrics.json")["joint"] for one in (scored, pooled))
    assert mine["rows"] == other["rows"]
    assert mine["log_loss"] == pytest.approx(other["log_loss"], rel=1e-3)
    assert mine["auc"] == pytest.approx(other["auc"], abs=2e-3)


def test_what_parties_learn_is_in_the_plan_and_the_ledger(scored: Bench) -> None:
    plan = derive_plan(scored.proposal, scored.terms)
    learns = plan.summary()["learns"]
    assert any("rows of either label by bin of the score" in one for one in learns["east"])
    if plan.coordinator == "hub":
        assert all("number of training rows" in one for one in learns["hub"])
    told = [body["what"] for body in scored.recorders["west"].bodies("reveal")]
    assert "rows of either label by bin of the score, of all parties' rows" in told
    step = next(one for one in plan.steps if one.step == "evaluate")
    assert [one.what for one in step.totals] == [one.what for one in step.reveals if one.kind == "metrics"]
    document = plan.to_document()["stages"][-1]["steps"]
    assert document[-2]["totals"][0]["values"] == 2 * 4096
    assert "totals" not in document[-1]
    assert step.statement is not None
    assert (step.statement.helper is None) == (plan.coordinator == "north")
    assert step.statement.adversary in ADVERSARIES


def test_a_party_whose_values_cannot_be_used_ends_the_job_everywhere(tmp_path: Path) -> None:
    made = make_bench(tmp_path, steps=SCORING)
    file = tmp_path / "west.csv"
    lines = file.read_text().splitlines()
    lines[1:] = [",".join([*line.split(",")[:-1], "1e200"]) for line in lines[1:]]
    file.write_text("\n".join(lines) + "\n")
    made.run()
    assert set(made.errors) == {*BANKS, "hub"}
    assert {(error.code, error.party) for error in made.errors.values()} == {("CT-3028", "west")}
    assert not any(recorder.files for recorder in made.recorders.values())


EVERY: list[Any] = [
    "stack",
    "describe",
    {"filter": {"party": "each", "where": "a > -9"}},
    {"split": {"test": 0.4}},
    {"sample": {"fraction": 0.9}},
    "correlate",
    "vif",
    {"crosstab": {"groups": 3}},
    {"pca": {"components": 1, "output": "none"}},
    {"kmeans": {"clusters": 2}},
    "naive_bayes",
    {"bin": {"bins": 3, "method": "quantile"}},
    {"select": {"min_iv": 0.0001, "max_vif": 500}},
    "woe",
    "logistic",
    "scorecard",
    {"reasons": {"most": 1}},
    {"stability": {"bins": 3}},
    {"decide": {"max_bad_rate": 0.4, "bands": 3}},
    {"report": {"language": "zh"}},
]
KINDS = (
    *(
        "profile",
        "correlations",
        "bins",
        "iv",
        "selection",
        "coefficients",
        "scorecard",
        "reasons",
        "metrics",
    ),
    *("scores", "report"),
)


def test_what_prepares_describes_and_judges_runs_as_planned(tmp_path: Path) -> None:
    """Bytes and rounds are those of the plan, or no more where it says so; pages tell all in Chinese, too."""
    made = make_bench(
        tmp_path,
        steps=EVERY,
        min_group=5,
        results=[{"kind": kind, "to": list(BANKS)} for kind in KINDS],
    )
    plan = derive_plan(made.proposal, made.terms)
    most = {step.step for stage in plan.stages for step in stage.steps if step.at_most}
    assert most == {"describe", "crosstab", "kmeans", "bin", "logistic", "stability", "decide"}
    made.run()
    assert not made.errors, made.errors
    for recorder in made.recorders.values():
        for body in recorder.bodies("egress"):
            if body["step"] not in most:
                assert (body["sent"], body["rounds"]["used"]) == (body["planned"], body["rounds"]["planned"])
            assert body["rounds"]["used"] <= body["rounds"]["planned"]
            assert all(sent <= body["planned"][peer] for peer, sent in body["sent"].items())
    pages = [made.recorders[name].files["report/report.html"].read_text() for name in BANKS]
    for page in pages:
        assert '<span class="foreign">' not in page
        for name in ("data", "structure", "selection", "stability", "decision", "reasons"):
            assert f'id="{name}"' in page


def test_one_party_alone_sees_all_of_its_own_rows(tmp_path: Path) -> None:
    """In engine clear: nothing is left out, merged, or told of anybody else."""
    made = make_bench(
        tmp_path,
        steps=["stack", "describe", "standardize", "logistic", {"evaluate": {"frame": "all"}}],
        job={"engine": "clear", "datasets": {"west": "loans"}},
        engines=["fl", "clear"],
        results=[
            {"kind": kind, "to": list(BANKS)} for kind in ("profile", "metrics", "coefficients", "scores")
        ],
    )
    plan = derive_plan(made.proposal, made.terms)
    told = {to for stage in plan.stages for step in stage.steps for one in step.reveals for to in one.to}
    assert told <= {"west"}
    made.run()
    assert not made.errors, made.errors
    files = made.recorders["west"].files
    frame = pandas.read_csv(made.specs["west"].source.path)
    columns = json.loads(files["describe/describe.profile.json"].read_text())["columns"]
    assert [one["max"] for one in columns] == pytest.approx([frame[name].max() for name in "abc"])
    assert json.loads(files["evaluate/metrics.json"].read_text())["joint"]["rows"] == len(frame)
    assert parquet.read_table(files["evaluate/scores.parquet"]).num_rows == len(frame)
