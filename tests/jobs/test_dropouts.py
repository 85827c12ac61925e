"""Jobs of engine fl that go on when parties drop out: plans, entries of ledgers, results of who stays."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import pandas
import pytest
import statsmodels.api as statsmodels

from coterie.agreement import Agreement, Terms, decide
from coterie.crypto import parse_timestamp
from coterie.data import DatasetSpec, inspect
from coterie.errors import CoterieError
from coterie.fl import LastingSums
from coterie.jobs import derive_plan, propose, request_of, validate_spec
from coterie.jobs.errors import CANCELLED
from coterie.learn.boosting import fl as boosting_fl
from coterie.learn.boosting import growing
from coterie.learn.boosting.statement import DERIVATIVES
from coterie.learn.pooled.texts import HELD, TEXTS

from .banks import terms_for, write_tables
from .conftest import Bench, Recorder

FOUR = ("east", "north", "south", "west")
RESULTS = ("model", "coefficients", "metrics", "report", "loss", "statistics")
STEPS: list[Any] = [
    "stack",
    {"split": {"test": 0.3}},
    {"standardize": {"method": "zscore"}},
    "logistic",
    "evaluate",
]


def make_terms(**changes: Any) -> Terms:
    plain: dict[str, Any] = {
        "parties": {name: f"{number}{number}" * 32 for number, name in enumerate(FOUR, start=5)},
        "datasets": [
            {"name": "loans", "owner": name, "id": "key", "label": "bad", "columns": ["a", "b", "c"]}
            for name in FOUR
        ],
        "results": [{"kind": kind, "to": list(FOUR)} for kind in RESULTS],
        "minimum": 3,
    }
    return terms_for(**{**plain, **changes})


def tables(folder: Path) -> dict[str, DatasetSpec]:
    """Of four banks: the fourth has people like the first's."""
    specs = write_tables(folder)
    (folder / "more").mkdir(exist_ok=True)
    return {**specs, "south": write_tables(folder / "more")["east"].model_copy()}


def make(
    folder: Path, steps: list[Any] | None = None, job: dict[str, Any] | None = None, **changes: Any
) -> Bench:
    specs, terms = tables(folder), make_terms(**changes)
    plain: dict[str, Any] = {
        "name": "score of all banks",
        "agreement": terms.id,
        "engine": "fl",
        "frame": "horizontal",
        "minimum": 3,
        "datasets": dict.fromkeys(FOUR, "loans"),
        "steps": steps or STEPS,
    }
    spec = validate_spec({**plain, **(job or {})})
    facts = {name: inspect(specs[name], name) for name in spec.datasets}
    recorders = {name: Recorder() for name in (*terms.parties, *terms.services)}
    return Bench(folder, terms, propose(spec, terms.id, "east", facts), specs, recorders)


def gone(made: Bench, party: str, step: str) -> None:
    """It ends there, whatever the reason."""
    made.recorders[party].cancel_at = step
    made.recorders[party].cancelled = CANCELLED("its operator says so")


def results_of(made: Bench, party: str) -> dict[str, Any]:
    """But for what is of its own rows."""
    files = made.recorders[party].files.items()
    return {
        name: json.loads(path.read_bytes())
        for name, path in files
        if name.endswith(".json") and not name.endswith("/own.json")
    }


