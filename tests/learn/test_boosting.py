"""Boosted trees against plain XGBoost on the joined table: the same to the bit."""

from __future__ import annotations

import functools
import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import xgboost
from pydantic import ValidationError
from scipy.stats import mannwhitneyu

from coterie.data import VerticalFrame
from coterie.errors import CoterieError
from coterie.learn.boosting import BoostedTrees, Boosting, BoostingParams, load_model
from coterie.learn.boosting.clear import fit
from coterie.learn.evaluate.baseline import baseline_scores
from coterie.learn.joined import JoinedFacts
from coterie.learn.split import is_test

from .learners import ALL_KINDS, alone, cancer, credit, metrics, mixed, plain, told_apart
from .pipeline import Outcome

NAMED = ("job", "region")
CATEGORICAL = {"categorical": [f"lender.{name}" for name in NAMED]}
FEW = {"rounds": 12, "max_depth": 4, "threads": 1}
THEIRS = {"tree_method": "hist", "max_depth": 4, "nthread": 1, "objective": "binary:logistic"}


def boosting(**params: Any) -> tuple[str, Boosting, dict[str, Any]]:
    return "boosting", Boosting(), {**FEW, **params}


@functools.cache
def usual() -> Outcome:
    """Run once, looked at by many tests."""
    return alone(boosting(**CATEGORICAL, shap="test"))


def model_of(outcome: Outcome) -> BoostedTrees:
    found = outcome.last.models["boosting"]
    assert isinstance(found, BoostedTrees)
    return found


def theirs(frame: VerticalFrame, categorical: tuple[str, ...] = (), rounds: int = 12, **params: Any) -> Any:
    """A booster that was trained as the library's own users do it."""
    features, label = plain(frame, categorical)
    table = xgboost.DMatrix(features, label, enable_categorical=True)
    return xgboost.train({**THEIRS, **params}, table, rounds)


def predict(booster: Any, frame: VerticalFrame, categorical: tuple[str, ...] = ()) -> Any:
    table = xgboost.DMatrix(plain(frame, categorical)[0], enable_categorical=True)
    return booster.predict(table).astype(np.float64)


def area(labels: Any, scores: Any) -> float:
    """The AUC, exactly rounded: the statistic counts in halves."""
    wins = mannwhitneyu(scores[labels == 1], scores[labels == 0]).statistic
    return float(wins / ((labels == 1).sum() * (labels == 0).sum()))


@pytest.mark.parametrize("data", [mixed, cancer, credit], ids=["mixed", "cancer", "credit"])
def test_scores_and_auc_are_plain_xgboosts_to_the_bit(data: Callable[[], Any]) -> None:
    """From the joined table with its gaps: pandas and DMatrix there, the whole pipeline here."""
    categorical = NAMED if data is mixed else ()
    outcome = alone(boosting(categorical=[f"lender.{name}" for name in categorical]), data())
    test = outcome.frames["test"]
    wanted = predict(theirs(outcome.frames["train"], categorical), test, categorical)
    assert np.array_equal(model_of(outcome).scores(test), wanted)
    assert metrics(outcome).joint.auc == area(test.labels(), wanted)
    assert metrics(outcome).joint.auc > 0.75


def test_rows_that_are_too_many_to_copy_give_the_same_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    copied = model_of(alone(boosting(**CATEGORICAL), evaluate=False)).to_bytes()
    monkeypatch.setattr("coterie.learn.boosting.clear.PAGED", 0)
    assert model_of(alone(boosting(**CATEGORICAL), evaluate=False)).to_bytes() == copied


