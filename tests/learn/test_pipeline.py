"""Saved pipelines: what is kept, that new rows are scored as rows of the job were, and what is refused."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from coterie.errors import CoterieError
from coterie.learn import COMPONENTS, read_pipeline
from coterie.learn.component import Component, Engine, Params, PlanContext, RunContext, StepPlan
from coterie.learn.joined import give_rows
from coterie.learn.scoring import last_model, score_plan, score_run
from tests.learn.pipeline import Outcome, dataset, people, run


class Score(Component[Params]):
    """Scores the test rows by the last model, to the label holder: what a job does that trains."""

    name: ClassVar[str] = "score"
    summary: ClassVar[str] = "Score."
    Parameters: ClassVar = Params
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc"})

    def plan(self, context: PlanContext, params: Params) -> StepPlan:
        plan = score_plan(context, last_model(context), "test", (context.label_holder,))
        return replace(plan, step=context.step, results={"scores": (context.label_holder,)})

    def run(self, context: RunContext, params: Params) -> None:
        model, to = last_model(context.planning), (context.planning.label_holder,)
        found = score_run(context, model, "test", to)
        if found is not None and context.computes:
            give_rows(context, "scores", "scores.parquet", context.frames["test"], {"score": found})


BY_NAME = {**{one.name: one for one in COMPONENTS}, "score": Score()}
PARTIES = ("lender", "payments")
ROWS, NEW = 240, 90
ALL = dict.fromkeys(("pipeline", "profile"), PARTIES) | {"scores": ("lender",)}
TRAINING: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("align", {}),
    ("split", {}),
    ("fill", {"method": "mean"}),
    ("standardize", {}),
    ("logistic", {"passes": 6}),
    ("save", {"name": "credit"}),
)


def steps(given: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Any]:
    return [(name, BY_NAME[name], params) for name, params in given]


def tables(rows: int, seed: int, label: bool = True) -> dict[str, Any]:
    """Two parties' tables of the same people, in two orders, with gaps."""
    ids, random = people(rows, seed)
    age, flow, ratio = (random.normal(size=rows) for _ in range(3))
    bad = (age + 2 * flow - ratio + random.normal(size=rows) > 0).astype(np.int64)
    gaps = np.where(random.random(rows) < 0.2, np.nan, ratio)
    order = random.permutation(rows)
    lender = {"age": age * 10 + 40, **({"bad": bad} if label else {})}
    mixed = [ids[row] for row in order]
    return {
        "lender": dataset(ids, lender, "bad"),
        "payments": dataset(mixed, {"flow": flow[order], "ratio": gaps[order]}),
    }


def job(
    data: Mapping[str, Any], given: Sequence[tuple[str, Mapping[str, Any]]], **more: Any
) -> dict[str, Outcome]:
    options = {"label": "bad", "label_holder": "lender", "dealer": "hub", "receivers": ALL, **more}
    return run(data, steps(given), **options)


def scores(outcome: Outcome, step: str = "predict", column: str = "id") -> dict[str, float]:
    """By id."""
    found = pq.read_table(io.BytesIO(outcome.published["scores/scores.parquet"])).to_pydict()
    return dict(zip(found[column], found["score"], strict=True))


def files(outcomes: Mapping[str, Outcome], folder: Path) -> dict[str, Path]:
    """What each party keeps."""
    found = {}
    for party in PARTIES:
        found[party] = folder / f"{party}.pipeline"
        found[party].write_bytes(outcomes[party].published["pipeline/credit.pipeline"])
    return found


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Outcome], dict[str, Path]]:
    outcomes = job(tables(ROWS, 1), [*TRAINING, ("score", {})])
    return outcomes, files(outcomes, tmp_path_factory.mktemp("kept"))


def predict(kept: Mapping[str, Path], data: Mapping[str, Any], **more: Any) -> dict[str, Outcome]:
    given = [("align", {}), ("predict", {"pipeline": "credit@1"})]
    return job(data, given, pipelines={"credit@1": kept}, **more)