@pytest.mark.parametrize("coordinator", ["hub", "north"])
def test_the_job_goes_on_without_a_party_that_is_gone(tmp_path: Path, coordinator: str) -> None:
    made = make(tmp_path, [*STEPS, {"report": {"language": "en"}}], job={"coordinator": coordinator})
    gone(made, "south", "logistic")
    made.run()
    assert set(made.errors) == {"south"}, made.errors
    found = results_of(made, "east")
    assert found
    assert found == results_of(made, "west")
    page = made.recorders["east"].files["report/report.html"].read_text(encoding="utf-8")
    text = " ".join(re.sub(r"<[^>]*>", " ", page).split())
    assert "in no sum since step logistic: later numbers are without its rows" in text
    assert "From step logistic on sums are of all data parties but south." in text
    rows = {name: len(pandas.read_csv(tmp_path / f"{name}.csv")) for name in ("east", "north", "west")}
    left = sum(rows.values())
    whole = left + len(pandas.read_csv(tmp_path / "more" / "east.csv"))
    told = f"Number, of who is missing as planned Without south all rows of all parties {whole:,} {left:,}"
    assert told in text
    measured = json.loads(made.recorders["east"].files["evaluate/metrics.json"].read_bytes())["joint"]["rows"]
    assert re.search(rf"test rows [0-9,]+ {measured:,} ", text)
    for name in {"east", "north", "west", coordinator}:
        counted = made.recorders[name].bodies("counted")
        assert [body["without"] for body in counted] == [["south"]], name
        assert counted[0]["step"] == "logistic"
        assert counted[0]["lost"].get("south") in (None, "CT-4020")
        later = [body["to"] for body in made.recorders[name].bodies("reveal") if body["step"] == "evaluate"]
        if counted[0]["lost"] or name == coordinator:
            assert not [to for to in later if "south" in to], name
        for body in made.recorders[name].bodies("egress"):
            assert all(count <= body["planned"][peer] for peer, count in body["sent"].items())
            assert body["rounds"]["used"] <= body["rounds"]["planned"]


def test_fewer_than_the_minimum_end_it_for_all(tmp_path: Path) -> None:
    made = make(tmp_path)
    gone(made, "south", "logistic")
    gone(made, "west", "evaluate")
    made.run()
    assert {name: made.errors[name].code for name in ("east", "north", "hub")} == dict.fromkeys(
        ("east", "north", "hub"), "CT-2414"
    )


def test_plans_say_what_drop_outs_show_and_cost(tmp_path: Path) -> None:
    made, all_there = make(tmp_path, job={"patience": 30.0}), make(tmp_path, job={"minimum": None})
    plan, other = derive_plan(made.proposal, made.terms), derive_plan(all_there.proposal, all_there.terms)
    assert (plan.to_document()["minimum"], plan.to_document()["patience"]) == (3, 30.0)
    assert "minimum" not in other.to_document()
    for step, same in zip(plan.steps, other.steps, strict=True):
        assert step.at_most or not step.sent
        if step.totals:
            assert step.statement is not None
            assert same.statement is not None
            assert "drop out" in step.statement.leaks
            assert "drop out" not in same.statement.leaks
            assert max(step.rounds.values()) > max(same.rounds.values())


def test_who_may_go_on_without_whom(tmp_path: Path) -> None:
    def refused(code: str, job: dict[str, Any], **changes: Any) -> None:
        with pytest.raises(CoterieError, match=code):
            request(job, **changes)

    def request(job: dict[str, Any], **changes: Any) -> None:
        made = make(tmp_path, job=job, **changes)
        derive_plan(made.proposal, made.terms)

    refused("CT-1670", {}, minimum=None)
    refused("CT-1670", {}, minimum=4)
    refused("CT-4050", {"minimum": 5})
    refused("CT-4001", {"minimum": 2})
    refused("CT-4001", {"minimum": None, "patience": 3.0})
    refused("CT-4001", {"engine": "tee", "frame": "vertical"})
    made = make(tmp_path, job={"minimum": 4})
    assert derive_plan(made.proposal, made.terms).minimum is None, "all of them"
    made = make(tmp_path)
    asked = request_of(made.proposal, derive_plan(made.proposal, made.terms), made.terms)
    assert asked.minimum == 3
    for least, found in ((3, False), (4, True)):
        terms = make_terms(minimum=least)
        keys = {**terms.parties, **terms.services}
        now = parse_timestamp("2030-01-01T00:00:00Z")
        decision = decide(Agreement(terms=terms), asked, now=now, runs_used=0, revocations=(), keys=keys)
        assert ("CT-1670" in {one.code for one in decision.refusals}) == found


