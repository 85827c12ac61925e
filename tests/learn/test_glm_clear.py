"""The training in float64: against statsmodels and scikit-learn, on made and on real data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    LogisticRegression,
    PoissonRegressor,
    TweedieRegressor,
)
from sklearn.metrics import roc_auc_score

from coterie.errors import CoterieError
from coterie.learn.glm import GlmParams
from coterie.learn.glm.families import Family

from .glm_data import FAMILIES, REAL, Case, errors_of, fit, flat, made, statsmodels


@pytest.mark.parametrize("name", REAL)
def test_real_data_gives_statsmodels_coefficients(name: str) -> None:
    """Coefficients, standard errors, p and the rest; the AUC is that of the same scores."""
    case = REAL[name]()
    found, wanted = fit(case, case.params(statistics=True)), statsmodels(case)
    assert flat(found) == pytest.approx(wanted.params, rel=1e-6)
    assert found.statistics is not None
    check_statistics(found.statistics, wanted)
    if case.family == "logistic":
        scores = case.whole @ found.coefficients
        best = roc_auc_score(case.label, case.whole @ wanted.params[:-1])
        assert roc_auc_score(case.label, scores) == pytest.approx(best, abs=1e-9)


def check_statistics(told: dict[str, Any], wanted: Any, intercept: bool = True) -> None:
    assert errors_of(told, intercept=intercept) == pytest.approx(wanted.bse, rel=1e-5)
    assert errors_of(told, "z", intercept) == pytest.approx(wanted.tvalues, rel=1e-5)
    assert errors_of(told, "p", intercept) == pytest.approx(wanted.pvalues, rel=1e-4, abs=1e-12)
    assert told["deviance"] == pytest.approx(wanted.deviance, rel=1e-8)
    assert told["null_deviance"] == pytest.approx(wanted.null_deviance, rel=1e-8)
    assert told["dispersion"] == pytest.approx(wanted.scale, rel=1e-7)
    assert told["residual_degrees_of_freedom"] == wanted.df_resid
    assert told["inverse_residual"] < 1e-6
    if told["aic"] is not None:
        assert told["aic"] == pytest.approx(wanted.aic, rel=1e-8)
        assert told["log_likelihood"] == pytest.approx(wanted.llf, rel=1e-8)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("apart", [(), ("offset",), ("weights",), ("offset", "weights")])
def test_offset_and_weights_are_those_of_statsmodels(family: str, apart: tuple[str, ...]) -> None:
    case = made(family, owners=3, **dict.fromkeys(apart, True))
    found, wanted = fit(case, case.params(statistics=True)), statsmodels(case)
    assert flat(found) == pytest.approx(wanted.params, rel=1e-6, abs=1e-9)
    assert found.statistics is not None
    check_statistics(found.statistics, wanted)
    none = family == "tweedie" or ("weights" in apart and family != "logistic")
    assert (found.statistics["aic"] is None) == none


@pytest.mark.parametrize("family", FAMILIES)
def test_without_intercept(family: str) -> None:
    case = made(family, offset=True)
    label = case.label - 1000 if family == "linear" else case.label / (5 if case.label.max() > 1 else 1)
    case = Case(case.parts, label, family, case.power, offset=case.offset)
    params = case.params(statistics=True, intercept=False, iterations=12)
    found, wanted = fit(case, params), statsmodels(case, intercept=False)
    assert flat(found, intercept=False) == pytest.approx(wanted.params, rel=1e-6)
    assert found.intercept == 0
    assert found.statistics is not None
    assert found.statistics["intercept"] is None
    check_statistics(found.statistics, wanted, intercept=False)


def penalised(family: str, l2: float, power: float) -> Any:
    exact: dict[str, Any] = {"tol": 1e-10, "max_iter": 5000}
    return {
        "poisson": lambda: PoissonRegressor(alpha=l2, solver="newton-cholesky", **exact),
        "gamma": lambda: GammaRegressor(alpha=l2, solver="newton-cholesky", **exact),
        "tweedie": lambda: TweedieRegressor(
            power=power, alpha=l2, link="log", solver="newton-cholesky", **exact
        ),
    }[family]()


@pytest.mark.parametrize("family", ["poisson", "gamma", "tweedie"])
@pytest.mark.parametrize("l2", [0.0, 0.03, 3.0])
def test_ridge_is_scikit_learns(family: str, l2: float) -> None:
    """The label's unit counts for the strength of its penalty, so it is made 1 here as training makes it."""
    case = made(family, weights=True)
    unit = 2.0 ** np.ceil(np.log2(np.average(case.label, weights=case.weights)))
    case = Case(case.parts, case.label / unit, family, case.power, case.weights)
    wanted = penalised(family, l2, case.power).fit(case.whole, case.label, sample_weight=case.weights)
    found = fit(case, case.params(l2=l2))
    assert found.coefficients == pytest.approx(wanted.coef_, rel=1e-5, abs=1e-8)
    assert found.intercept == pytest.approx(wanted.intercept_, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize(("l1", "l2"), [(0.0, 0.02), (0.01, 0.0), (0.03, 0.01), (0.2, 0.0)])
def test_logistic_penalties_are_scikit_learns(l1: float, l2: float) -> None:
    """L2, L1, both, and so much of it that nothing is left."""
    case = made("logistic")
    strength = l1 + l2
    wanted = LogisticRegression(
        C=1 / (len(case.label) * strength), l1_ratio=l1 / strength, solver="saga", tol=1e-9, max_iter=20_000
    ).fit(case.whole, case.label)
    found = fit(case, case.params(l1=l1, l2=l2, iterations=10))
    assert found.coefficients == pytest.approx(wanted.coef_[0], abs=1e-6)
    assert (found.coefficients == 0).tolist() == (wanted.coef_[0] == 0).tolist()
    constant = wanted.intercept_[0] if found.coefficients.any() else np.log(1 / (1 / case.label.mean() - 1))
    assert found.intercept == pytest.approx(constant, abs=1e-6)


@pytest.mark.parametrize(("l1", "l2"), [(0.5, 0.0), (0.2, 0.1)])
def test_linear_penalties_are_scikit_learns(l1: float, l2: float) -> None:
    """In units of the label's own scale, a power of two."""
    case = made("linear", weights=True)
    unit = 2.0 ** np.ceil(np.log2(case.label.std()))
    scaled = Case(case.parts, case.label / unit, "linear", weights=case.weights)
    net = ElasticNet(alpha=(l1 + l2) / 10, l1_ratio=l1 / (l1 + l2), tol=1e-12, max_iter=50_000)
    wanted = net.fit(scaled.whole, scaled.label, sample_weight=case.weights)
    found = fit(case, case.params(l1=l1 / 10, l2=l2 / 10))
    assert found.coefficients / unit == pytest.approx(wanted.coef_, abs=1e-6)
    assert found.intercept / unit == pytest.approx(wanted.intercept_, abs=1e-6)


@pytest.mark.parametrize("weights", ["balanced", (1.0, 5.0)])
def test_class_weights_are_scikit_learns(weights: Any) -> None:
    case = made("logistic")
    case = Case(case.parts, case.label * (np.arange(len(case.label)) % 4 == 0), "logistic")
    pair = "balanced" if weights == "balanced" else dict(enumerate(weights))
    mean = 1.0
    if weights != "balanced":
        mean = float(np.where(case.label > 0, weights[1], weights[0]).mean())
    wanted = LogisticRegression(
        C=1 / (len(case.label) * 0.01 * mean), class_weight=pair, tol=1e-10, max_iter=5000
    ).fit(case.whole, case.label)
    found = fit(case, case.params(l2=0.01, class_weight=weights))
    assert found.coefficients == pytest.approx(wanted.coef_[0], rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_any_cut_and_any_sample_of_curvatures_has_the_same_optimum(family: str) -> None:
    case = made(family, owners=5)
    whole = np.hstack(case.parts)
    for owners in (1, 2, 5):
        cut = Case(np.array_split(whole, owners, axis=1), case.label, family, case.power)
        found = fit(cut, cut.params(iterations=10))
        sampled = fit(cut, cut.params(iterations=30, hessian_rows=500))
        assert flat(found) == pytest.approx(statsmodels(case).params, rel=1e-5, abs=1e-8)
        assert flat(sampled) == pytest.approx(flat(found), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("family", FAMILIES)
def test_minibatches_come_near_the_optimum(family: str) -> None:
    case = made(family, rows=4000)
    params = case.params(solver="minibatch", batch_rows=250, passes=40, learning_rate=0.3, l2=0.01)
    best = fit(case, case.params(l2=0.01))
    found = fit(case, params)
    scale = np.abs(best.coefficients).max()
    assert np.abs(found.coefficients - best.coefficients).max() < 0.02 * scale
    sparse = fit(case, params.model_copy(update={"l1": 0.05}))
    assert np.abs(sparse.coefficients).sum() < np.abs(found.coefficients).sum()


def test_a_loss_that_no_longer_falls_ends_the_training() -> None:
    case = made("poisson")
    whole = fit(case, case.params(iterations=20, loss_every=1))
    assert len(whole.losses) == 20
    assert (np.diff(whole.losses) < 1e-12).all()
    short = fit(case, case.params(iterations=20, loss_every=1, tolerance=1e-4))
    assert 3 <= len(short.losses) < 8
    assert short.losses == whole.losses[: len(short.losses)]
    assert short.coefficients == pytest.approx(whole.coefficients, abs=1e-3)


def test_outliers_do_not_make_steps_overshoot() -> None:
    """Codes 96 and 98 among small counts: Newton's own first step would go to exp(300)."""
    case = made("poisson")
    label = case.label.copy()
    label[::97] = 98.0
    case = Case(case.parts, label, "poisson")
    found = fit(case, case.params(iterations=15))
    assert flat(found) == pytest.approx(statsmodels(case).params, rel=1e-6)


@pytest.mark.parametrize("family", ["logistic", "poisson", "gamma", "tweedie"])
def test_families_are_the_derivatives_of_their_losses(family: str) -> None:
    power = {"poisson": 1.0, "gamma": 2.0, "tweedie": 1.3}.get(family, 0.0)
    one = Family(family, power)
    eta = np.linspace(-3, 3, 61)
    for y in (0.0, 1.0) if family == "logistic" else (0.5, 1.0, 7.0):
        label, small = np.full_like(eta, y), 1e-5
        a, b = one.pulls(eta, label)
        slope = (one.loss(eta + small, label) - one.loss(eta - small, label)) / (2 * small)
        assert a - b == pytest.approx(slope, abs=1e-8)
        up, down = (np.subtract(*one.pulls(eta + shift, label)) for shift in (small, -small))
        assert one.curvature(eta, label) == pytest.approx((up - down) / (2 * small), abs=1e-8)
        assert (np.abs(a - b) <= 2 * one.balanced(eta, label) + 1e-12).all()
        assert (one.loss(eta, label) >= one.best_loss(label) - 1e-12).all()


@pytest.mark.parametrize(
    ("family", "change", "code"),
    [
        ("logistic", lambda y: y * 2, "CT-3061"),
        ("logistic", lambda y: y * 0, "CT-3016"),
        ("linear", lambda y: y * 0 + 3, "CT-3061"),
        ("poisson", lambda y: y - 1, "CT-3061"),
        ("poisson", lambda y: y * 0, "CT-3061"),
        ("gamma", lambda y: y * (np.arange(y.size) > 0), "CT-3061"),
        ("tweedie", lambda y: -y, "CT-3061"),
        ("poisson", lambda y: np.where(np.arange(y.size) == 3, np.nan, y), "CT-3027"),
        ("poisson", lambda y: np.where(np.arange(y.size) == 3, np.inf, y), "CT-3028"),
    ],
)
def test_labels_that_do_not_fit_the_family_are_refused(family: str, change: Any, code: str) -> None:
    case = made(family)
    with pytest.raises(CoterieError) as caught:
        fit(Case(case.parts, change(case.label), family), case.params())
    assert caught.value.code == code


def test_one_label_far_above_the_others_is_refused() -> None:
    case = made("tweedie", rows=200_000, owners=1)
    label = np.zeros_like(case.label)
    label[0] = 1.0
    with pytest.raises(CoterieError, match="CT-3061"):
        fit(Case(case.parts, label, "tweedie"), case.params())


@pytest.mark.parametrize("weights", [-1.0, 0.0, 1e9, np.nan])
def test_bad_weights_are_refused(weights: float) -> None:
    case = made("linear", weights=True)
    given = np.full_like(case.label, weights) if weights <= 0 else np.ones_like(case.label)
    given[3] = weights
    with pytest.raises(CoterieError, match="CT-3027" if np.isnan(weights) else "CT-3062"):
        fit(Case(case.parts, case.label, "linear", weights=given), case.params())


def test_offsets_beyond_the_range_are_refused() -> None:
    case = made("poisson")
    given = np.zeros_like(case.label)
    given[0] = 40.0
    with pytest.raises(CoterieError, match="CT-3063"):
        fit(Case(case.parts, case.label, "poisson", offset=given), case.params())


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"family": "cauchy"},
        {"family": "linear", "power": 1.7},
        {"family": "tweedie", "power": 2.0},
        {"family": "linear", "class_weight": "balanced"},
        {"family": "logistic", "class_weight": (1.0, 0.0)},
        {"family": "linear", "l1": -1},
        {"family": "linear", "l2": float("nan")},
        {"family": "linear", "statistics": True, "l2": 0.1},
        {"family": "logistic", "statistics": True, "class_weight": "balanced"},
        {"family": "linear", "solver": "minibatch", "statistics": True},
        {"family": "linear", "solver": "minibatch", "iterations": 5},
        {"family": "linear", "momentum": 0.5},
        {"family": "linear", "solver": "minibatch", "momentum": 1.0},
        {"family": "linear", "tolerance": 0.1},
        {"family": "linear", "offset": "no-column"},
        {"family": "linear", "offset": "a.b", "weights": "a.b"},
        {"family": "logistic", "max_logit": 11},
    ],
)
def test_parameters_that_make_no_sense_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        GlmParams(**given)