@pytest.mark.parametrize(
    ("objective", "name", "more"),
    [
        ("squared_error", "reg:squarederror", {}),
        ("poisson", "count:poisson", {}),
        ("gamma", "reg:gamma", {}),
        ("tweedie", "reg:tweedie", {"tweedie_power": 1.3}),
    ],
)
def test_regression_is_plain_xgboosts(objective: str, name: str, more: dict[str, float]) -> None:
    ids, columns = mixed()
    amount = np.random.default_rng(2).gamma(2.0, columns["age"] / 30) + (objective == "gamma")
    label = np.where(columns["bad"] == 1, amount, 0.5 if objective == "gamma" else 0)
    label = np.floor(label) if objective == "poisson" else label
    changed = {**columns, "bad": label}
    outcome = alone(boosting(objective=objective, **CATEGORICAL, **more), (ids, changed), evaluate=False)
    given = {"tweedie_variance_power": more["tweedie_power"]} if more else {}
    booster = theirs(outcome.frames["train"], NAMED, objective=name, **given)
    wanted = predict(booster, outcome.frames["test"], NAMED)
    assert np.array_equal(model_of(outcome).scores(outcome.frames["test"]), wanted)
    assert len(np.unique(wanted)) > 50
    stored = load_model(outcome.published["model/boosting.model"])
    assert np.array_equal(stored.scores(outcome.frames["test"]), wanted)


def test_every_parameter_reaches_the_library() -> None:
    given = {
        "learning_rate": 0.17,
        "subsample": 0.7,
        "min_child_weight": 3.0,
        "reg_lambda": 2.5,
        "reg_alpha": 0.4,
        "gamma": 0.3,
        "scale_pos_weight": 2.0,
        "seed": 11,
    }
    outcome = alone(boosting(**CATEGORICAL, **given, colsample=0.6, max_bins=16))
    booster = theirs(outcome.frames["train"], NAMED, **given, colsample_bytree=0.6, max_bin=16)
    wanted = predict(booster, outcome.frames["test"], NAMED)
    assert np.array_equal(model_of(outcome).scores(outcome.frames["test"]), wanted)


def test_the_same_rows_seed_and_threads_give_the_same_model_to_the_bit() -> None:
    drawn = {**CATEGORICAL, "subsample": 0.6, "colsample": 0.6, "early_stopping": 3, "threads": 2}
    drawn["rounds"] = 5
    first, again = alone(boosting(**drawn)), alone(boosting(**drawn))
    assert first.published["model/boosting.model"] == again.published["model/boosting.model"]
    other = alone(boosting(**drawn, seed=1))
    assert first.published["model/boosting.model"] != other.published["model/boosting.model"]


@pytest.mark.parametrize(("metric", "library"), [("loss", "logloss"), ("auc", "auc")])
def test_early_stopping_is_plain_xgboosts_with_the_same_rows_held_back(metric: str, library: str) -> None:
    outcome = alone(
        boosting(early_stopping=4, validation=0.25, rounds=60, metric=metric, seed=3, **CATEGORICAL)
    )
    train = outcome.frames["train"]
    held = is_test(train.keys, 0.25, "early stopping 3")
    features, label = plain(train, NAMED)
    kept = xgboost.DMatrix(features[~held], label[~held], enable_categorical=True)
    back = xgboost.DMatrix(features[held], label[held], enable_categorical=True)
    history: dict[str, Any] = {}
    booster = xgboost.train(
        {**THEIRS, "eval_metric": library, "seed": 3},
        kept,
        60,
        evals=[(kept, "training"), (back, "validation")],
        early_stopping_rounds=4,
        evals_result=history,
        verbose_eval=False,
    )
    model = model_of(outcome)
    assert model.made.trees == booster.best_iteration + 1 < 60
    assert (model.made.rows, model.made.held_back) == ((~held).sum(), held.sum())
    table = xgboost.DMatrix(plain(outcome.frames["test"], NAMED)[0], enable_categorical=True)
    wanted = booster.predict(table, iteration_range=(0, booster.best_iteration + 1)).astype(float)
    assert np.array_equal(model.scores(outcome.frames["test"]), wanted)
    told = json.loads(outcome.published["loss/boosting.loss.json"])
    assert told["metric"] == library
    assert told["loss"] == {name: history[name][library] for name in ("training", "validation")}
    assert load_model(outcome.published["model/boosting.model"]).made == model.made


