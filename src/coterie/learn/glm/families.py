"""The families in float64: what each makes of a linear predictor and a label.

With a log link and variance mean^p the derivative of a row's loss is a − b, a = exp((2 − p) η) pulling the
predictor down and b = y exp((1 − p) η) pulling it up; p is 1 for Poisson, 2 for gamma. For the logistic
family a = (1 − y) σ(η) and b = y (1 − σ(η)). Neither is ever negative. That gives a step that can not
overshoot: with (a + b) / 2 in place of the second derivative a row asks for (a − b) / ((a + b) / 2), a
number from −2 to 2, whatever the row is; for a log link it is 2 tanh((η − log y) / 2), or that of a shorter
distance. Where the model is right both have the same expectation, E[b] = a (E|σ − y| = 2 σ (1 − σ)), so
steps are as long as Newton's. Steps with the second derivative itself, which converge quadratically, follow
once the first have come near.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coterie.learn.glm.params import GlmParams
from coterie.learn.linear import Floats, sigmoid

__all__ = ["Family", "family_of", "softplus"]


def softplus(eta: Floats) -> Floats:
    """log(1 + exp(eta)), without overflow."""
    return np.asarray(np.logaddexp(0.0, eta))


@dataclass(frozen=True)
class Family:
    """One family with its link. All methods take and give arrays of one number a row."""

    name: str
    power: float
    """p."""

    def pulls(self, eta: Floats, y: Floats) -> tuple[Floats, Floats]:
        """(a, b); for "linear" simply the predictor and the label."""
        if self.name == "linear":
            return eta, y
        if self.name == "logistic":
            fitted = sigmoid(eta)
            return (1 - y) * fitted, y * (1 - fitted)
        return np.exp((2 - self.power) * eta), y * np.exp((1 - self.power) * eta)

    def curvature(self, eta: Floats, y: Floats) -> Floats:
        """Second derivative of the loss."""
        if self.name in ("linear", "logistic"):
            return self.fisher(eta)
        a, b = self.pulls(eta, y)
        return np.asarray((2 - self.power) * a + (self.power - 1) * b)

    def balanced(self, eta: Floats, y: Floats) -> Floats:
        """(a + b) / 2, in its place for steps that do not overshoot."""
        if self.name == "linear":
            return self.fisher(eta)
        a, b = self.pulls(eta, y)
        return np.asarray((a + b) / 2)

    def fisher(self, eta: Floats) -> Floats:
        """Expected second derivative, where the model is right: what standard errors are made of."""
        if self.name == "linear":
            return np.ones_like(eta)
        if self.name == "logistic":
            fitted = sigmoid(eta)
            return np.asarray(fitted * (1 - fitted))
        return np.exp((2 - self.power) * eta)

    def loss(self, eta: Floats, y: Floats) -> Floats:
        """Negative log-likelihood up to terms that η does not change."""
        if self.name == "linear":
            return np.asarray((eta - y) ** 2 / 2)
        if self.name == "logistic":
            return np.asarray(softplus(eta) - y * eta)
        a, b = self.pulls(eta, y)
        if self.power == 1:
            return np.asarray(a - y * eta)
        if self.power == 2:
            return np.asarray(eta + b)
        return np.asarray(a / (2 - self.power) + b / (self.power - 1))

    def best_loss(self, y: Floats) -> Floats:
        """The loss of a predictor that meets the label. Deviance is twice the distance from it."""
        if self.name in ("linear", "logistic"):
            return np.zeros_like(y)
        if self.power < 2:
            seen = y > 0
            best = np.zeros_like(y)
            best[seen] = self.loss(np.log(y[seen]), y[seen])
            return best
        return self.loss(np.log(y), y)

    def pearson(self, eta: Floats, y: Floats) -> Floats:
        """(y − μ)² / V(μ)."""
        mean = self.mean(eta)
        if self.name == "logistic":
            return np.asarray((y - mean) ** 2 / (mean * (1 - mean)))
        return np.asarray((y - mean) ** 2 / np.power(mean, self.power))

    def mean(self, eta: Floats) -> Floats:
        """μ, the inverse of the link."""
        if self.name == "linear":
            return eta
        return sigmoid(eta) if self.name == "logistic" else np.exp(eta)

    def null(self, y: Floats, weights: Floats, offset: Floats) -> float:
        """The predictor's constant of the model that has nothing else: in closed form but for "logistic"."""
        if self.name == "linear":
            return float(np.average(y - offset, weights=weights))
        if self.name == "logistic":
            return self._logistic_null(y, weights, offset)
        up = np.sum(weights * y * np.exp((1 - self.power) * offset))
        return float(np.log(up / np.sum(weights * np.exp((2 - self.power) * offset))))

    @staticmethod
    def _logistic_null(y: Floats, weights: Floats, offset: Floats) -> float:
        rate = np.average(y, weights=weights)
        constant = float(np.log(rate / (1 - rate)))
        if not offset.any():
            return constant
        for _ in range(50):
            fitted = sigmoid(constant + offset)
            step = np.sum(weights * (fitted - y)) / np.sum(weights * fitted * (1 - fitted))
            constant -= float(np.clip(step, -1, 1))
            if abs(step) < 1e-12:
                break
        return constant


def family_of(params: GlmParams) -> Family:
    """The family that the parameters name."""
    return Family(params.family, params.variance_power)
