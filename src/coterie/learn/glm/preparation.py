"""What parties do with their own columns before training, alone: check them, scale them. Nothing of it leaves
them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from coterie.learn.errors import NOT_FINITE, NULLS_LEFT, ONE_CLASS
from coterie.learn.glm.design import (
    CAP,
    CENTRE_CAP,
    FLOOR,
    LABEL_CAP,
    LOCATION_CAP,
    SMALLEST_SPREAD,
    WEIGHT_CAP,
    Design,
)
from coterie.learn.glm.errors import LABEL_UNFIT, OFFSET_UNFIT, WEIGHTS_UNFIT
from coterie.learn.glm.families import family_of
from coterie.learn.linear import Floats, Moments, moments, turned
from coterie.mpc import RowBlocks

__all__ = [
    "Block",
    "Label",
    "Offset",
    "Weights",
    "prepare",
    "prepare_label",
    "prepare_offset",
    "prepare_weights",
]


@dataclass(frozen=True)
class Block:
    """One owner's features."""

    features: RowBlocks
    """X as given, (rows, width): never copied as a whole."""
    shift: Floats
    """μ, (width,)."""
    turn: Floats
    """A, (width, width)."""
    ridge: Floats
    """(width,): the L2 penalty of each weight; where columns are not decorrelated it is diagonal as well."""
    lasso: Floats
    """(width,): the L1 penalty of each weight."""

    def scaled(self) -> RowBlocks:
        """F = (X − μ) A."""
        given = self.features
        shift, turn = self.shift, self.turn
        return RowBlocks(given.shape, lambda start, stop: turned(given.rows(start, stop) - shift, turn))

    def back(self) -> Floats:
        """(width + 1, width): weights to coefficients, and to what is taken from the intercept."""
        return np.vstack([self.turn, self.shift @ self.turn])

    def units(self) -> Floats:
        """(width, width): A^−1 with columns brought to length 1, as rows: from F to the given columns, each
        in units of its spread."""
        away = np.linalg.inv(self.turn)
        return np.asarray((away / np.linalg.norm(away, axis=0)).T)


@dataclass(frozen=True)
class Label:
    """Of its holder."""

    values: Floats
    """(rows,): y / 2^exponent − location."""
    start: float
    """The constant to begin with: the best one where there is nothing else, as far as its holder can know."""
    location: float
    exponent: int


@dataclass(frozen=True)
class Weights:
    """Of rows, at whoever holds the column."""

    values: Floats
    """(rows,), of mean 1."""
    mean: float
    """Of the weights as they were given."""


@dataclass(frozen=True)
class Offset:
    """At its holder."""

    values: Floats
    """(rows,), less ``centre``."""
    centre: float


def prepare(features: RowBlocks, columns: Sequence[str], design: Design) -> Block:
    """The owner's part of the problem, within the design's bounds.

    Errors: CT-3027, CT-3028, CT-3051, naming the column.
    """
    found = moments(features, columns)
    shift = found.mean if design.params.intercept else np.zeros_like(found.mean)
    second = found.covariance + (0.0 if design.params.intercept else np.outer(found.mean, found.mean))
    make = _whitened if design.whitened else _scaled
    floor = FLOOR
    while True:
        block = make(features, Moments(shift, second), design, floor)
        if _fits(block):
            return block
        floor *= 2


def _whitened(features: RowBlocks, found: Moments, design: Design, floor: float) -> Block:
    values, vectors = np.linalg.eigh(found.covariance)
    l2 = design.params.l2
    spread = np.maximum(values, 0.0) + l2 / design.curvature + floor
    return Block(features, found.mean, vectors / np.sqrt(spread), l2 / spread, np.zeros(len(spread)))


def _scaled(features: RowBlocks, found: Moments, design: Design, floor: float) -> Block:
    spread = np.maximum(np.diag(found.covariance), SMALLEST_SPREAD) + floor
    scale = 1 / np.sqrt(spread)
    return Block(features, found.mean, np.diag(scale), design.params.l2 / spread, design.params.l1 * scale)


def longest_row(width: int) -> float:
    """Bound on the magnitudes in a row of features; in the mean they add up to less than the width."""
    return min(64.0 + 8 * width, width * CAP)