def test_scores_rise_and_fall_as_told() -> None:
    outcome = alone(boosting(monotone={"lender.age": -1, "lender.income": 1}, **CATEGORICAL))
    model, frame = model_of(outcome), outcome.frames["test"]
    for name, sign in (("age", -1), ("income", 1)):
        steps = [
            model.scores(frame.with_columns({name: np.full(frame.rows, value)}))
            for value in np.quantile(frame.matrix([name])[:, 0], np.linspace(0, 1, 12), method="nearest")
            if not np.isnan(value)
        ]
        assert (sign * np.diff(steps, axis=0) >= 0).all()
    free = model_of(usual()).scores(frame.with_columns({"age": np.full(frame.rows, 79.0)}))
    young = model_of(usual()).scores(frame.with_columns({"age": np.full(frame.rows, 19.0)}))
    assert (free > young).mean() > 0.5


def test_categories_that_training_has_not_seen_count_as_missing() -> None:
    model, frame = model_of(usual()), usual().frames["test"]
    unknown = frame.table.set_column(
        frame.table.column_names.index("job"), "job", [["astronaut"] * frame.rows]
    )
    gone = frame.table.set_column(
        frame.table.column_names.index("job"), "job", [np.array([None] * frame.rows, dtype=object)]
    )
    both = [model.scores(_with_table(frame, table)) for table in (unknown, gone)]
    assert np.array_equal(*both)
    assert not np.array_equal(both[0], model.scores(frame))
    codes = [model.scores(frame.with_columns({"region": np.full(frame.rows, v)})) for v in (35.0, np.nan)]
    assert np.array_equal(*codes)


def _with_table(frame: VerticalFrame, table: Any) -> VerticalFrame:
    place = table.column_names.index("job")
    table = table.set_column(place, "job", table["job"].cast("string"))
    return replace(frame, parts={frame.owner: table})


def test_columns_that_are_all_categories() -> None:
    ids, columns = mixed()
    given = {name: columns[name] for name in (*NAMED, "bad")}
    outcome = alone(boosting(**CATEGORICAL), (ids, given))
    wanted = predict(theirs(outcome.frames["train"], NAMED), outcome.frames["test"], NAMED)
    assert np.array_equal(model_of(outcome).scores(outcome.frames["test"]), wanted)
    truth = {"owns": columns["owns"], "bad": columns["bad"]}
    outcome = alone(boosting(categorical=["lender.owns"]), (ids, truth), evaluate=False)
    assert model_of(outcome).features[0].categories == (0.0, 1.0)


def test_the_label_holders_own_model_is_trained_on_its_columns_alone() -> None:
    """As `evaluate` compares with it where the columns are of several parties."""
    columns = {"lender": ("age", "region"), "payments": ("income", "late", "owns", "job")}
    context, params = usual().contexts["evaluate"], model_of(usual()).facts.params
    assert isinstance(params, BoostingParams)
    shapes = {name: replace(shape, columns=columns) for name, shape in context.planning.frames.items()}
    others = {"categorical": ("lender.region", "payments.job"), "monotone": {"payments.late": 1}}
    facts = JoinedFacts(columns, params.model_copy(update=others))
    planning = replace(
        context.planning,
        parties=tuple(columns),
        columns=columns,
        frames=shapes,
        models={"boosting": facts},
    )
    frames = {name: replace(frame, columns=columns) for name, frame in context.frames.items()}
    joint = replace(context, parties=tuple(columns), planning=planning, frames=frames, scores={})
    table = {name: frame.table.select(["age", "region", "bad"]) for name, frame in context.frames.items()}
    own = {name: replace(frame, parts={"lender": table[name]}) for name, frame in context.frames.items()}
    named = ("region",)
    wanted = predict(theirs(own["train"], named), own["test"], named)
    found = baseline_scores(joint, "boosting", "test")
    assert np.array_equal(found, wanted)


