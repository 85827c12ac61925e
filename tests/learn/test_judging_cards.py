"""Scorecards are judged as models are, in points; features by the bins that a step has made of them."""

from __future__ import annotations

import functools
import io

import numpy as np
import pyarrow.parquet as pq
import pytest

from coterie.learn.align import Align
from coterie.learn.binning import Bin, Bins, Woe
from coterie.learn.compare import Compare, Comparison
from coterie.learn.decide import Decide, Decided
from coterie.learn.evaluate import Evaluate, Evaluation
from coterie.learn.glm import Glm
from coterie.learn.scorecard import Scorecard
from coterie.learn.split import Split
from coterie.learn.stability import Stability, Stable

from .card_data import GLM, pooled, tables
from .pipeline import Outcome, run

STEPS = (
    ("align", Align(), {}),
    ("split", Split(), {"test": 0.4}),
    ("bin", Bin(), {"method": "quantile", "bins": 5}),
    ("raw", Stable(), {}),
    ("woe", Woe(), {}),
    ("glm", Glm(), GLM),
    ("card", Scorecard(), {}),
    ("evaluate", Evaluate(), {}),
    ("stability", Stable(), {}),
    ("compare", Compare(), {"against": "glm"}),
    ("decide", Decide(), {"max_bad_rate": 0.2, "edges": (580.0, 600.0, 620.0)}),
)


@functools.cache
def judged(parties: int) -> dict[str, Outcome]:
    """Three parties, or one with all columns."""
    data = tables(3000, parties) if parties > 1 else pooled(3000, 3)
    receivers = {kind: tuple(data) for kind in ("bins", "iv", "scorecard", "metrics")} | {
        "scores": ("lender",)
    }
    own = {"engine": "clear"} if parties == 1 else {"dealer": "hub"}
    return run(data, STEPS, label="bad", label_holder="lender", receivers=receivers, **own)  # type: ignore[arg-type]


def points(outcome: Outcome) -> tuple[np.ndarray, np.ndarray]:
    return outcome.frames["test"].labels(), outcome.last.scores["card", "test"]


@pytest.mark.parametrize("parties", [1, 3])
def test_decisions_are_in_points(parties: int) -> None:
    lender = judged(parties)["lender"]
    found = Decided.model_validate_json(lender.published["metrics/decide.metrics.json"])
    labels, scores = points(lender)
    assert found.unit == "points"
    approved = scores >= found.approve
    assert (found.zones[0].rows, found.zones[0].positives) == (approved.sum(), labels[approved].sum())
    assert labels[approved].mean() <= 0.2 < labels.mean()
    assert found.approve == scores[approved].min()  # whole points
    assert 0 < found.approve_probability < 1
    assert [band.score_low for band in found.bands] == sorted(
        (b.score_low for b in found.bands), reverse=True
    )


@pytest.mark.parametrize("parties", [1, 3])
def test_a_card_is_measured_by_its_probabilities(parties: int) -> None:
    lender = judged(parties)["lender"]
    found = Evaluation.model_validate_json(lender.published["metrics/metrics.json"])
    listed = pq.read_table(io.BytesIO(lender.published["scores/scores.parquet"])).to_pydict()
    labels, scores = points(lender)
    assert found.joint.brier == pytest.approx(np.mean((_risk(lender) - labels) ** 2))
    told = Comparison.model_validate_json(lender.published["metrics/compare.metrics.json"])
    assert told.first.auc == found.joint.auc
    assert (told.first.name, told.second.name) == ("card", "glm")
    assert abs(told.auc.difference) < 0.01  # a card is its model, rounded
    assert sorted(listed["score"]) == sorted(_risk(lender).tolist())
    assert sorted(listed["points"]) == sorted(scores.tolist())


def _risk(lender: Outcome) -> np.ndarray:
    facts = lender.last.planning.models["card"]
    return np.asarray(facts.probabilities(lender.last.scores["card", "test"]))


@pytest.mark.parametrize("parties", [1, 3])
def test_features_are_compared_by_their_bins(parties: int) -> None:
    for owner in tables(10, 3) if parties > 1 else ("lender",):
        outcome = judged(parties)[owner]
        bins = Bins.model_validate_json(outcome.published["bins/bin.bins.json"])
        raw = Stability.model_validate_json(outcome.published["metrics/raw.metrics.json"])
        weighed = Stability.model_validate_json(outcome.published["metrics/stability.metrics.json"])
        assert raw.score is None
        assert weighed.score is not None
        assert weighed.score.unit == "points"
        shown = {one.column: one for one in raw.features if one.party == owner}
        for column in bins.columns:
            assert [one.label for one in shown[column.name].shown] == list(column.labels)
            assert [one.base_rows for one in shown[column.name].shown] == [one.rows for one in column.bins]
        after = {one.column: one.psi for one in weighed.features if one.party == owner}
        assert after == pytest.approx({name: one.psi for name, one in shown.items()}, abs=1e-9)