@pytest.mark.parametrize(("coordinator", "fewest"), [("hub", 3), ("east", 4)])
def test_a_coordinator_with_data_needs_one_more(coordinator: str, fewest: int) -> None:
    from coterie.jobs.minimum import minimum_of

    parties, terms = ("east", "north", "south", "up", "west"), make_terms()
    for least in (3, 4):
        spec = validate_spec(
            {
                "name": "five",
                "agreement": "a",
                "engine": "fl",
                "frame": "horizontal",
                "minimum": least,
                "datasets": dict.fromkeys(parties, "loans"),
                "steps": ["stack"],
            }
        )
        if least >= fewest:
            assert minimum_of(spec, terms, parties, coordinator) == least
        else:
            with pytest.raises(CoterieError, match=r"CT-4050.*4 to 5"):
                minimum_of(spec, terms, parties, coordinator)


class GoneLater(Recorder):
    """Ends its party's part at the n-th word of a step's progress."""

    words = 4

    def progress(self, step: str, done: int, total: int, what: str, unit: str | None = None) -> None:
        if step == "glm":
            self.words -= 1
            if not self.words:
                raise CANCELLED("in the middle of training")


def test_a_model_is_that_of_the_rows_of_who_stays(tmp_path: Path) -> None:
    """Of a party that is lost in the middle of training nothing is left in the optimum, nor in its table."""
    steps = ["stack", {"glm": {"family": "logistic", "l2": 0.0, "statistics": True}}]
    made = make(tmp_path, steps)
    made.recorders["south"] = GoneLater()
    made.run()
    assert set(made.errors) == {"south"}, made.errors
    (counted,) = made.recorders["east"].bodies("counted")
    assert (counted["without"], counted["step"]) == (["south"], "glm")
    found = results_of(made, "west")["glm/glm.statistics.json"]
    tables = [pandas.read_csv(tmp_path / f"{bank}.csv") for bank in ("east", "north", "west")]
    pooled = pandas.concat(tables)
    right = statsmodels.Logit(pooled["bad"], statsmodels.add_constant(pooled[["a", "b", "c"]])).fit(disp=0)
    assert found["rows"] == len(pooled)
    lines = {**found["coefficients"]["each"], "const": found["intercept"]}
    for name, line in lines.items():
        assert line["estimate"] == pytest.approx(right.params[name], abs=1e-7)
        assert line["standard_error"] == pytest.approx(right.bse[name], rel=1e-6)
    assert found["log_likelihood"] == pytest.approx(right.llf, rel=1e-9)


def test_trees_go_on_without_who_drops_out_in_the_middle_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tree that it was in ends at the level before; the next ones are of the others' rows."""
    total, taken = LastingSums.total, [0]

    def counted_down(self: LastingSums, what: str, *given: Any, **more: Any) -> Any:
        if self.me == "south" and what == DERIVATIVES.format(depth=1):
            taken[0] += 1
            if taken[0] == 2:
                raise CANCELLED("in the middle of its second tree")
        return total(self, what, *given, **more)

    grown: dict[int, list[int]] = {}

    def noted(*given: Any) -> Any:
        tree = growing.grow(*given)
        grown.setdefault(threading.get_ident(), []).append(tree.size)
        return tree

    monkeypatch.setattr(LastingSums, "total", counted_down)
    monkeypatch.setattr(boosting_fl, "grow", noted)
    params = {"rounds": 4, "max_depth": 3}
    made = make(tmp_path, ["stack", {"boosting": params}, {"evaluate": {"frame": "all"}}])
    made.run()
    assert set(made.errors) == {"south"}, made.errors
    (counted,) = made.recorders["hub"].bodies("counted")
    assert (counted["without"], counted["step"]) == (["south"], "boosting")
    # What comes behind are trees of own rows alone, that the joint ones are measured against.
    first, second, third, lost = (one[:4] for one in sorted(grown.values(), key=len, reverse=True))
    assert first == second == third
    assert first[1] == 3 < min(first[0], *first[2:])
    assert lost == first[:1]
    assert results_of(made, "west")["evaluate/metrics.json"]["joint"]["auc"] > 0.7


