"""A scorecard of three banks over secure sums: bytes and rounds as planned, whoever coordinates."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from coterie.learn.binning import Bin, Woe
from coterie.learn.component import EACH
from coterie.learn.fill import Fill
from coterie.learn.logistic import Logistic
from coterie.learn.scorecard import Scorecard
from coterie.learn.stack import Stack
from coterie.learn.standardize import Standardize
from tests.learn.horizontal import run
from tests.learn.horizontal_data import NAMES, datasets
from tests.learn.test_fl_binning import table

CARD = [
    ("stack", Stack(), {}),
    ("bin", Bin(), {"columns": ["each.income", "each.grade", "each.town", "each.debt"]}),
    ("woe", Woe(), {}),
    ("model", Logistic(), {"l2": 1e-4}),
    ("card", Scorecard(), {}),
]


@pytest.mark.parametrize("coordinator", ["hub", "north"])
def test_a_scorecard_over_secure_sums(coordinator: str) -> None:
    found = run(datasets(table(3000), "bad"), CARD, label="bad", coordinator=coordinator)
    cards = [json.loads(found[name].published["scorecard/card.scorecard.json"]) for name in NAMES]
    assert cards[0] == cards[1] == cards[2]
    assert [column["name"] for column in cards[0]["columns"]] == ["income", "grade", "town", "debt"]
    pooled = [found[name].frames["all"] for name in NAMES]
    features = np.vstack([frame.matrix(frame.columns[EACH]) for frame in pooled])
    label = np.concatenate([frame.labels() for frame in pooled])
    wanted = LogisticRegression(C=1e4 / len(label), tol=1e-12, solver="newton-cholesky").fit(features, label)
    for name in NAMES:
        model = found[name].contexts["model"].models["model"]
        assert model.weights == pytest.approx(wanted.coef_[0], abs=1e-8)
    plan = found["east"].plans["model"]
    assert [total.times for total in plan.totals] == [1, 25]
    assert plan.sent["east"]
    assert plan.at_most


def test_what_is_learnt_over_the_mesh_is_what_local_sums_give() -> None:
    given: dict[str, Any] = {name: values for name, values in table(1500).items() if name != "town"}
    steps = [("stack", Stack(), {}), ("fill", Fill(), {}), ("scale", Standardize(), {"method": "quantile"})]
    far, near = (run(datasets(given, "bad"), steps, label="bad", coordinator=one) for one in ("hub", None))
    for step in ("fill", "scale"):
        states = [found["west"].contexts[step].models[step].states[EACH] for found in (far, near)]
        assert states[0] == states[1]
