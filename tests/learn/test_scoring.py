"""Scores are computed once for each model and frame, by whatever scores rows."""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from coterie.errors import CoterieError
from coterie.learn.align import Align
from coterie.learn.component import PlanContext, RunContext, StepPlan
from coterie.learn.evaluate import Evaluate
from coterie.learn.filter import Filter
from coterie.learn.logistic import Logistic
from coterie.learn.scoring import ScoreUnit, ScoringFacts, last_model, score_plan, score_run, scoring_facts
from coterie.learn.standardize import Standardize

from .pipeline import Outcome, dataset, people, run

ALL = {"scores": ("lender",), "metrics": ("lender", "payments")}


@functools.cache
def measured_twice() -> dict[str, Outcome]:
    """Two trainings, and three evaluations of which the last needs the scores of the first."""
    ids, random = people(300, 8)
    x = random.normal(size=(3, 300))
    bad = (random.random(300) < 1 / (1 + np.exp(1 - x.sum(axis=0)))).astype(int)
    given = {
        "lender": dataset(ids, {"age": x[0], "bad": bad}, label="bad"),
        "payments": dataset(ids, {"flow": x[1], "late": x[2]}),
    }
    steps = (
        ("align", Align(), {}),
        ("standardize", Standardize(), {}),
        ("first", Logistic(), {"passes": 2}),
        ("second", Logistic(), {"passes": 3, "l2": 0.1}),
        ("one", Evaluate(), {"frame": "all", "model": "first", "baseline": False}),
        ("two", Evaluate(), {"frame": "all", "baseline": False}),
        ("three", Evaluate(), {"frame": "all", "model": "first", "baseline": False}),
    )
    return run(given, steps, label="bad", label_holder="lender", dealer="hub", receivers=ALL)


def test_scores_that_are_known_are_not_computed_again() -> None:
    outcomes = measured_twice()
    plans = outcomes["hub"].plans
    assert set(plans["one"].sent) == set(plans["two"].sent) == {"lender", "payments", "hub"}
    assert set(plans["three"].sent) == {"lender"}  # its record alone
    assert plans["three"].digest is None
    assert [one.kind for one in plans["one"].reveals] == ["scores", "metrics"]
    assert [one.kind for one in plans["three"].reveals] == ["metrics"]
    assert "no secret is computed with" in plans["three"].statement.adversary  # type: ignore[union-attr]


def test_known_scores_are_the_scores() -> None:
    lender = measured_twice()["lender"]
    assert set(lender.last.scores) == {("first", "all"), ("second", "all")}
    assert not np.array_equal(lender.last.scores["first", "all"], lender.last.scores["second", "all"])
    shown = pq.read_table(io.BytesIO(lender.published["scores/scores.parquet"]))["score"].to_numpy()
    assert np.array_equal(shown, lender.last.scores["first", "all"])  # the last step's
    assert measured_twice()["payments"].last.scores == {}


def test_scores_of_other_rows_are_not_taken_for_these() -> None:
    context = measured_twice()["lender"].contexts["three"]
    fewer = context.frames["all"].take(np.arange(299))
    with pytest.raises(CoterieError) as caught:
        score_run(replace(context, frames={"all": fewer}), "first", "all", ("lender",))
    assert caught.value.code == "CT-3165"


def test_rows_that_are_left_are_scored_again() -> None:
    ids, random = people(300, 8)
    x = random.normal(size=(2, 300))
    bad = (random.random(300) < 1 / (1 + np.exp(1 - x.sum(axis=0)))).astype(int)
    given = {
        "lender": dataset(ids, {"age": x[0], "bad": bad}, label="bad"),
        "payments": dataset(ids, {"flow": x[1]}),
    }
    steps = (
        ("align", Align(), {}),
        ("standardize", Standardize(), {}),
        ("model", Logistic(), {"passes": 2}),
        ("one", Evaluate(), {"frame": "all", "baseline": False}),
        ("filter", Filter(), {"party": "payments", "where": "flow > 0"}),
        ("two", Evaluate(), {"frame": "all", "baseline": False}),
    )
    outcomes = run(given, steps, label="bad", label_holder="lender", dealer="hub", receivers=ALL, min_group=5)
    assert outcomes["hub"].plans["two"].digest is not None
    found = outcomes["lender"].last.scores["model", "all"]
    assert len(found) == outcomes["lender"].last.frames["all"].rows < 300


@dataclass(frozen=True)
class Points(ScoringFacts):
    """A kind of model that the house does not know: ten points less for each unit of one column."""

    columns: Mapping[str, tuple[str, ...]]

    @property
    def unit(self) -> ScoreUnit:
        return "points"

    def probabilities(self, scores: np.ndarray) -> np.ndarray:
        return np.asarray(1 / (1 + np.exp(scores / 10)))

    def plan_scores(self, context: PlanContext, step: str, frame: str, to: Sequence[str]) -> StepPlan:
        return StepPlan(step=context.step, component="points", params={})

    def run_scores(self, context: RunContext, step: str, frame: str, to: Sequence[str]) -> np.ndarray:
        return -10 * context.frames[frame].values([("lender", "age")])[:, 0]


def test_a_new_kind_of_model_is_found_and_scores() -> None:
    context = measured_twice()["lender"].contexts["three"]
    planning = replace(context.planning, models={"own": Points({"lender": ("age",)}), "note": "no model"})
    assert last_model(planning) == last_model(planning, "own") == "own"
    assert scoring_facts(planning, "own").classifies
    assert scoring_facts(planning, "own").training is None
    again = replace(planning, models=dict(planning.models))
    assert score_plan(planning, "own", "all", ("lender",)).component == "points"
    assert score_plan(planning, "own", "all", ("lender",)).component == "scoring"  # known by now
    found = score_run(replace(context, planning=again), "own", "all", ("lender",))
    assert found is not None
    assert np.array_equal(found, -10 * context.frames["all"].values([("lender", "age")])[:, 0])
    assert context.scores["own", "all"] is found


@pytest.mark.parametrize(("named", "models"), [(None, {}), (None, {"note": 1}), ("note", {"note": 1})])
def test_without_a_model_there_are_no_scores(named: str | None, models: Mapping[str, object]) -> None:
    planning = replace(measured_twice()["hub"].contexts["one"].planning, models=dict(models))
    with pytest.raises(CoterieError) as caught:
        last_model(planning, named)
    assert caught.value.code == "CT-3002"
    with pytest.raises(CoterieError) as caught:
        score_plan(planning, "note", "all", ("lender",))
    assert caught.value.code == "CT-3002"


def test_without_the_frame_there_are_no_scores() -> None:
    planning = replace(measured_twice()["hub"].contexts["one"].planning)
    with pytest.raises(CoterieError) as caught:
        score_plan(planning, "first", "test", ("lender",))
    assert caught.value.code == "CT-3001"
