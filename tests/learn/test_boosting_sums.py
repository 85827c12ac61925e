"""Boosted trees over sums: the trees that XGBoost grows on all rows in one place."""

from __future__ import annotations

import functools
import json
from typing import Any

import numpy as np
import pytest
import xgboost
from sklearn.metrics import roc_auc_score

from coterie.errors import CoterieError
from coterie.learn.boosting import BoostedTrees, Boosting, load_model
from coterie.learn.boosting.cuts import FIRST, STEPS, agreed, most_cells
from coterie.learn.component import EACH
from coterie.learn.split import drawn_rows
from coterie.learn.stack import Stack

from . import pipeline
from .horizontal import planning_of, run
from .horizontal_data import NAMES, datasets, homo, homo_datasets
from .pipeline import Outcome, Steps

ROWS, FEW = 3000, {"rounds": 6, "max_depth": 4}
OBJECTIVES = {
    "binary": "binary:logistic",
    "squared_error": "reg:squarederror",
    "poisson": "count:poisson",
    "gamma": "reg:gamma",
    "tweedie": "reg:tweedie",
}


@functools.cache
def table(objective: str = "binary", gaps: bool = True) -> dict[str, Any]:
    """Columns of few values, each of many rows, some of them missing; and a label."""
    random = np.random.default_rng(4)
    values = random.integers(0, 25, (ROWS, 5)).astype(float)
    values[:, 3] = np.floor(values[:, 3] / 4) - 3.5
    known = values.copy()
    if gaps:
        values[random.random(ROWS) < known[:, 1] / 100, 1] = np.nan
        values[random.random(ROWS) < 0.1, 3] = np.nan
    score = known[:, 0] * known[:, 1] / 60 - known[:, 2] / 6 + known[:, 3] + random.normal(size=ROWS)
    label = {
        "binary": lambda: (score > 2).astype(np.int64),
        "squared_error": lambda: 100 * score,
        "poisson": lambda: random.poisson(np.exp(score / 9)).astype(float),
        "gamma": lambda: random.gamma(2, np.exp(score / 4)),
        "tweedie": lambda: 2.5 * random.poisson(np.exp(score / 9)),
    }[objective]()
    return {**{f"x{at}": values[:, at] for at in range(5)}, "bad": label}


def trained(columns: dict[str, Any], **more: Any) -> dict[str, Outcome]:
    """At three parties with parts of different size."""
    given = {name: more.pop(name) for name in ("coordinator", "min_group", "receivers") if name in more}
    steps: Steps = [("stack", Stack(), {}), ("boosting", Boosting(), {**FEW, **more})]
    return run(datasets(columns, "bad"), steps, label="bad", **given)


def model_of(outcomes: dict[str, Outcome]) -> BoostedTrees:
    """The same at all parties, as bytes too."""
    models = [one.last.models["boosting"] for one in outcomes.values()]
    assert len({model.to_bytes() for model in models}) == 1
    found = load_model(outcomes["east"].published["model/boosting.model"])
    assert found.to_bytes() == models[0].to_bytes()
    return found


def matrix(columns: dict[str, Any]) -> Any:
    return np.stack([values for name, values in columns.items() if name != "bad"], axis=1)


def theirs(columns: dict[str, Any], objective: str = "binary", rounds: int = 6, **params: Any) -> Any:
    """A booster of all rows in one place."""
    given = {"tree_method": "hist", "max_depth": 4, "nthread": 1, "objective": OBJECTIVES[objective]}
    rows = xgboost.DMatrix(matrix(columns), columns["bad"])
    return xgboost.train({**given, **params}, rows, rounds)


def trees_of(booster: Any) -> list[dict[str, Any]]:
    model = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]
    return [{name: np.asarray(values) for name, values in tree.items()} for tree in model["trees"]]


