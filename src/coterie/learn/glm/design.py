"""The public numbers of a training: what rows it looks at, what steps it takes. Equal at all participants.

Features. Owner K turns its columns into F_K = (X_K − μ_K) A_K, of variance at most 1 each, alone. Without an
L1 penalty A_K also makes them uncorrelated, so that its own block of the matrix of curvatures is near a
multiple of the identity; with one A_K is diagonal, as the penalty is on coefficients and not on mixtures of
them. Weights w belong to F and to a constant column of ones; the objective is a mean over the rows, which is
taken as 2^−L times a sum, n 2^−L in (1/2, 1].

"newton". With g the gradient and H the matrix of curvatures at w (of 2^−L times the sum, penalties included),
w ← w − H^−1 g. H is scaled by α, a power of two that brings its trace into (1/2, 1], so that all eigenvalues
of E = 1 − αH are in [0, 1); then

    H^−1 = α (1 + E) (1 + E²) (1 + E⁴) …   (k factors: 2^k terms of the geometric series)

which needs no division, takes two rounds a factor, and where H is nearly singular gives a shorter step in the
weak directions instead of a wild one. The first steps have (a + b) / 2 in place of the second derivative (see
``families``), which no outlier can make overshoot.

With an L1 penalty the step minimises the quadratic model plus the penalty, by the alternating direction
method of multipliers [Boyd et al. 2011, section 6.4] with over-relaxation: one multiplication by (αH + ρ)^−1
and one soft threshold an iteration. Its multipliers are carried from step to step, so few iterations are
enough, and its fixed point does not depend on how exact the inverse is.

"minibatch". Velocity v ← β v − η_t (gradient of the batch), w ← S(w + v), S the soft threshold.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass

from coterie.learn.glm.params import GlmParams

__all__ = ["Design", "Rows", "design"]

CAREFUL = 2
"""Steps of "newton" that do not overshoot, before those that converge fast."""
EXACT = 3
"""Steps of "newton" with exact gradients, at the end."""
FACTORS = 8
"""k is as many more than it takes to double 1 beyond the number of weights, as the trace is so much above the
mean curvature: a direction with a sixtieth of that is solved to 2 %, and the next step does the rest."""
STATISTIC_FACTORS = 13
"""k of the inverse that standard errors are made of, which is then polished."""
POLISH = 2
"""Steps of Newton and Schulz, which square the inverse's error."""
INNER = 12
"""Iterations of the alternating direction method in each step."""
RELAXATION = 1.625
LARGEST = 14
"""The trace of H is brought to 1 from up to 2^LARGEST."""
FLOOR = 1e-3
"""Smallest floor under the eigenvalues of an owner's covariance."""
SMALLEST_SPREAD = 1 / 64
"""Variance that a column is scaled by at least, where columns are not decorrelated."""
CAP = 64.0
"""Largest magnitude of a feature as it is trained on."""
WEIGHT_CAP = 256.0
"""Largest row weight, in units of their mean."""
LOCATION_CAP = 2.0**24
"""Largest mean of a linear label, in units of its spread."""
CENTRE_CAP = 60.0
"""Largest mean of offsets."""
LABEL_CAP = 2.0**15
"""Largest label of a family with a log link, in units of 2^exponent, which is its mean or up to twice
that."""

Rows = tuple[int, int]
"""First and end."""


@dataclass(frozen=True)
class Design:
    """Derived from row count, widths and parameters; see :func:`design`."""

    rows: int
    widths: Mapping[str, int]
    """Features of each owner; owners without features are not listed."""
    params: GlmParams

    @property
    def width(self) -> int:
        return sum(self.widths.values())

    @property
    def size(self) -> int:
        """Weights: features, and the constant."""
        return self.width + self.params.intercept

    @property
    def whitened(self) -> bool:
        """Whether owners decorrelate their columns."""
        return not self.params.l1

    @property
    def halvings(self) -> int:
        """L."""
        return max(0, (self.rows - 1).bit_length())

    @property
    def share(self) -> float:
        """n 2^−L."""
        return math.ldexp(self.rows, -self.halvings)

    @property
    def pieces(self) -> tuple[Rows, ...]:
        """Row ranges that are looked at together: batches, or the rows whose curvature counts and the
        rest."""
        params, n = self.params, self.rows
        if params.solver == "minibatch":
            count = -(-n // params.batch_rows)
            edges = [n * number // count for number in range(count + 1)]
        elif params.family != "linear" and params.hessian_rows is not None and params.hessian_rows < n:
            edges = [0, params.hessian_rows, n]
        else:
            edges = [0, n]
        return tuple(itertools.pairwise(edges))

    @property
    def hessian_share(self) -> float:
        """By how much curvatures of the first piece are multiplied to stand for all rows."""
        first, end = self.pieces[0]
        return self.rows / (end - first)

    @property
    def steps(self) -> int:
        """Iterations of "newton", batches of "minibatch"."""
        params = self.params
        return params.iterations if params.solver == "newton" else params.passes * len(self.pieces)

    @property
    def per_check(self) -> int:
        """Steps between two looks at the loss; all of them where nobody looks."""
        every = self.params.loss_every
        if not every:
            return self.steps
        return every if self.params.solver == "newton" else every * len(self.pieces)

    @property
    def segments(self) -> tuple[Rows, ...]:
        """Steps of each part of the training after which the loss is looked at."""
        edges = [*range(0, self.steps, self.per_check), self.steps]
        return tuple(itertools.pairwise(edges))

    def careful(self, step: int) -> bool:
        return step < CAREFUL

    def exact(self, step: int) -> bool:
        """Whether the step's gradient is as exact as can be: it decides where training ends."""
        if self.params.tolerance is not None:
            return not self.careful(step)
        return step >= self.steps - EXACT

    @property
    def factors(self) -> int:
        """k."""
        return FACTORS + (self.size - 1).bit_length()

    @property
    def rho(self) -> float:
        """Weight of the alternating direction method's quadratic term, in units of H's trace, which is
        brought into (1/4, 1/2] there: a tenth of the mean eigenvalue or two. A multiple of 2^-20."""
        return round(0.05 / self.size * 2**20) / 2**20

    @property
    def smallest(self) -> int:
        """The trace of H is brought to 1 from 2^this on, that is from mean curvatures of 2^-10 or so on for
        logistic labels, which a rare one makes small, and of 2^-2 for others."""
        return (-10 if self.params.family == "logistic" else -2) + (self.size - 1).bit_length()

    @property
    def curvature(self) -> float:
        """What owners take a row's second derivative for when they scale columns against the L2 penalty."""
        return 0.25 if self.params.family == "logistic" else 1.0

    @property
    def ridge_bound(self) -> float:
        """Of the L2 penalty of a weight."""
        return self.curvature if self.whitened else self.params.l2 / SMALLEST_SPREAD

    def rate(self, step: int) -> float:
        """η of that batch: even descent to zero, a multiple of 2^-16."""
        largest = self.curvature * max(1, len(self.widths))
        if not self.whitened:
            largest = self.curvature * max(1, self.width)
        rate = self.params.learning_rate / largest * (1 - step / self.steps)
        return max(round(rate * 2**16), 1) / 2**16

    @property
    def momentum(self) -> float:
        """β, a multiple of 2^-6."""
        return round(self.params.momentum * 64) / 64


def design(rows: int, widths: Mapping[str, int], params: GlmParams) -> Design:
    """The numbers for a training.

    :param widths: features of each party, in the parties' order.
    """
    return Design(rows, {party: width for party, width in widths.items() if width}, params)
