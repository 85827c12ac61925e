"""Contributions of parties: against groups that are trained in one place, and games that are counted out."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xgboost
from pydantic import ValidationError
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from coterie.data import Dataset
from coterie.errors import CoterieError
from coterie.learn.boosting import Boosting
from coterie.learn.component import EACH, Earlier
from coterie.learn.contribution import (
    Contribution,
    ContributionParams,
    Contributions,
    PartyContribution,
)
from coterie.learn.contribution.coalitions import Game
from coterie.learn.contribution.statement import LOSSES, OWN_SUMS
from coterie.learn.evaluate import Evaluate
from coterie.learn.glm import Glm
from coterie.learn.logistic import Logistic, LogisticParams
from coterie.learn.logistic.params import RecordPrivacy
from coterie.learn.report.sections.reveals import told
from coterie.learn.split import Split
from coterie.learn.stack import Stack
from coterie.learn.standardize import Standardize
from tests.learn import pipeline
from tests.learn.horizontal import planning_of, run
from tests.learn.horizontal_data import homo_datasets
from tests.learn.pipeline import Outcome

Floats = np.ndarray
L2 = 0.01
SPLIT: list[Any] = [("stack", Stack(), {}), ("split", Split(), {"test": 0.4})]


def tables(
    parties: int, rows: int = 300, *, shuffled: int = -1, twins: bool = False, numbers: bool = False
) -> dict[str, Dataset]:
    """Parties of like people; of one of them labels may be shuffled, and the last two may be the same."""
    found = {}
    for party in range(parties):
        same = twins and party == parties - 1
        random = np.random.default_rng(party - same)
        x = random.normal(size=(rows + 20 * (party - same), 3)).round(1)
        odds = 0.9 * x[:, 0] - 0.6 * x[:, 1] - 0.5
        label = odds + random.normal(size=len(x))
        if not numbers:
            label = (random.random(len(x)) < 1 / (1 + np.exp(-odds))).astype(np.int64)
        if party == shuffled:
            label = random.permutation(label)
        columns = {f"x{number}": x[:, number] for number in range(3)}
        found[f"p{party}"] = pipeline.dataset(
            [f"{party}-{row}" for row in range(len(x))], {**columns, "y": label}, "y"
        )
    return found


def contributed(
    given: Mapping[str, Dataset],
    model: Any,
    *,
    split: bool = True,
    coordinator: str | None = None,
    **params: Any,
) -> tuple[Contributions, dict[str, Outcome]]:
    steps = [*(SPLIT if split else SPLIT[:1]), ("model", *model), ("who", Contribution(), params)]
    found = run(given, steps, label="y", coordinator=coordinator)
    documents = [found[name].published["contribution/contribution.json"] for name in given]
    if params.get("tell") != "own":
        assert len(set(documents)) == 1
    return Contributions.model_validate_json(documents[0]), found


def arrays(found: Mapping[str, Outcome], frame: str) -> dict[str, tuple[Floats, Floats]]:
    frames = {name: one.contexts["who"].frames[frame] for name, one in found.items() if name != "hub"}
    return {name: (one.matrix(one.columns[EACH]), one.target()) for name, one in frames.items()}


def together(parts: Mapping[str, tuple[Floats, Floats]], names: Any = None) -> tuple[Floats, Floats]:
    chosen = [parts[name] for name in (parts if names is None else names)]
    return np.vstack([x for x, _ in chosen]), np.concatenate([y for _, y in chosen])


def given_number(party: PartyContribution) -> float:
    assert party.contribution is not None
    return party.contribution


def shapley(names: list[str], value: Callable[[frozenset[str]], float]) -> list[float]:
    """Counted out."""
    found = []
    for one in names:
        others, total = [name for name in names if name != one], 0.0
        for size in range(len(names)):
            weight = 1 / (len(names) * math.comb(len(names) - 1, size))
            for group in itertools.combinations(others, size):
                total += weight * (value(frozenset({*group, one})) - value(frozenset(group)))
        found.append(total)
    return found


LOGISTIC = (Logistic(), {"l2": L2})


def fitted(train: tuple[Floats, Floats]) -> LogisticRegression:
    return LogisticRegression(C=1 / (len(train[1]) * L2), tol=1e-12, solver="newton-cholesky").fit(*train)


def test_of_a_linear_model_they_are_the_shapley_values_of_its_least_squares() -> None:
    one, found = contributed(tables(3, numbers=True), (Glm(), {"family": "linear"}), split=False, frame="all")
    parts = arrays(found, "all")
    x, y = together(parts)
    design = np.column_stack([x, np.ones(len(x))])
    steps = {
        name: np.linalg.solve(design.T @ design, np.column_stack([a, np.ones(len(a))]).T @ (b - y.mean()))
        for name, (a, b) in parts.items()
    }

    def loss(group: frozenset[str]) -> float:
        weights = np.array([0, 0, 0, y.mean()]) + sum((steps[name] for name in group), np.zeros(4))
        return float(np.mean((design @ weights - y) ** 2))

    wanted = shapley(list(parts), lambda group: -loss(group))
    assert [party.contribution for party in one.parties] == pytest.approx(wanted, rel=1e-8)
    plain = LinearRegression().fit(x, y)
    assert one.whole == pytest.approx(np.mean((plain.predict(x) - y) ** 2), rel=1e-10)
    assert one.nothing == pytest.approx(np.var(y), rel=1e-10)
    for party in one.parties:  # one step of Newton's is where the others' own training ends
        rest = LinearRegression().fit(*together(parts, [name for name in parts if name != party.party]))
        assert party.left_out == pytest.approx(np.mean((rest.predict(x) - y) ** 2) - one.whole, rel=1e-6)


def test_of_a_logistic_model_they_add_up_and_foretell_who_is_missed() -> None:
    one, found = contributed(tables(3, shuffled=0), LOGISTIC, coordinator="hub")
    train, (x, y) = arrays(found, "train"), together(arrays(found, "test"))
    plain = fitted(together(train))
    rate = together(train)[1].mean()
    assert one.whole == pytest.approx(log_loss(y, plain.predict_proba(x)[:, 1]), abs=1e-9)
    assert one.nothing == pytest.approx(log_loss(y, np.full(len(y), rate)), abs=1e-9)
    assert one.accounted == pytest.approx(one.gain, abs=1e-9)
    bad, *good = map(given_number, one.parties)
    assert bad < 0.1 * one.gain < min(good)
    for party in one.parties:
        rest = fitted(together(train, [name for name in train if name != party.party]))
        missed = log_loss(y, rest.predict_proba(x)[:, 1]) - one.whole
        assert party.left_out == pytest.approx(missed, abs=0.15 * abs(missed) + 1e-4)


def test_of_three_banks_it_is_foretold_who_is_missed() -> None:
    split = ("split", Split(), {"test": 0.3})
    steps = [SPLIT[0], split, ("model", Logistic(), {}), ("who", Contribution(), {})]
    found = run(homo_datasets(), steps, label="y")
    one = Contributions.model_validate_json(found["east"].published["contribution/contribution.json"])
    train, (x, y) = arrays(found, "train"), together(arrays(found, "test"))
    assert one.accounted == pytest.approx(one.gain, rel=1e-6)
    for party in one.parties:
        rest = together(train, [name for name in train if name != party.party])
        plain = LogisticRegression(C=1000 / len(rest[1]), tol=1e-10, solver="newton-cholesky").fit(*rest)
        missed = log_loss(y, plain.predict_proba(x)[:, 1]) - one.whole
        assert party.left_out == pytest.approx(missed, abs=1.5e-4)
        assert 0.3 < given_number(party) / one.gain < 0.4


FAMILIES: list[dict[str, Any]] = [
    {"family": "poisson", "offset": "each.x2", "intercept": False},
    {"family": "tweedie", "weights": "each.x2"},
    {"family": "gamma"},
    {"family": "logistic", "l1": 0.02, "class_weight": "balanced"},
]


@pytest.mark.parametrize("given", FAMILIES, ids=[str(one["family"]) for one in FAMILIES])
def test_of_every_family_they_add_up_to_the_deviance_that_is_gained(given: dict[str, Any]) -> None:
    random, parties = np.random.default_rng(2), {}
    for party in range(3):
        x = random.normal(size=(150 + 50 * party, 3)).round(1)
        x[:, 2] = random.uniform(0.5, 1.5, len(x))
        y = random.gamma(2, np.exp(0.5 * x[:, 0] + 0.3) / 2)
        y = (
            y.round()
            if given["family"] == "poisson"
            else y > 1
            if given["family"] == "logistic"
            else y + 0.01
        )
        columns = {f"x{number}": x[:, number] for number in range(3)}
        ids = [f"{party}-{row}" for row in range(len(x))]
        parties[f"p{party}"] = pipeline.dataset(ids, {**columns, "y": y.astype(float)}, "y")
    steps: Any = [
        SPLIT[0],
        ("model", Glm(), given),
        ("test", Evaluate(), {"frame": "all", "baseline": False}),
    ]
    found = run(parties, [*steps, ("who", Contribution(), {"frame": "all"})], label="y")
    one = Contributions.model_validate_json(found["p1"].published["contribution/contribution.json"])
    measured = json.loads(found["p1"].published["metrics/metrics.json"])["joint"]
    assert one.whole == pytest.approx(measured["log_loss" if given["family"] == "logistic" else "deviance"])
    assert one.accounted == pytest.approx(one.gain, rel=1e-6)
    assert one.gain > 0


def test_twins_have_equal_shares_whatever_the_model() -> None:
    given = tables(4, twins=True)
    for model in (LOGISTIC, (Boosting(), {"rounds": 5, "max_depth": 2})):
        one, _ = contributed(given, model, split=False, frame="all")
        first, second = map(given_number, one.parties[2:])
        assert first == pytest.approx(second, rel=1e-9)
        assert one.accounted == pytest.approx(one.gain, rel=1e-3)
    retrained, _ = contributed(given, LOGISTIC, split=False, frame="all", method="retrain")
    first, second = map(given_number, retrained.parties[2:])
    assert first == pytest.approx(second, rel=1e-9)


def test_of_one_tree_they_are_the_shapley_values_of_its_leaves() -> None:
    params = {"objective": "squared_error", "rounds": 1, "max_depth": 2, "reg_alpha": 3.0}
    one, found = contributed(tables(3, numbers=True), (Boosting(), params), split=False, frame="all")
    parts = arrays(found, "all")
    x, y = together(parts)
    model = found["p0"].contexts["model"].models["model"]

    def leaves(features: Floats) -> Floats:
        return model.booster.predict(xgboost.DMatrix(features.astype(np.float32)), pred_leaf=True)

    numbers, places = np.unique(leaves(x), return_inverse=True)
    base = float(np.float32(y.mean()))
    counts = np.bincount(places)
    whole = np.bincount(places, model.booster.predict(xgboost.DMatrix(x.astype(np.float32)))) / counts - base
    step = {}
    for name, (a, b) in parts.items():
        mine = np.searchsorted(numbers, leaves(a))
        pulled = np.bincount(mine, b - base, len(numbers)) * 0.3 / (counts + 1)
        plain = np.bincount(places, y - base) * 0.3 / (counts + 1)
        step[name] = pulled + (whole - plain) * np.bincount(mine, minlength=len(numbers)) / counts

    def loss(group: frozenset[str]) -> float:
        moved = sum((step[name] for name in group), np.zeros(len(numbers)))
        return float(np.mean((base + moved[places] - y) ** 2))

    wanted = shapley(list(parts), lambda group: -loss(group))
    assert [party.contribution for party in one.parties] == pytest.approx(wanted, rel=1e-4)
    assert all(party.left_out is None for party in one.parties)


def test_trees_gain_nothing_by_shuffled_labels() -> None:
    trees = (Boosting(), {"rounds": 20, "max_depth": 2, "subsample": 0.8, "early_stopping": 10})
    one, found = contributed(tables(3, shuffled=1), trees, coordinator="p2", tell="own")
    scores = [found[name].contexts["who"] for name in ("p0", "p1", "p2")]
    risk = np.concatenate([one.models["model"].scores(one.frames["test"]) for one in scores])
    truth = np.concatenate([one.frames["test"].labels() for one in scores])
    assert one.whole == pytest.approx(log_loss(truth, risk), rel=1e-6)
    told_to = [
        Contributions.model_validate_json(found[name].published["contribution/contribution.json"])
        for name in ("p0", "p1", "p2")
    ]
    assert [[party.party for party in each.parties] for each in told_to] == [["p0"], ["p1"], ["p2"]]
    shares = [given_number(each.parties[0]) for each in told_to]
    assert sum(shares) == pytest.approx(one.accounted, rel=1e-9)
    assert one.accounted == pytest.approx(one.gain, rel=1e-3)
    assert shares[1] < 0.05 * one.gain


def way(
    train: Mapping[str, tuple[Floats, Floats]], names: Any, measured: tuple[Floats, Floats], null: float
) -> Any:
    """Parts of the first three, by plain sums and many small steps."""
    model = fitted(together(train, names))
    end, start = np.append(model.coef_[0], model.intercept_), np.array([0, 0, 0, null])
    pulled, curved = {}, np.zeros((4, 4))
    for name in names:
        x, y = np.column_stack([train[name][0], np.ones(len(train[name][1]))]), train[name][1]
        risk = 1 / (1 + np.exp(-x @ end))
        ridge = len(y) * L2 * np.diag([1, 1, 1, 0])
        own = (x.T * (risk * (1 - risk))) @ x + ridge
        pulled[name], curved = own @ (end - start) - x.T @ (risk - y) - ridge @ end, curved + own
    x, y = np.column_stack([measured[0], np.ones(len(measured[1]))]), measured[1]
    slopes = np.mean(
        [
            x.T @ (1 / (1 + np.exp(-x @ (start + at * (end - start)))) - y)
            for at in (np.arange(400) + 0.5) / 400
        ],
        axis=0,
    )
    return {name: -float(slopes @ np.linalg.solve(curved, one)) / len(y) for name, one in pulled.items()}


def test_groups_are_those_that_are_trained_in_one_place() -> None:
    one, found = contributed(tables(4, shuffled=3), LOGISTIC, method="retrain", coordinator="hub")
    train, measured = arrays(found, "train"), together(arrays(found, "test"))
    full = fitted(together(train)).predict_proba(measured[0])[:, 1]
    names, whole = list(train), log_loss(measured[1], full)
    rate = together(train)[1].mean()
    missed, parts = {}, dict.fromkeys(names, 0.0)
    for left in names:
        group = [name for name in names if name != left]
        risk = fitted(together(train, group)).predict_proba(measured[0])[:, 1]
        missed[left] = log_loss(measured[1], risk) - whole
        for name, part in way(train, group, measured, math.log(rate / (1 - rate))).items():
            parts[name] += part / 4
        alone = next(party for party in one.parties if party.party == left)
        rows = -np.log(np.where(measured[1] == 1, risk, 1 - risk))
        less = rows + np.log(np.where(measured[1] == 1, full, 1 - full))
        assert alone.left_out_error == pytest.approx(less.std() / math.sqrt(len(less)), rel=1e-3)
    assert [party.left_out for party in one.parties] == pytest.approx(list(missed.values()), abs=1e-9)
    wanted = [parts[name] + missed[name] / 4 for name in names]
    assert [party.contribution for party in one.parties] == pytest.approx(wanted, abs=1e-6)
    assert one.accounted == pytest.approx(one.gain, abs=1e-9)
    assert wanted[3] < 0.1 * one.gain
    assert (one.trainings, one.orders) == (4, None)
    texts = [reveal.what for reveal in found["p0"].plans["who"].reveals]
    assert OWN_SUMS in texts
    assert not [text for text in texts if "foreign" in told(text).zh or re.search("[a-z]{3}", told(text).zh)]


def test_by_auc_parties_are_left_out_alone() -> None:
    one, found = contributed(tables(4), LOGISTIC, method="retrain", measure="auc", shapley=False)
    train, (x, y) = arrays(found, "train"), together(arrays(found, "test"))
    whole = roc_auc_score(y, fitted(together(train)).predict_proba(x)[:, 1])
    assert (one.nothing, one.accounted) == (0.5, None)
    assert one.whole == pytest.approx(whole, abs=1e-3)
    for party in one.parties:
        rest = fitted(together(train, [name for name in train if name != party.party]))
        assert party.left_out == pytest.approx(
            whole - roc_auc_score(y, rest.predict_proba(x)[:, 1]), abs=1e-3
        )


def test_drawn_orders_come_near_to_all_of_them_and_say_how_near() -> None:
    given = tables(5, 120, shuffled=0)
    exact, _ = contributed(given, LOGISTIC, method="retrain", permutations=8)
    drawn, found = contributed(given, LOGISTIC, method="retrain", permutations=7, seed=4)
    cut, _ = contributed(given, LOGISTIC, method="retrain", permutations=4, tolerance=1.0)
    assert (exact.trainings, exact.orders, drawn.orders) == (15, None, 7)
    for one, other in zip(drawn.parties, exact.parties, strict=True):
        assert other.drawn_error is None
        assert one.drawn_error is not None
        assert 0 < one.drawn_error < 0.2 * exact.gain
        assert abs(given_number(one) - given_number(other)) < 4 * one.drawn_error
        assert one.left_out == pytest.approx(other.left_out, abs=1e-12)
    assert drawn.accounted == pytest.approx(drawn.gain, abs=1e-9)
    assert drawn.trainings < 15
    plan = found["p0"].plans["who"]
    assert sum(one.times for one in plan.totals if one.what == LOSSES) == drawn.trainings + 2
    assert cut.cut_short == 4
    assert cut.accounted != pytest.approx(cut.gain, abs=1e-6)


def test_the_game_is_counted_out_right() -> None:
    game = Game(5, True, 1000, 0)
    assert game.exact
    for party in range(5):
        chances = dict(game.added(party))
        assert sum(chances.values()) == pytest.approx(2 / 5)  # it comes fourth or fifth
        assert all(party not in group and len(group) >= 3 for group in chances)
    assert len(game.groups()) == 15
    assert not Game(12, True, 10, 0).exact


FAULTS: list[tuple[Any, dict[str, Any], int, str]] = [
    (LOGISTIC, {"frame": "test"}, 3, "CT-3001"),
    ((Standardize(), {}), {"frame": "all"}, 3, "CT-3002"),
    ((Glm(), {"family": "linear"}), {"method": "retrain", "measure": "auc", "shapley": False}, 4, "CT-3314"),
    (LOGISTIC, {"frame": "all", "method": "retrain"}, 3, "CT-3312"),
    ((Boosting(), {"rounds": 2}), {"frame": "all", "method": "retrain"}, 4, "CT-3313"),
    (LOGISTIC, {"frame": "all", "method": "retrain", "model": "model"}, 5, "CT-3311"),
    (LOGISTIC, {"frame": "all"}, 5, "CT-3311"),
]


@pytest.mark.parametrize(("model", "params", "parties", "code"), FAULTS)
def test_what_cannot_be_told_is_refused(model: Any, params: dict[str, Any], parties: int, code: str) -> None:
    given = tables(parties, 60)
    if code == "CT-3311":
        few = given["p4"].table.slice(0, 19)
        columns = {name: few.column(name).to_numpy() for name in few.column_names}
        given["p4"] = pipeline.dataset([str(row) for row in range(19)], columns, "y")
    steps = [("stack", Stack(), {}), ("model", *model), ("who", Contribution(), params)]
    params.setdefault("frame", "all")
    with pytest.raises(CoterieError) as caught:
        run(given, steps, label="y")
    assert caught.value.code == code


def test_rows_that_have_changed_since_are_found_out() -> None:
    for model in (LOGISTIC, (Boosting(), {"rounds": 2})):
        steps = [("stack", Stack(), {}), ("model", *model), ("after", Standardize(), {})]
        with pytest.raises(CoterieError) as caught:
            run(tables(3, 60), [*steps, ("who", Contribution(), {"frame": "all"})], label="y")
        assert caught.value.code == "CT-3316"


def test_models_of_others_and_with_noise_are_refused() -> None:
    planning = planning_of(tables(3, 60), "y")
    stacked = Stack()
    stacked.plan(planning, Stack.Parameters())
    planning.step = "model"
    Logistic().plan(planning, LogisticParams())
    planning.step = "who"
    with pytest.raises(CoterieError) as caught:
        Contribution().plan(planning, ContributionParams(frame="all"))
    assert caught.value.code == "CT-3310"
    noisy = LogisticParams(privacy=RecordPrivacy(epsilon=1.0))
    planning.models["model"] = replace(planning.models["model"], params=noisy)
    planning.earlier = (Earlier("model", "logistic", noisy, {}),)
    with pytest.raises(CoterieError) as caught:
        Contribution().plan(planning, ContributionParams(frame="all"))
    assert caught.value.code == "CT-3315"
    planning.minimum = 3
    with pytest.raises(CoterieError) as caught:
        Contribution().plan(planning, ContributionParams(frame="all"))
    assert caught.value.code == "CT-3317"


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": 1},
        {"measure": "auc"},
        {"method": "retrain", "measure": "auc"},
        {"method": "retrain", "tell": "own"},
    ],
)
def test_parameters_that_say_nothing_together(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ContributionParams.model_validate(wrong)
