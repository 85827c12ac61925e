"""The public numbers of a training: step, momentum, fixed-point formats, bounds. Equal at all participants.

Both optimisers are one program. Weights u belong to scaled features F = √s · (X − μ) A and to a constant
column c:

    v_t = u_t + β_t (u_t − u_{t−1});   u_{t+1} = v_t − 2^−L (Fᵀ(σ(F v_t + c v_t0) − y)) − r ∘ v_t

so that the step size and the division by the number of rows are a power of two, which in fixed point costs
nothing. s is what makes it so. "gradient_descent" has μ = 0, A = 1, β = 0; r is the penalty. For "nesterov"
each owner K chooses μ_K and A_K from its own columns alone: A_K makes them uncorrelated, of variance λ / (λ +
4 l2 + floor) each, which is the block-Jacobi preconditioner of the curvature bound XᵀX/4 + l2, in the form of
a private change of coordinates. It costs no round and no byte, and nobody learns it. With B owners the
curvature among F is at most s B / 4, and Nesterov's iteration is stable for steps up to (2 + 2β)/(1 + 2β)
over it, more than 4/3 whatever β is [O'Donoghue, Candès 2015]; a single owner takes 1 of it, so that r <= 1.
No row can tell the momentum to restart, as nobody may see the loss: β_t = min(t / (t + 3), 11/16) converges
like κ of some 30, which two-party credit data does not exceed by much.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from coterie.learn.logistic.params import LogisticParams

FEATURE_FRAC = 16
"""Fractional bits of features and of what leads back to coefficients."""
WEIGHT_FRAC = 20
BETA_FRAC = 4
LABEL_FRAC = 28
"""At most; less for many rows."""
COEFFICIENT_FRAC = 20
PENALTY_FRAC = 24
"""Of the public penalty of "gradient_descent"."""
TERMS = {10: (6, 10), 20: (10, 13)}
"""Terms of the sigmoid, by its limit, in the first and in the second half of the passes. What the first half
errs more (7e-4 against 4e-5 for limit 10) the second forgets: more accurate than 8 terms throughout, at the
same bytes."""
CAP = 64.0
"""Largest magnitude of a scaled feature; an owner's floor rises until it holds."""
FLOOR = 1e-3
"""Smallest floor under the eigenvalues of an owner's covariance."""
LARGEST_ERROR = 1.04
"""Largest |σ − y| for y from 0 to 1, with the sigmoid's own error anywhere: its values lie in [−0.04, 1.04].
"""
MOMENTUM_LIMIT = 11 / 16


