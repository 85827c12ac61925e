"""``evaluate`` run as a job runs it: in the clear, and between two parties with a dealer."""

import functools
import io
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from coterie.errors import CoterieError
from coterie.learn.align import Align
from coterie.learn.evaluate import CurvesDocument, Evaluate, Evaluation
from coterie.learn.evaluate.record import packed_size
from coterie.learn.logistic import Logistic
from coterie.learn.split import Split
from coterie.learn.standardize import Standardize

from .pipeline import Outcome, dataset, people, run

ROWS = 1000
L2 = 0.01
PREPARE = (
    ("align", Align(), {}),
    ("split", Split(), {"test": 0.4}),
    ("standardize", Standardize(), {}),
)
TRAIN = ("logistic", Logistic(), {"l2": L2, "passes": 20})
ALL_KINDS = {"scores": ("lender",), "metrics": ("lender", "payments"), "report": ("lender", "payments")}


@functools.cache
def table() -> tuple[list[str], dict[str, Any]]:
    ids, random = people(ROWS, 4)
    x = {name: random.normal(size=ROWS) for name in ("age", "income", "spent", "late")}
    odds = -1.2 + 0.5 * x["age"] - 0.4 * x["income"] + 0.3 * x["spent"] + 1.1 * x["late"]
    x["bad"] = (random.random(ROWS) < 1 / (1 + np.exp(-odds))).astype(int)
    return ids, x


def pick(*names: str) -> Any:
    ids, x = table()
    return dataset(ids, {name: x[name] for name in names}, label="bad")


@functools.cache
def between_two() -> dict[str, Outcome]:
    """The whole pipeline with every grant; run once, looked at by many tests."""
    return two({"bins": 10}, ALL_KINDS)


def two(params: Mapping[str, Any], receivers: Mapping[str, tuple[str, ...]]) -> dict[str, Outcome]:
    given = {"lender": pick("age", "income", "bad"), "payments": pick("spent", "late")}
    steps = (*PREPARE, TRAIN, ("evaluate", Evaluate(), params))
    return run(given, steps, label="bad", label_holder="lender", dealer="hub", receivers=receivers)


def alone(
    params: Mapping[str, Any], receivers: Mapping[str, tuple[str, ...]] = ALL_KINDS, **more: Any
) -> Outcome:
    steps = (*more.get("steps", (*PREPARE, TRAIN)), ("evaluate", Evaluate(), params))
    given = {"lender": pick("age", "income", "spent", "late", "bad")}
    return run(given, steps, label="bad", label_holder="lender", engine="clear", receivers=receivers)[
        "lender"
    ]


def metrics(outcome: Outcome) -> Evaluation:
    return Evaluation.model_validate_json(outcome.published["metrics/metrics.json"])


def oracle(outcome: Outcome, names: tuple[str, ...], frames: dict[str, Any]) -> tuple[Any, Any]:
    """Labels and scikit-learn's scores of the test rows, trained on the same standardized values."""
    del outcome
    model = LogisticRegression(C=1 / (L2 * frames["train"].rows), tol=1e-10, max_iter=1000)
    model.fit(frames["train"].matrix(names), frames["train"].labels())
    return frames["test"].labels(), model.predict_proba(frames["test"].matrix(names))[:, 1]


def test_in_the_clear_the_metrics_are_those_of_the_oracle() -> None:
    outcome = alone({"bins": 5})
    labels, scores = oracle(outcome, ("age", "income", "spent", "late"), dict(outcome.frames))
    found = metrics(outcome)
    assert found.joint.auc == pytest.approx(roc_auc_score(labels, scores), abs=1e-4)
    assert found.joint.rows == len(labels)
    assert len(found.joint.lift) == 5
    assert found.baseline is None
    assert found.auc_gain is None


def test_two_parties_measure_what_the_table_in_the_clear_gives() -> None:
    clear, joint = metrics(alone({})), metrics(between_two()["lender"])
    assert joint.joint.auc == pytest.approx(clear.joint.auc, abs=1e-3)
    assert joint.joint.brier == pytest.approx(clear.joint.brier, abs=1e-3)
    assert (joint.joint.rows, joint.joint.positives) == (clear.joint.rows, clear.joint.positives)


def test_the_baseline_is_the_label_holders_own_model() -> None:
    outcome = between_two()["lender"]
    labels, scores = oracle(outcome, ("age", "income"), dict(outcome.frames))
    found = metrics(outcome)
    assert found.baseline is not None
    assert found.baseline.auc == pytest.approx(roc_auc_score(labels, scores), abs=1e-4)
    assert found.auc_gain == pytest.approx(found.joint.auc - found.baseline.auc)
    assert found.auc_gain_low is not None
    assert found.auc_gain_low > 0  # the other party's columns do help here


