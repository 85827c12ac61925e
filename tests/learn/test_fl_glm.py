"""Models over sums of three parties' rows, against statsmodels and scikit-learn on the pooled table."""

from __future__ import annotations

import json
import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import ElasticNet, LogisticRegression

from coterie.errors import CoterieError
from coterie.fl import Fixed, LocalSums
from coterie.learn.component import EACH
from coterie.learn.glm import Glm
from coterie.learn.glm.design import design
from coterie.learn.glm.fl import Rows, Training, train
from coterie.learn.glm.statistics import table
from coterie.learn.logistic import Logistic
from coterie.learn.pooled import wide_total
from coterie.learn.stack import Stack
from coterie.mpc import RowBlocks
from tests.learn.glm_data import FAMILIES, Case, made, statsmodels
from tests.learn.horizontal import run
from tests.learn.horizontal_data import HOMO, NAMES, datasets, homo, homo_datasets, trained
from tests.learn.test_glm_clear import check_statistics


def flat(found: Training) -> np.ndarray:
    return np.append(found.coefficients, found.intercept)


def told(case: Case, found: Training, params: Any) -> dict[str, Any]:
    width = case.whole.shape[1]
    names = tuple(str(j) for j in range(width))
    assert found.sums is not None
    values = flat(found) if params.intercept else found.coefficients
    return table(found.sums, design(len(case.label), {EACH: width}, params), {EACH: names}, values)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("apart", [(), ("offset", "weights")])
def test_the_table_is_that_of_the_pooled_rows(family: str, apart: tuple[str, ...]) -> None:
    case = made(family, owners=2, **dict.fromkeys(apart, True))
    params = case.params(statistics=True)
    found, wanted = trained(case, params), statsmodels(case)
    for one in found:
        assert flat(one) == pytest.approx(wanted.params, rel=1e-8, abs=1e-10)
        check_statistics(told(case, one, params), wanted)
        assert one.converged
        assert one.totals <= 8


@pytest.mark.parametrize("family", ["linear", "logistic", "poisson"])
def test_without_intercept(family: str) -> None:
    case = made(family, offset=True)
    label = case.label - 1000 if family == "linear" else case.label / (5 if case.label.max() > 1 else 1)
    case = Case(case.parts, label, family, offset=case.offset)
    params = case.params(statistics=True, intercept=False, iterations=12)
    found, wanted = trained(case, params)[0], statsmodels(case, intercept=False)
    assert found.coefficients == pytest.approx(wanted.params, rel=1e-8)
    assert found.intercept == 0
    check_statistics(told(case, found, params), wanted, intercept=False)


def test_penalties_are_those_of_the_pooled_rows() -> None:
    case = made("linear")
    unit = 2.0 ** np.ceil(np.log2(case.label.std()))  # in which penalties are, in every engine
    found = trained(case, case.params(l1=0.05, l2=0.01, iterations=10))[0]
    net = ElasticNet(alpha=0.06, l1_ratio=5 / 6, tol=1e-12, max_iter=100_000)
    wanted = net.fit(case.whole, case.label / unit)
    assert found.coefficients / unit == pytest.approx(wanted.coef_, abs=1e-9)
    assert (found.coefficients == 0).sum() == (wanted.coef_ == 0).sum() > 0
    case = made("logistic")
    found = trained(case, case.params(l2=0.05, class_weight="balanced", iterations=10))[0]
    ridge = LogisticRegression(
        C=1 / (0.05 * len(case.label)), class_weight="balanced", tol=1e-12, max_iter=10_000
    )
    wanted = ridge.fit(case.whole, case.label)
    assert flat(found) == pytest.approx(np.append(wanted.coef_, wanted.intercept_), abs=1e-6)


def test_three_parties_meet_the_pooled_optimum_within_eight_sums() -> None:
    """default_credit of three banks; the figures of the docs."""
    steps = [("stack", Stack(), {}), ("model", Logistic(), {"l2": 1e-3})]
    outcomes = run(homo_datasets(), steps, label="y")
    parts = [homo(part) for part in HOMO]
    head, values = parts[0][0], np.vstack([part[1] for part in parts])
    label, features = values[:, head.index("y")], np.delete(values, head.index("y"), axis=1)
    exact = LogisticRegression(C=1e3 / len(label), tol=1e-12, max_iter=10_000, solver="newton-cholesky")
    wanted = exact.fit(features, label)
    for name in NAMES:
        model = outcomes[name].contexts["model"].models["model"]
        assert np.abs(model.weights - wanted.coef_[0]).max() < 1e-6
        assert abs(model.intercept - wanted.intercept_[0]) < 1e-6
        assert outcomes[name].contexts["model"].sums()._taken.total() <= 8


def test_a_step_that_makes_it_worse_is_halved() -> None:
    """Few rows with far labels: the curvature at the start says little of the optimum."""
    random = np.random.default_rng(3)
    features = np.abs(random.normal(size=(90, 1))) ** 3
    label = random.poisson(np.exp(np.minimum(2.0 * features[:, 0], 9.0))).astype(np.float64)
    case = Case([features], label, "poisson")
    found = trained(case, case.params(iterations=60))[0]
    assert found.converged
    assert flat(found) == pytest.approx(statsmodels(case).params, rel=1e-7)