def assert_same_trees(ours: Any, peers: Any) -> None:
    """Split by split, with leaves but for what rounding does."""
    ours, peers = trees_of(ours), trees_of(peers)
    assert len(ours) == len(peers)
    assert sum(len(tree["parents"]) for tree in peers) > 60
    for one, other in zip(ours, peers, strict=True):
        for name in ("left_children", "right_children", "parents", "split_indices", "default_left"):
            assert np.array_equal(one[name], other[name]), name
        # Where values that are there part from those that are not, XGBoost takes a value beyond its largest.
        inner = (one["left_children"] >= 0) & (np.abs(one["split_conditions"]) < 1e38)
        assert np.array_equal(one["split_conditions"][inner], other["split_conditions"][inner])
        for name in ("base_weights", "loss_changes", "sum_hessian"):
            assert one[name] == pytest.approx(other[name], rel=2e-4, abs=2e-4 * abs(other[name]).max()), name


@pytest.mark.parametrize("objective", list(OBJECTIVES))
def test_trees_are_xgboosts_on_the_pooled_table(objective: str) -> None:
    columns = table(objective)
    model = model_of(trained(columns, objective=objective, min_group=10))
    peer = theirs(columns, objective)
    assert_same_trees(model.booster, peer)
    rows = xgboost.DMatrix(matrix(columns))
    assert model.booster.predict(rows) == pytest.approx(peer.predict(rows), rel=1e-4)
    assert (model.made.rows, model.made.trees) == (ROWS, 6)


@pytest.mark.parametrize("objective", ["binary", "squared_error", "poisson"])
def test_every_parameter_means_what_it_means_to_xgboost(objective: str) -> None:
    columns = table(objective)
    given: dict[str, Any] = {
        "learning_rate": 0.17,
        "min_child_weight": 7.5,
        "reg_lambda": 2.5,
        "reg_alpha": 0.7,
        "gamma": 1.3,
    }
    if objective == "binary":
        given["scale_pos_weight"] = 2.5
    model = model_of(trained(columns, objective=objective, min_group=10, **given))
    assert_same_trees(model.booster, theirs(columns, objective, **given))


def test_scores_rise_and_fall_as_told() -> None:
    columns = table(gaps=False)
    model = model_of(trained(columns, min_group=10, monotone={f"{EACH}.x0": 1, f"{EACH}.x2": -1}))
    assert_same_trees(model.booster, theirs(columns, monotone_constraints="(1,0,-1,0,0)"))


def test_a_share_of_rows_and_columns() -> None:
    columns, given = table(), {"subsample": 0.6, "colsample": 0.5, "rounds": 8, "seed": 3}
    model = model_of(trained(columns, **given))
    assert model.to_bytes() == model_of(trained(columns, **given)).to_bytes()
    assert model.to_bytes() != model_of(trained(columns, **{**given, "seed": 4})).to_bytes()
    for tree in trees_of(model.booster):
        assert len(set(tree["split_indices"][tree["left_children"] >= 0].tolist())) <= 2
    scores = model.booster.predict(xgboost.DMatrix(matrix(columns)))
    peer = theirs(columns, rounds=8, subsample=0.6, colsample_bytree=0.5)
    wanted = roc_auc_score(columns["bad"], peer.predict(xgboost.DMatrix(matrix(columns))))
    assert roc_auc_score(columns["bad"], scores) > wanted - 0.02


def test_the_auc_of_default_credit_is_xgboosts() -> None:
    head, test = homo("test")
    label = head.index("y")
    given = {"rounds": 60, "max_depth": 3, "learning_rate": 0.1}
    steps: Steps = [("stack", Stack(), {}), ("boosting", Boosting(), {**given, "shap_rows": 100})]
    outcomes = run(homo_datasets(), steps, label="y")
    model = model_of(outcomes)
    whole = np.concatenate([homo(part)[1] for part in ("guest", "host_1", "host_2")])
    features = np.delete(whole, label, axis=1)
    params = {"tree_method": "hist", "max_depth": 3, "eta": 0.1, "objective": "binary:logistic", "nthread": 1}
    peer = xgboost.train(params, xgboost.DMatrix(features, whole[:, label]), 60)
    rows = xgboost.DMatrix(np.delete(test, label, axis=1))
    ours, wanted = (roc_auc_score(test[:, label], one.predict(rows)) for one in (model.booster, peer))
    assert ours == pytest.approx(wanted, abs=1e-3)
    assert wanted > 0.78
    told = json.loads(outcomes["west"].published["importance/boosting.importance.json"])
    assert told == json.loads(outcomes["east"].published["importance/boosting.importance.json"])
    assert told["shap_rows"] == 300
    means = np.array([one["mean_abs_shap"] for one in told["columns"][EACH].values()])
    firsts = [one.frames["all"] for one in outcomes.values()]
    wanted = np.mean([np.abs(model.shares(frame, 100)[:, :-1]).mean(axis=0) for frame in firsts], axis=0)
    order = [model.facts.columns[EACH].index(name) for name in told["columns"][EACH]]
    assert means == pytest.approx(wanted[order], rel=1e-5)