def test_importance_is_the_librarys() -> None:
    outcome = usual()
    told = json.loads(outcome.published["importance/boosting.importance.json"])
    train = outcome.frames["train"]
    booster = theirs(train, NAMED)
    for measure, name in (("gain", "gain"), ("cover", "cover"), ("weight", "splits")):
        wanted = booster.get_score(importance_type=measure)
        assert {column: one[name] for column, one in told["columns"]["lender"].items() if one[name]} == wanted
    table = xgboost.DMatrix(plain(train, NAMED)[0][:1000], enable_categorical=True)
    means = np.abs(booster.predict(table, pred_contribs=True)).mean(axis=0)
    found = [one["mean_abs_shap"] for one in told["columns"]["lender"].values()]
    order = [train.columns["lender"].index(name) for name in told["columns"]["lender"]]
    assert found == pytest.approx(means[order], rel=1e-5)
    assert (told["shap_rows"], told["trees"]) == (1000, 12)


def test_shares_of_each_row_add_up_to_its_log_odds() -> None:
    outcome = usual()
    table = pq.read_table(io.BytesIO(outcome.published["shap/boosting.shap.parquet"])).to_pandas()
    frame = outcome.frames["test"]
    assert list(table.columns[1:]) == [*(f"lender.{name}" for name in frame.columns["lender"]), "(expected)"]
    scores = pq.read_table(io.BytesIO(outcome.published["scores/scores.parquet"])).to_pandas()
    assert table["id"].tolist() == scores["id"].tolist()
    odds = np.log(scores["score"] / (1 - scores["score"]))
    assert table.iloc[:, 1:].sum(axis=1).to_numpy() == pytest.approx(odds.to_numpy(), abs=1e-5)


def test_results_go_to_whom_the_agreement_names_and_the_plan_says_so() -> None:
    outcome = alone(boosting(), cancer(), evaluate=False, receivers={"importance": ("lender",)})
    assert set(outcome.published) == {"importance/boosting.importance.json"}
    plan = outcome.plans["boosting"]
    assert plan.sent == {}
    assert {one.kind for one in plan.reveals} == {"importance"}
    reveals = {one.kind: one for one in usual().plans["boosting"].reveals}
    rows, width = usual().frames["test"].rows, 6
    assert set(reveals) == {"model", "importance", "loss", "shap"}
    assert reveals["shap"].values == rows * (width + 1)


def test_a_stored_model_is_the_librarys_own_inside() -> None:
    content = usual().published["model/boosting.model"]
    model, frame = load_model(content), usual().frames["test"]
    assert model.to_bytes() == content
    assert np.array_equal(model.scores(frame), model_of(usual()).scores(frame))
    assert model.features == model_of(usual()).features
    assert repr(model) == "<BoostedTrees of 6 features, 12 trees>"
    ours = xgboost.Booster()
    ours.load_model(bytearray(content[content.index(b"{L\0\0\0\0\0\0\0\7learner") :]))
    assert ours.num_boosted_rounds() == 12


def test_what_the_caller_raises_ends_the_training() -> None:
    random, seen = np.random.default_rng(0), list[int]()

    def stop(done: int, total: int, what: str) -> None:
        seen.append(done)
        if done == 3:
            raise KeyError(what)

    params = BoostingParams(rounds=50)
    with pytest.raises(KeyError):
        fit(
            random.normal(size=(50, 2)).astype(np.float32),
            (random.random(50) > 0.5).astype(float),
            ["q", "q"],
            params.library((("a", "x"), ("a", "y")), 1),
            params,
            progress=stop,
        )
    assert seen == [1, 2, 3]


def changed(**columns: Any) -> tuple[list[str], dict[str, Any]]:
    ids, given = mixed()
    return ids, {**given, **columns}


ROWS = len(mixed()[0])