@dataclass(frozen=True)
class Design:
    """Derived from row count, widths and parameters; see :func:`design`."""

    rows: int
    widths: Mapping[str, int]
    """Features of each owner; owners without features are not listed."""
    params: LogisticParams
    halvings: int
    """L."""
    scale: float
    """√s."""
    constant: float
    """c, a multiple of 2^-16; 0 without an intercept."""
    momentum: tuple[int, ...]
    """β_t in sixteenths, by pass."""
    bound: float
    """Of scaled features."""
    row_sum: Mapping[str, float]
    column_sum: float
    label_frac: int

    @property
    def whitened(self) -> bool:
        return self.params.optimizer == "nesterov"

    @property
    def width(self) -> int:
        return sum(self.widths.values())

    def terms(self, number: int) -> int:
        """Of the sigmoid in that pass, counted from 0."""
        coarse, fine = TERMS[self.params.max_logit]
        return fine if 2 * number >= self.params.passes - 1 else coarse

    @property
    def step_bound(self) -> float:
        """Of the change of a weight in one pass."""
        gradient = max(self.column_sum, self.constant * self.rows) * LARGEST_ERROR
        return math.ldexp(gradient, -self.halvings) + 4 * 2.0**-WEIGHT_FRAC

    @property
    def velocity_bound(self) -> float:
        """Of u_{t+1} − u_t: see :meth:`weight_bound`."""
        return 2.5 * self._reach

    def weight_bound(self, done: int) -> float:
        """Of u after ``done`` passes.

        Without penalty, steps bounded by γ with momentum β sum up to γ / (1 − β) each, at most. A penalty 0
        <= r <= 4/3 in a coordinate (which is alone, as r is diagonal) only damps: the response to a single
        step is then a difference equation with both roots in the unit disc. A test tries all r on a grid.
        """
        return self.start_bound + done * self._reach

    @property
    def _reach(self) -> float:
        """What one step adds to a weight in the end, at most, without penalty."""
        return self.step_bound / (1 - MOMENTUM_LIMIT if self.whitened else 1)

    @property
    def start_bound(self) -> float:
        """Of the intercept's start, log-odds within 0.8 max_logit."""
        return 0.8 * self.params.max_logit / self.constant if self.constant else 0.0

    @property
    def penalty(self) -> float:
        """r of "gradient_descent", the same for all weights."""
        return self.scale**2 * self.params.l2 * self.rows * 2.0**-self.halvings

    @property
    def penalty_bound(self) -> float:
        """Of r of "nesterov"."""
        return _accelerated_rate(max(1, len(self.widths))) / 4

    @property
    def back_bound(self) -> float:
        """Of the matrix that leads from u to coefficients; its last row is the shift of the intercept."""
        return 2 * self.scale / math.sqrt(FLOOR)

    @property
    def coefficient_period(self) -> int:
        """Half a period of the range check of coefficients."""
        static = self.width * self.back_bound * self.weight_bound(self.params.passes) * 2
        half_period = 64
        while static >= 2**15 * half_period:
            half_period *= 2
        return half_period

    @property
    def coefficient_bound(self) -> float:
        """What the range check of coefficients vouches for."""
        return 0.875 * self.coefficient_period


def design(rows: int, widths: Mapping[str, int], bound: float, params: LogisticParams) -> Design:
    """The numbers for a training.

    :param widths: features of each party, in the parties' order.
    :param bound: of all feature values.
    """
    widths = {party: width for party, width in widths.items() if width}
    blocks, width = max(1, len(widths)), sum(widths.values())
    whitened = params.optimizer == "nesterov"
    rate = params.learning_rate or 4 / (width + 1 + 4 * params.l2)
    if whitened:
        rate = _accelerated_rate(blocks)
    halvings = 0
    while math.ldexp(rate, halvings) / rows < 1:
        halvings += 1
    square = math.ldexp(rate, halvings) / rows
    scale = math.sqrt(square)
    constant = round(math.sqrt(square * (blocks if whitened else 1)) * 2**FEATURE_FRAC) / 2**FEATURE_FRAC
    largest = CAP if whitened else bound * scale * 1.001
    column_sum = rows * (scale * 1.001 if whitened else largest)
    gradient = max(column_sum, rows * constant) * LARGEST_ERROR
    momentum = [min(16 * t // (t + 3), 11) if whitened else 0 for t in range(params.passes)]
    return Design(
        rows=rows,
        widths=widths,
        params=params,
        halvings=halvings,
        scale=scale,
        constant=constant if params.intercept else 0.0,
        momentum=tuple(momentum),
        bound=largest,
        row_sum={party: whitened_row_sum(d) if whitened else d * largest for party, d in widths.items()},
        column_sum=column_sum,
        label_frac=min(LABEL_FRAC, 62 - FEATURE_FRAC - math.ceil(gradient).bit_length()),
    )


def _accelerated_rate(blocks: int) -> float:
    """Step of "nesterov" over features of variance 1 at so many owners."""
    return 4.0 if blocks == 1 else 16 / (3 * blocks)


def whitened_row_sum(width: int) -> float:
    """Bound on the magnitudes in a row of scaled features; in the mean they add up to less than the width."""
    return min(64.0 + 4 * width, width * CAP)
