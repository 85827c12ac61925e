"""Parameters of generalised linear models."""

from __future__ import annotations

from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from coterie.learn.chosen import Place
from coterie.learn.component import Params
from coterie.learn.linear import Floats, sigmoid

__all__ = ["FamilyName", "GlmParams", "Place"]

FamilyName = Literal["linear", "logistic", "poisson", "gamma", "tweedie"]

EXPONENT_REACH = 8.0
"""What is exponentiated lies between -8 and 8."""
FIRST_ORDER = ("passes", "batch_rows", "learning_rate", "momentum")
SECOND_ORDER = ("iterations", "hessian_rows", "statistics")
"""Parameters that only one of the solvers has."""


class GlmParams(Params):
    """Minimises the weighted mean of the rows' losses + l1 · |w|_1 + l2/2 · |w|_2^2; the intercept is not
    penalised.

    A row's loss is its negative log-likelihood up to terms that no coefficient changes (for ``linear``
    half the squared error), so that scikit-learn's ``PoissonRegressor``, ``GammaRegressor`` and
    ``TweedieRegressor`` have the same minimum with ``alpha=l2``, ``LogisticRegression`` with
    ``C=1 / (rows * (l1 + l2))``, ``l1_ratio=l1 / (l1 + l2)``, and ``ElasticNet`` with ``alpha=l1 + l2``.
    """

    kind: ClassVar[str] = "glm"

    family: FamilyName
    """Distribution of the label: normal (with the identity as link), binomial (logit), Poisson, gamma or
    Tweedie (log)."""
    power: float = Field(1.5, ge=1.05, le=1.95)
    """Of "tweedie": the variance is the mean to this power."""
    l1: float = Field(0.0, ge=0, le=10)
    """Weight of the sum of magnitudes, which makes coefficients exactly 0."""
    l2: float = Field(0.0, ge=0, le=10)
    """Weight of half the sum of squares."""
    intercept: bool = True
    offset: Place | None = None
    """A column that is added to the linear predictor as it is, such as the logarithm of an exposure. It is no
    feature then."""
    weights: Place | None = None
    """A column of row weights, not negative. It is no feature then."""
    class_weight: Literal["balanced"] | tuple[float, float] | None = None
    """Of "logistic": weights of labels 0 and 1. "balanced" gives both the same sum."""
    solver: Literal["newton", "minibatch"] = "newton"
    """"newton" takes few steps with all rows and a secret matrix of curvatures; "minibatch" takes many short
    ones, each with some of the rows."""
    iterations: int = Field(8, ge=1, le=100)
    """Steps of "newton"."""
    hessian_rows: int | None = Field(None, ge=100)
    """Rows whose curvature "newton" looks at; None for all. Their order is that of keyed hashes, so the first
    ones are a sample. Fewer are cheaper for many features and take more iterations to the same optimum."""
    statistics: bool = False
    """Standard errors, z, p-values, deviances, AIC and dispersion after "newton", without penalty."""
    passes: int = Field(20, ge=1, le=1000)
    """Passes of "minibatch" over all training rows."""
    batch_rows: int = Field(4096, ge=16, le=1 << 24)
    """Rows of a step of "minibatch", at most."""
    learning_rate: float = Field(0.5, ge=1e-4, le=8)
    """First step of "minibatch", in units of the inverse of the largest curvature that a row of average
    weight can have; it falls evenly to zero."""
    momentum: float = Field(0.75, ge=0, le=0.96875)
    """Of "minibatch": how much of a step the next one keeps."""
    loss_every: int = Field(0, ge=0, le=1000)
    """Reveal the training loss after so many iterations or passes; 0 for never. Goes to receivers of the
    result "loss", of whom there must be one."""
    tolerance: float | None = Field(None, gt=0, lt=1)
    """Stop when the loss has fallen by less than this part of itself since it was last revealed."""
    max_logit: Literal[10, 20] = 20
    """Of "logistic": the largest logit that training may meet; 10 costs half the bytes and is less exact. A
    run in which a row leaves the range by two fifths ends with CT-2108."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        chosen = self.model_fields_set
        foreign = SECOND_ORDER if self.solver == "minibatch" else FIRST_ORDER
        if named := [name for name in foreign if name in chosen and self._differs(name)]:
            raise ValueError(f"{named[0]} is not a parameter of the solver {self.solver}")
        if self.power != 1.5 and self.family != "tweedie":
            raise ValueError("power is for the family tweedie")
        if self.max_logit != 20 and self.family != "logistic":
            raise ValueError("max_logit is for the family logistic")
        if self.class_weight is not None and self.family != "logistic":
            raise ValueError("class_weight is for the family logistic")
        if isinstance(self.class_weight, tuple) and not all(0 < one < 1e6 for one in self.class_weight):
            raise ValueError("weights of classes are positive")
        if self.statistics and (self.l1 or self.l2 or self.class_weight is not None):
            raise ValueError("statistics say nothing of penalised or class-weighted coefficients")
        if self.tolerance is not None and not self.loss_every:
            raise ValueError("tolerance needs loss_every: the loss that it looks at")
        if self.offset is not None and self.offset == self.weights:
            raise ValueError("offset and weights are different columns")
        return self

    def _differs(self, name: str) -> bool:
        return bool(getattr(self, name) != type(self).model_fields[name].default)

    @property
    def variance_power(self) -> float:
        """p where the variance is proportional to mean^p; 0 for "logistic", whose variance is no power."""
        return {"poisson": 1.0, "gamma": 2.0, "tweedie": self.power}.get(self.family, 0.0)

    @property
    def log_link(self) -> bool:
        return self.family in ("poisson", "gamma", "tweedie")

    @property
    def exponents(self) -> tuple[float, ...]:
        """Factors of the predictor whose exponentials a log link needs."""
        both = (2 - self.variance_power, 1 - self.variance_power) if self.log_link else ()
        return tuple(factor for factor in both if factor)

    @property
    def reach(self) -> float:
        """Largest linear predictor that training may meet, of a label of mean 1."""
        if self.log_link:
            return EXPONENT_REACH / max(map(abs, self.exponents))
        return float(self.max_logit) if self.classifies else float("inf")

    @property
    def apart(self) -> tuple[str, ...]:
        """Columns that training reads and that are no features."""
        return tuple(column for column in (self.offset, self.weights) if column is not None)

    @property
    def classifies(self) -> bool:
        return self.family == "logistic"

    def response(self, predictor: Floats) -> Floats:
        """The expected label, by linear predictor."""
        if self.log_link:
            return np.exp(predictor)
        return sigmoid(predictor) if self.classifies else predictor
