"""Fixed-point formats of the secure program, and the bounds that they rest on.

What a program can bound beforehand, it does; what depends on the data is guarded at run time, and the bounds
here are those that a passed guard vouches for. Sums over rows are the tightest: with n rows, features of 14
fractional bits and numbers up to 2^16 there is room for 61 − 14 − 16 − log2 n more bits. Few are enough:
every truncation rounds without bias, so the error of a mean over rows falls with their root.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from coterie.learn.glm.design import CAP, FLOOR, LABEL_CAP, LARGEST, WEIGHT_CAP, Design, Rows
from coterie.learn.glm.params import EXPONENT_REACH
from coterie.learn.glm.preparation import longest_row

__all__ = ["Formats"]

WEIGHT_FRAC, SLOPE_WEIGHT_FRAC = 24, 22
"""Of the weights that are trained; the second of the linear family, whose H has more bits instead."""
ARGUMENT_FRAC = 41
"""Most of predictors that exponentials take as they are."""
SQUARES_FRAC = 6
ROW_WEIGHT_FRAC = 16
RIDGE_FRAC = 20
SMALL_FRAC = 26
"""Of curvatures when they leave the rows."""
GRADIENT_FRAC = 34
"""Of gradients: they decide where training ends."""
STEP_FRAC = 40
"""Of αg, at most."""
ALPHA_FRAC = LARGEST + 1
ERROR_FRAC = 18
"""Of E in a step: how exact the matrix is does not move the fixed point, but rounding of vectors does."""
COEFFICIENT_FRAC = 22
SIGMOID_FRAC, FINE_FRAC = 30, 40
"""Of the sigmoid; the second of its longer sum, whose last coefficients are as small as 2^-21 and are
rounded with half of the bits."""
WEIGHT_PERIOD = 64
WEIGHT_BOUND = 0.875 * WEIGHT_PERIOD
"""What the guard of weights vouches for."""
PULL_PERIOD = 1 << 16
PULL_CAP = 0.875 * PULL_PERIOD
"""What the guard of pulls vouches for: a row's loss is not steeper, nor more curved, at any step."""
LOGISTIC_CAP = 1.1
"""Of a logistic loss's derivatives, with the error of the sigmoid."""
ROOM = 61
SLACK = 1.0 + 2.0**-10
"""Of rounding, in promised sums."""