WHOLE: list[Any] = [
    "stack",
    {"split": {"test": 0.3}},
    {"fill": {"method": "median"}},
    {"clip": {"low_quantile": 0.05, "high_quantile": 0.95}},
    {"bin": {"method": "quantile", "bins": 4}},
    "woe",
    "logistic",
    "evaluate",
]


@pytest.mark.parametrize("at", [2, 10])
def test_a_whole_pipeline_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """Also between totals of one search, and past what is checked to be the same at all parties."""
    total, taken = LastingSums.total, [0]

    def counted_down(self: LastingSums, *given: Any, **more: Any) -> Any:
        taken[0] += self.me == "south"
        if self.me == "south" and taken[0] == at:
            raise CANCELLED("in the middle")
        return total(self, *given, **more)

    monkeypatch.setattr(LastingSums, "total", counted_down)
    made = make(tmp_path, WHOLE)
    made.run()
    assert set(made.errors) == {"south"}, made.errors
    assert results_of(made, "west") == results_of(made, "east")


def with_towns(folder: Path) -> dict[str, DatasetSpec]:
    """The same with a column of texts."""
    specs = {}
    for bank, spec in TABLES(folder).items():
        plain = spec.model_dump(mode="json")
        path = Path(plain["source"]["path"])
        head, *lines = path.read_text(encoding="utf-8").splitlines()
        lines = [f"{line},{('oslo', 'rome', 'kyiv')[row % 3]}" for row, line in enumerate(lines)]
        path.write_text("\n".join([f"{head},town", *lines]) + "\n", encoding="utf-8")
        plain["columns"].append({"name": "town", "type": "text", "role": "feature"})
        specs[bank] = DatasetSpec.model_validate(plain)
    return specs


TABLES = tables


@pytest.mark.parametrize("what", [HELD, TEXTS])
def test_categories_are_named_by_who_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """Also where a holder is lost between counting and naming; the next stage goes on without its facts."""
    total = LastingSums.total

    def gone_there(self: LastingSums, named: str, *given: Any, **more: Any) -> Any:
        if self.me == "south" and named == what:
            raise CANCELLED("in the middle")
        return total(self, named, *given, **more)

    monkeypatch.setattr(LastingSums, "total", gone_there)
    monkeypatch.setitem(globals(), "tables", with_towns)
    columns = ["a", "b", "c", "town"]
    granted = [
        {"name": "loans", "owner": name, "id": "key", "label": "bad", "columns": columns} for name in FOUR
    ]
    kinds = [{"kind": kind, "to": list(FOUR)} for kind in (*RESULTS, "profile")]
    steps: list[Any] = ["stack", {"onehot": {"columns": ["each.town"]}}, "logistic"]
    made = make(tmp_path, steps, datasets=granted, results=kinds)
    made.run()
    assert set(made.errors) == {"south"}, made.errors
    found = results_of(made, "west")
    assert found == results_of(made, "east")
    (column,) = found["onehot/onehot.profile.json"]["columns"]
    assert sorted(one["categories"][0] for one in column["groups"] if one["categories"]) == [
        "kyiv",
        "oslo",
        "rome",
    ]


def test_a_party_that_may_drop_out_has_rows_enough_by_itself(tmp_path: Path) -> None:
    specs = tables(tmp_path)
    path = Path(specs["south"].source.path)  # type: ignore[union-attr]
    made = make(tmp_path, min_group=20)
    path.write_text("\n".join(path.read_text().splitlines()[:5]) + "\n")
    made.proposal.facts["south"] = inspect(specs["south"], "south")
    with pytest.raises(CoterieError, match=r"CT-3235.*south"):
        derive_plan(made.proposal, made.terms)