def test_each_party_keeps_its_own_part(trained: Any) -> None:
    outcomes, kept = trained
    mine, theirs = (read_pipeline(kept[party]) for party in PARTIES)
    assert mine.pipeline == theirs.pipeline
    assert mine.pipeline.identity == theirs.pipeline.identity
    assert (mine.party, theirs.party) == PARTIES
    assert mine.pipeline.features == {"lender": ("age",), "payments": ("flow", "ratio")}
    assert [one.step for one in mine.pipeline.steps] == ["fill", "standardize", "logistic"]
    fillers = [json.loads(file.part("fill", "state"))["values"] for file in (mine, theirs)]
    assert [sorted(one) for one in fillers] == [["age"], ["flow", "ratio"]]
    assert mine.part("logistic", "model") != theirs.part("logistic", "model")
    assert "pipeline/credit.pipeline" not in outcomes["hub"].published
    shares = [file.part("logistic", "model") for file in (mine, theirs)]
    assert all(share not in outcomes["hub"].published.values() for share in shares)


def test_rows_are_scored_as_in_the_job_that_trained(trained: Any) -> None:
    outcomes, kept = trained
    before = scores(outcomes["lender"])
    data = tables(ROWS, 1)
    del data["lender"]
    data = {"lender": tables(ROWS, 1, label=False)["lender"], **data}
    again = scores(predict(kept, data)["lender"])
    assert len(again) == ROWS
    assert set(before) < set(again)
    for one, score in before.items():
        assert again[one] == pytest.approx(score, abs=1e-4)


def test_new_rows_are_scored_by_the_formula(trained: Any) -> None:
    """Against plain numbers: the coefficients, put together from both shares, and the learnt means."""
    _, kept = trained
    data = tables(NEW, 5, label=False)
    found = scores(predict(kept, data)["lender"])
    opened = {party: read_pipeline(kept[party]) for party in PARTIES}
    logistic: Any = BY_NAME["logistic"]
    step = opened["lender"].pipeline.steps[-1]
    facts = logistic.facts_again(logistic.Parameters.model_validate(step.params), step.facts)
    shares = [logistic.model_again(opened[party].part("logistic", "model"), facts) for party in PARTIES]
    ring = shares[0].shares + shares[1].shares
    weights = ring.astype(np.int64) / 2.0 ** shares[0].facts.frac
    columns = []
    for party, names in opened["lender"].pipeline.features.items():
        filler = json.loads(opened[party].part("fill", "state"))["values"]
        scale = json.loads(opened[party].part("standardize", "state"))
        table = data[party].table.to_pandas().set_index(data[party].ids.to_pandas())
        for name in names:
            one = scale["columns"][name]
            assert one["quantiles"] is None
            values = (table[name].fillna(filler[name]) - one["mean"]) / one["deviation"]
            columns.append(values.clip(-scale["clip"], scale["clip"]))
    logits = sum(weight * column for weight, column in zip(weights, columns, strict=False)) + weights[-1]
    wanted = 1 / (1 + np.exp(-logits))
    assert set(found) == set(wanted.index)
    for one, score in found.items():
        assert score == pytest.approx(wanted[one], abs=1e-3)


def test_scores_go_to_the_agreed_receiver(trained: Any) -> None:
    _, kept = trained
    data = tables(NEW, 6, label=False)
    outcomes = predict(kept, data, receivers={**ALL, "scores": ("payments",)})
    assert "scores/scores.parquet" not in outcomes["lender"].published
    assert len(scores(outcomes["payments"])) == NEW
    both = predict(kept, data, receivers={**ALL, "scores": PARTIES})
    first, second = (scores(both[party]) for party in PARTIES)
    assert first == second
    (reveal,) = both["lender"].plans["predict"].reveals
    assert (reveal.kind, reveal.to, reveal.values) == ("scores", PARTIES, NEW)
    with pytest.raises(CoterieError, match=r"^CT-3187 "):
        predict(kept, data, receivers={**ALL, "scores": ()})


WOE: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("align", {}),
    ("split", {}),
    ("bin", {"method": "quantile", "bins": 4}),
    ("woe", {"clip": 4.0}),
    ("logistic", {"passes": 6}),
    ("score", {}),
    ("save", {"name": "credit"}),
)


