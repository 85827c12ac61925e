"""The optimiser: against scikit-learn, against its own twins, on data with known difficulties."""

from __future__ import annotations

import gzip
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from coterie.errors import CoterieError
from coterie.learn.logistic import LogisticParams, clear, mpc
from coterie.learn.logistic.design import FLOOR, MOMENTUM_LIMIT, Design, design
from coterie.learn.logistic.preparation import Block, prepare
from coterie.mpc import RowBlocks, trace, twin

Floats = NDArray[np.float64]
OWNERS = ("lender", "payments", "telecom")
DATA = Path(__file__).parents[3] / "shared" / "data"


def standard(values: Floats, clip: float = 5.0) -> Floats:
    return np.asarray(((values - values.mean(0)) / values.std(0)).clip(-clip, clip))


def ranked(values: Floats) -> Floats:
    knots = np.nanquantile(values, np.linspace(0, 1, 1001), axis=0)
    columns = [np.searchsorted(knots[:, j], values[:, j]) for j in range(values.shape[1])]
    return standard(np.stack(columns, axis=1) / 1000)


def breast_cancer() -> tuple[list[Floats], NDArray[np.int8]]:
    features, labels = load_breast_cancer(return_X_y=True)
    scaled = standard(features)
    return [scaled[:, 20:], scaled[:, :20]], labels.astype(np.int8)


def made(rate: float, seed: int = 0, rows: int = 4000) -> tuple[list[Floats], NDArray[np.int8]]:
    """Correlated features of two owners, and a label with that base rate."""
    random = np.random.default_rng(seed)
    common = random.normal(size=(rows, 1))
    features = standard(0.7 * common + random.normal(size=(rows, 8)))
    logits = features @ random.normal(size=8) * 0.6
    threshold = np.quantile(logits + random.logistic(size=rows), 1 - rate)
    labels = logits + random.logistic(size=rows) > threshold
    return [features[:, :3], features[:, 3:]], labels.astype(np.int8)


def credit(name: str) -> tuple[list[Floats], NDArray[np.int8]]:
    """Real tables, cut between two owners."""
    files = {
        "give_me_some_credit": "cs-training.csv.gz",
        "uci_default_credit": "UCI_Credit_Card.csv.gz",
    }
    path = DATA / name / files[name]
    if not path.exists():
        pytest.skip(f"no {path}: see README.md there for where it comes from")
    with gzip.open(path, "rt") as file:
        table = np.genfromtxt(file, delimiter=",", skip_header=1, missing_values="NA")
    if name == "give_me_some_credit":
        labels, features = table[:, 1], table[:, 2:]
        cut = [0, 5, 7, 1, 9], [3, 4, 2, 6, 8]
    else:
        labels, features = table[:, -1], table[:, 1:-1]
        cut = list(range(11)), list(range(11, 23))
    features = np.where(np.isnan(features), np.nanmedian(features, axis=0), features)
    return [ranked(features[:, columns]) for columns in cut], labels.astype(np.int8)


def problem(parts: Sequence[Floats], params: LogisticParams) -> tuple[Design, list[Block]]:
    widths = {owner: part.shape[1] for owner, part in zip(OWNERS, parts, strict=False)}
    numbers = design(len(parts[0]), widths, 5.0, params)
    blocks = []
    for part in parts:
        rows = RowBlocks(part.shape, lambda start, stop, part=part: part[start:stop])  # type: ignore[misc]
        blocks.append(prepare(rows, [f"c{j}" for j in range(part.shape[1])], numbers))
    return numbers, blocks


def fit(parts: Sequence[Floats], labels: NDArray[np.int8], params: LogisticParams) -> Floats:
    numbers, blocks = problem(parts, params)
    weights, intercept = clear.fit(blocks, labels, numbers)
    return np.append(weights, intercept)


def optimum(parts: Sequence[Floats], labels: NDArray[np.int8], l2: float) -> Floats:
    """scikit-learn's, of the same objective."""
    features = np.hstack(parts)
    model = LogisticRegression(C=1 / (l2 * len(labels)), tol=1e-10, max_iter=20_000).fit(features, labels)
    return np.append(model.coef_[0], model.intercept_[0])


