"""Measures of rows of which nobody knows which are common, against scikit-learn on those that are."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score, roc_curve

from coterie.errors import CoterieError
from coterie.learn.align import Align
from coterie.learn.component import FrameShape, HiddenShape, PlanContext
from coterie.learn.evaluate import Evaluate, HiddenEvaluation
from coterie.learn.evaluate.hidden import BANDS, CELLS, ENOUGH, MEASURES, TOLD, Task, measuring
from coterie.learn.logistic import Logistic, LogisticParams
from coterie.learn.logistic.hidden_model import HiddenModelFacts
from coterie.learn.report import Report
from coterie.learn.secure import traced
from coterie.learn.split import Split
from coterie.mpc import Context, Secret, twin

from .pipeline import Outcome, dataset, run

UNIT = 2.0**-12
EDGES = (1.0, *reversed(BANDS), 0.0)
HIDDEN = ("align", Align(), {"membership": "hidden"})
TRAIN = ("logistic", Logistic(), {"passes": 5})
SHORT = ("logistic", Logistic(), {"passes": 1})
STEPS = (HIDDEN, ("split", Split(), {"test": 0.4}), TRAIN)
TO = {"metrics": ("lender", "regulator"), "coefficients": ("regulator",), "report": ("regulator",)}
Floats = NDArray[np.float64]


class Given(HiddenModelFacts):
    """A model whose log-odds are an input."""

    def logits(self, ctx: Context, shape: FrameShape) -> Secret:
        return ctx.shared("logits", (shape.rows,), 2.0**12, 20)


FACTS = Given({}, "lender", "shop", 1.0, LogisticParams())


def measured(logits: Floats, labels: Floats, member: Floats, group: int = 20) -> dict[str, Any]:
    shape, most = FrameShape(len(logits), {}, "lender", "bad"), len(logits) - 50
    task = Task(("lender", "shop"), "lender", shape, group, most, ("shop",))
    inputs = {"logits": logits, "label": labels, "member": member}
    return twin(measuring(task, FACTS), task.parties, inputs).revealed


def expected(risk: Floats, labels: Floats) -> dict[str, float]:
    false, true, _ = roc_curve(labels, risk)
    gaps = [
        abs((risk[rows] - labels[rows]).sum())
        for high, low in pairwise(EDGES)
        if (rows := (risk >= low) & (risk < high)).any()
    ]
    return {
        "auc": float(roc_auc_score(labels, risk)),
        "ks": float(np.abs(true - false).max()),
        "log_loss": float(log_loss(labels, risk)),
        "brier": float(brier_score_loss(labels, risk)),
        "positive_rate": float(labels.mean()),
        "predicted_rate": float(risk.mean()),
        "calibration_error": sum(gaps) / len(labels),
    }


@pytest.mark.parametrize(("centre", "spread", "group"), [(-1.5, 1.5, 20), (-3, 2.5, 5), (0.5, 0.4, 20)])
def test_of_scores_at_levels_all_is_exact(centre: float, spread: float, group: int) -> None:
    random = np.random.default_rng(int(10 * spread))
    logits = np.round(random.normal(centre, spread, 900) * 32) / 32
    labels = (random.random(900) < 1 / (1 + np.exp(-logits - 0.3))).astype(float)
    member = (random.random(900) < 0.6).astype(float)
    member[logits > centre + 2 * spread] = 1  # common rows are not as all others are
    found = measured(logits, labels, member, group)
    assert found[ENOUGH]
    (common,) = np.nonzero(member)
    risk, bad = 1 / (1 + np.exp(-logits[common].clip(-8, 255 / 32))), labels[common]
    wanted = expected(risk, bad)
    assert dict(zip(MEASURES, found[TOLD], strict=False)) == pytest.approx(wanted, abs=2 * UNIT)
    # Cells: each band once, enough rows of either label in each.
    cells, start = found[TOLD][len(MEASURES) :].reshape(-1, 3), 0
    assert found[CELLS][-1]
    for end in np.flatnonzero(found[CELLS]):
        rows = (risk >= EDGES[end + 1]) & (risk < EDGES[start])
        assert min(bad[rows].sum(), (1 - bad[rows]).sum()) >= group
        assert cells[end] == pytest.approx([rows.mean(), risk[rows].mean(), bad[rows].mean()], abs=2 * UNIT)
        start = end + 1
    assert not cells[~found[CELLS]].any()
    if group == 5:
        assert found[CELLS].sum() >= 4


def test_nothing_is_told_of_too_few_rows() -> None:
    logits = np.zeros(200)
    labels = (np.arange(200) < 40).astype(float)
    for common, enough in ((20, True), (21, False)):
        found = measured(logits, labels, (np.arange(200) >= common).astype(float))
        assert found[ENOUGH] == enough
        assert bool(found[CELLS].any()) == bool(found[TOLD].any()) == enough


def tables() -> dict[str, pd.DataFrame]:
    random = np.random.default_rng(8)
    values = random.normal(size=(800, 3)) * [900, 5, 1] + [3000, 9, 0]
    odds = (values[:, 0] - 3000) / 900 + (values[:, 1] - 9) / 5 - 1
    bad = (random.random(800) < 1 / (1 + np.exp(-odds))).astype(int)
    ids = [f"p{row}" for row in range(800)]
    lender = pd.DataFrame({"income": values[:, 0], "bad": bad}, index=ids)[:500]
    shop = pd.DataFrame({"flow": values[:, 1], "noise": values[:, 2]}, index=ids)[100:]
    return {"lender": lender, "shop": shop}


def job(steps: Any, **more: Any) -> dict[str, Outcome]:
    data = {
        party: dataset(frame.index.tolist(), {name: frame[name].to_numpy() for name in frame}, label="bad")
        for party, frame in tables().items()
    }
    settings = {"receivers": TO, "guests": ("regulator",), "dealer": "hub", **more}
    return run(data, steps, label="bad", label_holder="lender", **settings)


def test_a_model_is_trained_and_tested_on_rows_that_nobody_knows() -> None:
    outcomes = job((*STEPS, ("measuring", Evaluate(), {}), ("report", Report(), {})))
    guest, frames = outcomes["regulator"], tables()
    common = frames["lender"].index.intersection(frames["shop"].index)
    scaled = [
        (frame - frame.mean()).div(frame.std(ddof=0)).clip(-4, 4).drop(columns="bad", errors="ignore")
        for frame in frames.values()
    ]
    model = json.loads(guest.published["coefficients/logistic.coefficients.json"])
    weights = [one["coefficient"] for one in model["coefficients"]]
    odds = pd.concat([part.loc[common] for part in scaled], axis=1) @ np.array(weights) + model["intercept"]
    places = outcomes["lender"].frames["test"].places["lender"]
    rows = frames["lender"].index[places[places >= 0]].intersection(common)
    risk, bad = 1 / (1 + np.exp(-odds.loc[rows])), frames["lender"].loc[rows, "bad"]
    (finding,) = [one for one in guest.last.findings["regulator"] if one.kind == "metrics"]
    told = HiddenEvaluation.model_validate_json(json.dumps(finding.document))
    assert (told.model, told.frame, told.least) == ("logistic", "test", 20)
    wanted = expected(risk.to_numpy(), bad.to_numpy().astype(float))
    # Of some 160 rows one can move a step of the KS, or from one band to the next.
    coarse = {"calibration_error": 0.04, "ks": 0.05, "auc": 0.01}
    for name, value in wanted.items():
        assert getattr(told, name) == pytest.approx(value, abs=coarse.get(name, 0.004)), name
    assert told.gini == 2 * told.auc - 1
    assert sum(one.share for one in told.cells) == pytest.approx(1, abs=0.01)
    assert wanted["auc"] > 0.7
    assert f"{told.auc:.4f}" in guest.published["report/report.html"].decode()
    # Nobody else is told anything, and the receiver of metrics has the file.
    assert json.loads(outcomes["lender"].published["metrics/metrics.json"])["task"] == "hidden classification"
    assert not outcomes["shop"].published
    plan, what = guest.plans["measuring"], "measures of the model on all common rows, with a table by band"
    assert [(one.what, one.to, one.kind) for one in plan.reveals] == [
        (
            "whether at least 20 common rows have either label: one bit",
            ("lender", "shop", "hub", "regulator"),
            None,
        ),
        (what, ("lender", "regulator"), "metrics"),
        (what, ("regulator",), "report"),
    ]
    assert [(one.name, one.to) for one in plan.disclosed] == [
        (ENOUGH, ("lender", "shop", "regulator")),
        (TOLD, ("lender", "regulator")),
        (CELLS, ("lender", "regulator")),
    ]


@pytest.mark.parametrize(
    ("given", "more", "code"),
    [
        ({"segments": ["lender.income"]}, {}, "CT-3226"),
        ({}, {"receivers": {}}, "CT-3136"),
        ({"model": "other"}, {}, "CT-3002"),
        ({}, {"min_group": 150}, "CT-3166"),  # some 120 test rows have either label
        ({}, {"min_group": 260}, "CT-3166"),  # it cannot have so many
    ],
)
def test_what_cannot_be_measured_is_refused(given: Any, more: Any, code: str) -> None:
    with pytest.raises(CoterieError) as caught:
        job((HIDDEN, SHORT, ("evaluate", Evaluate(), {"frame": "all", **given})), **more)
    assert caught.value.code == code


@pytest.mark.parametrize(("group", "most"), [(1, 60_000), (20, 10**6), (256, 10**7)])
def test_rows_of_many_sizes_fit_the_ring(group: int, most: int) -> None:
    hidden = HiddenShape("lender", "shop", group, most)
    shape = FrameShape(2 * most, {"lender": ("a",), "shop": ("b",)}, "lender", "bad", hidden=hidden)
    context = PlanContext(
        engine="mpc",
        step="evaluate",
        parties=("lender", "shop"),
        dealer="hub",
        receivers={},
        dataset_rows={},
        columns={},
        label_holder="lender",
        label="bad",
        frames={"all": shape},
        models={},
    )
    task = Task(context.parties, "lender", shape, group, most, ("shop",))
    facts = HiddenModelFacts(dict(shape.columns), "lender", "shop", 4000.0, LogisticParams())
    tape = traced(measuring(task, facts), context, to=("shop",))
    assert 600 < tape.sent["shop"]["lender"] / shape.rows < 800