def test_weights_of_evidence_of_new_rows(tmp_path: Path) -> None:
    """Bins are not made again: the weights that training used are those of new rows."""
    outcomes = job(tables(800, 2), WOE, min_group=5, receivers={**ALL, "bins": PARTIES})
    kept = files(outcomes, tmp_path)
    opened = read_pipeline(kept["payments"])
    assert [one.step for one in opened.pipeline.steps] == ["woe", "logistic"]
    before = scores(outcomes["lender"])
    again = scores(predict(kept, tables(800, 2, label=False))["lender"])
    assert all(again[one] == pytest.approx(score, abs=1e-4) for one, score in before.items())
    new = scores(predict(kept, tables(NEW, 8, label=False))["lender"])
    assert len(new) == NEW
    assert len(set(new.values())) <= 4 * 5 * 5  # of so many bins


CARD: Sequence[tuple[str, Mapping[str, Any]]] = (
    *WOE[:5],
    ("scorecard", {"base_points": 600, "pdo": 20}),
    ("score", {}),
    ("save", {"name": "credit"}),
)


def test_points_and_reasons_of_new_rows(tmp_path: Path) -> None:
    """Each party keeps its own bins' points alone; reasons are told of new rows, too."""
    told = {**ALL, **dict.fromkeys(("bins", "scorecard"), PARTIES), "reasons": ("lender",)}
    outcomes = job(tables(800, 2), CARD, min_group=5, receivers=told)
    kept = files(outcomes, tmp_path)
    opened = {party: read_pipeline(kept[party]) for party in PARTIES}
    assert [one.step for one in opened["lender"].pipeline.steps] == ["woe", "scorecard"]
    for party in PARTIES:
        card = json.loads(opened[party].part("scorecard", "model"))
        assert list(card["parts"]) == [party]
    before = scores(outcomes["lender"])
    given = [("align", {}), ("predict", {"pipeline": "credit@1"}), ("reasons", {"frame": "all", "most": 2})]
    data = tables(800, 2, label=False)
    again = job(data, given, pipelines={"credit@1": kept}, receivers=told)["lender"]
    found = pq.read_table(io.BytesIO(again.published["scores/scores.parquet"])).to_pydict()
    points = dict(zip(found["id"], found["points"], strict=True))
    assert all(points[one] == score for one, score in before.items())
    odds = np.exp((np.array(found["points"]) - 600) / 20 * np.log(2))  # of label 0, at base odds of 1
    base = json.loads(outcomes["lender"].published["scorecard/scorecard.scorecard.json"])["base_odds"]
    assert np.array(found["score"]) == pytest.approx(1 / (1 + odds * base))
    (reasons,) = (content for name, content in again.published.items() if name.endswith("reasons.parquet"))
    assert pq.read_table(io.BytesIO(reasons)).num_rows == 800


CLEAR: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("align", {}),
    ("split", {}),
    ("standardize", {"method": "quantile"}),
    ("boosting", {"rounds": 5, "max_depth": 2}),
    ("score", {}),
    ("save", {"name": "credit"}),
)


@pytest.mark.parametrize("model", ["boosting", "neural", "logistic", "glm"])
def test_one_owner_s_models(tmp_path: Path, model: str) -> None:
    parts = tables(ROWS, 3)
    whole = dataset(
        parts["lender"].ids.to_pylist(),
        {name: parts["lender"].table[name].to_numpy() for name in ("age", "bad")},
        "bad",
    )
    params = {
        "boosting": {"rounds": 5, "max_depth": 2},
        "neural": {"epochs": 3},
        "logistic": {},
        "glm": {"family": "linear"},
    }
    steps = [(one, given) for one, given in CLEAR if one != "boosting"]
    steps.insert(3, (model, params[model]))
    options: dict[str, Any] = {"engine": "clear", "dealer": None}
    options["receivers"] = dict.fromkeys(ALL, ("lender",))
    outcomes = job({"lender": whole}, steps, **options)
    kept = tmp_path / "kept"
    kept.write_bytes(outcomes["lender"].published["pipeline/credit.pipeline"])
    before = scores(outcomes["lender"])
    given = [("align", {}), ("predict", {"pipeline": "credit@1"})]
    found = job({"lender": whole}, given, pipelines={"credit@1": {"lender": kept}}, **options)
    again = scores(found["lender"])
    assert all(again[one] == score for one, score in before.items())