def auc(parts: Sequence[Floats], labels: NDArray[np.int8], weights: Floats) -> float:
    return float(roc_auc_score(labels, np.hstack(parts) @ weights[:-1]))


@pytest.mark.parametrize(("rate", "passes"), [(0.5, 30), (0.2, 30), (0.05, 30), (0.01, 60)])
def test_tens_of_passes_reach_the_optimum(rate: float, passes: int) -> None:
    """The rarer the label, the flatter the loss: below some percent it takes more of them."""
    parts, labels = made(rate)
    found, best = fit(parts, labels, LogisticParams(passes=passes)), optimum(parts, labels, 1e-3)
    assert abs(auc(parts, labels, found) - auc(parts, labels, best)) < 1e-4
    assert np.abs(found - best).max() < (0.02 if rate > 0.01 else 0.2)
    converged = fit(parts, labels, LogisticParams(passes=1000))
    assert np.abs(converged - best).max() < 1e-4


@pytest.mark.parametrize("name", ["give_me_some_credit", "uci_default_credit"])
def test_thirty_passes_are_enough_for_credit_data(name: str) -> None:
    parts, labels = credit(name)
    found, best = fit(parts, labels, LogisticParams()), optimum(parts, labels, 1e-3)
    assert abs(auc(parts, labels, found) - auc(parts, labels, best)) < 1e-4
    assert np.abs(found - best).max() < 5e-3


@pytest.mark.parametrize("owners", [1, 2, 3])
def test_any_cut_between_owners_has_the_same_optimum(owners: int) -> None:
    parts, labels = breast_cancer()
    cut = np.array_split(np.hstack(parts), owners, axis=1)
    found = fit(cut, labels, LogisticParams(l2=0.05, passes=500))
    assert np.abs(found - optimum(parts, labels, 0.05)).max() < 2e-4


def test_plain_gradient_descent_is_that() -> None:
    parts, labels = made(0.3)
    features, rate, l2 = np.hstack(parts), 0.5, 0.01
    found = fit(
        parts,
        labels,
        LogisticParams(optimizer="gradient_descent", learning_rate=rate, l2=l2, passes=25),
    )
    weights, intercept = np.zeros(8), np.log(labels.mean() / (1 - labels.mean()))
    for _ in range(25):
        error = 1 / (1 + np.exp(-(features @ weights + intercept))) - labels
        weights, intercept = (
            weights - rate * (features.T @ error / len(labels) + l2 * weights),
            intercept - rate * error.mean(),
        )
    assert found == pytest.approx(np.append(weights, intercept), abs=1e-4)  # the constant column is rounded


def test_gradient_descent_knows_a_safe_step() -> None:
    parts, labels = made(0.5)
    parts = [np.hstack([parts[0]] * 4), parts[1]]  # four times the same columns: the worst curvature
    found = fit(parts, labels, LogisticParams(optimizer="gradient_descent", passes=1000))
    assert auc(parts, labels, found) == pytest.approx(
        auc(parts, labels, optimum(parts, labels, 1e-3)), abs=1e-4
    )


def test_without_intercept() -> None:
    parts, labels = made(0.5)
    found = fit(parts, labels, LogisticParams(intercept=False, passes=300))
    features = np.hstack(parts)
    best = LogisticRegression(C=1 / (1e-3 * len(labels)), fit_intercept=False, tol=1e-10).fit(
        features, labels
    )
    assert found[-1] == 0
    # Owners centre their columns, which without an intercept is another model unless means are 0; they are.
    assert found[:-1] == pytest.approx(best.coef_[0], abs=2e-3)