def test_other_rows_of_the_same_number_are_not_held_against_the_best_so_far() -> None:
    """One party goes and another one comes back, with as many rows, to which no weights fit as well."""
    case, names = made("poisson", rows=800), ("east", "north", "south", "west")
    label = case.label.copy()
    label[600:] = 4 * np.random.default_rng(5).permutation(label[600:])
    params = case.params(iterations=20, loss_every=1, tolerance=1e-9)
    numbers = design(600, {EACH: case.whole.shape[1]}, params)
    sums = LocalSums.group(*names)

    def work(name: str) -> Training:
        place, looked = names.index(name), 0
        some = slice(200 * place, 200 * (place + 1))
        own = case.whole[some]
        blocks = RowBlocks(own.shape, lambda start, stop: own[start:stop])

        def adding(what: str, values: np.ndarray, form: Fixed) -> np.ndarray:
            nonlocal looked
            looked += 1
            return sums[name].total(what, values, form, among=names[:3] if looked < 5 else names[1:])

        columns = [str(j) for j in range(own.shape[1])]
        rows = Rows(blocks, label[some], None, None)
        return train(adding, rows, numbers, columns, counted=lambda: sums[name].counted)

    with ThreadPoolExecutor(len(names)) as pool:
        found = next(iter(pool.map(work, names)))
    later = Case([case.whole[200:]], label[200:], "poisson")
    assert found.converged
    assert found.losses[-1] > found.losses[0] > 0
    assert flat(found) == pytest.approx(statsmodels(later).params, rel=1e-8, abs=1e-10)


def test_who_has_one_label_value_or_a_constant_column_alone_takes_part() -> None:
    case = made("logistic", rows=900)
    order = np.argsort(case.label, kind="stable")
    found = trained(case, case.params(), order)[0]
    assert flat(found) == pytest.approx(statsmodels(case).params, rel=1e-6)


def banks(rows: int = 400, **more: Any) -> dict[str, Any]:
    random = np.random.default_rng(1)
    columns = {"age": random.normal(size=rows), "flow": random.normal(size=rows), **more}
    columns.setdefault("bad", (random.random(rows) < 0.4).astype(np.int64))
    return datasets(columns, "bad")


REFUSED: dict[str, tuple[dict[str, Any], dict[str, Any], Any]] = {
    "CT-3236": ({}, {"solver": "minibatch"}, Glm),
    "CT-3235": ({"rows": 40}, {}, Glm),
    "CT-3051": ({"flow": np.full(400, 0.1)}, {}, Glm),
    "CT-3016": ({"bad": np.zeros(400, np.int64)}, {}, Glm),
    "CT-3061": ({"bad": np.arange(400)}, {}, Glm),
    "CT-3027": ({"flow": np.where(np.arange(400) == 7, np.nan, 1.0)}, {}, Glm),
}


@pytest.mark.parametrize("code", REFUSED)
def test_what_cannot_be_trained_on_is_refused(code: str) -> None:
    more, given_, component = REFUSED[code]
    given_ = {"family": "logistic", **given_}
    with pytest.raises(CoterieError) as caught:
        run(banks(**more), [("stack", Stack(), {}), ("model", component(), given_)], label="bad")
    assert caught.value.code == code


def test_a_few_rows_with_one_label_beside_the_own_are_not_told_apart() -> None:
    label = np.zeros(400, np.int64)
    label[:40] = 1  # most of them at the first party
    label[399] = 1
    steps = [("stack", Stack(), {}), ("model", Logistic(), {})]
    with pytest.raises(CoterieError, match="label values") as caught:
        run(banks(bad=label), steps, label="bad")
    assert caught.value.code == "CT-3235"


def test_gradient_descent_is_not_for_sums() -> None:
    steps = [("stack", Stack(), {}), ("model", Logistic(), {"optimizer": "gradient_descent"})]
    with pytest.raises(CoterieError) as caught:
        run(banks(), steps, label="bad")
    assert caught.value.code == "CT-3236"


def test_results_are_documents_as_in_other_engines() -> None:
    random = np.random.default_rng(5)
    given_ = banks(800, weight=random.uniform(0.5, 2, 800), shift=random.uniform(-1, 1, 800))
    params = {
        "family": "logistic",
        "weights": "each.weight",
        "offset": "each.shift",
        "statistics": True,
        "loss_every": 2,
    }
    found = run(given_, [("stack", Stack(), {}), ("model", Glm(), params)], label="bad", min_group=5)
    given_out = found["west"].published
    document = json.loads(given_out["statistics/model.statistics.json"])
    assert set(document["coefficients"][EACH]) == {"age", "flow"}
    assert document["rows"] == 800
    losses = json.loads(given_out["loss/model.loss.json"])["loss"]
    assert losses == sorted(losses, reverse=True)
    assert given_out == found["east"].published


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1e45, 1e45, allow_subnormal=False), min_size=1, max_size=6))
def test_wide_totals_are_exact(values: list[float]) -> None:
    """Each value at a contributor of its own, in effect: digits are added, and put together once."""
    parts = np.array([[one] for one in values])
    kept: list[np.ndarray] = []

    def take(what: str, digits: np.ndarray, form: Fixed) -> np.ndarray:
        assert (what, form) == ("a sum", Fixed(64, 0))
        kept.append(digits)
        return np.sum(kept, axis=0)

    for part in parts:
        last = wide_total(take, "a sum", part)
    assert last[0] == pytest.approx(math.fsum(values), rel=1e-15, abs=len(values) * 2.0**-160)


def test_what_is_too_large_for_wide_totals_is_refused() -> None:
    with pytest.raises(CoterieError) as caught:
        wide_total(lambda _, digits, __: digits, "a sum", np.array([2.0**160]))
    assert caught.value.code == "CT-3028"