SHAPED: Sequence[tuple[str, Mapping[str, Any]]] = (
    ("align", {}),
    ("cast", {"columns": {"payments.since": {"to": "date", "parts": ["year", "days"]}}}),
    ("derive", {"columns": {"lender.ratio": "debt / income"}, "drop": ["lender.debt"]}),
    ("split", {}),
    ("fill", {"method": "median"}),
    ("clip", {"low_quantile": 0.05, "high_quantile": 0.95, "columns": ["lender.income"]}),
    ("onehot", {"columns": ["payments.job"], "categories": 3}),
    ("minmax", {"columns": ["payments.since_year", "payments.since_days"]}),
    ("standardize", {"keep": ["payments.since_year", "payments.since_days"]}),
    ("logistic", {"passes": 4}),
    ("score", {}),
    ("save", {"name": "credit"}),
)
JOBS = ("clerk", "pilot", "miner", "baker", "actor")


def shaped_tables(rows: int, seed: int, jobs: Sequence[str] = JOBS) -> dict[str, Any]:
    """Dates as texts, categories, gaps."""
    ids, random = people(rows, seed)
    income = random.normal(50, 9, rows)
    debt = np.where(random.random(rows) < 0.1, np.nan, random.normal(20, 5, rows))
    chosen = random.choice(jobs, rows)
    bad = (debt > income / 2.5) | (random.random(rows) < 0.1)
    since = [f"20{random.integers(0, 25):02}-0{random.integers(1, 9)}-17" for _ in range(rows)]
    return {
        "lender": dataset(ids, {"income": income, "debt": debt, "bad": bad.astype(np.int64)}, "bad"),
        "payments": dataset(ids, {"job": chosen.tolist(), "since": since}),
    }


@pytest.mark.parametrize("engine", ["mpc", "clear"])
def test_columns_that_steps_make_are_made_again(tmp_path: Path, engine: str) -> None:
    data, steps = shaped_tables(ROWS, 4), list(SHAPED)
    options: dict[str, Any] = {"min_group": 5}
    if engine == "clear":
        parts = {name: data[one].table[name] for one in PARTIES for name in data[one].table.column_names}
        data = {"lender": dataset(data["lender"].ids.to_pylist(), parts, "bad")}
        steps = json.loads(json.dumps(SHAPED).replace("payments.", "lender."))
        options |= {"engine": "clear", "dealer": None, "receivers": dict.fromkeys(ALL, ("lender",))}
    outcomes = job(data, steps, **options)
    kept = {party: tmp_path / party for party in data}
    for party, path in kept.items():
        path.write_bytes(outcomes[party].published["pipeline/credit.pipeline"])
    found = read_pipeline(kept["lender"]).pipeline
    names = ["cast", "derive", "fill", "clip", "onehot", "minmax", "standardize", "logistic"]
    assert [one.step for one in found.steps] == names
    before = scores(outcomes["lender"])
    given = [("align", {}), ("predict", {"pipeline": "credit@1"})]
    again = job(data, given, pipelines={"credit@1": kept}, **options)
    after = scores(again["lender"])
    assert len(after) == ROWS
    assert all(after[one] == pytest.approx(score, abs=1e-4) for one, score in before.items())


def test_new_rows_may_have_categories_that_training_had_not(tmp_path: Path) -> None:
    """They are what the step says of unknown ones, and their owner is told how many there were."""
    kept = files(job(shaped_tables(ROWS, 4), SHAPED, min_group=5), tmp_path)
    new = shaped_tables(NEW, 9, jobs=("clerk", "singer"))
    outcomes = predict(kept, new, min_group=5)
    assert len(scores(outcomes["lender"])) == NEW
    drift = json.loads(outcomes["payments"].published["profile/predict.profile.json"])
    (column,) = (one for one in drift["columns"] if one["name"] == "job")
    assert column["unseen"] == new["payments"].table["job"].to_pylist().count("singer") > 0
    mine = json.loads(outcomes["lender"].published["profile/predict.profile.json"])
    training = shaped_tables(ROWS, 4)["lender"].table["income"].to_numpy()
    values = new["lender"].table["income"].to_numpy()
    (income,) = (one for one in mine["columns"] if one["name"] == "income")
    assert income["above"] >= (values > training.max()).sum()
    assert income["below"] + income["above"] <= ((values < 30) | (values > 70)).sum()
    assert {one["name"] for one in mine["columns"]} == {"income", "debt"}