def test_collinear_columns_and_outliers_keep_the_bounds() -> None:
    random = np.random.default_rng(1)
    base = random.standard_t(2, size=(3000, 3)).clip(-40, 40)
    part = standard(np.hstack([base, base @ random.normal(size=(3, 3)), base[:, :1] + 1e-7]), clip=64)
    labels = (base[:, 0] + random.logistic(size=3000) > 0).astype(np.int8)
    numbers, blocks = problem([part, part[:, ::-1]], LogisticParams(l2=0.0))
    for owner, block in zip(numbers.widths, blocks, strict=True):
        scaled = block.scaled().whole()
        assert np.abs(scaled).max() <= numbers.bound
        assert np.abs(scaled).sum(axis=1).max() <= numbers.row_sum[owner]
        assert np.abs(scaled).sum(axis=0).max() <= numbers.column_sum
        assert np.abs(block.back()).max() <= numbers.back_bound
    weights, intercept = clear.fit(blocks, labels, numbers)
    assert np.isfinite(weights).all()
    assert roc_auc_score(labels, np.hstack([part, part[:, ::-1]]) @ weights) > 0.6
    assert np.isfinite(intercept)


# The twins of the secure program


def inputs(parts: Sequence[Floats], labels: NDArray[np.int8], params: LogisticParams) -> tuple[Design, dict]:
    numbers, blocks = problem(parts, params)
    given: dict = {}
    for owner, block in zip(numbers.widths, blocks, strict=True):
        given |= mpc.inputs(owner, block, labels if owner == "lender" else None, numbers)
    return numbers, given


PROBLEMS: list[tuple[Callable[[], tuple[list[Floats], NDArray[np.int8]]], dict]] = [
    (lambda: made(0.05), {}),
    (lambda: made(0.5, seed=3), {"l2": 0.0}),
    (lambda: made(0.1), {"optimizer": "gradient_descent", "passes": 60, "learning_rate": 1.5}),
    (lambda: made(0.1), {"optimizer": "gradient_descent", "passes": 20, "l2": 0.0}),
    (lambda: made(0.4), {"intercept": False}),
    (breast_cancer, {"l2": 0.05, "max_logit": 20, "passes": 60}),
    (lambda: credit("give_me_some_credit"), {}),
    (lambda: credit("uci_default_credit"), {}),
]


@pytest.mark.parametrize("number", range(len(PROBLEMS)))
def test_the_secure_program_is_the_same_optimiser(number: int) -> None:
    """float64: to rounding. Fixed point, and so the ring: coefficients within 2e-3, AUC within 1e-4."""
    make, options = PROBLEMS[number]
    parts, labels = make()
    params = LogisticParams(**options)
    wanted = fit(parts, labels, params)
    numbers, given = inputs(parts, labels, params)
    program = mpc.training(numbers, "lender", ("lender",))
    names = OWNERS[: len(parts)]
    exact = twin(program, names, given, "float").revealed["coefficients"]
    fixed = twin(program, names, given, "fixed").revealed["coefficients"]
    if not params.intercept:
        exact, fixed = np.append(exact, 0), np.append(fixed, 0)
    assert np.abs(exact - wanted).max() < (1e-9 if params.optimizer == "nesterov" else 1e-4)
    assert np.abs(fixed - wanted).max() < 2e-3
    assert abs(auc(parts, labels, fixed) - auc(parts, labels, wanted)) < 1e-4


def test_five_rounds_and_seventeen_bytes_a_row() -> None:
    for optimizer in ("nesterov", "gradient_descent"):
        tapes = []
        for passes in (20, 22):
            params = LogisticParams(optimizer=optimizer, passes=passes, l2=0.0)
            numbers = design(1000, {"lender": 6, "payments": 4}, 5.0, params)
            tapes.append(trace(mpc.training(numbers, "lender", ()), OWNERS[:2], "hub"))
        assert (tapes[1].rounds["lender"] - tapes[0].rounds["lender"]) / 2 == 5
        each_way = (tapes[1].sent["lender"]["payments"] - tapes[0].sent["lender"]["payments"]) / 2
        momentum = 8 * 11 if optimizer == "nesterov" else 0
        assert each_way == 17 * 1000 + 8 * (11 + 11) + momentum