def _fits(block: Block) -> bool:
    """Whether features, their rows and the way back keep their bounds, with room for rounding."""
    if np.abs(block.back()).max() > 1.9 / math.sqrt(FLOOR):
        return False
    longest = longest_row(len(block.shift))
    for _, rows in block.scaled().blocks():
        magnitudes = np.abs(rows)
        if magnitudes.max() > 0.99 * CAP or magnitudes.sum(axis=1).max() > 0.99 * longest:
            return False
    return True


def prepare_weights(given: Floats, what: str) -> Weights:
    """Errors: CT-3062, CT-3027."""
    _complete(given, what)
    mean = float(given.mean())
    if given.min() < 0 or not mean > 0 or given.max() > WEIGHT_CAP * mean:
        raise WEIGHTS_UNFIT(what)
    return Weights(given / mean, mean)


def class_weights(labels: Floats, design: Design) -> Floats | None:
    """(rows,) by the label's two values; None where they weigh the same."""
    chosen = design.params.class_weight
    if chosen is None:
        return None
    rate = float(labels.mean())
    pair = (1 / (1 - rate), 1 / rate) if chosen == "balanced" else chosen
    return np.where(labels > 0, pair[1], pair[0])


def prepare_offset(given: Floats, what: str, design: Design) -> Offset:
    """Where there is an intercept, less the constant that it can take over. Errors: CT-3063, CT-3027."""
    _complete(given, what)
    centre = 0.0
    if design.params.intercept:
        peak = float(given.max())
        logarithmic = design.params.log_link
        centre = peak + math.log(np.exp(given - peak).mean()) if logarithmic else float(given.mean())
    values = given - centre
    if np.abs(values).max() > design.params.reach or abs(centre) > CENTRE_CAP:
        raise OFFSET_UNFIT(what)
    return Offset(values, centre)


def prepare_label(
    given: Floats, what: str, design: Design, weights: Floats | None, offset: Floats | None
) -> Label:
    """The label on the scale that training works on.

    :param given: (rows,) as it is. :param weights: (rows,) as far as its holder knows them.
    :param offset: the same, centred.

    Errors: CT-1501, CT-3061, CT-3016 (one class).
    """
    _complete(given, what)
    family = design.params.family
    problem = _label_problem(given, family)
    if problem:
        raise LABEL_UNFIT(f"{what}, {family}: {problem}")
    known = np.ones_like(given) if weights is None else weights
    shift = np.zeros_like(given) if offset is None else offset
    location, exponent = 0.0, 0
    values = given
    if family == "linear":
        values = given - shift
        location = float(np.average(values, weights=known)) if design.params.intercept else 0.0
        exponent = _exponent(math.sqrt(float(np.mean((values - location) ** 2))))
        if abs(location) > LOCATION_CAP * 2.0**exponent:
            raise LABEL_UNFIT(f"{what}: its mean is too far from zero for its spread")
        return Label(np.ldexp(values - location, -exponent), 0.0, math.ldexp(location, -exponent), exponent)
    if family != "logistic":
        exponent = _exponent(float(np.average(given, weights=known)))
        values = np.ldexp(given, -exponent)
        if values.max() > LABEL_CAP:
            raise LABEL_UNFIT(f"{what}: a value above {LABEL_CAP:.0f} times the mean")
    elif not 0 < np.average(given, weights=known) < 1:
        raise ONE_CLASS("of the training rows")
    begin = 0.0
    if design.params.intercept:
        limit = 0.8 * design.params.reach
        begin = min(max(family_of(design.params).null(values, known, shift), -limit), limit)
    return Label(values, begin, location, exponent)


def _exponent(size: float) -> int:
    """The smallest power of two that is not smaller."""
    return math.ceil(math.log2(size)) if size > 0 else 0


def _label_problem(given: Floats, family: str) -> str:
    if family == "logistic":
        return "" if ((given == 0) | (given == 1)).all() else "not only 0 and 1"
    if family == "linear":
        return "" if given.min() < given.max() else "all values are equal"
    if family == "gamma":
        return "" if given.min() > 0 else "not all positive"
    if given.min() < 0:
        return "negative values"
    return "" if given.max() > 0 else "no value above 0"


def _complete(given: Floats, what: str) -> None:
    if np.isnan(given).any():
        raise NULLS_LEFT(what)
    if not np.isfinite(given).all():
        raise NOT_FINITE(what)
