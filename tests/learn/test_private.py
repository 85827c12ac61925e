"""Steps with differential privacy: what they plan, what they find, and what they cannot forget."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from coterie.errors import CoterieError
from coterie.fl import LocalSums, epsilon_of
from coterie.learn.component import EACH
from coterie.learn.logistic import Logistic
from coterie.learn.neural import Neural
from coterie.learn.private import Privacy as Given
from coterie.learn.private import colluding, honest, noisy, private_sums, spends_of
from coterie.learn.report import Report
from coterie.learn.split import Split
from coterie.learn.stack import Stack
from coterie.learn.standardize import Standardize
from coterie.learn.summed import PlannedSums, planned_sums
from tests.learn.horizontal import planning_of, run
from tests.learn.horizontal_data import datasets

ROWS = 6000
WEIGHTS = np.array([1.5, -1.0, 0.5, 0.0])
BOUNDS = {f"{EACH}.x{j}": [-20.0, 22.0] for j in range(4)}


def table() -> dict[str, Any]:
    draw = np.random.default_rng(5)
    features = draw.normal(size=(ROWS, 4)) * [1, 2, 3, 4] + [0, 1, 10, -2]
    z = ((features - [0, 1, 10, -2]) / [1, 2, 3, 4]) @ WEIGHTS - 0.5
    label = (draw.random(ROWS) < 1 / (1 + np.exp(-z))).astype(np.int64)
    return {**{f"x{j}": features[:, j] for j in range(4)}, "y": label}


def pipeline_of(**privacy: Any) -> list[tuple[str, Any, dict[str, Any]]]:
    return [
        ("stack", Stack(), {}),
        ("split", Split(), {}),
        ("scale", Standardize(), {"privacy": {"noise_multiplier": 2.0, "bounds": BOUNDS}}),
        ("fit", Logistic(), {"passes": 40, "privacy": privacy}),
        ("page", Report(), {}),
    ]


def test_a_model_with_noise() -> None:
    columns = table()
    found = run(
        datasets(columns, "y"), pipeline_of(epsilon=2.0, sampling=0.5), label="y", coordinator="north"
    )
    given = [outcome.contexts["fit"].models["fit"] for outcome in found.values()]
    assert all(np.array_equal(one.weights, given[0].weights) for one in given)
    matrix = np.column_stack([columns[f"x{j}"] for j in range(4)])
    scales = found["east"].contexts["fit"].models["scale"].states[EACH].columns
    assert scales["x2"].mean == pytest.approx(10, abs=0.5)
    assert scales["x3"].deviation == pytest.approx(4, rel=0.2)
    scaled = np.column_stack([scales[f"x{j}"].apply(matrix[:, j], 5.0) for j in range(4)])
    exact = LogisticRegression().fit(scaled, columns["y"])
    best = roc_auc_score(columns["y"], exact.decision_function(scaled))
    assert roc_auc_score(columns["y"], given[0].logits(scaled)) > best - 0.01
    assert float(np.abs(given[0].weights - exact.coef_[0]).max()) > 1e-4  # it is no exact optimum
    again = run(datasets(columns, "y"), pipeline_of(epsilon=2.0, sampling=0.5), label="y")
    assert not np.array_equal(again["east"].contexts["fit"].models["fit"].weights, given[0].weights)

    plans = found["east"].plans
    assert all(plans[step].private for step in ("split", "scale", "fit"))
    (spend,) = spends_of(plans["fit"])
    assert (spend.times, spend.sampling, spend.honest, spend.unit) == (40, 0.5, 2, "record")
    document = json.loads(found["east"].published["coefficients/fit.coefficients.json"])["privacy"]
    assert document["epsilon"] == epsilon_of([spend], 1e-6, "record") <= 2.0
    assert document["mechanism"] == "distributed discrete Gaussian"
    assert document["epsilon"] > 1.9
    assert (document["honest"], document["colluding"]) == (2, 1)
    (page,) = (text.decode() for name, text in found["east"].published.items() if "report/" in name)
    assert "Differential privacy" in page
    assert f"{document['epsilon']:.4g}" in page
    assert plans["page"].private


def test_noise_is_not_forgotten() -> None:
    context = planning_of(datasets(table(), "y"), "y")
    total = noisy(context, Given(noise_multiplier=1.0), "noisy", unit="record", values=3, clip=1.0)
    Stack().plan(context, Stack.Parameters())
    plan = Logistic().plan(context, Logistic.Parameters(privacy={"noise_multiplier": 1.0}))
    what = plan.totals[0].what
    sums = {name: PlannedSums(plan, one) for name, one in LocalSums.group("a", "b", "c").items()}
    with pytest.raises(ValueError, match="with noise"):
        sums["a"].total(what, np.zeros(5), plan.totals[0].form)
    with pytest.raises(ValueError, match="has not planned"):
        sums["a"].noisy("another", lambda rows: [np.zeros((len(rows), 5))], 1)
    exact = Logistic().plan(context, Logistic.Parameters())
    assert not exact.private
    bare = PlannedSums(exact, LocalSums.group("a", "b", "c")["a"])
    with pytest.raises(ValueError, match="without noise"):
        bare.noisy(exact.totals[0].what, lambda rows: [np.zeros((len(rows), 5))], 1)
    with pytest.raises(ValueError, match="without noise"):
        private_sums(context, [total, exact.totals[0]])
    assert "private" not in planned_sums(context, [total])


def test_how_many_must_be_honest() -> None:
    context = planning_of(datasets(table(), "y"), "y")
    assert honest(context, None, local=False) == 2
    assert honest(context, None, local=True) == 1
    context.parties = tuple(f"p{k}" for k in range(20))
    assert honest(context, None, local=False) == 2
    context.colluding = 3
    assert honest(context, None, local=False) == 17
    assert honest(context, 5, local=False) == 2
    assert honest(context, 3, local=False) == 1
    context.minimum = 15  # five may drop out, of those who are honest
    assert honest(context, None, local=False) == 12
    context.colluding = 12  # the sums stand nine, where five may drop out
    for parts in (None, 5):
        with pytest.raises(CoterieError) as caught:
            honest(context, parts, local=False)
        assert caught.value.code == "CT-3267"
    assert honest(context, None, local=True) == 1
    context.colluding = None
    assert colluding(context, local=False) == 9
    # Where all must be there, masks are of pairs alone: all but two, however many they are.
    context.minimum = None
    context.parties = tuple(f"p{k:02}" for k in range(50))
    for context.colluding in (None, 48):
        assert honest(context, None, local=False) == 2
        assert honest(context, 5, local=False) == 1
    context.colluding = 49
    with pytest.raises(CoterieError) as caught:
        noisy(context, Given(noise_multiplier=1.0), "w", unit="party", values=9, clip=1.0)
    assert caught.value.code == "CT-3267"
    context.parties, context.colluding = context.parties[:20], 3
    one = noisy(context, Given(noise_multiplier=1.0), "w", unit="party", values=9, clip=1.0, bits=32)
    own = noisy(
        context, Given(noise_multiplier=1.0, local=True), "w", unit="party", values=9, clip=1.0, bits=32
    )
    assert one.noise is not None
    assert own.noise is not None
    assert own.noise.deviation == pytest.approx(one.noise.deviation * 17**0.5, rel=0.01)


def test_what_is_wrong_with_a_row_stays_at_home() -> None:
    """Neither a failure nor a number tells of missing values, of values that are not finite, of labels."""
    columns = table()
    columns["x0"] = columns["x0"].copy()
    columns["x0"][[3, 4, 5]] = np.nan, np.inf, -np.inf
    columns["x1"] = [None if row in (7, 8) else value for row, value in enumerate(columns["x1"].tolist())]
    columns["y"] = [{9: None, 10: 2}.get(row, value) for row, value in enumerate(columns["y"].tolist())]
    pipeline = pipeline_of(epsilon=20.0)
    network = {"rounds": 1, "hidden": [4], "early_stopping": None, "local_epochs": 1}
    for unit in ("record", "party"):
        given = {"privacy": {"unit": unit, "noise_multiplier": 1.0}}
        pipeline.insert(-1, (unit, Neural(), {**network, **given}))
    found = run(datasets(columns, "y"), pipeline, label="y", coordinator="north")
    models = found["east"].contexts["fit"].models
    assert np.isfinite(models["fit"].weights).all()
    assert models["scale"].states[EACH].columns["x2"].mean == pytest.approx(10, abs=0.5)


@pytest.mark.parametrize(
    ("component", "params", "code"),
    [
        (Standardize(), {"noise_multiplier": 1.0, "bounds": {"each.x0": [0, 1]}}, "CT-3266"),
        (Logistic(), {"epsilon": 1e-9}, "CT-2433"),
    ],
)
def test_what_cannot_be_is_refused(component: Any, params: dict[str, Any], code: str) -> None:
    context = planning_of(datasets(table(), "y"), "y")
    Stack().plan(context, Stack.Parameters())
    with pytest.raises(CoterieError) as caught:
        component.plan(context, component.Parameters(privacy=params))
    assert caught.value.code == code
    context.all_rows = {"east": 1 << 27}
    with pytest.raises(CoterieError) as caught:
        Logistic().plan(context, Logistic.Parameters(privacy={"noise_multiplier": 1.0}))
    assert caught.value.code == "CT-3265"
    context.engine = "clear"
    with pytest.raises(CoterieError) as caught:
        component.plan(
            context, component.Parameters(privacy={**params, "epsilon": None, "noise_multiplier": 1})
        )
    assert caught.value.code == "CT-3266"


def test_parameters_say_one_thing() -> None:
    for wrong in ({}, {"noise_multiplier": 1.0, "epsilon": 1.0}, {"epsilon": 1.0, "delta": 0.5}):
        with pytest.raises(ValueError, match=r"privacy|delta"):
            Logistic.Parameters(privacy=wrong)
    with pytest.raises(ValueError, match="no range"):
        Standardize.Parameters(privacy={"noise_multiplier": 1.0, "bounds": {"each.x0": [1.0, 1.0]}})