@pytest.mark.parametrize("rows", [2, 7, 100, 10**5, 10**6, 10**7, 10**8])
@pytest.mark.parametrize("widths", [(1,), (5, 5), (50, 50), (100, 100, 100), (500,)])
def test_the_numbers_fit_the_ring_for_any_size(rows: int, widths: tuple[int, ...]) -> None:
    """No trace overflows, the step is the one wanted, and the label keeps enough bits."""
    for params in (LogisticParams(), LogisticParams(optimizer="gradient_descent", passes=10)):
        numbers = design(rows, dict(zip(OWNERS, widths, strict=False)), 5.0, params)
        step = numbers.rows * 2.0**-numbers.halvings * numbers.scale**2
        blocks, width = len(widths), sum(widths)
        wanted = (4, 8 / 3, 16 / 9)[blocks - 1] if numbers.whitened else 4 / (width + 1 + 4 * params.l2)
        assert step == pytest.approx(wanted)
        assert numbers.label_frac >= 14
        if rows * width <= 10**8:  # a tape has only sizes, but a trace of chunks takes a while
            trace(mpc.training(numbers, "lender", ("lender",)), OWNERS[: max(2, blocks)], "hub")


@pytest.mark.parametrize("optimizer", ["nesterov", "gradient_descent"])
@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_weights_never_leave_their_bounds(blocks: int, optimizer: str) -> None:
    """The worst that steps of bounded size can do to one coordinate, for every penalty on a grid.

    u is linear in the steps, so the worst case is the sum of magnitudes of its response to each of them.
    """
    passes = 60
    params = LogisticParams(passes=passes, optimizer=optimizer)  # type: ignore[arg-type]
    numbers = design(1000, dict.fromkeys(OWNERS[:blocks], 4), 5.0, params)
    for penalty in np.linspace(0, numbers.penalty_bound if numbers.whitened else 1.0, 81):
        weights, velocity = np.zeros((passes, passes)), np.zeros(passes)
        now = np.zeros(passes)  # response of u to the step of each pass
        for t, sixteenths in enumerate(numbers.momentum):
            ahead = now + sixteenths / 16 * velocity
            step = np.zeros(passes)
            step[t] = 1.0
            velocity = ahead - now - penalty * ahead - step
            now = now + velocity
            weights[t] = now
            gamma = numbers.step_bound
            assert gamma * np.abs(velocity).sum() <= numbers.velocity_bound
            assert gamma * np.abs(now).sum() + numbers.start_bound <= numbers.weight_bound(t + 1)
    assert max(numbers.momentum) / 16 <= MOMENTUM_LIMIT
    assert FLOOR > 0


@pytest.mark.parametrize(
    "given",
    [
        {"l2": -1},
        {"l2": float("nan")},
        {"passes": 0},
        {"optimizer": "adam"},
        {"learning_rate": 0.1},
        {"optimizer": "gradient_descent", "learning_rate": 1e-7},
        {"optimizer": "gradient_descent", "learning_rate": 0},
        {"optimizer": "gradient_descent", "learning_rate": 10, "l2": 0.1},
        {"max_logit": 11},
        {"penalty": "l1"},
    ],
)
def test_parameters_that_make_no_sense_are_refused(given: dict) -> None:
    with pytest.raises(ValidationError):
        LogisticParams(**given)


def test_a_model_that_leaves_its_range_is_not_given_out() -> None:
    """Steps so long that logits jump far beyond what the sigmoid stands for."""
    parts, labels = made(0.3)
    params = LogisticParams(optimizer="gradient_descent", learning_rate=100, l2=0.0, passes=3)
    numbers, given = inputs(parts, labels, params)
    with pytest.raises(CoterieError, match="CT-2108"):
        twin(mpc.training(numbers, "lender", ()), OWNERS[:2], given, "fixed")


def test_momentum_is_one_schedule_for_everybody() -> None:
    schedules = {
        design(rows, {"lender": width}, 5.0, LogisticParams(passes=10)).momentum
        for rows, width in itertools.product((10, 10**6), (1, 100))
    }
    assert schedules == {(0, 4, 6, 8, 9, 10, 10, 11, 11, 11)}
