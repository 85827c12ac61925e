"""Odd data: a training ends right or with a code, and never with numbers that have wrapped."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from coterie.errors import CoterieError

from .glm_data import FAMILIES, Case, Floats, draw, fit, flat, standard
from .test_glm_mpc import coefficients

ROWS = 300


def case(family: str, *parts: Floats) -> Case:
    """With labels that know nothing of the features."""
    rows = len(parts[0])
    label = draw(family, np.zeros(rows), 1.5, np.random.default_rng(5))
    label[:2] = (0.0, 1.0) if family != "gamma" else (0.5, 1.0)
    return Case(list(parts), label, family)


def normal(*shape: int, seed: int = 3) -> Floats:
    return np.random.default_rng(seed).normal(size=shape)


def outlier(family: str) -> Case:
    features = normal(ROWS, 2)
    features[0] = 1e6
    made = case(family, standard(features), standard(normal(ROWS, 2, seed=4)))
    made.label[0] = 1.0  # at 0 its own predictor would fall without end
    return made


def far_label(family: str) -> Case:
    made = case(family, normal(ROWS, 2), normal(ROWS, 2, seed=4))
    if family != "logistic":
        made.label[3] = 280 * made.label.mean()
    return made


def one_event(family: str) -> Case:
    made = case(family, normal(ROWS, 2), normal(ROWS, 2, seed=4))
    if family != "gamma":
        made.label[:] = 0
        made.label[7] = 1
    return made


def separated(family: str) -> Case:
    made = case(family, normal(ROWS, 2), normal(ROWS, 2, seed=4))
    made.label[:] = made.parts[0][:, 0] > 0
    made.label[:] += family == "gamma"
    return made


ODD: dict[str, Callable[[str], Case]] = {
    "two rows": lambda family: case(family, np.array([[1.0], [-1.0]]), np.array([[-1.0], [1.0]])),
    "sixty features": lambda family: case(family, normal(400, 30), normal(400, 30, seed=4)),
    "the same columns twice": lambda family: case(family, normal(ROWS, 3), normal(ROWS, 3)),
    "a column twice at one owner": lambda family: case(
        family, normal(ROWS, 1).repeat(2, 1), normal(ROWS, 1, seed=4)
    ),
    "a row far out": outlier,
    "a label far out": far_label,
    "one event": one_event,
    "separated classes": separated,
}


REFUSED = {
    ("one event", "logistic"),
    ("one event", "poisson"),
    ("one event", "tweedie"),
    ("separated classes", "logistic"),
}
"""All but one row tell the same, or there is no optimum: predictors grow until a guard sees it."""


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("family", FAMILIES)
def test_odd_data_is_trained_on_or_refused(family: str, name: str) -> None:
    """Predictions are the reference's, also where coefficients have no single optimum."""
    made = ODD[name](family)
    if (name, family) in REFUSED:
        with pytest.raises(CoterieError, match="CT-2108"):
            coefficients(made, "fixed")
        return
    found, best = coefficients(made, "fixed"), flat(fit(made, made.params()))
    whole = np.column_stack([made.whole, np.ones(len(made.label))])
    off, scores = whole @ (found - best), whole @ best
    assert np.abs(off).max() < 0.01 * (np.abs(scores - scores.mean()).max() + 1)