def test_scores_reach_the_label_holder_only_and_lie_beside_its_ids() -> None:
    outcomes = between_two()
    assert [name for name, one in outcomes.items() if "scores/scores.parquet" in one.published] == ["lender"]
    found = pq.read_table(io.BytesIO(outcomes["lender"].published["scores/scores.parquet"])).to_pydict()
    ids, x = table()
    labels = dict(zip(ids, x["bad"].tolist(), strict=True))
    assert set(found) == {"id", "score"}
    area = roc_auc_score([labels[i] for i in found["id"]], found["score"])
    assert area == pytest.approx(metrics(outcomes["lender"]).joint.auc, abs=1e-12)


def test_receivers_get_the_same_metrics_by_a_planned_record() -> None:
    outcomes = between_two()
    told, known = metrics(outcomes["payments"]), metrics(outcomes["lender"])
    assert (told.guarded, known.guarded) == (True, False)
    assert told.auc_gain == known.auc_gain
    of_groups = {"lift", "calibration", "calibration_error", "equal_frequency", "equal_range"}
    of_groups |= {"best_f1", "at_threshold", "at_rates"}
    same = set(type(known.joint).model_fields) - of_groups
    for one, other in ((told.joint, known.joint), (told.baseline, known.baseline)):
        assert one is not None
        assert other is not None
        assert all(getattr(one, name) == getattr(other, name) for name in same)
    reveals = {one.kind: one for one in outcomes["hub"].plans["evaluate"].reveals if one.kind}
    assert reveals["metrics"].to == reveals["report"].to == ("payments",)
    assert reveals["scores"].to == ("lender",)
    assert outcomes["hub"].published == {}


def test_curves_are_kept_for_reports_and_are_no_file() -> None:
    for name in ("lender", "payments"):
        outcome = between_two()[name]
        assert "report/report.html" not in outcome.published
        told = [one for one in outcome.last.findings[name] if one.kind == "report"]
        assert [one.component for one in told] == ["evaluate", "evaluate"]
        assert dict(told[0].document) == json.loads(outcome.published["metrics/metrics.json"])
        drawn = CurvesDocument.model_validate_json(json.dumps(told[1].document))
        assert drawn.guarded == (name == "payments")
        assert drawn.baseline is not None


def test_a_receiver_of_metrics_does_not_get_the_curves() -> None:
    outcomes = two({}, {"scores": ("lender",), "metrics": ("lender", "payments"), "report": ("lender",)})
    assert set(outcomes["payments"].published) == {"metrics/metrics.json"}
    plans = [
        one["evaluate"].sent["lender"]["payments"]
        for one in (outcomes["hub"].plans, between_two()["hub"].plans)
    ]
    sizes = [packed_size(10, baseline=True, curves=drawn) for drawn in (False, True)]
    assert plans[1] - plans[0] == sizes[1] - sizes[0]
    assert all(one.kind != "report" for one in outcomes["hub"].plans["evaluate"].reveals)


def test_without_a_grant_nothing_is_sent_or_kept() -> None:
    outcomes = two({"baseline": False}, {"scores": ("lender",), "metrics": ("lender",)})
    assert outcomes["payments"].published == {}
    assert set(outcomes["lender"].published) == {"scores/scores.parquet", "metrics/metrics.json"}
    assert metrics(outcomes["lender"]).baseline is None


def test_training_rows_can_be_measured_too() -> None:
    outcome = alone({"frame": "train"})
    assert metrics(outcome).joint.rows == outcome.frames["train"].rows


def test_metrics_are_plain_json() -> None:
    document = json.loads(alone({}).published["metrics/metrics.json"])
    assert document["version"] == 1
    assert document["frame"] == "test"
    assert 0.5 < document["joint"]["auc"] < 1


@pytest.mark.parametrize(
    ("params", "steps", "receivers", "code"),
    [
        ({}, PREPARE, {}, "CT-3002"),
        ({"model": "other"}, (*PREPARE, TRAIN), {}, "CT-3002"),
        ({"model": "split"}, (*PREPARE, TRAIN), {}, "CT-3002"),
        ({}, (PREPARE[0], PREPARE[2], TRAIN), {}, "CT-3001"),
        ({}, (*PREPARE, TRAIN), {"scores": ("lender", "payments")}, "CT-3030"),
    ],
)
def test_what_does_not_fit_is_refused_while_planning(
    params: Mapping[str, Any], steps: Any, receivers: Mapping[str, tuple[str, ...]], code: str
) -> None:
    with pytest.raises(CoterieError) as caught:
        alone(params, receivers, steps=steps)
    assert caught.value.code == code
    assert caught.value.step == "evaluate"