@pytest.mark.parametrize(
    ("params", "data", "code"),
    [
        ({}, mixed, "CT-3091"),
        ({"categorical": ["lender.job", "lender.absent"]}, mixed, "CT-3082"),
        ({**CATEGORICAL, "monotone": {"other.age": 1}}, mixed, "CT-3082"),
        ({"categorical": ["lender.job"], "max_categories": 4}, mixed, "CT-3090"),
        (CATEGORICAL, lambda: changed(region=np.arange(ROWS) + 2**53), "CT-3090"),
        (CATEGORICAL, lambda: changed(job=[f"job {row}" for row in range(ROWS)]), "CT-3090"),
        (CATEGORICAL, lambda: changed(income=np.full(ROWS, np.nan)), "CT-3020"),
        (CATEGORICAL, lambda: changed(job=[None] * ROWS), "CT-3020"),
        (CATEGORICAL, lambda: changed(income=np.full(ROWS, 1e300)), "CT-3028"),
        (CATEGORICAL, lambda: changed(bad=np.arange(ROWS)), "CT-1502"),
        (
            {**CATEGORICAL, "objective": "squared_error"},
            lambda: changed(bad=np.arange(ROWS) * 1e300),
            "CT-3028",
        ),
        ({**CATEGORICAL, "objective": "poisson"}, lambda: changed(bad=np.arange(ROWS) - 5), "CT-3083"),
        ({**CATEGORICAL, "objective": "gamma"}, mixed, "CT-3083"),
        ({**CATEGORICAL, "early_stopping": 5, "validation": 1e-6}, mixed, "CT-3015"),
        ({**CATEGORICAL, "early_stopping": 5, "validation": 1 - 1e-6}, mixed, "CT-3015"),
    ],
)
def test_what_does_not_fit_is_refused(params: Any, data: Callable[[], Any], code: str) -> None:
    with pytest.raises(CoterieError) as caught:
        alone(boosting(**params), data(), evaluate=False)
    assert caught.value.code == code
    assert caught.value.step == "boosting"


def test_a_label_value_that_early_stopping_takes_away() -> None:
    ids, columns = cancer()
    label = np.array(told_apart(alone(boosting(), cancer(), evaluate=False), 0.5))
    given = boosting(early_stopping=2, validation=0.5, rounds=3)
    with pytest.raises(CoterieError, match=r"CT-3016.*not held back") as caught:
        alone(given, (ids, {**columns, "bad": label}), evaluate=False)
    assert caught.value.step == "boosting"


def test_an_auc_of_one_label_value() -> None:
    ids, columns = cancer()
    given = boosting(early_stopping=2, validation=0.02, metric="auc")
    held = np.array(told_apart(alone(boosting(), cancer(), evaluate=False), 0.02))
    label = np.where(held == 1, 1, columns["bad"])
    with pytest.raises(CoterieError, match=r"CT-3016.*held back for early") as caught:
        alone(given, (ids, {**columns, "bad": label}), evaluate=False)
    assert caught.value.step == "boosting"


def test_explanations_that_nobody_may_have_are_refused_while_planning() -> None:
    with pytest.raises(CoterieError, match="CT-3081"):
        alone(boosting(**CATEGORICAL, shap="test"), receivers={"model": ("lender",)})
    context = usual().contexts["boosting"].planning
    unsplit = replace(context, frames={"all": context.frames["all"]})
    with pytest.raises(CoterieError, match="CT-3001"):
        Boosting().plan(unsplit, BoostingParams(shap="test"))


def test_without_the_library_the_plan_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xgboost", None)
    with pytest.raises(CoterieError, match=r"CT-3080.*coterie\[learners\]"):
        alone(boosting(**CATEGORICAL))


@pytest.mark.parametrize(
    "params",
    [
        {"rounds": 0},
        {"max_depth": 17},
        {"tweedie_power": 1.2},
        {"objective": "gamma", "scale_pos_weight": 2},
        {"objective": "gamma", "metric": "auc"},
        {"categorical": ["lender.a", "lender.a"]},
        {"categorical": ["lender.a"], "monotone": {"lender.a": 1}},
        {"categorical": ["a"]},
        {"monotone": {"lender.a": 2}},
        {"seed": -1},
        {"lambda": 1},
    ],
)
def test_parameters_that_cannot_be(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        BoostingParams.model_validate(params)


def test_a_partys_own_part_of_the_parameters() -> None:
    params = BoostingParams(
        categorical=("a.x", "b.y"), monotone={"a.z": 1, "b.z": -1}, shap="test", shap_rows=5
    )
    own = params.of_party("b")
    assert (own.categorical, own.monotone, own.shap) == (("b.y",), {"b.z": -1}, None)
    assert ALL_KINDS["shap"] == ("lender",)
