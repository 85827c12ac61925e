"""``evaluate`` on horizontal frames: measures of all parties' rows against those of the rows in one place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from sklearn.metrics import (
    brier_score_loss,
    log_loss,
    mean_absolute_error,
    r2_score,
    roc_auc_score,
    roc_curve,
)

from coterie.data import Dataset
from coterie.errors import CoterieError
from coterie.learn.component import EACH, Component, Engine, Params, PlanContext, RunContext, StepPlan
from coterie.learn.evaluate import Evaluate, PooledEvaluation, PooledRegression
from coterie.learn.evaluate.pooled import histogram, ks_error, tally_of, tie_error
from coterie.learn.measures import auc, auc_interval, ks
from coterie.learn.report import Report
from coterie.learn.scoring import ScoreUnit, ScoringFacts
from coterie.learn.stack import Stack
from tests.learn import pipeline
from tests.learn.horizontal import run

ROWS = {"east": 900, "north": 2100, "west": 1400}


@dataclass(frozen=True)
class Known(ScoringFacts):
    """A model whose score is a column."""

    given: ScoreUnit

    @property
    def columns(self) -> Any:
        return {EACH: ("score",)}

    @property
    def unit(self) -> ScoreUnit:
        return self.given

    def plan_scores(self, context: PlanContext, step: str, frame: str, to: Sequence[str]) -> StepPlan:
        return StepPlan(context.step, "known", {})

    def run_scores(self, context: RunContext, step: str, frame: str, to: Sequence[str]) -> Any:
        return context.frames[frame].matrix(("score",))[:, 0]


class Give(Component[Params]):
    """Puts it among the models."""

    name: ClassVar[str] = "give"
    summary: ClassVar[str] = "For tests."
    Parameters: ClassVar = Params
    engines: ClassVar[frozenset[Engine]] = frozenset({"fl"})

    def __init__(self, unit: ScoreUnit) -> None:
        self._unit = unit

    def plan(self, context: PlanContext, params: Params) -> StepPlan:
        context.models[context.step] = Known(self._unit)
        return StepPlan(context.step, self.name, {})

    def run(self, context: RunContext, params: Params) -> None:
        """Nothing is to do."""


def tables(rate: float, seed: int = 1) -> tuple[dict[str, Dataset], np.ndarray, np.ndarray]:
    """Three parties of different people; labels and scores of all."""
    random, found, every = np.random.default_rng(seed), {}, []
    for number, (name, rows) in enumerate(ROWS.items()):
        odds = random.normal(size=rows) + 0.5 * number + np.log(rate / (1 - rate))
        score = 1 / (1 + np.exp(-odds))
        label = (random.random(rows) < score).astype(np.int64)
        ids, _ = pipeline.people(rows, number)
        found[name] = pipeline.dataset(ids, {"score": score, "bad": label}, "bad")
        every.append((label, score))
    return found, *(np.concatenate(parts) for parts in zip(*every, strict=True))


def measured(
    given: dict[str, Dataset], unit: ScoreUnit, coordinator: str | None = None, **params: Any
) -> dict[str, Any]:
    steps = [
        ("stack", Stack(), {}),
        ("model", Give(unit), {}),
        ("evaluate", Evaluate(), {"frame": "all", **params}),
    ]
    outcomes = run(given, steps, label="bad", coordinator=coordinator)
    files = [outcomes[name].published["metrics/metrics.json"] for name in given]
    assert coordinator is None or coordinator in given or not outcomes[coordinator].published
    assert len(set(files)) == 1, "all parties measure the same"
    found: dict[str, Any] = json.loads(files[0])
    return found


@pytest.mark.parametrize("rate", [0.3, 0.01])
def test_measures_are_those_of_all_rows(rate: float) -> None:
    given, labels, scores = tables(rate)
    found = PooledEvaluation.model_validate_json(json.dumps(measured(given, "probability")))
    joint = found.joint
    assert (joint.rows, joint.positives) == (len(labels), labels.sum())
    exact = roc_auc_score(labels, scores)
    assert abs(joint.auc - exact) <= found.auc_error < 1e-3
    assert found.ks_error < 2e-3
    assert abs(joint.auc - exact) < 1e-5
    assert joint.log_loss == pytest.approx(log_loss(labels, scores), rel=1e-12)
    assert joint.brier == pytest.approx(brier_score_loss(labels, scores), rel=1e-12)
    cumulative = [np.cumsum(labels[np.argsort(scores)] == one) / (labels == one).sum() for one in (0, 1)]
    assert joint.ks == pytest.approx(np.abs(cumulative[0] - cumulative[1]).max(), abs=2e-3)
    assert sum(band.rows for band in joint.lift) == len(labels)
    for band in joint.calibration:
        assert min(band.rows * band.observed, band.rows * (1 - band.observed)) >= 20 - 1e-9
    taken = joint.at_threshold
    if rate == 0.3:
        assert taken is not None
        assert taken.rows == pytest.approx((scores >= taken.threshold).sum(), abs=3)
        top = np.sort(scores)[::-1][: joint.lift[0].rows]
        assert joint.calibration[-1].predicted == pytest.approx(top.mean(), abs=1e-3)
    _, low, high = auc_interval(labels.astype(np.int8), scores)
    assert (joint.auc_low, joint.auc_high) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize("unit", ["probability", "value"])
def test_a_report_says_how_it_was_measured(unit: ScoreUnit) -> None:
    given, labels, _ = tables(0.3)
    steps = [
        ("stack", Stack(), {}),
        ("model", Give(unit), {}),
        ("evaluate", Evaluate(), {"frame": "all"}),
        ("report", Report(), {"language": "both"}),
    ]
    outcome = run(given, steps, label="bad")["west"]
    page = outcome.published["report/report.html"].decode()
    stated = outcome.plans["evaluate"].statement
    assert stated is not None
    assert unit == "value" or "in 16384 bins of the score, each 0.00195 wide in log-odds" in stated.protocol
    assert unit == "value" or "KS too low by 0.00" in page
    assert "nobody has all scores" in page
    assert "held by every party" in page
    assert "at each of 3 parties" in page or unit == "value"
    assert f"{len(labels):,} rows" in page


@pytest.mark.parametrize("coordinator", ["hub", "north"])
@pytest.mark.parametrize("unit", ["probability", "value"])
def test_secure_sums_give_the_same(coordinator: str, unit: ScoreUnit) -> None:
    """And bytes and rounds are as planned."""
    given, _, _ = tables(0.3)
    assert measured(given, unit, coordinator, resolution=512) == measured(given, unit, resolution=512)


SCORES = st.one_of(
    st.sampled_from([0.0, 1.0, 0.5, 5e-324, 1e-7, 1 - 2**-53, 0.25]),
    st.floats(0, 1),
    st.floats(0.4999, 0.5001),
)


@settings(max_examples=200, deadline=None)
@drawn(
    st.lists(st.tuples(SCORES, st.integers(0, 1)), min_size=2, max_size=40),
    st.sampled_from([256, 1000, 1 << 14, 1 << 16]),
)
def test_bounds_hold_for_any_scores(rows: list[tuple[float, int]], bins: int) -> None:
    """Of two rows and of ties as well."""
    scores, labels = (np.array(part) for part in zip(*rows, strict=True))
    if labels.min() == labels.max():
        labels[0] = 1 - labels[0]
    bounded(labels, scores, bins)


def bounded(labels: np.ndarray, scores: np.ndarray, bins: int) -> tuple[float, float]:
    counts = tally_of(histogram(labels.astype(np.int8), scores, bins).astype(np.int64))
    assert counts.totals == (labels.sum(), len(labels) - labels.sum())
    off = abs(auc(counts) - roc_auc_score(labels, scores))
    assert off <= tie_error(counts) + 1e-12
    false, true, _ = roc_curve(labels, scores, drop_intermediate=False)
    below = np.abs(true - false).max() - ks(counts)[0]
    assert -1e-12 <= below <= ks_error(counts) + 1e-12
    return off, tie_error(counts)


def test_many_rows_and_a_few_scores() -> None:
    random = np.random.default_rng(2)
    odds = random.normal(-4, 1, 400_000)
    labels = (random.random(len(odds)) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    off, bound = bounded(labels, 1 / (1 + np.exp(-odds)), 1 << 14)
    assert off < 1e-5
    assert bound < 3e-4
    off, bound = bounded(labels, np.round(odds).clip(-9, 9) / 20 + 0.5, 1 << 14)
    assert off < 1e-12
    assert bound > 0.1


def test_few_bins_are_worse_and_say_so() -> None:
    given, labels, scores = tables(0.3)
    found = measured(given, "probability", resolution=256)
    assert 1e-3 < found["auc_error"] < 2e-2
    assert abs(found["joint"]["auc"] - roc_auc_score(labels, scores)) <= found["auc_error"]


def test_scores_of_0_and_1() -> None:
    """What is beyond the outermost bins is in them; a party may have no row of a label."""
    given = {}
    for number, name in enumerate(ROWS):
        ids, _ = pipeline.people(60, number)
        label = np.repeat([0, 1], 30) if number else np.zeros(60, np.int64)
        given[name] = pipeline.dataset(ids, {"score": label.astype(float), "bad": label}, "bad")
    found = measured(given, "probability")
    assert (found["joint"]["auc"], found["joint"]["ks"], found["auc_error"]) == (1.0, 1.0, 0.0)


def test_numbers() -> None:
    random, given, every = np.random.default_rng(5), {}, []
    for number, (name, rows) in enumerate(ROWS.items()):
        score = np.exp(random.normal(size=rows) + number)
        label = random.gamma(2.0, score / 2)
        ids, _ = pipeline.people(rows, number)
        given[name] = pipeline.dataset(ids, {"score": score, "bad": label}, "bad")
        every.append((label, score))
    labels, scores = (np.concatenate(parts) for parts in zip(*every, strict=True))
    found = PooledRegression.model_validate_json(json.dumps(measured(given, "value"))).joint
    assert found.mean == pytest.approx(labels.mean(), rel=1e-12)
    assert found.mae == pytest.approx(mean_absolute_error(labels, scores), rel=1e-12)
    assert found.r2 == pytest.approx(r2_score(labels, scores), rel=1e-9)
    assert found.mape == pytest.approx(np.mean(np.abs(labels - scores) / labels), rel=1e-9)
    assert (len(found.bands), sum(band.rows for band in found.bands)) == (10, len(labels))
    for band in found.bands[:-1]:
        inside = (scores >= band.score_low) & (scores < band.score_high)
        if band is found.bands[0]:
            inside = scores >= band.score_low
        assert band.rows == pytest.approx(inside.sum(), abs=2)
        assert band.observed == pytest.approx(labels[inside].mean(), rel=0.02)
        assert band.predicted == pytest.approx(scores[inside].mean(), rel=0.02)


def flat(labels: list[int]) -> dict[str, Dataset]:
    """Every party has these labels, and one score."""
    columns = {"score": [0.5] * len(labels), "bad": labels}
    return {
        name: pipeline.dataset([f"{name}{row}" for row in range(len(labels))], columns, "bad")
        for name in ROWS
    }


def test_what_is_refused() -> None:
    with pytest.raises(CoterieError, match="CT-3233"):
        measured(flat([0, 1]), "probability", segments=["each.score"])
    with pytest.raises(CoterieError, match="CT-3166"):
        measured(flat([0] * 20 + [1]), "probability")
    with pytest.raises(CoterieError, match="CT-3016"):
        measured(flat([0] * 20), "probability")
    # North knows the sums less its own: those of so few.
    beside = {**flat([0, 1] * 4), "north": flat([0, 1] * 400)["north"]}
    with pytest.raises(CoterieError, match=r"CT-3235.*16 rows beside those of north"):
        measured(beside, "probability")
