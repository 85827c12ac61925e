"""What joining gains a party, told to it alone: against scikit-learn and XGBoost on its own rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
import pytest
import xgboost
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, PoissonRegressor
from sklearn.metrics import log_loss, mean_absolute_error, roc_auc_score
from sklearn.neural_network import MLPClassifier

from coterie.data import Dataset
from coterie.learn.boosting import Boosting
from coterie.learn.component import EACH
from coterie.learn.evaluate import ClassMeasures, Evaluate, NumberMeasures, OwnRowsEvaluation
from coterie.learn.glm import Glm
from coterie.learn.logistic import Logistic
from coterie.learn.measures import gain
from coterie.learn.neural import Neural
from coterie.learn.split import Split
from coterie.learn.stack import Stack
from coterie.learn.standardize import Standardize
from tests.learn import pipeline
from tests.learn.horizontal import run
from tests.learn.pipeline import Outcome

ROWS = {"east": 1200, "north": 160, "tiny": 24, "west": 600}


def tables(seed: int = 3, *, counts: bool = False) -> dict[str, Dataset]:
    """Four parties of very different size; one of them has rows of one label alone."""
    random, found = np.random.default_rng(seed), {}
    for name, rows in ROWS.items():
        x = random.normal(size=(rows, 3)).round(1)
        odds = 0.9 * x[:, 0] - 0.6 * x[:, 1] - 0.5
        label = (
            random.poisson(np.exp(0.4 * odds)) if counts else (random.random(rows) < 1 / (1 + np.exp(-odds)))
        )
        if name == "tiny" and not counts:
            label[:] = 0
        columns = {f"x{number}": x[:, number] for number in range(3)}
        ids = [f"{name}-{row}" for row in range(rows)]
        found[name] = pipeline.dataset(ids, {**columns, "y": label.astype(np.int64)}, "y")
    return found


def told(found: Mapping[str, Outcome], step: str = "test") -> dict[str, OwnRowsEvaluation]:
    return {
        name: OwnRowsEvaluation.model_validate_json(outcome.published["metrics/own.json"])
        for name, outcome in found.items()
        if step in outcome.contexts
    }


M = TypeVar("M", ClassMeasures, NumberMeasures)


def of(kind: type[M], measured: ClassMeasures | NumberMeasures | None) -> M:
    assert isinstance(measured, kind)
    return measured


def arrays(outcome: Outcome, frame: str) -> tuple[np.ndarray, np.ndarray]:
    rows = outcome.frames[frame]
    return rows.matrix(rows.columns[EACH]), rows.target()


SPLIT: list[Any] = [("stack", Stack(), {}), ("split", Split(), {"test": 0.4})]


@pytest.fixture(scope="module")
def classes() -> dict[str, dict[str, Outcome]]:
    models: dict[str, Any] = {
        "logistic": (Logistic(), {"l2": 0.01}),
        "trees": (Boosting(), {"rounds": 8, "max_depth": 2}),
    }
    return {
        name: run(tables(), [*SPLIT, (name, *model), ("test", Evaluate(), {})], label="y", min_group=5)
        for name, model in models.items()
    }


@pytest.mark.parametrize("model", ["logistic", "trees"])
def test_the_own_model_is_that_of_plain_libraries_on_own_rows(
    classes: dict[str, dict[str, Outcome]], model: str
) -> None:
    found = classes[model]
    for name, one in told(found).items():
        train, label = arrays(found[name], "train")
        asked, truth = arrays(found[name], "test")
        assert (one.party, one.training_rows, one.rows) == (name, len(train), len(asked))
        assert one.all_rows == sum(found[other].frames["test"].rows for other in ROWS)
        if name == "tiny":
            assert (one.unmeasured, one.joint, one.own, one.auc_gain) == ("one", None, None, None)
            continue
        if model == "logistic":
            plain = LogisticRegression(C=100 / len(label), tol=1e-10, solver="newton-cholesky")
        else:
            plain = xgboost.XGBClassifier(n_estimators=8, max_depth=2, n_jobs=1)
        alone = np.asarray(plain.fit(train, label).predict_proba(asked)[:, 1], np.float64)
        joint = found[name].last.scores[model, "test"]
        own, both = of(ClassMeasures, one.own), of(ClassMeasures, one.joint)
        near = 1e-6 if model == "logistic" else 2e-3
        assert own.auc == pytest.approx(roc_auc_score(truth, alone), abs=near)
        assert own.log_loss == pytest.approx(log_loss(truth, alone), rel=5 * near)
        assert both.auc == pytest.approx(roc_auc_score(truth, joint), abs=1e-12)
        if model == "logistic":
            better = gain(truth.astype(np.int8), joint, alone)
            assert (one.auc_gain, one.auc_gain_low) == pytest.approx((better.auc, better.low), abs=1e-9)


def test_a_network_is_trained_alone_by_as_many_passes() -> None:
    pytest.importorskip("torch")
    rounds = {"hidden": [3], "rounds": 2, "local_epochs": 3, "early_stopping": None, "learning_rate": 0.05}
    steps: Any = [*SPLIT, ("scale", Standardize(), {}), ("m", Neural(), rounds), ("test", Evaluate(), {})]
    found = run(tables(), steps, label="y", min_group=5)
    for name, one in told(found).items():
        train, label = arrays(found[name], "train")
        asked, truth = arrays(found[name], "test")
        if name == "tiny":
            continue
        plain = MLPClassifier(
            hidden_layer_sizes=(3,), alpha=1e-4, batch_size=min(256, len(label)), learning_rate_init=0.05,
            max_iter=6, random_state=0, n_iter_no_change=6,
        )  # fmt: skip
        with pytest.warns(ConvergenceWarning):
            alone = plain.fit(train, label).predict_proba(asked)[:, 1]
        assert of(ClassMeasures, one.own).auc == pytest.approx(roc_auc_score(truth, alone), abs=0.05)


def test_nothing_more_is_sent_and_nobody_else_is_told(classes: dict[str, dict[str, Outcome]]) -> None:
    found = classes["logistic"]
    common = {found[name].published["metrics/metrics.json"] for name in ROWS}
    assert len(common) == 1
    joint = json.loads(common.pop())["joint"]
    for name, one in told(found).items():
        assert of(ClassMeasures, one.everywhere).auc == joint["auc"]
        assert all(
            name == other or name not in found[other].published["metrics/own.json"].decode() for other in ROWS
        )
    without = run(
        tables(),
        [*SPLIT, ("m", Logistic(), {}), ("test", Evaluate(), {"baseline": False})],
        label="y",
        min_group=5,
    )
    assert "metrics/own.json" not in without["east"].published
    assert found["east"].plans["test"].totals == without["east"].plans["test"].totals


def test_a_party_without_enough_rows_is_told_so() -> None:
    given = tables()
    rows: Any = [("stack", Stack(), {}), ("m", Logistic(), {}), ("test", Evaluate(), {"frame": "all"})]
    labels = given["north"].table.column("y").to_numpy()
    few = np.r_[np.flatnonzero(labels)[:2], np.flatnonzero(labels == 0)[:2]]
    given["north"] = pipeline.dataset(
        [f"n{row}" for row in few],
        {name: given["north"].table.column(name).to_numpy()[few] for name in ("x0", "x1", "x2", "y")},
        "y",
    )
    north = told(run(given, rows, label="y", min_group=5))["north"]
    assert north.untrained == "few"
    assert north.own is None
    assert north.joint is not None


def test_of_labels_that_are_numbers() -> None:
    split = ("split", Split(), {"test": 0.4, "label": "number"})
    steps: Any = [SPLIT[0], split, ("m", Glm(), {"family": "poisson"}), ("test", Evaluate(), {})]
    found = run(tables(counts=True), steps, label="y", min_group=5)
    for name, one in told(found).items():
        train, label = arrays(found[name], "train")
        asked, truth = arrays(found[name], "test")
        alone = PoissonRegressor(alpha=0, tol=1e-10, max_iter=1000).fit(train, label).predict(asked)
        joint = found[name].last.scores["m", "test"]
        own, both = of(NumberMeasures, one.own), of(NumberMeasures, one.joint)
        assert own.mae == pytest.approx(mean_absolute_error(truth, alone), rel=1e-4)
        assert both.mae == pytest.approx(mean_absolute_error(truth, joint), rel=1e-9)
        gained = np.mean((alone - truth) ** 2) - np.mean((joint - truth) ** 2)
        assert one.error_gain == pytest.approx(gained, rel=1e-3)