def test_training_ends_where_xgboosts_ends_with_the_same_rows_held_back() -> None:
    columns = table()
    given = {"early_stopping": 2, "validation": 0.3, "rounds": 40, "learning_rate": 0.9, "seed": 5}
    outcomes = trained(columns, min_group=5, **given)
    frames = [outcomes[name].frames["all"] for name in NAMES]
    held = [drawn_rows(frame, 0.3, "early stopping 5") for frame in frames]
    assert [mask.sum() for mask in held] == [150, 300, 450]  # known before: nobody's id shows by it
    names = [name for name in columns if name != "bad"]
    rows = [frame.matrix(names) for frame in frames]
    parts = []
    for kept in (False, True):
        some = [mask == kept for mask in held]
        features = np.concatenate([one[mask] for one, mask in zip(rows, some, strict=True)])
        label = np.concatenate([frame.labels()[mask] for frame, mask in zip(frames, some, strict=True)])
        parts.append(xgboost.DMatrix(features, label))
    params = {"tree_method": "hist", "max_depth": 4, "eta": 0.9, "objective": "binary:logistic", "nthread": 1}
    history: dict[str, Any] = {}
    watched = [(parts[0], "training"), (parts[1], "validation")]
    booster = xgboost.train(
        params, parts[0], 40, evals=watched, early_stopping_rounds=2, evals_result=history, verbose_eval=False
    )
    model = model_of(outcomes)
    assert model.made.trees == booster.best_iteration + 1 < 38
    assert (model.made.rows, model.made.held_back) == (parts[0].num_row(), parts[1].num_row())
    told = json.loads(outcomes["north"].published["loss/boosting.loss.json"])
    for name, of in told["loss"].items():
        assert of == pytest.approx(history[name]["logloss"], abs=1e-6)


def test_over_links_no_more_is_sent_than_was_planned() -> None:
    columns = table()
    linked = trained(columns, rounds=2, coordinator="hub", early_stopping=1)
    assert (
        model_of({name: linked[name] for name in NAMES}).to_bytes()
        == model_of(trained(columns, rounds=2, early_stopping=1)).to_bytes()
    )
    plan = linked["east"].plans["boosting"]
    assert plan.at_most
    assert {one.kind for one in plan.reveals if one.kind} == {"model", "importance", "loss"}
    assert all(one.to == NAMES for one in plan.reveals)


def cut(values: Any, bins: int, floor: int) -> tuple[Any, list[Any]]:
    """Bins of one party's values, which are all, and the counts that become known."""
    seen: list[Any] = []

    def total(step: int, counts: Any) -> Any:
        assert counts.shape == (values.shape[1], FIRST) if step == 0 else counts.ndim == 1
        assert step == 0 or counts.size <= most_cells(values.shape[1], len(values), bins, floor)
        seen.append(counts)
        return counts

    found = agreed(values.astype(np.float32), len(values), bins, floor, total)
    assert len(seen) <= STEPS
    return found, seen


def test_few_values_are_cut_as_xgboost_cuts_them() -> None:
    random = np.random.default_rng(0)
    values = np.stack(
        [
            random.choice([-1e30, -2.5, -0.0, 1e-40, 0.1, 1, 1 + 1e-6, 3e38], 5000),
            random.integers(-100, 100, 5000) / 7,
            np.where(random.random(5000) < 0.3, np.nan, 5),
        ],
        axis=1,
    ).astype(np.float32)
    found, _ = cut(values, 256, 1)
    for column, cuts in enumerate(found.cuts):
        present = values[~np.isnan(values[:, column]), column]
        assert np.array_equal(cuts, np.unique(present)[1:])
    assert found.gaps.tolist() == [False, False, True]


