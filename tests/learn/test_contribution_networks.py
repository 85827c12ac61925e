"""Contributions to networks: against the way of the weights, integrated on the pooled rows."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from coterie.data import Dataset
from coterie.errors import CoterieError
from coterie.learn.component import Earlier
from coterie.learn.contribution import Contribution, ContributionParams, Contributions
from coterie.learn.contribution.statement import GRADIENTS
from coterie.learn.neural import Neural, NeuralParams
from coterie.learn.neural.params import NetworkPrivacy
from coterie.learn.standardize import Standardize
from tests.learn import pipeline
from tests.learn.horizontal import planning_of, run
from tests.learn.test_contribution import EACH, SPLIT, Floats, Outcome, tables, together

SMALL: dict[str, Any] = {"hidden": [5], "rounds": 9, "early_stopping": None, "batch_rows": 512}
SMALL |= {"learning_rate": 0.02, "seed": 3}
STRATEGIES: list[dict[str, Any]] = [
    {"strategy": "fedavg", "weighting": "equal", "early_stopping": 3, "validation": 0.3, "rounds": 20},
    {"strategy": "fedprox", "mu": 0.1, "clip_norm": 0.4, "activation": "tanh"},
    {"strategy": "fedadam", "server_rate": 0.05},
    {"strategy": "scaffold", "optimizer": "sgd", "learning_rate": 0.3},
    {"strategy": "fedavg", "task": "regression"},
]
SCALED: list[Any] = [("scale", Standardize(), {})]


def clear_labels(given: Dataset, shuffled: bool) -> Dataset:
    """Labels that features tell without noise, or nothing at all."""
    columns = {name: given.table.column(name).to_numpy() for name in ("x0", "x1", "x2")}
    label = (columns["x0"] > columns["x1"]).astype(np.int64)
    if shuffled:
        label = np.random.default_rng(1).permutation(label)
    return pipeline.dataset(list(given.ids), {**columns, "y": label}, "y")


def network_contributed(
    parties: int, given: dict[str, Any], *, shuffled: int = -1, **params: Any
) -> tuple[Contributions, dict[str, Outcome]]:
    data = tables(parties, 400, shuffled=shuffled, numbers=given.get("task") == "regression")
    if shuffled >= 0 and "task" not in given:
        data = {name: clear_labels(one, int(name[1:]) == shuffled) for name, one in data.items()}
    steps = [*SPLIT, *SCALED, ("model", Neural(), {**SMALL, **given}), ("who", Contribution(), params)]
    found = run(data, steps, label="y")
    documents = [found[name].published["contribution/contribution.json"] for name in data]
    if params.get("tell") != "own":
        assert len(set(documents)) == 1
    return Contributions.model_validate_json(documents[0]), found


def measured(found: dict[str, Outcome]) -> tuple[Floats, Floats]:
    frames = {name: one.contexts["who"].frames["test"] for name, one in found.items()}
    return together({name: (one.matrix(one.columns[EACH]), one.target()) for name, one in frames.items()})


def pooled_loss(weights: torch.Tensor, x: Floats, y: Floats, of: Any) -> torch.Tensor:
    """In doubles, of the rows of all parties in one place."""
    features, place = torch.from_numpy(x).double(), 0
    sizes = of.params.sizes(x.shape[1])
    for number, (before, units) in enumerate(pairwise(sizes)):
        matrix = weights[place : place + before * units].reshape(units, before)
        place += before * units
        features = features @ matrix.T + weights[place : place + units]
        place += units
        if number < len(sizes) - 2:
            features = torch.tanh(features) if of.params.activation == "tanh" else torch.relu(features)
    label = torch.from_numpy((y - of.scale.mean) / of.scale.deviation).double()
    if of.params.task == "regression":
        return ((features[:, 0] - label) ** 2).mean() * of.scale.deviation**2
    return torch.nn.functional.binary_cross_entropy_with_logits(features[:, 0], label)


@pytest.mark.parametrize("given", STRATEGIES)
def test_parts_are_integrals_along_the_way_on_the_pooled_rows(given: dict[str, Any]) -> None:
    one, found = network_contributed(3, given, shuffled=1)
    models = [found[name].contexts["who"].models["model"] for name in found]
    (x, y), first = measured(found), models[0].way
    for other in models[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(first.weights, other.way.weights, strict=True))
    wanted = np.zeros(3)
    for number, before in enumerate(first.weights[:-1]):
        step = first.weights[number + 1].astype(float) - before
        parts = np.array([of.way.own[number] for of in models], float)
        assert parts.sum(axis=0) == pytest.approx(step, abs=1e-5)
        for at in (np.arange(40) + 0.5) / 40:
            weights = torch.from_numpy(before + at * step).requires_grad_()
            (slope,) = torch.autograd.grad(pooled_loss(weights, x, y, models[0]), weights)
            wanted -= parts @ slope.numpy() / 40
    ends = [float(pooled_loss(torch.from_numpy(w.astype(float)), x, y, models[0])) for w in first.weights]
    assert (one.nothing, one.whole) == pytest.approx((ends[0], ends[-1]), rel=1e-6)
    assert [party.contribution for party in one.parties] == pytest.approx(wanted, abs=0.01 * abs(one.gain))
    assert one.accounted == pytest.approx(one.gain, rel=0.01)
    assert one.gain > 0
    assert (one.begins, one.parties[0].left_out) == ("first_network", None)
    if given.get("task") != "regression":
        if given["strategy"] != "scaffold":  # its variates make all go nearly the same way
            assert min(range(3), key=lambda place: one.parties[place].contribution or 0.0) == 1
        scores = [found[name].contexts["who"] for name in found]
        risk = np.concatenate([at.models["model"].scores(at.frames["test"]) for at in scores])
        assert one.whole == pytest.approx(log_loss(y, risk), rel=1e-5)


def test_who_was_not_drawn_has_no_part_and_classes_are_measured() -> None:
    given = {"rounds": 3, "sampled": 3, "learning_rate": 0.05, "task": "classes", "classes": 3}
    one, found = network_contributed(4, given, tell="own")
    ways = [found[name].contexts["who"].models["model"].way for name in found]
    for number in range(3):
        assert [bool(np.any(way.own[number])) for way in ways].count(False) == 1
    total = sum(
        Contributions.model_validate_json(of.published["contribution/contribution.json"])
        .parties[0]
        .contribution
        for of in found.values()
    )
    assert one.accounted == pytest.approx(total, abs=1e-9)
    assert one.accounted == pytest.approx(one.gain, rel=0.01)
    planned = next(total for total in found["p0"].plans["who"].totals if total.what == GRADIENTS)
    assert (planned.values, planned.times) == (2 * (4 * 5 + 6 * 3), 3)
    assert found["p0"].plans["model"].disk == 0


REFUSED: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"personal": 1}, {}, "CT-3318"),
    ({"groups": 3, "clip_norm": 1.0, "aggregate": "median"}, {}, "CT-3318"),
    ({}, {"method": "retrain"}, "CT-3313"),
]


@pytest.mark.parametrize(("given", "params", "code"), REFUSED)
def test_what_has_no_parts_is_refused(given: dict[str, Any], params: dict[str, Any], code: str) -> None:
    with pytest.raises(CoterieError) as caught:
        network_contributed(9 if "groups" in given else 3, given, **params)
    assert caught.value.code == code


def test_twins_have_equal_parts_and_others_do_not() -> None:
    steps = [SPLIT[0], *SCALED, ("model", Neural(), SMALL), ("who", Contribution(), {"frame": "all"})]
    found = run(tables(4, 100, twins=True), steps, label="y")
    one = Contributions.model_validate_json(found["p0"].published["contribution/contribution.json"])
    shares = [party.contribution or 0.0 for party in one.parties]
    assert shares[2] == pytest.approx(shares[3], rel=1e-3)
    assert shares[0] != pytest.approx(shares[2], rel=1e-2)


def test_networks_with_noise_are_refused() -> None:
    planning = planning_of(tables(3, 60), "y")
    for number, (step, component, _) in enumerate([SPLIT[0], *SCALED, ("model", Neural(), {})]):
        planning.step = step
        params = component.Parameters()
        component.plan(planning, params)
        planning.earlier = (*planning.earlier, Earlier(step, component.name, params, {}))
        assert len(planning.earlier) == number + 1
    noisy = NeuralParams(early_stopping=None, privacy=NetworkPrivacy(epsilon=1.0))
    planning.models["model"] = replace(planning.models["model"], params=noisy)
    planning.step = "who"
    with pytest.raises(CoterieError) as caught:
        Contribution().plan(planning, ContributionParams(frame="all"))
    assert caught.value.code == "CT-3315"


def test_a_way_is_kept_only_where_it_is_asked_for_and_of_the_same_rows() -> None:
    stack = SPLIT[0]
    model = ("model", Neural(), {**SMALL, "rounds": 1})
    found = run(tables(3, 60), [stack, *SCALED, model], label="y")
    assert found["p0"].contexts["model"].models["model"].way is None
    assert found["p0"].plans["model"].disk > 0
    steps = [stack, *SCALED, model, ("after", Standardize(), {"method": "quantile"})]
    with pytest.raises(CoterieError) as caught:
        run(tables(3, 60), [*steps, ("who", Contribution(), {"frame": "all"})], label="y")
    assert caught.value.code == "CT-3316"
