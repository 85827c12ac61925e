"""Networks trained with differential privacy, of records and of parties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from coterie.errors import CoterieError
from coterie.learn.component import EACH
from coterie.learn.neural import Neural
from coterie.learn.neural.fl import Perceptron, Rows
from coterie.learn.private import spends_of
from coterie.learn.stack import Stack
from coterie.learn.standardize import Standardize
from tests.learn.horizontal import planning_of, run
from tests.learn.horizontal_data import datasets

ROWS = 3000
BASE = {"hidden": [4], "activation": "tanh", "early_stopping": None}
BY_RECORD = {"rounds": 40, "learning_rate": 0.1, "privacy": {"epsilon": 4.0, "clip": 1.0, "sampling": 0.3}}
BY_PARTY = {
    "rounds": 4,
    "learning_rate": 0.02,
    "batch_rows": 64,
    "privacy": {"unit": "party", "noise_multiplier": 0.05, "clip": 2.0},
}


def table() -> dict[str, Any]:
    draw = np.random.default_rng(3)
    features = draw.normal(size=(ROWS, 2))
    label = (features[:, 0] - features[:, 1] + draw.normal(size=ROWS) * 0.5 > 0).astype(np.int64)
    return {"a": features[:, 0], "b": features[:, 1], "y": label}


@pytest.mark.parametrize(("params", "unit"), [(BY_RECORD, "record"), (BY_PARTY, "party")])
def test_a_network_with_noise(params: dict[str, Any], unit: str) -> None:
    columns = table()
    scale = {"noise_multiplier": 1.0, "bounds": {f"{EACH}.{name}": [-5, 5] for name in "ab"}}
    steps: Any = [
        ("stack", Stack(), {}),
        ("scale", Standardize(), {"privacy": scale}),
        ("net", Neural(), BASE | params),
    ]
    found = run(datasets(columns, "y"), steps, label="y", coordinator="hub" if unit == "party" else None)
    models = [found[name].contexts["net"].models["net"] for name in ("east", "north", "west")]
    assert models[0].to_bytes() == models[1].to_bytes() == models[2].to_bytes()
    plan = found["east"].plans["net"]
    assert plan.private
    (spend,) = spends_of(plan)
    assert (spend.unit, spend.times, spend.values) == (unit, params["rounds"], 2 * 4 + 4 + 4 + 1)
    assert plan.totals[0].form.bits == (64 if unit == "record" else 32)
    scored = []
    for name in ("east", "north", "west"):
        frame = found[name].contexts["net"].frames["all"]
        values = frame.matrix(("a", "b")).astype(np.float32)
        weights = [one.astype(np.float32) for w, b in models[0].layers for one in (w.T, b)]
        outputs = Perceptron((2, 4, 1), "tanh").outputs(weights, values)[:, 0]
        scored.append((frame.labels(), outputs))
    labels, outputs = (np.concatenate([one[k] for one in scored]) for k in (0, 1))
    assert roc_auc_score(labels, outputs) > 0.9


def test_gradients_are_those_of_single_rows() -> None:
    trainer = Perceptron((3, 4, 1), "tanh")
    weights = trainer.initial(b"a")
    draw = np.random.default_rng(1)
    rows = Rows(draw.normal(size=(5, 3)).astype(np.float32), np.array([0, 1, 1, 0, 1], np.float32))
    local = Neural.Parameters.model_validate(BASE).local(0)
    each = trainer.gradients(weights, rows, local)
    assert each.shape == (5, 21)

    def loss(number: int, moved: list[Any]) -> float:
        one = Rows(rows.features[number : number + 1], rows.label[number : number + 1])
        return trainer.losses(moved, one, local)

    for number in (0, 3):
        for place in (0, 7, 12, 20):
            numbers = np.concatenate([one.ravel() for one in weights])
            slopes = []
            for sign in (1, -1):
                moved = numbers.copy()
                moved[place] += sign * 1e-2
                cut = np.split(moved, np.cumsum([one.size for one in weights])[:-1])
                arrays = [part.reshape(one.shape) for part, one in zip(cut, weights, strict=True)]
                slopes.append(loss(number, arrays))
            assert each[number, place] == pytest.approx((slopes[0] - slopes[1]) / 2e-2, abs=2e-3)


@pytest.mark.parametrize(
    "changed",
    [
        {"early_stopping": 5},
        {"task": "regression"},
        {"strategy": "scaffold", "optimizer": "sgd"},
        {"personal": 1},
        {"clip_norm": 1.0},
        {"sampled": 3},
    ],
)
def test_what_tells_more_is_refused(changed: dict[str, Any]) -> None:
    context = planning_of(datasets(table(), "y"), "y")
    Stack().plan(context, Stack.Parameters())
    Standardize().plan(context, Standardize.Parameters())
    with pytest.raises(CoterieError) as caught:
        Neural().plan(context, Neural.Parameters.model_validate(BASE | BY_RECORD | changed))
    assert caught.value.code == "CT-3266"