@pytest.mark.parametrize("bins", [4, 32, 256])
def test_many_values_are_cut_at_their_quantiles(bins: int) -> None:
    random = np.random.default_rng(1)
    rows = 40_000
    skewed = np.where(random.random(rows) < 0.6, 0, random.lognormal(3, 2, rows))
    values = np.stack([random.normal(size=rows), 1e3 + random.random(rows), skewed], axis=1)
    found, _ = cut(values, bins, 20)
    for column, cuts in enumerate(found.cuts):
        held = np.bincount(np.searchsorted(cuts, values[:, column].astype(np.float32), side="right"))
        if column < 2:
            assert len(cuts) == bins - 1
            assert held.max() < 1.6 * rows / bins
        assert held.min() >= 20
        assert np.sort(held)[:-1].max() < 1.6 * rows / bins  # a value of many rows is a bin for itself


def test_no_bin_has_fewer_rows_than_a_group_and_no_small_cell_is_looked_into() -> None:
    random = np.random.default_rng(2)
    values = np.r_[np.repeat([1.0, 2.0, 3.0], 200), 2.3, np.full(19, 2.7), 9999.25][:, None]
    values = random.permutation(values)
    found, seen = cut(values, 256, 20)
    held = np.bincount(np.searchsorted(found.cuts[0], values[:, 0].astype(np.float32), side="right"))
    assert found.cuts[0].tolist() == [2.0, 3.0] or held.min() >= 20
    assert 9999.25 not in found.cuts[0]
    assert np.float32(2.3) not in found.cuts[0]
    # The three values alone are known to the last digit: 200 rows each, in four further totals.
    assert [counts.sum() for counts in seen[1:]] == [600] * (STEPS - 1)


@pytest.mark.parametrize(
    ("params", "change", "code"),
    [
        ({"categorical": [f"{EACH}.x1"]}, {}, "CT-3092"),
        ({"early_stopping": 3, "metric": "auc"}, {}, "CT-3092"),
        ({"min_group": ROWS}, {}, "CT-3235"),
        ({"monotone": {"east.x1": 1}}, {}, "CT-3082"),
        ({}, {"x3": np.full(ROWS, np.nan)}, "CT-3020"),
        ({}, {"bad": np.ones(ROWS, np.int64)}, "CT-3016"),
        ({}, {"x1": np.where(np.arange(ROWS) == 7, 1e300, 1)}, "CT-3028"),
        ({"objective": "gamma"}, {}, "CT-3083"),
        ({"objective": "poisson"}, {"bad": np.zeros(ROWS)}, "CT-3083"),
    ],
)
def test_what_does_not_fit_is_refused(params: Any, change: dict[str, Any], code: str) -> None:
    with pytest.raises(CoterieError) as caught:
        trained({**table(), **change}, **params)
    assert (caught.value.code, caught.value.step) == (code, "boosting")


def test_of_one_row_at_each_party_none_is_held_back() -> None:
    rows = {name: table()[name][:1] for name in table()}
    given = {name: pipeline.dataset([name], rows, "bad") for name in NAMES}
    steps: Steps = [("stack", Stack(), {}), ("boosting", Boosting(), {**FEW, "early_stopping": 3})]
    with pytest.raises(CoterieError) as caught:
        run(given, steps, label="bad", min_group=1)
    assert (caught.value.code, caught.value.step) == ("CT-3015", "boosting")


def test_what_one_party_lacks_others_may_have() -> None:
    columns = {name: values.copy() for name, values in table().items()}
    columns["x0"][: ROWS // 6] = np.nan
    columns["bad"][: ROWS // 6] = 0
    assert_same_trees(model_of(trained(columns, min_group=5)).booster, theirs(columns))


def test_the_plan_is_for_the_sizes_there_can_be() -> None:
    given = datasets(table(), "bad")
    planning = planning_of(given, "bad", coordinator="hub")
    Stack().plan(planning, Stack.Parameters())
    plan = Boosting().plan(planning, Boosting.Parameters(rounds=7, max_depth=3, max_bins=16))
    sizes = {one.what: (one.values, one.times, one.kind) for one in plan.totals}
    by_depth = [of for what, of in sizes.items() if "at depth" in what]
    assert by_depth == [(nodes * 5 * 17 * 2, 7, "model") for nodes in (1, 1, 2)]
    assert plan.rounds["east"] > 7 * 3