def test_three_parties(tmp_path: Path) -> None:
    """The third has the label and no feature; its scores need everybody's part."""

    def three(rows: int, seed: int, label: bool) -> dict[str, Any]:
        given = tables(rows, seed)
        whole = given["lender"]
        column = {"bad": whole.table["bad"].to_numpy()} if label else {}
        lender = {"age": whole.table["age"].to_numpy()}
        return {
            "bank": dataset(whole.ids.to_pylist(), column, "bad"),
            "lender": dataset(whole.ids.to_pylist(), lender),
            "payments": given["payments"],
        }

    names = ("bank", *PARTIES)
    options: dict[str, Any] = {"label_holder": "bank", "receivers": {"pipeline": names, "scores": ("bank",)}}
    outcomes = job(three(ROWS, 1, label=True), [*TRAINING, ("score", {})], **options)
    kept = {party: tmp_path / party for party in names}
    for party, path in kept.items():
        path.write_bytes(outcomes[party].published["pipeline/credit.pipeline"])
    found = predict(kept, three(ROWS, 1, label=False), **options)
    before, after = scores(outcomes["bank"]), scores(found["bank"])
    assert len(after) == ROWS
    assert all(after[one] == pytest.approx(score, abs=1e-4) for one, score in before.items())


class Odd(Component[Params]):
    """Says that all values are small, and has nothing to say of other rows."""

    name: ClassVar[str] = "odd"
    summary: ClassVar[str] = "Odd."
    Parameters: ClassVar = Params
    engines: ClassVar[frozenset[Engine]] = frozenset({"mpc"})

    def plan(self, context: PlanContext, params: Params) -> StepPlan:
        for name, shape in context.frames.items():
            context.frames[name] = replace(shape, bound=8.0)
        return StepPlan(step=context.step, component=self.name, params={})

    def run(self, context: RunContext, params: Params) -> None:
        """Nothing."""


def test_what_cannot_be_made_again_is_not_saved() -> None:
    given = [*TRAINING[:3], ("odd", {}), *TRAINING[4:]]
    with pytest.raises(CoterieError, match=r"^CT-3185 .*'odd'"):
        run(
            tables(ROWS, 1),
            [(name, {**BY_NAME, "odd": Odd()}[name], params) for name, params in given],
            label="bad",
            label_holder="lender",
            dealer="hub",
            receivers=ALL,
        )


def test_new_rows_with_a_label_can_be_measured(trained: Any) -> None:
    """The scores that `predict` gave are not computed again: `evaluate` sends nothing for them."""
    _, kept = trained
    data = tables(NEW, 12)
    given = [("align", {}), ("predict", {"pipeline": "credit@1"}), ("evaluate", {"frame": "all"})]
    receivers = {**ALL, "metrics": ("lender",)}
    outcomes = job(data, given, pipelines={"credit@1": kept}, receivers=receivers)
    found = scores(outcomes["lender"])
    label = dict(zip(data["lender"].ids.to_pylist(), data["lender"].table["bad"].to_pylist(), strict=True))
    metrics = json.loads(next(v for k, v in outcomes["lender"].published.items() if k.startswith("metrics/")))
    area = roc_auc_score([label[one] for one in found], list(found.values()))
    assert metrics["joint"]["auc"] == pytest.approx(area, abs=1e-9)
    assert not any(outcomes["lender"].plans["evaluate"].sent.get(party) for party in PARTIES)


def test_features_that_were_left_out(tmp_path: Path) -> None:
    """`select` chooses once: new rows have the same features, whatever their values."""
    given = [*WOE[:3], ("select", {"drop": ["payments.ratio"]}), *WOE[3:]]
    told = {**ALL, "bins": PARTIES, "selection": ("lender",)}
    outcomes = job(tables(800, 2), given, min_group=5, receivers=told)
    kept = files(outcomes, tmp_path)
    found = read_pipeline(kept["payments"])
    assert [one.step for one in found.pipeline.steps] == ["select", "woe", "logistic"]
    assert [one.name for one in found.pipeline.columns[1].columns] == ["flow", "ratio"]
    assert found.pipeline.steps[0].left[1].columns == ("flow",)
    assert ("select", "state") not in found.parts
    before = scores(outcomes["lender"])
    again = scores(predict(kept, tables(800, 2, label=False))["lender"])
    assert all(again[one] == pytest.approx(score, abs=1e-4) for one, score in before.items())