@dataclass(frozen=True)
class Formats:
    """Of one training."""

    design: Design

    @property
    def family(self) -> str:
        return self.design.params.family

    @property
    def weighed(self) -> bool:
        """Whether rows weigh differently."""
        params = self.design.params
        return params.weights is not None or params.class_weight is not None

    @property
    def guarded(self) -> bool:
        """Whether only a guard bounds how curved the losses are: a linear or logistic one's second derivative
        is at most 1 by itself."""
        return self.weighed or self.design.params.log_link

    @property
    def pull_bound(self) -> float:
        """Of a − b, and of second derivatives, weights included."""
        if self.guarded:
            return PULL_CAP
        return LOGISTIC_CAP if self.family == "logistic" else self.label_bound + self.predictor_bound

    @property
    def predictor_bound(self) -> float:
        """Of the linear predictor, as far as weights alone bound it."""
        return WEIGHT_BOUND * (1 + sum(self.row_sum(owner) for owner in self.design.widths))

    @property
    def feature_frac(self) -> int:
        """Of features, 12 to 18: two of them are multiplied with a second derivative and added up."""
        fewest = 14 if self.family == "linear" else 8  # weights of rows are exact; others err at random
        room = ROOM - fewest - math.log2(self.curvature_sum)
        return max(12, min(18, math.floor(room / 2)))

    @property
    def square_bound(self) -> float:
        """Of the linear family's weighted mean of squared labels, and of squared predictors that come
        nearer."""
        return 4.0 * (WEIGHT_CAP if self.weighed else 1.0)

    @property
    def slope_sum(self) -> float:
        """Bound on |Fᵀ (a − b)|. The linear family multiplies labels, whose squares add up to n at most; so
        do those of features: Cauchy and Schwarz."""
        rows = self.design.rows * SLACK
        if self.family == "linear" and self.design.params.solver == "newton":
            return rows * (math.sqrt(WEIGHT_CAP * self.trace_bound) if self.weighed else 1.0)
        return rows * self.pull_bound

    @property
    def pull_frac(self) -> int:
        """Of what is multiplied with features and added up over the rows."""
        room = ROOM - self.feature_frac - math.log2(self.slope_sum)
        most = 20 if self.weighed else SIGMOID_FRAC if self.family == "logistic" else 24
        return max(0, min(most, math.floor(room)))

    @property
    def sigmoid_frac(self) -> int:
        """Of the sigmoid, whose noise falls with the root of its unit; what pulls need, or more."""
        return SIGMOID_FRAC if self.weighed else self.pull_frac

    @property
    def weight_frac(self) -> int:
        """Of the weights that are trained."""
        if self.family == "linear":
            return SLOPE_WEIGHT_FRAC
        return min(WEIGHT_FRAC, ARGUMENT_FRAC - self.feature_frac)

    @property
    def label_frac(self) -> int:
        """Of labels. Those that are multiplied with exponentials share the bits of the product with them."""
        if self.family in ("linear", "logistic"):
            return 18 if self.family == "linear" else 0
        return 14 if self.family in ("gamma", "tweedie") else self.pull_frac

    @property
    def label_bound(self) -> float:
        if self.family == "linear":
            return math.sqrt(self.design.rows) * SLACK
        return LABEL_CAP if self.design.params.log_link else 1.0

    @property
    def trace_period(self) -> int:
        """Half a period of the guard of H's trace: twenty times what standard rows of weight 1 give
        passes."""
        return int(2 ** ((self.design.size - 1).bit_length() + 5))

    @property
    def trace_bound(self) -> float:
        """Of H's trace before penalties, and so of its entries, as it has no negative eigenvalue."""
        if self.guarded:
            return 0.875 * self.trace_period
        return self.design.size * (0.6 if self.family == "logistic" else SLACK)

    @property
    def hessian_bound(self) -> float:
        """Of the trace with penalties."""
        ridge = self.design.size * self.design.ridge_bound if self.design.params.l2 else 0.0
        return self.trace_bound + ridge

    @property
    def curvature_sum(self) -> float:
        """Bound on entries of FᵀWF."""
        return math.ldexp(self.trace_bound, self.design.halvings) * SLACK

    @property
    def curvature_frac(self) -> int:
        """Of second derivatives, when they are multiplied with two features and added up."""
        room = ROOM - 2 * self.feature_frac - math.log2(self.curvature_sum)
        return max(0, min(20, math.floor(room)))

    @property
    def image_bound(self) -> float:
        """Of H times weights."""
        return self.hessian_bound * WEIGHT_BOUND * math.sqrt(self.design.size)

    @property
    def hessian_frac(self) -> int:
        """Of H: the linear family multiplies it with weights."""
        if self.family != "linear":
            return SMALL_FRAC
        return min(SMALL_FRAC, math.floor(ROOM - self.weight_frac - math.log2(self.image_bound)))

    def column_sum(self, rows: Rows) -> float:
        """Bound on the magnitudes of a feature, added up over some rows: their squares, over all rows, add up
        to at most n."""
        count = rows[1] - rows[0]
        return min(math.sqrt(count * self.design.rows), count * CAP) * SLACK

    def row_sum(self, owner: str) -> float:
        """Bound on the magnitudes of a row's features."""
        return longest_row(self.design.widths[owner])

    @property
    def exponential_frac(self) -> int:
        """Of exponentials: such that their product with a label fits, where there is one."""
        if self.family == "poisson":
            return self.pull_frac
        largest = EXPONENT_REACH * 1.5 / math.log(2)
        return max(4, min(24, math.floor(ROOM - math.log2(LABEL_CAP) - self.label_frac - largest)))

    @property
    def back_bound(self) -> float:
        """Of the matrices that lead from weights to coefficients."""
        return 2 / math.sqrt(FLOOR)

    @property
    def back_frac(self) -> int:
        largest = self.back_bound * max(1, self.design.width) * WEIGHT_BOUND
        return min(COEFFICIENT_FRAC, math.floor(ROOM - self.weight_frac - math.log2(largest)))

    @property
    def coefficient_period(self) -> int:
        """Half a period of the guard of coefficients: 64, but where more could wrap unseen."""
        period = 64
        while self.design.width * self.back_bound * WEIGHT_BOUND * 2 >= 2**15 * period:
            period *= 2
        return period

    @property
    def coefficient_bound(self) -> float:
        """Of coefficients and intercept; a label's unit and an offset's centre are added after the guard."""
        return 0.875 * self.coefficient_period + (128.0 if self.design.params.log_link else 64.0)

    @property
    def gradient_period(self) -> int:
        """Half a period of the guard of gradients, where nothing else bounds them: forty times what standard
        features give at a row's pull of 1; less for logistic ones, which α makes larger."""
        return 1 << (6 if self.family == "logistic" else 10)

    @property
    def gain(self) -> int:
        """Of αg before its guard: twenty mean curvatures' worth of a step passes, in units of the trace."""
        return 1 + (self.design.size - 1).bit_length()

    @property
    def gradient_frac(self) -> int:
        """Of gradients: αg fits."""
        largest = self.gradient_period * 2.0**-self.design.smallest
        return min(GRADIENT_FRAC, math.floor(ROOM - ALPHA_FRAC - math.log2(largest)))

    @property
    def step_length(self) -> float:
        """Of αg, as its guard vouches for."""
        return math.sqrt(self.design.size) * math.ldexp(WEIGHT_BOUND, -self.gain)

    @property
    def step_frac(self) -> int:
        """Of αg. Vectors on the way from it to a step have one bit less for each factor of the series, which
        doubles their bound."""
        return min(STEP_FRAC, math.floor(ROOM - 1 - ERROR_FRAC - math.log2(self.step_length)))
